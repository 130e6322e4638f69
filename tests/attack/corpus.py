# SPDX-License-Identifier: Apache-2.0
"""The attack corpus as data: `tests/vectors/attack`, read strictly.

    sites()       what is protected, and by which form of a rule (sites.yaml)
    cases()       every request that is written out, from all files of cases
    disguises()   the table that is multiplied by the forms of rules (disguises.yaml)
    rows()        which cases and tests belong to which known pitfall and advisory (rows.yaml)

What a case is made of is said in README.md beside them. Sending requests is wire.py, judging them
judge.py, knowing what must not happen application.py.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import yaml

from tests.attack.certificates import CERTIFICATES
from tests.factories.pki import url_encoded

if TYPE_CHECKING:
    from collections.abc import Mapping

VECTORS: Final = Path(__file__).parents[1] / "vectors" / "attack"

HTTP1, HTTP2, HTTP3 = "http1", "http2", "http3"
#: What comes of a request: Envoy answers by itself, or the service decides.
REFUSED, ALLOW, DENY = "refused", "allow", "deny"

Fields = tuple[tuple[bytes, bytes], ...]


@dataclass(frozen=True, kw_only=True)
class Guards:
    """What an application keeps from whoever has no good certificate."""

    what: str
    is_: str = "equal"
    values: tuple[bytes, ...] = ()
    fold: bool = False
    decoded: bool = False


@dataclass(frozen=True, kw_only=True)
class Site:
    """A site of the corpus' policy."""

    name: str
    hosts: tuple[str, ...]
    trust: str
    rules: tuple[tuple[str, str], ...]
    guards: Guards | None = None
    paths: str = "compare"
    upstream_headers: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Case:
    """One attack. `http1` and `http2` are what is sent when it is more than a method, a path and
    headers; `tail` is sent after it on the same connection, to see what is left of it."""

    id: str
    kind: str
    says: str
    why: str
    advisory: tuple[str, ...] = ()
    site: str = "eq"
    listener: str = "peer"
    over: tuple[str, ...] = (HTTP1, HTTP2)
    certificate: str = ""
    sni: str | None = None
    method: bytes = b"GET"
    path: bytes = b"/"
    host: bytes = b""
    headers: Fields = ()
    body: bytes = b""
    trailers: Fields = ()
    http1: bytes = b""
    http2: Fields = ()
    envoy: Mapping[str, str] = field(default_factory=dict)
    check: str = ""
    joined: str = ""


@cache
def sites() -> dict[str, Site]:
    """The sites by name."""
    return {name: _site(name, dict(given or {})) for name, given in _read("sites.yaml").items()}


@cache
def cases() -> tuple[Case, ...]:
    """Every case that is written out, in the order of the files."""
    found: list[Case] = []
    for file in case_files():
        document = _read(file.name)
        defaults = document.get("defaults", {})
        found += [_case(file.stem, {**defaults, **given}) for given in document["cases"]]
    return tuple(found)


@cache
def case_files() -> tuple[Path, ...]:
    """The files that have cases."""
    others = {"sites.yaml", "disguises.yaml", "rows.yaml", "messages.yaml"}
    return tuple(file for file in sorted(VECTORS.glob("*.yaml")) if file.name not in others)


@cache
def disguises() -> Mapping[str, Any]:
    """The table of disguises, by what is disguised."""
    return _read("disguises.yaml")


@cache
def rows() -> Mapping[str, Any]:
    """Known pitfalls and advisories, each with what stands for it here."""
    return _read("rows.yaml")


@cache
def messages() -> tuple[Mapping[str, Any], ...]:
    """CheckRequests that no Envoy sends (messages.yaml)."""
    return tuple(_read("messages.yaml")["cases"])


def about(name: str) -> str:
    """What a file says of itself."""
    return str(_read(f"{name}.yaml")["about"]).strip()


def octets(text: str) -> bytes:
    r"""Bytes of a text of the vectors: `\xff` is one of them."""
    return text.encode("latin-1")


def _read(name: str) -> dict[str, Any]:
    loaded = yaml.safe_load((VECTORS / name).read_text(encoding="utf-8"))
    assert isinstance(loaded, dict), name
    return loaded


#: The rule of most sites: who has no good certificate is kept out.
_NOT_GOOD: Final = "(not cf.tls_client_auth.cert_verified or cf.tls_client_auth.cert_revoked)"


def _filled(value: bytes) -> bytes:
    """`<NAME>` is a certificate as Envoy writes it, `<NAME.hash>` its fingerprint."""

    def replace(found: re.Match[bytes]) -> bytes:
        issued = CERTIFICATES[found[1].decode()]
        return (issued.fingerprint if found[2] else url_encoded(issued.pem)).encode()

    return re.sub(rb"<([a-z-]+)(\.hash)?>", replace, value)


def _site(name: str, given: dict[str, Any]) -> Site:
    when = given.pop("when", "")
    expression = f"{_NOT_GOOD} and ({when})" if when else _NOT_GOOD
    default = [] if "upstream_headers" in given else [[expression, "block"]]
    guards = given.pop("guards", None)
    return Site(
        name=name,
        hosts=tuple(given.pop("hosts", [f"{name}.test"])),
        trust=given.pop("trust", "acme"),
        rules=tuple((rule, action) for rule, action in given.pop("rules", default)),
        guards=_guards(guards) if guards else None,
        upstream_headers=tuple(given.pop("upstream_headers", ())),
        **given,
    )


def _guards(given: dict[str, Any]) -> Guards:
    values = tuple(octets(value) for value in given.pop("values", ()))
    return Guards(is_=given.pop("is", "equal"), values=values, **given)


def _case(kind: str, given: dict[str, Any]) -> Case:
    given = dict(given)
    for name in ("method", "path", "host", "body"):
        if name in given:
            given[name] = octets(given[name])
    if fill := given.pop("fill", 0):
        given["body"] = b"x" * fill + given["body"]
    for name in ("headers", "trailers", "http2"):
        if name in given:
            given[name] = tuple((octets(key), _filled(octets(value))) for key, value in given[name])
    if "http1" in given:
        given["http1"] = octets("\r\n".join(given["http1"]))
        given.setdefault("over", [HTTP1])
    if "http2" in given:
        given.setdefault("over", [HTTP2])
    given["over"] = tuple(given.get("over", (HTTP1, HTTP2)))
    given["advisory"] = tuple(given.get("advisory", ()))
    expected = given.pop("envoy", None)
    if not isinstance(expected, dict):
        expected = dict.fromkeys(given["over"], expected)
    given["envoy"] = expected
    first = next(iter(expected.values()))
    given.setdefault("check", "" if REFUSED in first else first)
    given.setdefault("joined", given["check"])
    return Case(kind=kind, **given)
