# SPDX-License-Identifier: Apache-2.0
"""Everything is told once, in small pieces, and never to somebody who does not listen."""

from __future__ import annotations

import queue
import socket
from typing import TYPE_CHECKING

import msgspec
import pytest

from authz.certs.presented import CertificateSource
from authz.node import reporter as module
from authz.node.channel import Channel
from authz.node.messages import Reported, ToSupervisor, ToWorker
from authz.node.reporter import CERTIFICATE_ROUNDS, MAX_REPORTS, Reporter, Reporting
from authz.observability.activity import Activity, Counted, Report, Rule
from authz.observability.check_counts import CheckCounts
from authz.observability.events import MAX_RECORDED_BYTES, EventRecorder
from authz.observability.recorded import Recorded
from authz.observability.seen_certificates import MAX_BYTES, SeenCertificate, SeenCertificates
from authz.policy.decision import UNJUDGED, Decision, Reason, Ruling, Verdict
from tests.factories.decisions import client

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from authz.observability.check_counts import Labels
    from authz.policy.client import Client

DENIED = Decision(
    Ruling(
        verdict=Verdict.DENY, reason=Reason.RULE, site="s" * 100, rule="r" * 100, action="block"
    ),
    UNJUDGED[False],
    detail="d" * 1000,
)


def _decided(rule: str, site: str = "api", client: Client | None = None) -> Decision:
    ruling = Ruling(verdict=Verdict.DENY, reason=Reason.RULE, site=site, rule=rule, action="block")
    return Decision(ruling, UNJUDGED[False] if client is None else client.standing, client)


class _Node:
    """Something to report, and who reports it."""

    def __init__(self) -> None:
        self.now = 120.0
        self.recorder = EventRecorder(record=lambda data: Recorded(request=data))
        self.certificates = SeenCertificates()
        self.counts = CheckCounts()
        self.reporting = Reporting(self.recorder, self.counts, self.certificates, lambda: self.now)

    def decide(self, decision: Decision | str, times: int = 1) -> None:
        if isinstance(decision, str):
            decision = _decided(decision)
        self.counts.cell(decision, CertificateSource.ENVOY)[0] += times

    def told(self) -> tuple[Counted, ...]:
        self.reporting.count()
        return self.reporting.next().counts

    def deny(self, times: int = 1) -> None:
        for _ in range(times):
            self.recorder.note(DENIED, b"A" * 20, 1.0, b"h" * 300, b"/" * 300, b"")


@pytest.fixture
def node() -> _Node:
    return _Node()


@pytest.fixture
def reporter_of(
    node: _Node,
) -> Iterator[Callable[..., tuple[Reporter, queue.SimpleQueue[tuple[int, Report]]]]]:
    made: list[Reporter] = []

    def _reporter(
        *, acknowledged: bool, tidy_seconds: float = 60.0
    ) -> tuple[Reporter, queue.SimpleQueue[tuple[int, Report]]]:
        told: queue.SimpleQueue[tuple[int, Report]] = queue.SimpleQueue()
        made.append(
            Reporter(
                node.reporting,
                lambda number, report: told.put((number, report)),
                acknowledged=acknowledged,
                seconds=0.01,
                tidy_seconds=tidy_seconds,
            )
        )
        return made[-1], told

    yield _reporter
    for one in made:
        one.stop()


def test_checks_are_told_by_how_many_more_there_were(node: _Node) -> None:
    node.decide("r", 3)
    node.recorder.logged["api", "l"] = 2
    assert node.reporting.next().is_empty
    assert {(one.rule, one.reason, one.action, one.checks) for one in node.told()} == {
        ("r", "rule", "block", 3),
        ("l", "logged", "log", 2),
    }
    assert node.told() == ()
    node.decide("r")
    assert [(one.rule, one.checks, one.minute) for one in node.told()] == [("r", 1, 120)]
    node.now = 185.5
    node.decide("r")
    node.recorder.logged["api", "l"] += 1
    assert {(one.rule, one.checks, one.minute) for one in node.told()} == {
        ("r", 1, 180),
        ("l", 1, 180),
    }


def test_checks_are_looked_at_again_when_all_was_told(node: _Node) -> None:
    for more in (3, 2):
        node.decide("r", more)
        node.reporting.count()
    assert [one.checks for one in node.reporting.next().counts] == [3]
    assert [one.checks for one in node.told()] == [2]


def test_what_only_metrics_tell_apart_is_told_together(node: _Node) -> None:
    node.decide("r")
    node.counts.cell(_decided("r"), CertificateSource.XFCC)[0] += 2

    assert [(one.rule, one.checks) for one in node.told()] == [("r", 3)]


def test_certificates_have_their_turn_now_and_then_and_at_the_end(node: _Node) -> None:
    node.decide(_decided("r", client=client()), 5)
    told = [node.reporting.next() for _ in range(CERTIFICATE_ROUNDS) if not node.reporting.count()]
    assert [len(one.certificates) for one in told] == [0] * (CERTIFICATE_ROUNDS - 1) + [1]
    assert told[-1].certificates[0].blocked == 5

    node.decide(_decided("r", client=client()))
    last: list[Report] = []
    Reporter(node.reporting, lambda _, report: last.append(report), acknowledged=False).stop()
    assert [one.blocked for report in last for one in report.certificates] == [1]


def test_a_report_fits_into_a_socket_whatever_there_is_to_tell(node: _Node) -> None:
    # Four bytes a character, and names that nobody has.
    long = "\N{GRINNING FACE}" * 1000
    ruling = Ruling(
        verdict=Verdict.DENY,
        reason=Reason.RULE,
        site=long,
        rule=long,
        action="block",
        logged=(long,) * 20,
    )
    for decision in (DENIED, Decision(ruling, UNJUDGED[False], detail=long)):
        for n in range(500):
            # As large as requests get, as many as fit.
            data = bytes(MAX_RECORDED_BYTES if n % 2 else 0)
            node.recorder.note(decision, b"A" * 20, n // 100, long.encode(), long.encode(), data)
    node.recorder._seen.extend((f"{n:064x}".encode(), 1.0) for n in range(5000))
    for n in range(1000):
        node.decide(_decided(f"{n}{long if n % 2 else ''}", site=long))
    for n in range(3000):
        node.counts._waiting[f"{n:064x}".encode()] = n, n, True
    node.certificates._waiting.extend(
        SeenCertificate(certificate=bytes(n), issuer=bytes(MAX_BYTES - n), anchor=b"", authority="")
        for n in range(0, 30_000, 1000)
    )
    node.reporting.count(last=True)  # with one `log` rule more
    sizes, events, counts, certificates, recorded, shown = [], 0, 0, 0, 0, 0
    while not (report := node.reporting.next()).is_empty:
        sizes.append(len(msgspec.msgpack.encode(Reported(number=1, report=report))))
        events += len(report.events)
        counts += len(report.counts)
        certificates += len(report.unanswered)
        recorded += sum(one.recorded is not None for one in report.events)
        shown += len(report.certificates)

    assert (events, counts, certificates, shown) == (1000, 1001, 30, 3000)
    assert recorded > 300
    # Half of what Linux gives a socket pair (net.core.wmem_default), at most.
    assert max(sizes) < 106_496


def test_what_there_is_to_tell_is_told_soon(
    node: _Node,
    reporter_of: Callable[..., tuple[Reporter, queue.SimpleQueue[tuple[int, Report]]]],
) -> None:
    reporter, told = reporter_of(acknowledged=False)
    reporter.start()
    node.deny()
    number, report = told.get(timeout=30)
    assert number == 1
    assert [event.rule for event in report.events] == ["r" * 100]
    node.deny(100)
    events = 0
    while events < 100:
        events += len(told.get(timeout=30)[1].events)
    assert events == 100


def test_who_does_not_listen_gets_one_report_and_holds_up_nothing(
    node: _Node,
    reporter_of: Callable[..., tuple[Reporter, queue.SimpleQueue[tuple[int, Report]]]],
) -> None:
    reporter, told = reporter_of(acknowledged=True)
    reporter.start()
    node.deny(100)
    number, _ = told.get(timeout=30)
    with pytest.raises(queue.Empty):
        told.get(timeout=0.1)
    node.deny(2000)
    assert node.recorder.dropped > 0
    reporter.heard(number)
    assert told.get(timeout=30)[0] == 2


def test_a_flood_is_told_in_part(node: _Node, monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[Report] = []

    def tell(_: int, report: Report) -> None:
        told.append(report)
        node.deny(100)

    node.deny(100)
    Reporter(node.reporting, tell, acknowledged=False)._round()
    assert len(told) == MAX_REPORTS


def test_when_nobody_hears_any_more_nothing_is_waited_for(
    node: _Node,
    reporter_of: Callable[..., tuple[Reporter, queue.SimpleQueue[tuple[int, Report]]]],
) -> None:
    reporter, told = reporter_of(acknowledged=True)
    node.deny()
    reporter.abandon()
    reporter.stop()
    assert told.empty()


def test_all_that_is_left_is_told_before_it_stops(node: _Node) -> None:
    told: list[Report] = []

    def hear(number: int, report: Report) -> None:
        told.append(report)
        reporter.heard(number)

    reporter = Reporter(node.reporting, hear, acknowledged=True)
    node.deny(1024)
    for n in range(500):
        node.decide(str(n))
    reporter.stop()
    reporter.stop()
    assert sum(len(report.events) for report in told) == 1024
    assert sum(len(report.counts) for report in told) == 500


def test_the_last_words_are_not_waited_for_long(
    node: _Node, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "FLUSH_SECONDS", 0.05)
    told: list[int] = []
    reporter = Reporter(node.reporting, lambda number, _: told.append(number), acknowledged=True)
    node.deny(100)
    reporter.stop()
    assert told == [1]


def test_a_defect_does_not_end_the_telling(
    node: _Node,
    reporter_of: Callable[..., tuple[Reporter, queue.SimpleQueue[tuple[int, Report]]]],
    capfd: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    reporter, told = reporter_of(acknowledged=False)
    answers = iter([ZeroDivisionError("a defect")])
    sums = node.counts.sums

    def broken_once() -> dict[Labels, int]:
        for error in answers:
            raise error
        return sums()

    monkeypatch.setattr(node.counts, "sums", broken_once)
    reporter.start()
    node.decide("r")
    assert told.get(timeout=30)[1].counts[0].checks == 1
    assert "a defect" in capfd.readouterr().err


def test_garbage_is_looked_for_now_and_then(
    reporter_of: Callable[..., tuple[Reporter, queue.SimpleQueue[tuple[int, Report]]]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    tidied: queue.SimpleQueue[bool] = queue.SimpleQueue()
    monkeypatch.setattr(module, "tidy", lambda: tidied.put(True))
    reporter, _ = reporter_of(acknowledged=False, tidy_seconds=0.02)
    reporter.start()
    assert tidied.get(timeout=30)


def test_one_process_and_a_supervisor_gather_the_same() -> None:
    def something(recorder: EventRecorder) -> Reporting:
        for n in range(100):
            recorder.note(DENIED, b"%020d" % n, float(n), b"h", b"/", b"")
        recorder.logged["api", "l"] = 7
        recorder._seen.append((b"f" * 64, 5.0))
        counts = CheckCounts()
        counts.cell(_decided("r"), CertificateSource.ENVOY)[0] += 3
        return Reporting(recorder, counts, SeenCertificates())

    alone, gathered = Activity(), Activity()
    Reporter(
        something(EventRecorder()), lambda _, report: alone.add(report), acknowledged=False
    ).stop()
    one, other = socket.socketpair()
    worker: Channel[ToWorker] = Channel(one, ToWorker)
    supervisor: Channel[ToSupervisor] = Channel(other, ToSupervisor)

    def over_the_channel(number: int, report: Report) -> None:
        worker.send(Reported(number=number, report=report))
        heard = supervisor.receive()
        assert isinstance(heard, Reported)
        gathered.add(heard.report)
        reporter.heard(heard.number)

    reporter = Reporter(something(EventRecorder()), over_the_channel, acknowledged=True)
    reporter.stop()
    worker.close()
    supervisor.close()

    assert len(alone.events(200)) == 100
    assert gathered.events(200) == alone.events(200)
    assert (
        gathered.rules()
        == alone.rules()
        == {
            Rule("api", "r", "block"): 3,
            Rule("api", "l", "log"): 7,
        }
    )
    assert gathered.last_seen("f" * 64) == alone.last_seen("f" * 64) == 5.0
