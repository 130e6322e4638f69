# SPDX-License-Identifier: Apache-2.0
"""What lasts longer than a request: sessions, connections, remembered certificates, HTTP/3.

Cases of the corpus that are a sequence and no single request.
"""

from __future__ import annotations

import asyncio
import ssl
from typing import TYPE_CHECKING, Final

import pytest

from tests.attack.application import Request
from tests.attack.certificates import CERTIFICATES
from tests.attack.corpus import HTTP1, HTTP2, disguises, octets
from tests.attack.judge import snapshot
from tests.attack.report import tried
from tests.attack.trying import Client, Outcome, complaints
from tests.attack.wire import Http1, connect
from tests.factories.http3 import Http3Answer, connected
from tests.factories.pki import AT, DAY

if TYPE_CHECKING:
    from pathlib import Path

    from tests.attack.stack import Attacked

pytestmark = [pytest.mark.attack, pytest.mark.e2e]

ASK: Final = Request(method=b"GET", target=b"/", host=b"everything.test")
_OCTETS: Final = b"GET / HTTP/1.1\r\nHost: everything.test\r\n\r\n"


def _said(outcome: Outcome) -> str:
    (one,) = outcome.judged
    return one.said


@pytest.mark.parametrize("over", [HTTP1, HTTP2])
def test_a_revocation_counts_on_a_connection_that_is_open(
    attacked: Attacked, tmp_path: Path, over: str
) -> None:
    """And the certificate that was remembered, and the authority that is trusted no more."""
    judge = attacked.judges["peer"]
    before = judge.service.snapshot
    client = Client(attacked, "peer", "valid")
    try:
        let_in = [_said(client.send(over, ASK)) for _ in range(3)]
        judge.service.snapshot = snapshot(tmp_path, revoked=CERTIFICATES["valid"].serial)
        revoked = [_said(client.send(over, ASK)) for _ in range(3)]
        judge.service.snapshot = snapshot(tmp_path, without="acme")
        untrusted = [_said(client.send(over, ASK)) for _ in range(3)]
    finally:
        judge.service.snapshot = before
        client.close()
    wrong = sum(said != "allow default_action" for said in let_in)
    wrong += sum(said != "deny rule" for said in (*revoked, *untrusted))
    tried("corpus", "revoked while connected and remembered", 9, wrong=wrong)
    assert wrong == 0


def test_what_is_remembered_ends_with_the_certificate(attacked: Attacked) -> None:
    judge = attacked.judges["peer"]
    client = Client(attacked, "peer", "valid")
    end = CERTIFICATES["valid"].certificate.not_valid_after_utc.timestamp()
    said = {}
    try:
        for at in (AT, AT, end, end + 1, AT - DAY, AT):
            judge.at = at
            said[at] = _said(client.send(HTTP2, ASK))
    finally:
        judge.at = AT
        client.close()
    expected = {AT: "allow", end: "allow", end + 1: "deny", AT - DAY: "deny"}
    wrong = sum(not said[at].startswith(word) for at, word in expected.items())
    tried("corpus", "expired while remembered, the clock moved back", 6, wrong=wrong)
    assert wrong == 0, said


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_a_session_is_not_resumed_for_somebody_else(
    attacked: Attacked, version: ssl.TLSVersion
) -> None:
    """A session of somebody who may come in, offered with the certificate of somebody who may not,
    and for another host (CVE-2025-23419, CVE-2025-68121, CVE-2022-21654)."""
    wrong, times = [], 0
    for sni in ("everything.test", "partner.test"):
        tls = attacked.context("valid", "http/1.1")
        tls.minimum_version = tls.maximum_version = version
        port = attacked.envoy.ports["peer"]
        with Http1(first := connect(port, tls, "everything.test")) as connection:
            connection.send(_OCTETS)
            answer = connection.answer()
            assert answer is not None
            assert answer.status == 200
            session = first.session
        tls.load_cert_chain(attacked.directory / "self-signed.pem")
        times += 1
        with Http1(second := connect(port, tls, sni, session)) as connection:
            connection.send(_OCTETS)
            answer = connection.answer()
            assert answer is not None
            if second.session_reused or answer.status == 200:
                wrong.append(f"{sni}: resumed {second.session_reused}, {answer.status}")
    tried("corpus", "sessions offered by somebody else", times, wrong=len(wrong))
    assert wrong == []


def test_a_connection_is_not_good_for_another_host(attacked: Attacked) -> None:
    """Coalescing: one HTTP/2 connection, hosts of the same authorities and of others."""
    client = Client(attacked, "peer", "valid", "everything.test")
    said = {}
    for host in (b"everything.test", b"eq.test", b"partner.test", b"nobody.test", b"stale.test"):
        outcome = client.send(HTTP2, Request(method=b"GET", target=b"/", host=host))
        assert complaints(outcome, "valid") == []
        said[host] = (outcome.answers[0].status, _said(outcome))
    client.close()
    expected = {
        b"everything.test": (200, "allow default_action"),
        b"eq.test": (200, "allow default_action"),
        b"partner.test": (421, "deny misdirected"),
        b"nobody.test": (421, "deny misdirected"),
        b"stale.test": (421, "deny misdirected"),
    }
    wrong = sum(said[host] != expected[host] for host in expected)
    tried("corpus", "hosts on a connection made for another", len(expected), wrong=wrong)
    assert said == expected


def test_http_3_is_judged_like_the_rest(attacked: Attacked) -> None:
    """No certificate, a stranger's, a good one; disguises, spoofed headers, another SNI; no early
    data."""
    port = attacked.envoy.ports["peer-http3"]
    server_ca = attacked.directory / "server-ca.pem"
    names = ("", "self-signed", "revoked-by-crl", "valid")
    tried_ = 0
    wrong: list[str] = []
    xfcc = ("x-forwarded-client-cert", 'Hash=00;Subject="CN=alice"')

    async def run(certificate: str) -> None:
        nonlocal tried_
        file = attacked.directory / f"{certificate}.pem" if certificate else None
        async with connected(port, "eq.test", server_ca=server_ca, certificate=file) as connection:
            for host, path, headers, good in _over_http3(xfcc):
                judged, received = attacked.judges["peer"].judged, attacked.upstream.received
                before = len(judged), len(received)
                answer: Http3Answer = await connection.get(host, path, headers)
                outcome = Outcome(
                    answers=(),
                    judged=tuple(judged[before[0] :]),
                    received=tuple(received[before[1] :]),
                )
                tried_ += 1
                found = [one for one in complaints(outcome, certificate) if "answers of" not in one]
                # Who comes over another host's TLS is told so, whoever it is.
                expected = good if certificate == "valid" or good == 421 else 403
                if answer.status != expected or (answer.status != 200 and outcome.received):
                    found.append(f"{answer.status}, not {expected}")
                wrong.extend(f"{certificate} {host}{path}: {one}" for one in found)
            if connection.tickets:
                wrong.append(f"{certificate}: a ticket, which is good for early data")

    for name in names:
        asyncio.run(run(name))
    tried("corpus", "over HTTP/3", tried_, wrong=len(wrong))
    assert wrong == []


def _over_http3(xfcc: tuple[str, str]) -> list[tuple[str, str, list[tuple[str, str]], int]]:
    """Host, path, headers, and the status for somebody with a good certificate."""
    paths = ["/admin", "/x/../admin", "//admin", "/%61dmin"]
    paths += [
        p for p in disguises()["paths"] if p.startswith(("/admin;", "/admin%25")) and ".." not in p
    ]
    assert all(octets(path).isascii() for path in paths)
    found: list[tuple[str, str, list[tuple[str, str]], int]]
    found = [("starts-with.test", path, [], 200) for path in paths]
    found += [
        ("everything.test", "/", [xfcc], 200),
        ("everything.test", "/", [("cf-cert-verified", "true")], 200),
    ]
    return [*found, ("partner.test", "/", [], 421)]
