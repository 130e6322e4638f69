# SPDX-License-Identifier: Apache-2.0
"""What is handed to the SDK is counted, whatever becomes of it; and the SDK says it in our log."""

from __future__ import annotations

import json
import logging
import threading
from typing import TYPE_CHECKING, Any

import pytest
from opentelemetry.trace import get_current_span

from authz.observability.otel import Handed, context_of, resource_of, tame_logging
from authz.observability.trace_context import TraceContext

if TYPE_CHECKING:
    from collections.abc import Iterator

DONE, FAILED = object(), object()


class Exporter:
    """Answers what it is told to; an exception is raised."""

    def __init__(self, answer: object) -> None:
        self.answer = answer
        self.batches: list[Any] = []
        self.closed = False

    def export(self, batch: Any) -> object:
        self.batches.append(batch)
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer

    def shutdown(self) -> None:
        self.closed = True


def handed(answer: object = DONE, room: int = 4) -> tuple[Handed, Exporter]:
    exporter = Exporter(answer)
    return Handed(exporter, success=DONE, failure=FAILED, what="things", room=room), exporter


def begin(found: Handed, many: int) -> None:
    for _ in range(many):
        if found.has_room():
            found.begun()


def test_what_is_taken_is_exported_and_makes_room() -> None:
    found, exporter = handed()
    begin(found, 6)
    assert (found.waiting, found.counts()) == (4, {"queue": 2})

    assert found.export(("a", "b", "c", "d")) is DONE
    assert exporter.batches == [("a", "b", "c", "d")]
    assert (found.exported, found.waiting) == (4, 0)
    assert found.has_room()


@pytest.mark.parametrize("answer", [FAILED, ValueError("broken")])
def test_what_is_refused_is_lost_and_said_once(
    answer: object, capsys: pytest.CaptureFixture[str]
) -> None:
    found, _ = handed(answer)
    begin(found, 3)
    assert found.export(("a", "b")) is FAILED
    assert found.export(("c",)) is FAILED

    assert (found.exported, found.counts(), found.waiting) == (0, {"export": 3}, 0)
    [said] = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    assert said["event"] == "things could not be exported"
    assert said["many"] == 2


def test_the_end_takes_what_is_left_along() -> None:
    found, exporter = handed()
    begin(found, 2)

    def shutdown() -> None:
        found.export(("a", "b"))
        found.shutdown()

    found.begin_to_end(shutdown)
    # Once: whoever begins first does.
    found.begin_to_end(lambda: pytest.fail("it ends twice"))
    found.end(10)

    assert (found.exported, found.counts(), exporter.closed) == (2, {}, True)


def test_the_end_waits_for_nobody_and_counts_what_it_leaves() -> None:
    found, _ = handed()
    begin(found, 2)
    go_on = threading.Event()
    found.begin_to_end(lambda: go_on.wait(60))
    found.end(0.01)
    go_on.set()

    assert found.counts() == {"shutdown": 2}


@pytest.mark.parametrize("sampled", [True, False])
def test_a_context_is_that_of_the_span(sampled: bool) -> None:
    context = context_of(TraceContext("ab" * 16, "cd" * 8, sampled=sampled))

    span = get_current_span(context).get_span_context()
    assert (span.trace_id, span.span_id) == (int("ab" * 16, 16), int("cd" * 8, 16))
    assert (span.trace_flags.sampled, span.is_remote) == (sampled, True)
    assert context_of(None) is None


def test_the_environment_names_the_service(monkeypatch: pytest.MonkeyPatch) -> None:
    assert resource_of("3").attributes["service.name"] == "envoy-mtls-authz"
    assert resource_of("3").attributes["service.instance.id"] == "3"
    monkeypatch.setenv("OTEL_RESOURCE_ATTRIBUTES", "service.instance.id=pod-7,service.name=gate")

    assert resource_of("3").attributes["service.name"] == "gate"
    assert resource_of("3").attributes["service.instance.id"] == "pod-7"


@pytest.fixture
def sdk() -> Iterator[logging.Logger]:
    logger = logging.getLogger("opentelemetry")
    before = logger.propagate, list(logger.handlers)
    logger.handlers = []
    yield logger
    logger.propagate, logger.handlers = before


def test_the_sdk_says_errors_in_our_log_and_not_each(
    sdk: logging.Logger, capsys: pytest.CaptureFixture[str]
) -> None:
    tame_logging()
    tame_logging()
    sdk.warning("not this")
    sdk.error("lost %s", "it")
    sdk.error("and again")

    [said] = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    assert (said["event"], said["said"], said["level"]) == (
        *("OpenTelemetry says", "lost it"),
        "warning",
    )
