# SPDX-License-Identifier: Apache-2.0
"""From when a process knows its settings to its end, its log goes to a collector as well."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING

import pytest

from authz.errors import SettingsError
from authz.node.log_export import Ending, end_log, export_log, export_log_if_possible
from authz.node.messages import LogOtlpConfig
from authz.observability.log import get_logger, hand_to, handed_on
from tests.factories.otlp import Collector

if TYPE_CHECKING:
    from collections.abc import Iterator

REFUSED = "OTEL_BLRP_MAX_EXPORT_BATCH_SIZE"


@pytest.fixture(autouse=True)
def _as_it_was() -> Iterator[None]:
    yield
    hand_to(None)


def test_where_nobody_asks_for_it_nothing_is_handed_on() -> None:
    export_log(None, "0")
    get_logger().info("seen")
    end_log()

    assert handed_on() == {}


def test_a_process_sends_its_lines_as_itself_and_the_last_ones_too() -> None:
    with Collector() as collector:
        export_log(LogOtlpConfig(endpoint=collector.endpoint), "supervisor")
        get_logger().info("begun")
        get_logger().info("ended")
        end_log()

    assert [one.event_name for one in collector.records()] == ["begun", "ended"]
    assert {one["service.instance.id"] for one in collector.resources} == {"supervisor"}
    # What comes later is lost, and nobody waits for it a second time.
    get_logger().info("too late")
    end_log()
    assert handed_on() == {"exported": 2, "shutdown": 1}


def test_an_environment_that_opentelemetry_refuses_is_an_error_that_says_so(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv(REFUSED, "100000")
    with pytest.raises(SettingsError, match="log records cannot be made") as found:
        export_log(LogOtlpConfig(), "0")
    assert found.value.where == "log.otlp"
    assert "OTEL_" in (found.value.hint or "")

    # Of a process that has better to do, it is a line.
    export_log_if_possible(LogOtlpConfig(), "control")
    [said] = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    assert (said["event"], said["level"]) == ("the log is not exported", "error")
    assert handed_on() == {}


def test_a_bound_begins_with_the_first_question() -> None:
    at = [100.0]
    ending = Ending(2.0, clock=lambda: at[0])
    at[0] = 200.0

    assert ending.left() == 2.0
    at[0] = 201.5
    assert ending.left() == 0.5
    at[0] = 300.0
    assert ending.left() == 0.0


def test_a_collector_that_hangs_is_waited_for_no_longer_than_is_left() -> None:
    with Collector() as collector:
        collector.hold.clear()
        export_log(LogOtlpConfig(endpoint=collector.endpoint), "0")
        get_logger().info("seen")
        began = time.monotonic()
        end_log(Ending(0.2))

        assert time.monotonic() - began < 2
        assert handed_on() == {"exported": 0, "shutdown": 1}
