# SPDX-License-Identifier: Apache-2.0
"""What is worth telling is noted in passing, bounded, and told whole."""

from __future__ import annotations

import math
import sys
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from authz.certs.presented import CertificateSource
from authz.observability import events as module
from authz.observability.check_counts import CheckCounts
from authz.observability.events import (
    MAX_EVENTS,
    MAX_KEPT_BYTES,
    MAX_LOGGED,
    MAX_TEXT,
    SEEN_SECONDS,
    EventRecorder,
    note_nothing,
)
from authz.observability.recorded import LeftOut, Recorded
from authz.policy.authorizer import authorize
from authz.policy.client import NOBODY
from authz.policy.decision import UNJUDGED, Decision, Reason, Ruling, Verdict
from authz.policy.model import Action
from tests.factories.pki import AT, authority, presented, root
from tests.factories.policies import facts, rule, site, snapshot

ALICE = root().client("alice")
ID = b"A" * 20
POLICY = snapshot(
    site(
        rule('http.request.uri.path eq "/logged"', ref="l1", action=Action.LOG),
        rule('http.request.uri.path contains "logged"', ref="l2", action=Action.LOG),
        rule('http.request.uri.path eq "/admin"', ref="deny"),
    )
)


@pytest.fixture(autouse=True)
def _nothing_is_remembered() -> None:
    """Whoever has no certificate is one client for all tests, with decisions that know who was
    interested in them."""
    NOBODY._decisions.clear()


def _decision(path: bytes = b"/", certificate: bool = False, policy: Any = POLICY) -> Decision:
    changes = {"presented": presented(ALICE)} if certificate else {}
    return authorize(policy, facts(path=path, **changes), AT)


def _note(
    recorder: EventRecorder,
    decision: Decision,
    at: float = AT,
    *,
    host: bytes = b"api.example.com",
    path: bytes = b"/",
    data: bytes = b"",
) -> bool:
    """As the boundary does it; whether it was due."""
    if at < decision.due:
        return False
    recorder.note(decision, ID, at, host, path, data)
    return True


def test_a_denial_is_told_with_everything_that_is_known() -> None:
    recorder = EventRecorder(lambda data: data.decode())
    decision = _decision(b"/admin", certificate=True)
    _note(recorder, decision, path=b"/admin?token=secret", data=b"198.51.100.7")
    [event] = recorder.drain_events(10)

    assert (event.id, event.at) == ("A" * 20, AT)
    assert (event.verdict, event.reason, event.action) == ("deny", "rule", "block")
    assert (event.site, event.rule, event.generation) == ("api", "deny", 1)
    assert (event.host, event.path) == ("api.example.com", "/admin")
    assert event.client_ip == "198.51.100.7"
    assert event.fingerprint == decision.client.fingerprint.decode()  # type: ignore[union-attr]
    assert (event.presented, event.verified, event.revoked, event.failure) == (
        True,
        True,
        False,
        "",
    )
    assert recorder.drain_events(10) == ()


def test_every_denial_is_due() -> None:
    recorder = EventRecorder()
    decision = _decision(b"/admin")

    assert [_note(recorder, decision, AT + n) for n in range(3)] == [True] * 3
    assert len(recorder.drain_events(10)) == 3


def test_a_denial_that_nobody_decided_is_told_too() -> None:
    recorder = EventRecorder()
    refused = Decision(Ruling(verdict=Verdict.DENY, reason=Reason.UNDECODABLE), UNJUDGED[True])
    _note(recorder, refused, host=b"", path=b"")

    [event] = recorder.drain_events(10)
    assert (event.reason, event.host, event.path, event.fingerprint) == ("undecodable", "", "", "")


def test_matches_of_log_rules_are_told_and_counted_by_rule() -> None:
    recorder = EventRecorder()
    for path in (b"/logged", b"/logged", b"/loggedx"):
        _note(recorder, _decision(path), path=path)

    events = recorder.drain_events(10)
    assert [event.logged for event in events] == [("l1", "l2"), ("l1", "l2"), ("l2",)]
    assert {event.verdict for event in events} == {"allow"}
    assert recorder.logged == {("api", "l1"): 2, ("api", "l2"): 3}


def test_what_is_let_through_is_not_told_and_not_due_again() -> None:
    recorder = EventRecorder()
    decision = _decision()

    assert _note(recorder, decision)
    assert decision.due == math.inf
    assert not _note(recorder, decision, AT + 1e9)
    assert recorder.drain_events(10) == ()


def test_one_in_so_many_of_what_is_let_through_is_told() -> None:
    recorder = EventRecorder(allowed_every=3)
    decision = _decision(certificate=True)

    assert all(_note(recorder, decision, AT + n) for n in range(7))
    assert [event.at for event in recorder.drain_events(10)] == [AT + 2, AT + 5]


def test_a_verified_certificate_is_noted_once_in_a_while() -> None:
    recorder = EventRecorder()
    first, other = _decision(certificate=True), _decision(b"/other", certificate=True)
    other.client = first.client
    fingerprint = first.client.fingerprint.decode()  # type: ignore[union-attr]
    for seconds in (0, 1, SEEN_SECONDS - 1, SEEN_SECONDS, SEEN_SECONDS + 1):
        _note(recorder, first, AT + seconds)
        _note(recorder, other, AT + seconds)

    assert list(recorder._seen) == [
        (fingerprint.encode(), AT),
        (fingerprint.encode(), AT + SEEN_SECONDS),
    ]
    assert recorder.drain_seen(10) == {fingerprint: AT + SEEN_SECONDS}
    assert recorder.drain_seen(10) == {}


def test_a_revoked_certificate_was_seen_an_unverified_one_was_not() -> None:
    recorder = EventRecorder()
    trust = (authority(root(), revoked_serials=[ALICE.certificate.serial_number]),)
    for trusted in (trust, (authority(root("Other")),)):
        policy = snapshot(site(rule(), trust=trusted))
        _note(recorder, _decision(certificate=True, policy=policy))

    assert len(recorder.drain_seen(10)) == 1


def test_what_does_not_fit_is_counted_and_changes_nothing_else() -> None:
    recorder = EventRecorder()
    decision = _decision(b"/admin")
    for _ in range(MAX_EVENTS + 7):
        _note(recorder, decision)

    assert recorder.dropped == 7
    assert len(recorder.drain_events(MAX_EVENTS + 7)) == MAX_EVENTS


def test_a_certificate_that_does_not_fit_is_noted_next_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    recorder = EventRecorder()
    decision = _decision(certificate=True)
    monkeypatch.setattr(module, "MAX_SEEN", 0)
    _note(recorder, decision)
    assert recorder.drain_seen(10) == {}
    assert recorder.unseen == 1
    monkeypatch.setattr(module, "MAX_SEEN", 1)
    assert _note(recorder, decision, AT + 1)
    assert len(recorder.drain_seen(10)) == 1


def test_what_is_before_an_at_sign_in_a_host_is_told_to_nobody() -> None:
    recorder = EventRecorder()
    _note(recorder, _decision(b"/admin"), host=b"alice:" + b"p" * 300 + b"@api.example.com")

    assert recorder.drain_events(1)[0].host == "api.example.com"


def test_a_path_is_told_without_query_and_fragment() -> None:
    recorder = EventRecorder()
    for path in (b"/a?token=1", b"/a#token=1", b"/a#b?c", b"/a?b#c"):
        _note(recorder, _decision(b"/admin"), path=path)

    assert {event.path for event in recorder.drain_events(10)} == {"/a"}


def test_what_waits_holds_no_client_and_no_policy() -> None:
    recorder = EventRecorder()
    decision = _decision(b"/admin", certificate=True)
    before = sys.getrefcount(decision), sys.getrefcount(decision.client)
    _note(recorder, decision)

    assert (sys.getrefcount(decision), sys.getrefcount(decision.client)) == before
    assert len(recorder.drain_events(1)) == 1


def test_the_requests_that_wait_have_a_bound_together(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_WAITING_BYTES", 250)
    recorder = EventRecorder(lambda _: "198.51.100.7")
    decision = _decision(b"/admin")
    for _ in range(2):
        for _ in range(3):
            _note(recorder, decision, data=bytes(100))
        # All are told, and what was told makes room.
        addresses = [event.client_ip for event in recorder.drain_events(10, 10_000)]
        assert addresses == ["198.51.100.7", "198.51.100.7", ""]


def test_events_are_drained_by_their_size_too() -> None:
    recorder = EventRecorder()
    for _ in range(10):
        _note(recorder, _decision(b"/admin"))

    assert len(recorder.drain_events(10, 1)) == 1
    assert len(recorder.drain_events(10, 1000)) < 9


def test_log_rules_that_get_new_names_are_counted_together(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "MAX_LOG_RULES", 1)
    recorder = EventRecorder()
    for _ in range(2):
        _note(recorder, _decision(b"/logged"))

    assert recorder.logged == {("api", "l1"): 2, ("", ""): 2}


def test_large_requests_are_not_kept() -> None:
    recorder = EventRecorder(lambda _: "198.51.100.7")
    _note(recorder, _decision(b"/admin"), data=bytes(MAX_KEPT_BYTES + 1))
    _note(recorder, _decision(b"/admin"), data=bytes(MAX_KEPT_BYTES))

    assert [event.client_ip for event in recorder.drain_events(10)] == ["", "198.51.100.7"]


def test_an_address_that_cannot_be_read_is_unknown() -> None:
    def broken(_: bytes) -> str:
        raise ValueError("no address")

    recorder = EventRecorder(broken)
    _note(recorder, _decision(b"/admin"), data=b"x")

    assert recorder.drain_events(1)[0].client_ip == ""


@given(host=st.binary(max_size=2 * MAX_TEXT), path=st.binary(max_size=2 * MAX_TEXT))
def test_whatever_a_client_sends_is_text_and_short(host: bytes, path: bytes) -> None:
    recorder = EventRecorder()
    _note(recorder, _decision(b"/admin"), host=host, path=path)
    [event] = recorder.drain_events(1)

    assert len(event.host) <= MAX_TEXT
    assert len(event.path) <= MAX_TEXT
    assert "?" not in event.path
    event.host.encode()
    event.path.encode()


def test_a_detail_that_is_no_text_is_told_all_the_same() -> None:
    ruling = Ruling(verdict=Verdict.DENY, reason=Reason.RULE)
    recorder = EventRecorder()
    _note(recorder, Decision(ruling, UNJUDGED[False], detail="half a pair: \ud800"))

    assert recorder.drain_events(1)[0].detail == "half a pair: \\ud800"


def test_many_matches_are_cut() -> None:
    ruling = Ruling(
        verdict=Verdict.ALLOW,
        reason=Reason.DEFAULT_ACTION,
        logged=tuple(f"r{n}" for n in range(MAX_LOGGED + 5)),
    )
    recorder = EventRecorder()
    _note(recorder, Decision(ruling, UNJUDGED[False]))

    assert len(recorder.drain_events(1)[0].logged) == MAX_LOGGED
    assert len(recorder.logged) == MAX_LOGGED + 5


def test_when_nobody_is_interested_nothing_is_due_again() -> None:
    decision = _decision(b"/admin")
    note_nothing(decision, ID, AT, b"", b"", b"")
    assert decision.due == math.inf


def _data(recorder: EventRecorder, decision: Decision, at: float = AT) -> None:
    _note(recorder, decision, at, data=b"as it came")


def test_without_a_recorder_of_requests_none_is_kept() -> None:
    recorder = EventRecorder()
    _data(recorder, _decision(b"/admin"))

    [event] = recorder.drain_events(1)
    assert (event.recorded, event.unrecorded) == (None, "off")
    assert recorder.unrecorded == {}


def test_a_denial_comes_with_what_may_be_kept_of_its_request() -> None:
    recorder = EventRecorder(record=lambda data: Recorded(request=data.upper()))
    _data(recorder, _decision(b"/admin"))

    [event] = recorder.drain_events(1)
    assert event.recorded == Recorded(request=b"AS IT CAME")
    assert event.unrecorded == ""


def test_it_is_said_why_a_request_is_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_RECORDED_BYTES", 20)

    def record(data: bytes) -> Recorded:
        if data == b"broken":
            raise ValueError("no request")
        return Recorded(request=data, left_out=LeftOut(headers=("a" * 15,)))

    recorder = EventRecorder(record=record)
    decision = _decision(b"/admin")
    for data in (b"short", b"too long", bytes(MAX_KEPT_BYTES + 1), b"broken"):
        _note(recorder, decision, data=data)
    _note(recorder, decision, path=b"", data=b"")

    assert [event.unrecorded for event in recorder.drain_events(9)] == [
        "",
        "too_large",
        "too_large",
        "unreadable",
        "unreadable",
    ]
    assert recorder.unrecorded == {"too_large": 2, "unreadable": 2}


def test_only_so_many_requests_a_second_are_recorded(monkeypatch: pytest.MonkeyPatch) -> None:
    recorder = EventRecorder(record=lambda data: Recorded(request=data))
    recorder._recorded = module._Limit(2)
    decision = _decision(b"/admin")
    for second in (0, 0, 0, 1):
        _data(recorder, decision, AT + second)

    assert [event.unrecorded for event in recorder.drain_events(9)] == ["", "", "too_many", ""]


def test_of_a_client_an_allowed_check_is_told_now_and_then() -> None:
    recorder = EventRecorder(allowed_seconds=10)
    anonymous, alice = _decision(), _decision(certificate=True)
    due = [
        (_note(recorder, anonymous, AT + second), _note(recorder, alice, AT + second))
        for second in range(25)
    ]

    assert [event.at - AT for event in recorder.drain_events(99)] == [0, 0, 10, 10, 20, 20]
    # And in between nobody is asked.
    assert due[0] == due[10] == due[20] == (True, True)
    assert sum(one for pair in due for one in pair) == 6
    # When the clock is set back, that is no reason to wait.
    assert _note(recorder, anonymous, AT + 30)
    anonymous.due = -math.inf
    _note(recorder, anonymous, AT - 1000)
    assert [event.at - AT for event in recorder.drain_events(99)] == [30, -1000]


def test_an_allowed_check_waits_for_its_turn_and_not_for_that_of_its_client() -> None:
    recorder = EventRecorder(allowed_seconds=60)
    decision = _decision(certificate=True)
    for second in range(0, 61, 5):
        _note(recorder, decision, AT + second)

    assert [event.at - AT for event in recorder.drain_events(99)] == [0, 60]
    assert recorder.drain_seen(1) != {}


def test_only_so_many_allowed_checks_a_second_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    recorder = EventRecorder(allowed_seconds=10)
    recorder._allowed = module._Limit(1)
    some = [_decision(), _decision(certificate=True)]
    for second in (0, 1):
        for one in some:
            _note(recorder, one, AT + second)

    assert [event.at - AT for event in recorder.drain_events(9)] == [0, 1]


def test_an_event_says_how_many_checks_it_stands_for() -> None:
    recorder = EventRecorder(allowed_seconds=10)
    counts = CheckCounts()
    decision = _decision()
    decision.cell = counts.cell(decision, CertificateSource.ENVOY)
    for second in range(21):
        decision.cell[0] += 1
        _note(recorder, decision, AT + second)

    assert [event.weight for event in recorder.drain_events(9)] == [1, 10, 10]
    uncounted = _decision(b"/admin")
    _note(recorder, uncounted)
    assert recorder.drain_events(1)[0].weight == 1
