# SPDX-License-Identifier: Apache-2.0
"""`authz serve` as one process: start, reload, drain, on both transports."""

from __future__ import annotations

import json
import signal
import socket
from typing import TYPE_CHECKING

import pytest

from authz.node.snapshot_file import KEPT, write_snapshot
from authz.policy.model import PolicyModel
from tests.integration.harness import ALLOW_ALL, BROKEN, DENY_ALL, eventually

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.integration.harness import Client, Node

    Start = Callable[..., Node]
    Connect = Callable[[str], Client]

#: google.rpc.Code UNAUTHENTICATED: denied, and no certificate was presented.
DENIED = 16


@pytest.fixture(params=["native", "grpcio"])
def transport(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def test_it_answers_is_ready_and_drains(start: Start, client: Connect, transport: str) -> None:
    node = start("--transport", transport).until_serving()
    asking = client(node.addresses[0])

    assert asking.ask() == 0
    assert asking.is_serving()
    assert node.get("/healthz") == (200, "alive\n")
    assert node.get("/readyz") == (200, "ready\n")
    assert node.workers() == []
    assert node.metric("authz_checks_total", verdict="allow") == 1
    assert node.metric("authz_transport_info", worker="0", transport=transport) == 1
    assert node.metric("authz_worker_resident_memory_bytes", worker="0") > 1e6

    node.signal(signal.SIGTERM)
    node.until_logged("draining")
    eventually(lambda: not asking.is_serving(), "health says NOT_SERVING")
    # Envoy may not have noticed yet: whoever still comes is answered.
    assert asking.ask() == 0
    assert node.get("/readyz") == (503, "draining\n")
    assert node.wait() == 0
    assert node.events("stopped")


def test_the_snapshot_in_force_stays_whatever_another_process_writes(start: Start) -> None:
    node = start().until_serving()
    [file] = (node.data / "snapshots").iterdir()
    for generation in range(2, KEPT + 3):
        write_snapshot(node.data / "snapshots", PolicyModel(sites=()), generation, 0.0)
    assert file.exists()
    node.signal(signal.SIGTERM)
    assert node.wait() == 0
    write_snapshot(node.data / "snapshots", PolicyModel(sites=()), 20, 0.0)
    assert not file.exists()


def test_the_start_line_says_what_runs(start: Start) -> None:
    node = start()
    serving = node.until_logged("serving")
    written = json.loads((node.data / "addresses.json").read_text())

    assert serving["generation"] == 1
    assert serving["workers"] == 1
    assert serving["policy"] == str(node.policy)
    assert serving["transport"] == "native"
    assert serving["why"]
    assert not serving["addresses"][0].endswith(":0")
    assert written["grpc"] == serving["addresses"]
    assert written["metrics"] == serving["metrics"]
    assert written["pid"] == node.process.pid

    node.signal(signal.SIGINT)
    assert node.wait() == 0
    assert not (node.data / "addresses.json").exists()


def test_without_a_store_there_is_no_api_and_whoever_asked_for_it_is_told(start: Start) -> None:
    node = start("--admin", "127.0.0.1:0").until_serving()
    said = "the API is not served: without a store there is nothing to manage"
    [warning] = node.events(said)
    assert warning["level"] == "warning"
    assert "store: on" in warning["hint"]
    assert node.events("serving")[0]["admin"] is None
    assert node.children() == [], "it is one process all the same"


def test_it_serves_on_a_unix_socket_without_metrics(
    start: Start, client: Connect, transport: str, tmp_path: Path
) -> None:
    node = start(
        *("--grpc", f"unix:{tmp_path}/a.sock", "--metrics", "off", "--transport", transport)
    ).until_serving()

    assert node.addresses == [f"unix:{tmp_path}/a.sock"]
    assert client(node.addresses[0]).ask() == 0
    node.signal(signal.SIGTERM)
    assert node.wait() == 0
    assert not (tmp_path / "a.sock").exists()


def test_a_policy_that_is_wrong_at_first_ends_it_with_status_2(start: Start) -> None:
    node = start(policy=BROKEN)
    assert node.wait() == 2
    assert "policy.yaml:1" in node.log
    assert "maybe" in node.log
    assert "Traceback" not in node.log


def test_good_bad_good_each_counts_only_when_it_is_good(start: Start, client: Connect) -> None:
    node = start().until_serving()
    asking = client(node.addresses[0])

    def failures() -> float:
        return node.metric("authz_reload_failures_total", kind="policy")

    node.rewrite(DENY_ALL)
    eventually(lambda: asking.ask() == DENIED, "the new policy answers")
    assert node.metric("authz_snapshot_generation", worker="0") == 2

    node.rewrite(BROKEN)
    failed = node.until_logged("the policy cannot be used; the last good one stays")
    assert failed["generation"] == 2
    assert "maybe" in failed["reason"]
    assert asking.ask() == DENIED
    assert failures() == 1
    assert node.get("/readyz")[0] == 200

    node.rewrite(ALLOW_ALL)
    eventually(lambda: asking.ask() == 0, "the mended policy answers")
    assert node.metric("authz_snapshot_generation", worker="0") == 3
    # The broken content was tried once, however often the files were looked at.
    assert failures() == 1


def test_a_change_in_a_file_that_the_policy_names_counts(
    start: Start, client: Connect, tmp_path: Path
) -> None:
    blocked = tmp_path / "blocked.txt"
    blocked.write_text("192.0.2.1\n")
    policy = f"""
sites:
  - name: api
    hosts: ["*"]
    rules: [{{expression: ip.src in $blocked, action: block}}]
lists: {{blocked: {{kind: ip, items_file: {blocked}}}}}
"""
    node = start(policy=policy).until_serving()
    asking = client(node.addresses[0])
    assert asking.ask() == 0
    blocked.write_text("198.51.100.7\n")
    eventually(lambda: asking.ask() == DENIED, "the new list answers")
    blocked.unlink()
    node.until_logged("the policy cannot be used; the last good one stays")
    assert asking.ask() == DENIED


def test_sighup_loads_again_now(start: Start) -> None:
    node = start().until_serving()
    node.signal(signal.SIGHUP)
    loaded = node.until_logged("policy loaded")
    assert loaded["generation"] == 2


def test_a_signal_for_workers_does_not_end_it(start: Start) -> None:
    node = start().until_serving()
    node.signal(signal.SIGUSR2)
    node.signal(signal.SIGHUP)
    node.until_logged("policy loaded")


def test_the_second_stop_signal_ends_it_at_once(start: Start) -> None:
    node = start().until_serving()
    node.signal(signal.SIGTERM)
    node.until_logged("draining")
    node.signal(signal.SIGTERM)
    assert node.wait() == 128 + signal.SIGTERM
    assert not node.events("stopped")


def test_a_stop_signal_during_the_start_ends_it_with_status_0(start: Start) -> None:
    # Long enough to compile that the signal arrives in the middle.
    rules = "".join(
        f"      - {{expression: 'http.host eq \"{n}\"', action: log}}\n" for n in range(20_000)
    )
    policy = f'sites:\n  - name: api\n    hosts: ["*"]\n    rules:\n{rules}'
    node = start(policy=policy)
    # The metrics address is taken after the signal handlers are in place, before the policy.
    listening = _psutil_listening(node)
    eventually(listening, "the metrics address is taken")
    node.signal(signal.SIGTERM)
    assert node.wait() == 0
    assert not node.events("serving")


def _psutil_listening(node: Node) -> Callable[[], bool]:
    import psutil

    process = psutil.Process(node.process.pid)
    return lambda: bool(process.net_connections("tcp"))


def test_an_address_for_checks_that_is_taken_is_named(start: Start, transport: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        node = start("--grpc", address, "--transport", transport)
        assert node.wait() == 2
    assert address in node.log
    assert "hint:" in node.log
    assert "Traceback" not in node.log


def test_an_address_for_metrics_that_is_taken_is_named(start: Start) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        node = start("--metrics", address)
        assert node.wait() == 2
    assert f"{address}: cannot listen for metrics" in node.log
    assert "--metrics" in node.log


def test_two_nodes_do_not_share_a_port_unnoticed(start: Start, transport: str) -> None:
    first = start("--transport", transport).until_serving()
    second = start("--transport", transport, "--grpc", first.addresses[0])
    assert second.wait() == 2
