# SPDX-License-Identifier: Apache-2.0
"""What a worker does with what its supervisor says."""

from __future__ import annotations

import queue
import socket
import subprocess
import sys
import threading
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import grpc
import pytest

from authz.extauthz.transport import CHECK
from authz.node.channel import Channel
from authz.node.messages import (
    Collect,
    Configure,
    Drain,
    EndpointConfig,
    Export,
    Heard,
    Load,
    Loaded,
    LoadFailed,
    Ready,
    Reported,
    StartFailed,
    ToSupervisor,
    ToWorker,
    TracingConfig,
)
from authz.node.section_files import DIRECTORY
from authz.node.snapshot_file import write_snapshot
from authz.node.worker import EXIT_CONFIGURATION, Worker
from authz.policy.model import Action, DefaultAction, PolicyModel
from authz.rules.lists import ListKind, ListModel, pack_list
from tests.factories.checks import check_request
from tests.factories.pki import AT
from tests.factories.policies import rule, site

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

GOOD = PolicyModel(sites=(site(),))


def _configure(**endpoint: Any) -> Configure:
    return Configure(
        index=3,
        endpoint=EndpointConfig(**{"listen": "127.0.0.1:0", **endpoint}),
        log_format="json",
        log_level="error",
        drain_seconds=0.0,
        grace_seconds=0.1,
    )


class _Talk:
    """The supervisor's end of a worker that runs in a thread."""

    def __init__(self, **endpoint: Any) -> None:
        ours, theirs = socket.socketpair()
        self.channel: Channel[ToSupervisor] = Channel(ours, ToSupervisor)
        self._theirs: Channel[ToWorker] = Channel(theirs, ToWorker)
        self.status: int | None = None
        self.worker = Worker(self._theirs, _configure(**endpoint), queue.SimpleQueue())
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self) -> None:
        self.status = self.worker.run()

    def join(self) -> int | None:
        self._thread.join(10)
        assert not self._thread.is_alive()
        return self.status

    def close(self) -> None:
        self.channel.shutdown()
        self.join()
        self.channel.close()
        self._theirs.close()


@pytest.fixture
def talk() -> Iterator[Callable[..., _Talk]]:
    made: list[_Talk] = []

    def _talk(**endpoint: Any) -> _Talk:
        made.append(_Talk(**endpoint))
        return made[-1]

    yield _talk
    for one in made:
        one.close()


def _load(directory: Path, generation: int, model: PolicyModel = GOOD) -> Load:
    return Load(generation=generation, file=str(write_snapshot(directory, model, generation, AT)))


def test_it_loads_then_serves_then_says_so(talk: Callable[..., _Talk], tmp_path: Path) -> None:
    one = talk()
    one.channel.send(_load(tmp_path, 4))
    loaded, ready = one.channel.receive(), one.channel.receive()
    assert isinstance(loaded, Loaded)
    assert loaded.generation == 4
    assert isinstance(ready, Ready)
    assert ready.transport == "native"
    assert not ready.address.endswith(":0")


def test_later_generations_are_loaded_without_another_start(
    talk: Callable[..., _Talk], tmp_path: Path
) -> None:
    one = talk()
    one.channel.send(_load(tmp_path, 1))
    kinds = [type(one.channel.receive()) for _ in range(2)]
    one.channel.send(_load(tmp_path, 2))
    kinds.append(type(one.channel.receive()))
    assert kinds == [Loaded, Ready, Loaded]


def test_of_several_snapshots_that_wait_the_last_one_is_loaded(
    talk: Callable[..., _Talk], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The files of the others may be gone: three are kept."""
    one = talk()
    loading, go_on = threading.Event(), threading.Event()
    real = one.worker._installer.install

    def install(*given: Any) -> Any:
        loading.set()
        assert go_on.wait(10)
        return real(*given)

    monkeypatch.setattr(one.worker._installer, "install", install)
    one.channel.send(_load(tmp_path, 1))
    assert loading.wait(10)
    for generation in (2, 3):
        one.channel.send(_load(tmp_path, generation))
    # The answer to this comes from the thread that reads: the orders before it have been read.
    one.channel.send(Collect(number=1))
    assert isinstance(one.channel.receive(), Export)
    go_on.set()

    said = [one.channel.receive() for _ in range(3)]
    assert [type(message) for message in said] == [Loaded, Ready, Loaded]
    assert isinstance(said[2], Loaded)
    assert said[2].generation == 3


def test_what_two_generations_share_is_mapped_once(
    talk: Callable[..., _Talk], tmp_path: Path
) -> None:
    items = tuple(f"agent {number}" for number in range(9000))
    agents = pack_list(ListModel(name="agents", kind=ListKind.STRING, items=items))
    model = replace(GOOD, lists=(agents,))
    one = talk()
    first, second = _load(tmp_path, 1, model), _load(tmp_path, 2, model)
    one.channel.send(first)
    said = [one.channel.receive() for _ in range(2)]
    # Whoever has it does not look for it again.
    (section,) = (tmp_path / DIRECTORY).iterdir()
    section.unlink()
    one.channel.send(second)
    said.append(one.channel.receive())
    assert [type(message) for message in said] == [Loaded, Ready, Loaded]


def test_metrics_are_sent_under_the_number_that_asked(
    talk: Callable[..., _Talk], tmp_path: Path
) -> None:
    one = talk()
    one.channel.send(Collect(number=17))
    export = one.channel.receive()
    assert isinstance(export, Export)
    assert export.number == 17
    assert export.metrics["worker"] == "3"


def test_a_damaged_file_leaves_what_was_there(talk: Callable[..., _Talk], tmp_path: Path) -> None:
    one = talk()
    first, second = _load(tmp_path, 1), _load(tmp_path, 2)
    (tmp_path / "other").write_bytes(b"damaged")
    damaged = Load(generation=3, file=str(tmp_path / "other"))
    said = []
    for order, answers in ((damaged, 1), (first, 2), (damaged, 1), (second, 1)):
        one.channel.send(order)
        said += [one.channel.receive() for _ in range(answers)]
    assert [type(message) for message in said] == [LoadFailed, Loaded, Ready, LoadFailed, Loaded]
    kept = [message.kept for message in said if isinstance(message, LoadFailed)]
    assert kept == [0, 1]
    one.channel.send(Collect(number=1))
    export = one.channel.receive()
    assert isinstance(export, Export)
    assert export.metrics["reload_failures"] == [["snapshot", 2]]


def test_a_model_that_does_not_compile_leaves_what_was_there(
    talk: Callable[..., _Talk], tmp_path: Path
) -> None:
    # Only another version of the program could have written it.
    one = talk()
    bad = PolicyModel(sites=(site(rule("http.hots", action=Action.BLOCK)),))
    one.channel.send(_load(tmp_path, 1, bad))
    said = one.channel.receive()
    assert isinstance(said, LoadFailed)
    assert "http.hots" in said.message


def test_drain_is_followed_by_the_last_numbers_and_status_0(
    talk: Callable[..., _Talk], tmp_path: Path
) -> None:
    one = talk()
    one.channel.send(_load(tmp_path, 1))
    one.channel.send(Drain())
    said = [one.channel.receive() for _ in range(3)]
    assert [type(message) for message in said] == [Loaded, Ready, Export]
    assert one.join() == 0


def test_denials_are_told_and_told_again_once_they_were_heard(
    talk: Callable[..., _Talk], tmp_path: Path
) -> None:
    one = talk()
    closed = PolicyModel(sites=(site(default_action=DefaultAction.BLOCK),))
    one.channel.send(_load(tmp_path, 1, closed))
    loaded, ready = one.channel.receive(), one.channel.receive()
    assert isinstance(loaded, Loaded)
    assert isinstance(ready, Ready)
    with grpc.insecure_channel(ready.address) as channel:
        ask = channel.unary_unary(CHECK, None, None)
        for number in (1, 2):
            ask(check_request().SerializeToString(), timeout=10, wait_for_ready=True)
            said = one.channel.receive()
            assert isinstance(said, Reported)
            assert said.number == number
            [event] = said.report.events
            assert (event.reason, event.host, event.path) == (
                "default_action",
                "api.example.com",
                "/orders",
            )
            assert event.client_ip == "198.51.100.7"
            one.channel.send(Heard(number=number))


def test_the_end_of_the_supervisor_is_an_order_to_drain(talk: Callable[..., _Talk]) -> None:
    one = talk()
    one.channel.shutdown()
    assert one.join() == 0


def test_an_address_that_cannot_be_used_is_reported_with_its_hint(
    talk: Callable[..., _Talk], tmp_path: Path
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        one = talk(listen=f"127.0.0.1:{taken.getsockname()[1]}")
        one.channel.send(_load(tmp_path, 1))
        loaded, failed = one.channel.receive(), one.channel.receive()
    assert isinstance(loaded, Loaded)
    assert isinstance(failed, StartFailed)
    assert failed.hint
    assert one.join() == EXIT_CONFIGURATION


@pytest.mark.parametrize("listening", [True, False])
def test_an_environment_that_cannot_be_used_is_reported_if_anybody_listens(
    listening: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", "100000")
    ours, theirs = socket.socketpair()
    channel: Channel[ToSupervisor] = Channel(ours, ToSupervisor)
    channel.send(_configure(tracing=TracingConfig()))
    with (
        theirs,
        subprocess.Popen(
            [sys.executable, "-P", "-m", "authz.node.worker", str(theirs.fileno())],
            pass_fds=[theirs.fileno()],
            stderr=subprocess.PIPE,
            text=True,
        ) as worker,
    ):
        if listening:
            failed = channel.receive()
            assert isinstance(failed, StartFailed)
            assert "OTEL_" in (failed.hint or "")
        channel.shutdown()
        _, said = worker.communicate(timeout=60)
    channel.close()

    assert (worker.returncode, "Traceback" in said) == (EXIT_CONFIGURATION, False)


def test_a_worker_imports_no_policy_sources_no_database_and_no_command() -> None:
    program = """
import sys
import authz.node.worker
print(*sorted(name for name in sys.modules if name.startswith("authz.")), sep="\\n")
print("yes" if "typer" in sys.modules or "prometheus_client" in sys.modules else "no")
"""
    done = subprocess.run(
        [sys.executable, "-P", "-c", program], capture_output=True, text=True, check=True
    )
    *modules, others = done.stdout.splitlines()
    packages = {name.split(".")[1] for name in modules}
    assert packages.isdisjoint({"sources", "app", "cli", "demo"})
    assert not [name for name in modules if name.startswith(("authz.node.supervisor",))]
    # Those who decide recorded requests again have them; who records has no need of them.
    assert {"authz.policy.recorded", "authz.rules.partial"}.isdisjoint(modules)
    assert others == "no"
