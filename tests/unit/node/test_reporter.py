# SPDX-License-Identifier: Apache-2.0
"""Everything is told once, in small pieces, and never to somebody who does not listen."""

from __future__ import annotations

import queue
from typing import TYPE_CHECKING

import msgspec
import pytest

from authz.node import reporter as module
from authz.node.messages import Reported
from authz.node.reporter import MAX_REPORTS, Reporter, Reporting
from authz.observability.activity import Report, Rule
from authz.observability.events import EventRecorder
from authz.policy.decision import UNJUDGED, Decision, Reason, Ruling, Verdict

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

DENIED = Decision(
    Ruling(
        verdict=Verdict.DENY, reason=Reason.RULE, site="s" * 100, rule="r" * 100, action="block"
    ),
    UNJUDGED[False],
    detail="d" * 1000,
)


class _Node:
    """Something to report, and who reports it."""

    def __init__(self) -> None:
        self.recorder = EventRecorder()
        self.decided: dict[Rule, int] = {}
        self.reporting = Reporting(self.recorder, lambda: self.decided)

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


def test_rules_are_told_by_how_much_more_they_did(node: _Node) -> None:
    node.decided[Rule("api", "r", "block")] = 3
    node.recorder.logged["api", "l"] = 2
    assert {(one.rule, one.action, one.checks) for one in node.reporting.next().rules} == {
        ("r", "block", 3),
        ("l", "log", 2),
    }
    assert node.reporting.next().is_empty
    node.decided[Rule("api", "r", "block")] = 4
    assert [(one.rule, one.checks) for one in node.reporting.next().rules] == [("r", 1)]


def test_a_report_fits_into_a_socket_whatever_there_is_to_tell(node: _Node) -> None:
    node.deny(1000)
    node.recorder._seen.extend((f"{n:064x}".encode(), 1.0) for n in range(5000))
    for n in range(1000):
        node.decided[Rule("s" * 100, f"{n}" + "r" * 100, "block")] = 1
    sizes = []
    while not (report := node.reporting.next()).is_empty:
        sizes.append(len(msgspec.msgpack.encode(Reported(number=1, report=report))))

    assert len(sizes) == 25
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


def test_the_last_word_is_told_when_it_stops(
    node: _Node,
    reporter_of: Callable[..., tuple[Reporter, queue.SimpleQueue[tuple[int, Report]]]],
) -> None:
    reporter, told = reporter_of(acknowledged=True)
    node.deny()
    reporter.stop()
    assert len(told.get(timeout=30)[1].events) == 1
    reporter.stop()
    assert told.empty()


def test_a_defect_does_not_end_the_telling(
    node: _Node,
    reporter_of: Callable[..., tuple[Reporter, queue.SimpleQueue[tuple[int, Report]]]],
    capfd: pytest.CaptureFixture[str],
) -> None:
    reporter, told = reporter_of(acknowledged=False)
    answers = iter([ZeroDivisionError("a defect")])
    decided = node.reporting._decided

    def broken_once() -> dict[Rule, int]:
        for error in answers:
            raise error
        return dict(decided())

    node.reporting._decided = broken_once
    reporter.start()
    node.decided[Rule("api", "r", "block")] = 1
    assert told.get(timeout=30)[1].rules[0].checks == 1
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
