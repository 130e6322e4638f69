# SPDX-License-Identifier: Apache-2.0
"""The service's own log as log records: of each process, and with a collector that takes none.

The receiver decodes OTLP.
"""

from __future__ import annotations

import json
import signal
import time
from collections import defaultdict
from typing import TYPE_CHECKING, Any

import grpc
import pytest
import yaml

from authz import __version__
from authz.demo.scenario import policy_yaml
from authz.demo.stack import start_authz
from tests.e2e.harness import eventually, start_stack
from tests.factories.accepted import followed
from tests.factories.otlp import Collector, attributes_of
from tests.factories.pages import fenced

if TYPE_CHECKING:
    from pathlib import Path

    from authz.demo.credentials import Credentials
    from authz.demo.processes import Children
    from authz.demo.stack import Authz
    from authz.demo.upstream import Upstream

#: Two seconds for Envoy to notice, two for checks under way, two for whoever takes the last lines,
#: and once more for a machine that is busy.
END_SECONDS = 9

PAGE = "how-to/collect-the-log.md"

LOST = "authz_log_records_dropped_total"


def otlp(collector: Collector) -> dict[str, Any]:
    """What the page says, with this collector's address."""
    [settings] = fenced(PAGE, "yaml")
    section: dict[str, Any] = yaml.safe_load(settings)["log"]["otlp"]
    return section | {"endpoint": collector.endpoint}


def lines(authz: Authz) -> list[dict[str, Any]]:
    """What is on standard error."""
    return [json.loads(text) for text in authz.child.log.read_text().splitlines()]


def by_process(collector: Collector) -> dict[str, list[str]]:
    """Events that arrived, by the process that logged them."""
    found = defaultdict(list)
    for process, record in collector.told():
        found[process].append(record.event_name)
    return found


def end(authz: Authz, seconds: float = END_SECONDS) -> float:
    """End it; how long that took."""
    began = time.monotonic()
    authz.child.send_signal(signal.SIGTERM)
    assert authz.child.wait(seconds) == 0
    return time.monotonic() - began


@pytest.mark.deploy
def test_one_process_sends_what_is_on_standard_error(
    children: Children,
    credentials: Credentials,
    upstream: Upstream,
    transport: str,
    collector: Collector,
) -> None:
    stack = start_stack(
        children,
        credentials,
        policy_yaml(credentials),
        upstream=upstream,
        transport=transport,
        settings={"log": {"otlp": otlp(collector)}},
    )
    assert stack.get("api.localhost", "/", "valid").status == 200
    collector.wait(lambda: "serving" in by_process(collector)["0"], "it serves")
    eventually(lambda: stack.authz.metric("authz_log_records_exported_total") > 0, "it is counted")
    assert stack.authz.metric(LOST) == 0
    end(stack.authz)

    # All of them, in their order, to the last one.
    said = lines(stack.authz)
    assert by_process(collector) == {"0": [one["event"] for one in said]}
    assert said[-1]["event"] == "stopped"
    [serving] = [one for _, one in collector.told() if one.event_name == "serving"]
    assert serving.severity_text == "INFO"
    found = attributes_of(serving)
    assert found["authz.log.transport"] == transport
    assert found["authz.log.addresses"] == list(stack.authz.grpc)
    followed(PAGE, f"authz {__version__}", f"its settings, {transport}: each line is a record")


def test_each_process_of_a_node_sends_its_own(
    children: Children, tmp_path: Path, transport: str, collector: Collector
) -> None:
    authz = start_authz(
        children,
        tmp_path,
        {
            "grpc": {"transport": transport},
            "sds": {"enabled": True, "listen": "127.0.0.1:0"},
            "admin": {"enabled": True, "listen": "127.0.0.1:0"},
            "log": {"level": "debug", "otlp": otlp(collector)},
        },
    )
    expected = {"supervisor", "api"}
    collector.wait(lambda: expected <= by_process(collector).keys(), "each says something")
    end(authz, 20)

    found = by_process(collector)
    assert found["supervisor"][-1] == "stopped"
    # What the node says on standard error is what arrived, whoever said it.
    arrived = sorted(event for events in found.values() for event in events)
    assert arrived == sorted(one["event"] for one in lines(authz))


@pytest.mark.parametrize("trouble", ["gone", "refuses", "hangs"])
def test_a_collector_that_takes_none_changes_no_answer_and_is_waited_for_once(
    children: Children,
    credentials: Credentials,
    upstream: Upstream,
    transport: str,
    collector: Collector,
    trouble: str,
) -> None:
    if trouble == "gone":
        with Collector() as collector:
            pass
    elif trouble == "refuses":
        collector.refuse = grpc.StatusCode.PERMISSION_DENIED
    else:
        collector.hold.clear()
    stack = start_stack(
        children,
        credentials,
        policy_yaml(credentials),
        upstream=upstream,
        transport=transport,
        # All three, to one who takes none of them.
        settings={
            "log": {"otlp": otlp(collector)},
            "tracing": otlp(collector),
            "decision_log": {"enabled": True, "path": None, "otlp": otlp(collector)},
        },
    )
    for _ in range(20):
        assert stack.get("api.localhost", "/", "valid").status == 200
        assert stack.get("api.localhost", "/").status == 403
    eventually(lambda: stack.authz.metric(LOST, why="export") > 0, "loss")
    stack.get("api.localhost", "/", "valid")

    assert end(stack.authz) < END_SECONDS
    said = [one["event"] for one in lines(stack.authz)]
    assert {"serving", "draining", "stopped"} <= set(said)
    assert "lines of the log could not be exported" in said
    assert collector.told() == []
