# SPDX-License-Identifier: Apache-2.0
"""Every disguise against every form of a rule: the service alone, and behind the real Envoy.

What is expected is not written down and not computed by the code under test: no application that
application.py knows may serve what is guarded to somebody without a good certificate.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import pytest

from tests.attack.application import Request
from tests.attack.corpus import HTTP1, HTTP2, Case, disguises, octets, sites
from tests.attack.judge import asked, joined
from tests.attack.report import tried
from tests.attack.trying import Client, complaints, trespasses

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.attack.judge import Judge, Judged
    from tests.attack.stack import Attacked

pytestmark = pytest.mark.attack

#: Rules of these sites need repeated lines apart: joined by commas, "user,admin" is not "admin".
#: README, "Known gaps".
NEED_LINES_APART: Final = frozenset({"header", "cookies"})
#: What names every proxy passes on: no others, and of those with an underscore, which are the same
#: as with a hyphen to CGI, only Envoy's shipped listener lets none through.
_PASSED_ON: Final = re.compile(rb"[!#$%&'*+.^`|~0-9A-Za-z-]+")
#: No proxy lets it through in a target (RFC 9112 3.2; CVE-2021-32779).
_FRAGMENT: Final = b"#"


@dataclass(frozen=True, kw_only=True)
class Try:
    """One disguise at one site."""

    site: str
    request: Request
    listener: str = "peer"


def _paths() -> Iterator[Try]:
    for name, site in sites().items():
        if site.guards is None or site.guards.what != "path":
            continue
        for text in disguises()["paths"]:
            path = text.replace("admin", "x.key") if name == "extension" else text
            yield _try(name, target=octets(path))


def _headers() -> Iterator[Try]:
    for name, site in sites().items():
        if site.guards is None or not site.guards.what.startswith(("header", "cookie")):
            continue
        for lines in disguises()["headers"]:
            yield _try(name, headers=tuple((octets(n), octets(v)) for n, v in lines))


def _queries() -> Iterator[Try]:
    for name in ("query", "arguments", "decoded-query"):
        for text in disguises()["queries"]:
            yield _try(name, target=b"/x?" + octets(text))


def _methods() -> Iterator[Try]:
    for name in ("method", "method-lower", "safe-methods"):
        for text in disguises()["methods"]:
            yield _try(name, method=octets(text))


def _hosts() -> Iterator[Try]:
    for name, host in (("secret", "secret.test"), ("others", "vault.example")):
        for text in disguises()["hosts"]:
            yield _try(
                name, host=octets(text.replace("secret.test", "secret").replace("secret", host))
            )


def _bodies() -> Iterator[Try]:
    for name in ("form", "decoded-form", "body"):
        for text in disguises()["forms"]:
            for kind in (
                b"application/x-www-form-urlencoded",
                b"Application/X-WWW-Form-URLencoded",
            ):
                yield _try(
                    name,
                    listener="bodies",
                    method=b"POST",
                    headers=((b"content-type", kind),),
                    body=octets(text),
                )


def _try(site: str, listener: str = "peer", **parts: object) -> Try:
    wanted = {"method": b"GET", "target": b"/", "host": f"{site}.test".encode(), **parts}
    return Try(site=site, listener=listener, request=Request(**wanted))  # type: ignore[arg-type]


TABLES = {
    "paths": _paths,
    "headers": _headers,
    "queries": _queries,
    "methods": _methods,
    "hosts": _hosts,
    "forms of bodies": _bodies,
}


def _asked(one: Try, certificate: str, over: str, *, raw: bool) -> bytes:
    request = one.request
    case = Case(
        id="",
        kind="",
        says="",
        why="",
        site=one.site,
        listener=one.listener,
        certificate=certificate,
        method=request.method,
        path=request.target,
        host=request.host or b"\0",
        headers=request.headers,
        body=request.body,
    )
    return asked(case, over=over, raw=raw)


@pytest.mark.parametrize("table", TABLES)
def test_no_disguise_gets_past_the_service(judges: dict[str, Judge], table: str) -> None:
    """As some proxy passes it on that normalises nothing, in both forms of the headers."""
    wrong, times = [], 0
    for one in TABLES[table]():
        if not all(_PASSED_ON.fullmatch(name) for name, _ in one.request.headers):
            continue
        if table == "queries" and _FRAGMENT in one.request.target:
            continue
        for certificate in ("", "self-signed", "revoked-by-crl"):
            for raw in (True, False):
                if not raw and one.site in NEED_LINES_APART:
                    continue
                times += 1
                answer = judges[one.listener].check(_asked(one, certificate, HTTP2, raw=raw))
                if answer.allowed:
                    wrong += [f"{one}: {what}" for what in trespasses(one.request, certificate)]
    tried("corpus", f"disguised {table}, the service alone", times, wrong=len(wrong))
    assert wrong == []


@pytest.mark.e2e
@pytest.mark.parametrize("table", TABLES)
def test_no_disguise_gets_past_envoy_and_the_service(attacked: Attacked, table: str) -> None:
    wrong, unanswered, times = [], 0, 0
    for certificate in ("", "valid", "revoked-by-serial"):
        clients = {
            name: Client(attacked, name, certificate, sni=None) for name in ("peer", "bodies")
        }
        for number, one in enumerate(TABLES[table]()):
            # Who may pass is for comparing what was judged and what arrived: not at every site.
            if certificate and number % 5:
                continue
            for over in (HTTP1, HTTP2):
                times += 1
                outcome = clients[one.listener].send(over, one.request)
                wrong += [f"{over} {one}: {what}" for what in complaints(outcome, certificate)]
                wrong += _where_lines_are_joined(attacked, one, certificate, outcome.judged)
                unanswered += bool(outcome.judged) and not outcome.answers
        for client in clients.values():
            client.close()
    tried(
        "corpus",
        f"disguised {table}, through Envoy",
        times,
        wrong=len(wrong),
        unanswered=unanswered,
    )
    assert wrong == []
    assert unanswered == 0


def _where_lines_are_joined(
    attacked: Attacked, one: Try, certificate: str, judged: tuple[Judged, ...]
) -> list[str]:
    """The same, had this Envoy not been told to keep the lines of headers apart."""
    if one.site in NEED_LINES_APART:
        return []
    judge = attacked.judges[one.listener]
    return [
        f"joined, {one}: {who}"
        for check in judged
        if judge.check(joined(check.request)).allowed
        for who in trespasses(_told(check), certificate)
    ]


def _told(check: Judged) -> Request:
    """The request that a check was about."""
    http = check.http
    lines = [(line.key.encode(), line.raw_value) for line in http.header_map.headers]
    pseudo = dict(line for line in lines if line[0].startswith(b":"))
    return Request(
        method=pseudo[b":method"],
        target=pseudo[b":path"],
        host=pseudo[b":authority"],
        headers=tuple(line for line in lines if not line[0].startswith(b":")),
        body=http.raw_body,
    )
