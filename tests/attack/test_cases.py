# SPDX-License-Identifier: Apache-2.0
"""Every case of tests/vectors/attack: by the service alone, and through Envoy."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

import pytest

from tests.attack.application import Request
from tests.attack.corpus import ALLOW, DENY, HTTP1, HTTP2, REFUSED, Case, case_files, cases
from tests.attack.judge import BODY_BYTES, asked, joined
from tests.attack.report import tried
from tests.attack.trying import Client, Outcome, complaints, request_of, trespasses

if TYPE_CHECKING:
    from tests.attack.judge import Judge
    from tests.attack.stack import Attacked

pytestmark = pytest.mark.attack

KINDS: Final = [file.stem for file in case_files()]

#: Of what Envoy may do by itself, in its versions, when that is nobody's business but its own.
_EITHER: Final = {
    "refused_or_allow": (REFUSED, ALLOW),
    "allow_or_refused": (REFUSED, ALLOW),
    "refused_or_deny": (REFUSED, DENY),
}
#: Headers that only the service, or Envoy, may tell an application of a client's certificate.
_ABOUT_CLIENTS: Final = (b"cf-cert-", b"client-cert", b"x-forwarded-client-cert")


def _of(kind: str) -> list[Case]:
    return [case for case in cases() if case.kind == kind]


def is_expected(said: str, expected: str) -> bool:
    """Whether what came of it is what a case says; "allow" stands for any reason to."""
    if expected in _EITHER:
        return said.partition(" ")[0] in _EITHER[expected]
    return said == expected or (expected == ALLOW and said.startswith(f"{ALLOW} "))


@pytest.mark.parametrize("kind", KINDS)
def test_the_service_says_what_each_case_expects(judges: dict[str, Judge], kind: str) -> None:
    """Headers apart (encode_raw_headers) and joined, as Istio and Envoy Gateway send them."""
    wrong, times = [], 0
    for case in _of(kind):
        if not case.check:
            continue
        for over in case.over:
            for expected, raw in ((case.check, True), (case.joined, False)):
                times += 1
                said = judges[case.listener].check(asked(case, over=over, raw=raw)).said
                if not is_expected(said, expected):
                    form = "apart" if raw else "joined"
                    wrong.append(f"{case.id}, {over}, headers {form}: {said}, not {expected}")
    tried("corpus", f"{kind}, the service alone", times, wrong=len(wrong))
    assert wrong == []


@pytest.mark.e2e
@pytest.mark.parametrize("kind", KINDS)
def test_envoy_and_the_service_do_what_each_case_expects(attacked: Attacked, kind: str) -> None:
    """And what the application got is what was judged, whatever the case is about."""
    wrong, times, unanswered = [], 0, 0
    for case in _of(kind):
        for over in case.over:
            times += 1
            outcome = _sent(attacked, case, over)
            found = complaints(outcome, _whose(case))
            if not is_expected(outcome.told, case.envoy[over]):
                found.append(f"{outcome.told}, not {case.envoy[over]}")
            found += _believed(case, outcome)
            found += _joined(attacked, case, outcome)
            wrong += [f"{case.id}, {over}: {one}" for one in found]
            unanswered += bool(outcome.judged) and not outcome.answers
    tried("corpus", f"{kind}, through Envoy", times, wrong=len(wrong), unanswered=unanswered)
    assert wrong == []
    assert unanswered == 0


def _sent(attacked: Attacked, case: Case, over: str) -> Outcome:
    host = (case.host or f"{case.site}.test".encode()).decode("latin-1")
    sni = f"{case.site}.test" if case.sni is None else case.sni or None
    client = Client(attacked, case.listener, case.certificate, sni)
    try:
        if case.http2:
            return client.send_fields(case.http2, case.body, case.trailers)
        if over == HTTP1 and case.http1:
            last = f"GET /last HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n"
            return client.send_octets(case.http1, last.encode("latin-1"))
        assert over in (HTTP1, HTTP2)
        return client.send(over, request_of(case))
    finally:
        client.close()


def _whose(case: Case) -> str:
    """The certificate that counts: behind a proxy, that of its header where it is let in."""
    if case.listener == "behind":
        return "valid" if case.envoy[case.over[0]] == ALLOW else ""
    # An address lets in whom no certificate does.
    return case.certificate


def _believed(case: Case, outcome: Outcome) -> list[str]:
    """What an application was told of a certificate that it may not be told of."""
    if case.listener == "behind":
        return []
    answers = [
        one.response.ok_response for one in outcome.judged if one.response.HasField("ok_response")
    ]
    put = {option.header.key.encode() for one in answers for option in one.headers}
    allowed = put | ({b"x-forwarded-client-cert"} if case.listener == "xfcc" else set())
    return [
        f"the application was told {name!r}: {value!r}"
        for request in outcome.received
        for name, value in request.headers
        if _plain(name).startswith(_ABOUT_CLIENTS) and name.lower() not in allowed
    ]


def _plain(name: bytes) -> bytes:
    """A name as CGI tells it: everything but letters and digits is one character."""
    return bytes(code if chr(code).isalnum() else 0x2D for code in name.lower())


def _joined(attacked: Attacked, case: Case, outcome: Outcome) -> list[str]:
    """The same checks, had this Envoy not been told to keep the lines of headers apart."""
    judge = attacked.judges[case.listener]
    return [
        f"joined, {judged.said} became an allow"
        for judged in outcome.judged
        if not judged.allowed and case.joined != ALLOW
        if judge.check(joined(judged.request)).allowed
    ]


@pytest.mark.e2e
def test_what_arrives_is_compared_at_all(attacked: Attacked) -> None:
    """A request that was changed behind the check, or not asked about, would be found."""
    client = Client(attacked, "peer", "valid")
    ordinary = Request(method=b"GET", target=b"/admin", host=b"eq.test", headers=((b"x-a", b"b"),))
    outcome = client.send(HTTP1, ordinary)
    client.close()
    (received,) = outcome.received
    changed = Request(method=b"GET", target=b"/other", host=b"eq.test", headers=received.headers)
    lost = Request(method=b"GET", target=b"/admin", host=b"eq.test", headers=received.headers[1:])

    assert complaints(outcome, "valid") == []
    assert trespasses(received, "self-signed") != []
    for wrong in (changed, lost, ordinary):
        assert complaints(
            Outcome(answers=outcome.answers, judged=outcome.judged, received=(wrong,)), "valid"
        )


@pytest.mark.e2e
@pytest.mark.parametrize("length", [9, BODY_BYTES, BODY_BYTES + 9])
def test_bodies_are_compared_at_all(attacked: Attacked, length: int) -> None:
    """As the beginning of what arrived, where Envoy forwards no more."""
    client = Client(attacked, "bodies", "valid")
    sent = Request(method=b"POST", target=b"/", host=b"eq.test", body=b"x" * length)
    outcome = client.send(HTTP1, sent)
    client.close()
    (received,) = outcome.received
    changed = replace(received, body=b"y" + received.body[1:])

    assert received.body == sent.body
    assert complaints(outcome, "valid") == []
    assert complaints(replace(outcome, received=(changed,)), "valid") != []
    assert length >= BODY_BYTES or complaints(
        replace(outcome, received=(replace(received, body=received.body + b"z"),)), "valid"
    )
