# SPDX-License-Identifier: Apache-2.0
"""The mTLS rule as a form makes it: which paths of which hosts, and whose certificates are right.

Cloudflare's own mTLS rule lets revoked certificates in, because a revoked certificate is verified
as well; the one that is made here unless somebody asks for that one does not. What is probably not
meant with a rule is told by `mtls_advice`.
https://developers.cloudflare.com/ssl/client-certificates/configure-mtls/
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final

from authz.errors import InvalidInputError
from authz.rules.formatter import format_bytes
from authz.services.namespace import normalise_hostname
from authz.services.protection import (
    EVERYTHING,
    MAX_REF,
    WITHOUT_CERTIFICATE,
    check_path,
    host_test,
    paths_test,
    with_free_ref,
)

if TYPE_CHECKING:
    from collections.abc import Container, Sequence

#: What the rule is called when nobody says otherwise.
DESCRIPTION: Final = "Block requests without a valid client certificate"

_VERIFIED: Final = "cf.tls_client_auth.cert_verified"
_GOOD: Final = f"{_VERIFIED} and not cf.tls_client_auth.cert_revoked"


class Shape(StrEnum):
    """Who may come in."""

    #: Whoever has a verified certificate that is not revoked.
    SAFE = "safe"
    #: The same, with one of some certificates.
    PINNED = "pinned"
    #: The same, with a certificate of one of some authorities.
    ISSUER = "issuer"
    #: Whoever has a verified certificate, revoked or not: Cloudflare's own form.
    PLAIN = "plain"


@dataclass(frozen=True, slots=True, kw_only=True)
class MtlsRule:
    """What somebody filled in; `read_form` makes one of texts.

    Args:
        paths: `/admin` is that path alone, `/admin/*` everything below; none: every path of the
            hostnames.
        hostnames: exact, or `*.` and a name; none: every host of the zone.
        fingerprints: of PINNED, SHA-256 in small letters.
        issuers: of ISSUER, subject key identifiers.
    """

    paths: tuple[str, ...]
    hostnames: tuple[str, ...] = ()
    shape: Shape = Shape.SAFE
    fingerprints: tuple[str, ...] = ()
    issuers: tuple[str, ...] = ()


def read_form(
    paths: Sequence[str],
    hostnames: Sequence[str] = (),
    *,
    shape: str = Shape.SAFE,
    fingerprints: Sequence[str] = (),
    issuers: Sequence[str] = (),
) -> MtlsRule:
    """A rule of what somebody wrote.

    Args:
        fingerprints: as `fingerprint_text` gives them.

    Raises:
        InvalidInputError: a path or a hostname is none, neither is named, or there is nobody whom
            the rule lets in.
    """
    if shape not in list(Shape):
        raise InvalidInputError(f'"{shape}" is no way to choose who may come in')
    check_named(paths, hostnames)
    for path in paths:
        check_path(path)
    if shape == Shape.PINNED and not fingerprints:
        raise InvalidInputError(
            "no certificate is chosen: nobody could come in",
            hint="choose one, or paste its SHA-256 fingerprint",
        )
    if shape == Shape.ISSUER and not issuers:
        raise InvalidInputError(
            "no issuer is chosen: nobody could come in", hint="choose a CA of the zone"
        )
    return MtlsRule(
        paths=tuple(dict.fromkeys(paths)),
        hostnames=tuple(dict.fromkeys(normalise_hostname(one) for one in hostnames)),
        shape=Shape(shape),
        fingerprints=tuple(dict.fromkeys(fingerprints)),
        issuers=tuple(dict.fromkeys(issuers)),
    )


def check_named(paths: Sequence[str], hostnames: Sequence[str]) -> None:
    """Make sure that somebody said what to protect: a field left empty is not the whole zone.

    Raises:
        InvalidInputError: there is neither a path nor a hostname.
    """
    if not paths and not hostnames:
        raise InvalidInputError(
            "no path is named",
            hint=f"write the paths to protect; {EVERYTHING} is every path",
        )


def mtls_expression(rule: MtlsRule) -> str:
    """The expression of the rule, which is true of requests to block."""
    parts = [_nobody_right(rule)]
    if rule.paths and EVERYTHING not in rule.paths:
        parts.append(paths_test(rule.paths))
    if rule.hostnames:
        parts.append(_hosts(rule.hostnames))
    if len(parts) == 1 and parts[0].startswith("("):
        return parts[0]
    return f"({' and '.join(parts)})"


def mtls_rule(
    rule: MtlsRule, *, description: str = "", taken: Container[object] = ()
) -> dict[str, Any]:
    """The rule, as the API takes it.

    Args:
        taken: names that other rules have.
    """
    wanted = {
        "ref": _ref(rule),
        "description": description or DESCRIPTION,
        "expression": mtls_expression(rule),
        "action": "block",
        "enabled": True,
    }
    return with_free_ref(wanted, taken)


def _nobody_right(rule: MtlsRule) -> str:
    if rule.shape is Shape.PLAIN:
        return f"not {_VERIFIED}"
    if rule.shape is Shape.SAFE:
        return WITHOUT_CERTIFICATE
    name, values = (
        ("cert_fingerprint_sha256", rule.fingerprints)
        if rule.shape is Shape.PINNED
        else ("cert_issuer_ski", rule.issuers)
    )
    return f"not ({_GOOD} and {_one_of(f'cf.tls_client_auth.{name}', values)})"


def _one_of(field: str, values: Sequence[str]) -> str:
    texts = [format_bytes(one.encode()) for one in values]
    return f"{field} eq {texts[0]}" if len(texts) == 1 else f"{field} in {{{' '.join(texts)}}}"


def _hosts(hostnames: Sequence[str]) -> str:
    exact = [format_bytes(one.encode()) for one in hostnames if not one.startswith("*.")]
    tests = [f"http.host in {{{' '.join(exact)}}}"] if exact else []
    tests += [host_test(one) for one in hostnames if one.startswith("*.")]
    return tests[0] if len(tests) == 1 else f"({' or '.join(tests)})"


def _ref(rule: MtlsRule) -> str:
    """A name that says what is protected: `mtls-admin`."""
    what = next(iter(rule.paths), "") or next(iter(rule.hostnames), "")
    words = "".join(one if one.isascii() and one.isalnum() else "-" for one in what)
    name = "-".join(word for word in words.split("-") if word)
    return f"mtls-{name or 'everything'}"[:MAX_REF]
