# SPDX-License-Identifier: Apache-2.0
"""A policy is loaded by a process of its own, whose end is nobody else's."""

from __future__ import annotations

import itertools
import signal
from pathlib import Path
from typing import TYPE_CHECKING

import psutil
import pytest

from tests.attack.report import scenario
from tests.integration.asking import PROTECTED, Asking
from tests.integration.harness import ALLOW_ALL, DENY_ALL, eventually

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.integration.harness import Client, Node

    Start = Callable[..., Node]
    Connect = Callable[[str], Client]

#: google.rpc.Code UNAUTHENTICATED: denied, and no certificate was presented.
DENIED = 16
FORMS = ["1", "2"]


def _long() -> str:
    """Takes long enough to load that something can happen meanwhile."""
    rules = "".join(
        f"      - {{expression: 'http.host eq \"{n}\"', action: log}}\n" for n in range(20_000)
    )
    return f'sites:\n  - name: api\n    hosts: ["*"]\n    rules:\n{rules}'


def _modules(process: psutil.Process) -> set[str]:
    """The libraries that a process has mapped: what it has imported of compiled code."""
    return {one.path for one in process.memory_maps()}


@pytest.mark.attack
@pytest.mark.parametrize("workers", FORMS)
@scenario("faults", "a loader that is killed")
def test_a_loader_that_dies_changes_nothing_and_is_counted(
    start: Start, client: Connect, workers: str
) -> None:
    node = start("--workers", workers).until_serving()
    asking = client(node.addresses[0])

    node.rewrite(_long())
    eventually(lambda: bool(node.loaders()), "the changed policy is being loaded")
    node.loaders()[0].kill()

    failed = node.until_logged("the policy cannot be used; the last good one stays")
    assert "SIGKILL" in failed["reason"]
    assert failed["generation"] == 1
    assert "memory" in failed["hint"]
    assert asking.ask() == 0
    assert node.metric("authz_reload_failures_total", kind="loader") == 1

    node.rewrite(DENY_ALL)
    eventually(lambda: asking.ask() == DENIED, "the next policy is loaded")


def test_a_loader_that_dies_at_first_ends_the_command_with_status_2(start: Start) -> None:
    node = start(policy=_long())
    started = psutil.Process(node.process.pid)
    # It has the metrics address once it knows the settings, and asks for the policy next.
    eventually(lambda: bool(started.net_connections("tcp")), "the metrics address is taken")
    [loader] = started.children()
    loader.kill()

    assert node.wait() == 2
    assert "ended without an answer (killed by SIGKILL)" in node.log
    assert "Traceback" not in node.log


def test_what_loads_is_gone_and_what_answers_has_none_of_it(start: Start) -> None:
    node = start().until_serving()
    eventually(lambda: not psutil.Process(node.process.pid).children(), "the loader is gone")

    mapped = _modules(psutil.Process(node.process.pid))
    assert any("cryptography" in path for path in mapped)
    assert not [path for path in mapped if "pydantic" in path or "yaml" in path]


def test_a_supervisor_has_nothing_of_what_answers_either(start: Start) -> None:
    node = start("--workers", "2").until_serving()

    mapped = _modules(psutil.Process(node.process.pid))
    assert not [
        path
        for path in mapped
        if any(name in path for name in ("pydantic", "yaml", "cryptography", "pygrpc"))
    ]


def test_the_process_that_was_started_is_the_one_that_answers(start: Start) -> None:
    node = start().until_serving()
    command = psutil.Process(node.process.pid).cmdline()

    assert command[command.index("authz") :][:2] == ["authz", "serve"]
    assert all(line["pid"] == node.process.pid for line in node.events("policy loaded"))


def _is_everywhere(node: Node, generation: int) -> bool:
    workers = range(max(1, len(node.workers())))
    found = [node.metric("authz_snapshot_generation", worker=str(worker)) for worker in workers]
    return found == [generation] * len(workers)


@pytest.mark.parametrize("workers", FORMS)
@pytest.mark.attack
@scenario("faults", "no disk that can be written to, and a change of the policy")
def test_without_a_disk_to_write_to_it_serves_all_the_same(
    start: Start, client: Connect, tmp_path: Path, workers: str
) -> None:
    (tmp_path / "file").write_text("no directory")
    data = str(tmp_path / "file" / "data")
    node = start("--data-dir", data, "--workers", workers, policy=DENY_ALL)
    node.until_serving()
    asked = client(node.addresses[0])
    assert asked.ask() == DENIED

    node.rewrite(PROTECTED)
    eventually(lambda: asked.ask() == 0, "the new policy answers")
    eventually(lambda: _is_everywhere(node, 2), "every worker has it")
    with Asking(node.addresses[0], says="no disk that can be written to") as asking:
        asking.more()
    [warning] = node.events(
        "the data directory cannot be written to; a temporary one is used instead"
    )
    assert Path(warning["temporary"]).is_dir()
    node.signal(signal.SIGTERM)
    assert node.wait() == 0
    assert not Path(warning["temporary"]).exists()


def test_generations_go_on_after_a_restart_of_one_process(start: Start) -> None:
    first = start()
    assert first.until_logged("serving")["generation"] == 1
    first.signal(signal.SIGTERM)
    assert first.wait() == 0
    second = start("--data-dir", str(first.data), policy=ALLOW_ALL)
    assert second.until_logged("serving")["generation"] == 2


def test_a_policy_that_is_replaced_all_the_time_is_put_in_force_all_the_same(
    start: Start,
) -> None:
    """It never is the same file for as long as a file must keep still."""
    node = start().until_serving()
    numbers = itertools.count()

    def three_more() -> bool:
        node.rewrite(f"# {next(numbers)}\n{ALLOW_ALL}")
        return node.metric("authz_snapshot_generation", worker="0") >= 4

    eventually(three_more, "three more generations")
