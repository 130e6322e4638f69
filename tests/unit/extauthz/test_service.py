# SPDX-License-Identifier: Apache-2.0
"""The boundary: it always answers, and what breaks is denied."""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from authz.certs.certificate import Certificate
from authz.certs.presented import DEFAULT_LIMITS, CertificateSource
from authz.extauthz import service as module
from authz.extauthz.decode import DecodeOptions
from authz.extauthz.encode import CONSTANT_DENIAL, DECISION_ID_LENGTH
from authz.extauthz.memo import ClientMemo
from authz.extauthz.service import MAX_CHECK_BYTES, SEED_BYTES, CheckService, draw_seed
from authz.observability.events import SEEN_SECONDS, EventRecorder
from authz.observability.metrics import Metrics
from authz.pb.ext_authz_pb2 import AttributeContext, CheckRequest, CheckResponse
from authz.policy.decision import Reason, Verdict
from authz.policy.model import Action, SkipParameters
from tests.factories.checks import check_request
from tests.factories.pki import AT, authority, presented, root
from tests.factories.policies import rule, site, snapshot

if TYPE_CHECKING:
    from authz.policy.decision import Decision

REQUEST = check_request().SerializeToString()


class Recorder:
    """An observer that remembers."""

    def __init__(self) -> None:
        self.decisions: list[Decision] = []
        self.seconds: list[float] = []
        self.errors = 0

    def observe(self, decision: Decision, source: CertificateSource, seconds: float) -> None:
        self.decisions.append(decision)
        self.seconds.append(seconds)

    def internal_error(self) -> None:
        self.errors += 1


class Panic(BaseException):
    """As a panic in a Rust extension arrives: no Exception."""


def make(observer: Any = None, *, loaded: bool = True) -> CheckService:
    made = CheckService(DecodeOptions(), DEFAULT_LIMITS, observer or Recorder(), clock=lambda: AT)
    if loaded:
        made.snapshot = snapshot()
    return made


def test_random_bytes_are_drawn_for_a_check_whose_rules_read_them_and_anew_for_each() -> None:
    drawn: list[bytes] = []

    def draw() -> bytes:
        drawn.append(draw_seed())
        return drawn[-1]

    service = CheckService(DecodeOptions(), DEFAULT_LIMITS, Recorder(), clock=lambda: AT, seed=draw)
    service.snapshot = snapshot()
    service.check(REQUEST)
    unread = len(drawn)
    service.snapshot = snapshot(
        site(rule("len(cf.random_seed) ne 16"), rule('cf.random_seed eq ""'))
    )
    answers = [reason(ask(service)) for _ in range(2)]

    assert unread == 0
    assert answers == ["default_action"] * 2
    assert len(drawn) == len(set(drawn)) == 2
    assert {len(one) for one in drawn} == {SEED_BYTES}


def ask(service: CheckService, data: bytes = REQUEST, **more: Any) -> CheckResponse:
    return CheckResponse.FromString(service.check(data, **more))


def reason(response: CheckResponse) -> str:
    if response.status.code != 0:
        assert response.WhichOneof("http_response") == "denied_response"
    return str(response.dynamic_metadata["reason"])


def test_a_request_that_no_rule_blocks_is_allowed() -> None:
    recorder = Recorder()

    assert ask(make(recorder)).status.code == 0
    assert [decision.site for decision in recorder.decisions] == ["api"]
    assert 0 < recorder.seconds[0] < 5
    assert recorder.errors == 0


def test_a_certificate_opens_what_the_rule_protects() -> None:
    alice = presented(root().client("alice")).certificate
    service = make()

    without = ask(service, check_request(path="/admin").SerializeToString())
    with_one = ask(service, check_request(path="/admin", certificate=alice).SerializeToString())

    assert (without.status.code, with_one.status.code) == (16, 0)


def test_a_certificate_is_judged_once() -> None:
    alice = presented(root().client("alice")).certificate
    service = make()
    for _ in range(3):
        ask(service, check_request(certificate=alice).SerializeToString())

    assert service.memo.misses == 1


def _noting(note: Any) -> CheckService:
    made = CheckService(DecodeOptions(), DEFAULT_LIMITS, Recorder(), clock=lambda: AT, note=note)
    made.snapshot = snapshot()
    return made


def test_what_is_worth_telling_is_noted_with_its_id_and_its_request() -> None:
    noted: list[tuple[Any, ...]] = []

    def note(decision: Decision, *rest: Any) -> None:
        noted.append((decision.reason.value, *rest))
        if decision.verdict is Verdict.ALLOW:
            decision.due = math.inf

    service = _noting(note)
    denied = check_request(path="/admin?x=1").SerializeToString()
    for _ in range(3):
        identity = str(ask(service, denied).dynamic_metadata["decision_id"])
        *told, seconds = noted.pop()
        assert 0 < seconds < 5
        assert tuple(told) == (
            "rule",
            identity.encode(),
            AT,
            b"api.example.com",
            b"/admin?x=1",
            denied,
        )
    for _ in range(4):
        ask(service)
    # Decided anew until it is remembered, and not worth telling any more then.
    assert 1 <= len(noted) <= 3
    assert {one[0] for one in noted} == {"default_action"}


@pytest.mark.parametrize("path", ["/", "/admin"])
def test_a_remembered_decision_is_told_and_counted_like_any_other(
    monkeypatch: pytest.MonkeyPatch, path: str
) -> None:
    client = root().client("alice")
    now = [AT]
    metrics, events = Metrics(), EventRecorder(allowed_every=2)
    service = CheckService(
        DecodeOptions(), DEFAULT_LIMITS, metrics, clock=lambda: now[0], note=events.note
    )
    service.snapshot = snapshot(
        site(
            rule('http.request.uri.path eq "/admin"', ref="block"),
            rule(
                'http.request.uri.path eq "/"',
                ref="skip",
                action=Action.SKIP,
                skip=SkipParameters(current=True),
            ),
        )
    )
    asked = check_request(path=path, certificate=presented(client).certificate).SerializeToString()
    for _ in range(4):
        service.check(asked)
    events.drain_events(10)
    events.drain_seen(10)
    before = metrics.counts.sums()
    # From here on nothing is decided anew.
    monkeypatch.delattr(module, "authorize")
    ids = []
    for _ in range(4):
        now[0] += SEEN_SECONDS
        ids.append(str(ask(service, asked).dynamic_metadata["decision_id"]))

    told = [event.id for event in events.drain_events(10)]
    assert told == (ids if path == "/admin" else ids[1::2])
    fingerprint = Certificate.from_der(client.der).fingerprint_sha256
    assert list(events._seen) == [
        (fingerprint.encode(), AT + n * SEEN_SECONDS) for n in range(1, 5)
    ]
    [counted] = before
    assert metrics.counts.sums()[counted] == before[counted] + 4
    [of_client] = metrics.counts.drain_certificates(10)
    assert of_client.fingerprint == fingerprint
    assert of_client.allowed + of_client.blocked == before[counted] + 4


@pytest.mark.parametrize(
    ("data", "more", "expected"),
    [(b"\xff", {}, "undecodable"), (REQUEST, {"remaining": 0.0}, "deadline_exceeded")],
)
def test_a_check_that_nobody_decides_is_noted(
    data: bytes, more: dict[str, float], expected: str
) -> None:
    noted: list[tuple[Any, ...]] = []
    service = _noting(lambda decision, *rest: noted.append((decision.reason.value, *rest)))
    answer = ask(service, data, **more)

    identity = str(answer.dynamic_metadata["decision_id"]).encode()
    [(*told, seconds)] = noted
    assert told == [expected, identity, AT, b"", b"", data]
    assert seconds > 0


def test_a_check_that_was_decided_too_late_is_noted_with_what_was_asked() -> None:
    noted: list[tuple[Any, ...]] = []
    service = _noting(lambda decision, *rest: noted.append((decision.reason.value, *rest)))
    answer = ask(service, remaining=1e-9)

    identity = str(answer.dynamic_metadata["decision_id"]).encode()
    [(*told, _)] = noted
    assert told == [
        "deadline_exceeded",
        identity,
        AT,
        b"api.example.com",
        b"/orders?id=7",
        REQUEST,
    ]


def test_a_check_that_broke_is_noted_and_what_breaks_in_noting_is_denied() -> None:
    noted: list[str] = []

    def broken(decision: Decision, *_: Any) -> None:
        noted.append(decision.reason.value)
        raise ZeroDivisionError("a defect")

    assert reason(ask(_noting(broken))) == "internal_error"
    assert noted == ["default_action", "internal_error"]


def test_a_check_that_broke_is_denied_whatever_its_log_line_may_say(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def broken(*_: Any) -> dict[str, str]:
        raise Panic

    monkeypatch.setattr(module, "authorize", broken)
    service = CheckService(
        DecodeOptions(), DEFAULT_LIMITS, Recorder(), clock=lambda: AT, about=broken
    )
    service.snapshot = snapshot()

    assert reason(ask(service)) == "internal_error"


def test_each_check_has_an_id_of_its_own() -> None:
    service = make()
    ids = {str(ask(service).dynamic_metadata["decision_id"]) for _ in range(50)}
    ids |= {str(ask(make()).dynamic_metadata["decision_id"])}

    assert len(ids) == 51
    assert {len(one) for one in ids} == {DECISION_ID_LENGTH}


def test_without_a_snapshot_everything_is_denied() -> None:
    assert reason(ask(make(loaded=False))) == "no_snapshot"


def test_a_new_snapshot_answers_the_next_check() -> None:
    service = make()
    service.snapshot = snapshot(generation=2)

    assert ask(service).dynamic_metadata["generation"] == 2


def test_the_snapshot_is_read_once_per_check() -> None:
    class Counted(CheckService):
        reads = 0

        def __getattribute__(self, name: str) -> Any:
            if name == "_snapshot":
                Counted.reads += 1
            return super().__getattribute__(name)

    service = Counted(DecodeOptions(), DEFAULT_LIMITS, Recorder(), clock=lambda: AT)
    service.snapshot = snapshot()
    ask(service)

    assert Counted.reads == 1


@pytest.mark.parametrize("data", [b"", b"\xff", b"\x0a\x00", b"\x00" * 100], ids=repr)
def test_what_cannot_be_decoded_is_denied(data: bytes) -> None:
    assert reason(ask(make(), data)) == "undecodable"


def test_a_message_beyond_the_limit_is_denied_unread() -> None:
    big = check_request(raw_body=b"x" * MAX_CHECK_BYTES).SerializeToString()

    assert reason(ask(make(), big)) == "undecodable"


# --- deadline ------------------------------------------------------------------------------


@pytest.mark.parametrize("remaining", [0.0, -1.0])
def test_a_deadline_that_has_passed_is_a_denial(remaining: float) -> None:
    assert reason(ask(make(), remaining=remaining)) == "deadline_exceeded"


def test_an_allow_that_comes_too_late_is_a_denial(monkeypatch: pytest.MonkeyPatch) -> None:
    times = iter([0.0, 0.3, 0.4])
    monkeypatch.setattr(module, "perf_counter", lambda: next(times))
    recorder = Recorder()

    assert reason(ask(make(recorder), remaining=0.2)) == "deadline_exceeded"
    assert recorder.seconds == [0.4]


def test_what_is_shed_is_denied_unread_and_counted() -> None:
    recorder = Recorder()
    answer = CheckResponse.FromString(make(recorder).shed(b"\xff"))

    assert reason(answer) == "overloaded"
    assert (answer.status.code, answer.denied_response.status.code) == (7, 429)
    assert [one.ruling.reason for one in recorder.decisions] == [Reason.OVERLOADED]


def test_a_deadline_far_away_changes_nothing() -> None:
    assert ask(make(), remaining=60.0).status.code == 0


# --- faults --------------------------------------------------------------------------------

FAULTS = [
    ValueError("x"),
    MemoryError(),
    RecursionError(),
    KeyboardInterrupt(),
    SystemExit(0),
    GeneratorExit(),
    Panic(),
]


def _raise(error: BaseException) -> Any:
    def fail(*_: Any, **__: Any) -> Any:
        raise error

    return fail


@pytest.mark.parametrize("stage", ["decode_rest", "authorize"])
@pytest.mark.parametrize("error", FAULTS, ids=lambda e: type(e).__name__)
def test_whatever_breaks_on_the_way_is_denied_and_counted(
    monkeypatch: pytest.MonkeyPatch, stage: str, error: BaseException
) -> None:
    monkeypatch.setattr(module, stage, _raise(error))
    recorder = Recorder()

    assert reason(ask(make(recorder))) == "internal_error"
    assert recorder.errors == 1
    assert [decision.reason for decision in recorder.decisions] == ["internal_error"]


@pytest.mark.parametrize("error", FAULTS, ids=lambda e: type(e).__name__)
def test_when_even_encoding_breaks_the_constant_denial_is_sent(
    monkeypatch: pytest.MonkeyPatch, error: BaseException
) -> None:
    monkeypatch.setattr(module, "encode", _raise(error))

    assert make().check(REQUEST) == CONSTANT_DENIAL


@pytest.mark.parametrize("error", FAULTS, ids=lambda e: type(e).__name__)
def test_an_observer_that_breaks_denies(error: BaseException) -> None:
    class Broken:
        observe = staticmethod(_raise(error))
        internal_error = staticmethod(_raise(error))

    assert reason(ask(make(Broken()))) == "internal_error"


def test_a_clock_that_breaks_denies() -> None:
    service = CheckService(
        DecodeOptions(), DEFAULT_LIMITS, Recorder(), clock=_raise(OSError("no clock"))
    )
    service.snapshot = snapshot()

    assert reason(ask(service)) == "internal_error"


def test_recursion_without_end_denies(monkeypatch: pytest.MonkeyPatch) -> None:
    def recurse(*arguments: Any) -> Any:
        return recurse(*arguments)

    monkeypatch.setattr(module, "authorize", recurse)

    assert reason(ask(make())) == "internal_error"


def test_errors_are_logged_with_their_traceback_and_not_each_time(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(module, "authorize", _raise(ValueError("boom")))
    service = make()
    for _ in range(5):
        service.check(REQUEST)

    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 1
    assert "boom" in json.loads(lines[0])["exception"]


def test_a_log_that_cannot_be_written_denies_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "authorize", _raise(ValueError("boom")))
    monkeypatch.setattr(module, "get_logger", _raise(OSError("no space")))

    assert reason(ask(make())) == "internal_error"


def test_a_check_after_a_broken_one_is_answered(monkeypatch: pytest.MonkeyPatch) -> None:
    service = make()
    with monkeypatch.context() as patch:
        patch.setattr(module, "authorize", _raise(ValueError("boom")))
        service.check(REQUEST)

    assert ask(service).status.code == 0


# --- decisions that are remembered ----------------------------------------------------------


def test_a_remembered_decision_ends_with_the_validity_of_the_certificate() -> None:
    now = [AT]
    alice = root().client("alice")
    service = CheckService(DecodeOptions(), DEFAULT_LIMITS, Recorder(), clock=lambda: now[0])
    service.snapshot = snapshot()
    request = check_request(path="/admin", certificate=presented(alice).certificate)
    data = request.SerializeToString()
    assert [ask(service, data).status.code for _ in range(3)] == [0, 0, 0]

    now[0] = Certificate.from_der(alice.der).not_after_at + 1

    assert ask(service, data).dynamic_metadata["failure"] == "expired"


def test_a_remembered_decision_is_not_given_to_another_certificate_host_path_or_sni() -> None:
    alice, bob = (presented(root().client(name)).certificate for name in ("alice", "bob"))
    other = root("Other Root")
    service = make()
    service.snapshot = snapshot(
        site(rule(), hosts=("a.test",)),
        site(rule(), name="b", hosts=("b.test",), trust=(authority(other, name="other"),)),
    )

    def code(**changes: Any) -> int:
        given = {"host": "a.test", "sni": "a.test", "path": "/admin", "certificate": alice}
        answers = {
            ask(service, check_request(**{**given, **changes}).SerializeToString()).status.code
            for _ in range(3)
        }
        assert len(answers) == 1
        return answers.pop()

    assert code() == 0
    assert code(certificate=bob) == 0
    assert code(certificate="") == 16
    assert code(certificate=presented(other.client("eve")).certificate) == 7
    assert code(host="b.test", sni="b.test") == 7
    assert code(sni="b.test") == 7
    assert code(host="c.test") == 7
    assert code() == 0


def test_asterisk_and_connect_are_judged_by_their_method() -> None:
    service = make()
    assert (
        ask(service, check_request(path="*", method="OPTIONS").SerializeToString()).status.code == 0
    )

    assert reason(ask(service, check_request(path="*").SerializeToString())) == "ambiguous_path"


_RULES = (
    rule('http.request.uri.path eq "/a" and not cf.tls_client_auth.cert_verified', ref="a"),
    rule('http.host eq "b.test" and cf.tls_client_auth.cert_revoked', ref="b"),
    rule('http.request.uri.path.extension eq "exe"', ref="e"),
)
_ALICE, _EVE = root().client("alice", serial=0xA11CE), root("Other Root").client("eve")
_CERTIFICATES = ("", presented(_ALICE).certificate, presented(_EVE).certificate)


@given(
    requests=st.lists(
        st.fixed_dictionaries(
            {
                "path": st.sampled_from(
                    ["/a", "/a?q=1", "/b", "/%61", "*", "/a;x", "/x.exe", "/!"]
                ),
                "host": st.sampled_from(["a.test", "b.test", "B.test:443", "c.test", "!.test"]),
                "sni": st.sampled_from([None, "", "a.test", "b.test"]),
                "certificate": st.sampled_from(_CERTIFICATES),
                "method": st.sampled_from(["GET", "OPTIONS"]),
                "headers": st.sampled_from([(), (("h", b"v" * 70_000),), (("cf-cert-ski", b"x"),)]),
            }
        ),
        max_size=12,
    ),
    revoked=st.booleans(),
)
def test_a_service_with_a_memory_answers_as_one_without(
    requests: list[dict[str, Any]], revoked: bool
) -> None:
    trust = (authority(root(), revoked_serials=[0xA11CE] if revoked else []),)
    policy = (
        site(*_RULES, hosts=("a.test", "b.test"), trust=trust),
        site(rule(), name="c", hosts=("c.test",), trust=(authority(root("Other Root"), name="o"),)),
    )
    remembering = make()
    remembering.snapshot = snapshot(*policy)

    for given_request in requests:
        data = check_request(**given_request).SerializeToString()
        fresh = make()
        fresh.snapshot = snapshot(*policy)
        ask(remembering, data)
        ask(remembering, data)
        old, new = ask(remembering, data), ask(fresh, data)
        for answer in (old, new):
            answer.dynamic_metadata.fields.pop("decision_id")
        assert old == new


def test_what_is_asked_for_again_is_kept() -> None:
    recorder = Recorder()
    service = make(recorder)
    for path in ("/b?one", "/b?two", "/b?three", "/c"):
        ask(service, check_request(path=path).SerializeToString())

    assert service.snapshot is not None
    assert [path for _, _, path, _ in service.snapshot.decided] == [b"/b"]
    assert recorder.decisions[1] is recorder.decisions[2]


@pytest.mark.parametrize("field", ["http.request.method", "http.user_agent", "http.request.uri"])
def test_a_rule_that_reads_more_is_asked_every_time(field: str) -> None:
    service = make()
    service.snapshot = snapshot(site(rule(), rule(f'{field} eq "x"', ref="more")))
    for _ in range(3):
        ask(service)

    assert service.snapshot.decided == {}


def test_without_a_source_nothing_is_remembered_or_recalled() -> None:
    service = make()
    public = check_request(path="/public")
    for _ in range(3):
        assert ask(service, public.SerializeToString()).status.code == 0
    public.attributes.ClearField("source")

    assert reason(ask(service, public.SerializeToString())) == "undecodable"


def test_a_query_that_is_no_text_is_not_recalled_with_its_path() -> None:
    service = make()
    data = check_request(path="/public?q=1").SerializeToString()
    for _ in range(3):
        assert ask(service, data).status.code == 0

    broken = data.replace(b"/public?q=1", b"/public?q=\xff")

    assert reason(ask(service, broken)) == "undecodable"


def test_a_tls_session_in_two_pieces_is_merged_and_not_recalled_by() -> None:
    other = site(name="b", hosts=("b.test",), trust=(authority(root("Other")),))
    service = make()
    service.snapshot = snapshot(site(rule(), name="a", hosts=("a.test",)), other)
    data = check_request(host="a.test", sni="b.test").SerializeToString()
    empty = check_request(host="a.test", sni="")
    for _ in range(3):
        assert reason(ask(service, empty.SerializeToString())) == "default_action"
    # A second, empty tls_session (field 12): merged, the name stays.
    pieces = CheckRequest.FromString(data)
    pieces.attributes.ClearField("tls_session")
    pieced = b"".join(
        CheckRequest(attributes=AttributeContext.FromString(part)).SerializeToString()
        for part in (
            pieces.attributes.SerializeToString(),
            AttributeContext(
                tls_session=AttributeContext.TLSSession(sni="b.test")
            ).SerializeToString(),
            AttributeContext(tls_session=AttributeContext.TLSSession()).SerializeToString(),
        )
    )
    assert CheckRequest.FromString(pieced) == CheckRequest.FromString(data)

    for _ in range(3):
        assert reason(ask(service, pieced)) == "misdirected"


def test_a_certificate_in_the_headers_is_looked_for_every_time() -> None:
    options = DecodeOptions(certificate_source=CertificateSource.XFCC)
    service = CheckService(options, DEFAULT_LIMITS, Recorder(), clock=lambda: AT)
    service.snapshot = snapshot()
    for _ in range(3):
        ask(service)

    assert service.snapshot.decided == {}


def test_clients_that_the_memo_let_go_are_not_held_by_what_was_decided(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "MAX_EVICTED", 0)
    memo = ClientMemo(DEFAULT_LIMITS, max_entries=1)
    service = CheckService(DecodeOptions(), DEFAULT_LIMITS, Recorder(), clock=lambda: AT, memo=memo)
    service.snapshot = snapshot()
    for name in ("a", "b", "c"):
        certificate = presented(root().client(name)).certificate
        for _ in range(3):
            ask(service, check_request(path="/x", certificate=certificate).SerializeToString())

    assert len(service.snapshot.decided) == 1
