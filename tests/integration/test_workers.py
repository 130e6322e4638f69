# SPDX-License-Identifier: Apache-2.0
"""`authz serve --workers 2`: worker processes under a supervisor."""

from __future__ import annotations

import signal
import socket
import threading
import time
from collections import Counter
from typing import TYPE_CHECKING

import grpc
import psutil
import pytest

from authz.node.snapshot_file import KEPT, write_snapshot
from authz.policy.model import PolicyModel
from tests.attack.report import scenario
from tests.integration.asking import PROTECTED, Asking
from tests.integration.harness import ALLOW_ALL, BROKEN, DENY_ALL, PATIENCE, Client, eventually

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.integration.harness import Node

    Start = Callable[..., Node]
    Connect = Callable[[str], Client]

#: google.rpc.Code UNAUTHENTICATED: denied, and no certificate was presented.
DENIED = 16
TWO = ("--workers", "2", "--port-per-worker")


@pytest.fixture(params=["native", "grpcio"])
def transport(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def _gone(processes: list[psutil.Process]) -> bool:
    return not psutil.wait_procs(processes, timeout=PATIENCE)[1]


def _checks(node: Node) -> float:
    return sum(node.metric("authz_checks_total", verdict=one) for one in ("allow", "deny"))


def test_each_worker_answers_on_its_port_and_all_stop_with_status_0(
    start: Start, client: Connect, transport: str
) -> None:
    node = start(*TWO, "--transport", transport).until_serving()
    asking = [client(address) for address in node.addresses]
    workers = node.workers()

    assert len(set(node.addresses)) == len(workers) == 2
    assert [one.ask() for one in asking] == [0, 0]
    assert all(one.is_serving() for one in asking)
    assert node.get("/readyz") == (200, "ready\n")

    node.signal(signal.SIGTERM)
    node.until_logged("draining")
    eventually(lambda: not any(one.is_serving() for one in asking), "health says NOT_SERVING")
    assert [one.ask() for one in asking] == [0, 0]
    assert node.get("/readyz") == (503, "draining\n")
    assert node.wait() == 0
    assert _gone(workers)


def test_a_shared_port_is_answered_by_every_worker(start: Start, client: Connect) -> None:
    node = start("--workers", "2").until_serving()
    assert len(node.addresses) == 1

    def answered() -> bool:
        connections = [client(node.addresses[0]) for _ in range(8)]
        assert [one.ask() for one in connections] == [0] * 8
        listening = [{c.status for c in worker.net_connections("tcp")} for worker in node.workers()]
        return all("ESTABLISHED" in states for states in listening)

    eventually(answered, "the system gave each worker a connection")


def test_unix_sockets_have_a_number_each(start: Start, client: Connect, tmp_path: Path) -> None:
    node = start(*TWO, "--grpc", f"unix:{tmp_path}/a").until_serving()
    assert node.addresses == [f"unix:{tmp_path}/a.0", f"unix:{tmp_path}/a.1"]
    assert [client(address).ask() for address in node.addresses] == [0, 0]


def test_metrics_of_the_workers_are_added_up(start: Start, client: Connect) -> None:
    node = start(*TWO).until_serving()
    for _ in range(3):
        client(node.addresses[0]).ask()
    client(node.addresses[1]).ask()

    assert node.metric("authz_checks_total", verdict="allow") == 4
    assert [node.metric("authz_worker_checks_total", worker=worker) for worker in "01"] == [3, 1]
    assert node.metric("authz_check_duration_seconds_count") == 4
    assert node.metric("authz_workers_ready") == 2
    for worker in ("0", "1"):
        assert node.metric("authz_snapshot_generation", worker=worker) == 1
        assert node.metric("authz_worker_resident_memory_bytes", worker=worker) > 1e6


def test_a_worker_that_does_not_answer_delays_a_scrape_by_a_second_and_is_counted(
    start: Start, client: Connect
) -> None:
    node = start(*TWO).until_serving()
    client(node.addresses[0]).ask()
    assert node.metric("authz_checks_total", verdict="allow") == 1
    stopped = node.workers()[0]
    stopped.suspend()
    eventually(lambda: stopped.status() == psutil.STATUS_STOPPED, "it has stopped")
    try:
        began = time.monotonic()
        # Its last numbers stand in: a sum that fell would look like a restart.
        assert node.metric("authz_checks_total", verdict="allow") == 1
        assert time.monotonic() - began < 5
        assert node.metric("authz_worker_unanswered_scrapes_total") == 2, node.log
    finally:
        stopped.resume()


def test_a_policy_that_is_wrong_at_first_ends_all_with_status_2(start: Start) -> None:
    node = start(*TWO, policy=BROKEN)
    assert node.wait() == 2
    assert "policy.yaml:1" in node.log
    assert "Traceback" not in node.log


def test_good_bad_good_reaches_every_worker(start: Start, client: Connect) -> None:
    node = start(*TWO).until_serving()
    asking = [client(address) for address in node.addresses]

    def answers() -> set[int]:
        return {one.ask() for one in asking}

    node.rewrite(DENY_ALL)
    eventually(lambda: answers() == {DENIED}, "the new policy answers everywhere")
    node.rewrite(BROKEN)
    node.until_logged("the policy cannot be used; the last good one stays")
    assert answers() == {DENIED}
    assert node.metric("authz_reload_failures_total", kind="policy") == 1
    node.rewrite(ALLOW_ALL)
    eventually(lambda: answers() == {0}, "the mended policy answers everywhere")
    assert len(list((node.data / "snapshots").iterdir())) == 3


@pytest.mark.attack
def test_a_killed_worker_comes_back_on_its_address_with_the_policy_in_force(
    start: Start, client: Connect
) -> None:
    node = start(*TWO, policy=DENY_ALL).until_serving()
    node.rewrite(PROTECTED)
    for address in node.addresses:
        eventually(lambda at=address: client(at).ask() == 0, "the new policy answers")  # type: ignore[misc]  # the loop's
    counted = _checks(node)
    killed = node.workers()[0]

    with Asking(node.addresses[1], says="a worker is killed, the other one is asked") as other:
        other.more()
        killed.kill()
        ended = node.until_logged("a worker ended and is started again")
        ready = node.until_logged("the worker is ready")
        other.more()
    with Asking(node.addresses[0], says="a worker was killed, its successor is asked") as back:
        back.more()

    assert (ended["worker"], ended["status"]) == (0, -signal.SIGKILL)
    assert ended["delay_seconds"] > 0
    assert ready["address"] == node.addresses[0]
    assert node.metric("authz_worker_restarts_total") == 1
    # What it had counted by the last scrape is not forgotten.
    assert counted > 0
    assert _checks(node) == counted + other.times + back.times
    assert node.get("/readyz")[0] == 200


def test_a_worker_that_was_told_to_stop_drains_and_is_replaced_at_once(start: Start) -> None:
    node = start(*TWO).until_serving()
    node.workers()[1].terminate()
    ended = node.until_logged("a worker ended and is started again")
    assert (ended["worker"], ended["status"], ended["delay_seconds"]) == (1, 0, 0.0)
    node.until_logged("the worker is ready")


@pytest.mark.attack
def test_a_damaged_snapshot_is_kept_out_and_written_anew(start: Start) -> None:
    node = start(*TWO, policy=PROTECTED).until_serving()
    [snapshot] = (node.data / "snapshots").iterdir()
    data = bytearray(snapshot.read_bytes())
    data[len(data) // 2] ^= 0xFF
    snapshot.write_bytes(data)

    says = "a snapshot file is damaged, the worker that has it is asked"
    with Asking(node.addresses[1], says=says) as other:
        node.workers()[0].kill()
        failed = node.until_logged("the snapshot cannot be used; the last good one stays")
        # The other one has what it had, and goes on.
        other.more()
        node.until_logged("the worker is ready")
    says = "a snapshot file was damaged, the worker that started anew is asked"
    with Asking(node.addresses[0], says=says) as back:
        back.more()
    assert (failed["worker"], failed["kept"]) == (0, 0)
    assert node.metric("authz_reload_failures_total", kind="snapshot") == 1
    assert node.metric("authz_snapshot_generation", worker="0") == 2


@pytest.mark.attack
@scenario("faults", "a snapshot file is cut short, the worker keeps what it has")
def test_a_worker_with_a_policy_keeps_it_when_the_next_file_is_damaged(
    start: Start, client: Connect
) -> None:
    node = start(*TWO, policy=DENY_ALL).until_serving()
    snapshots = node.data / "snapshots"
    # What the supervisor writes next cannot be read by anybody.
    node.workers()[0].suspend()
    node.rewrite(PROTECTED)
    eventually(lambda: client(node.addresses[1]).ask() == 0, "worker 1 has generation 2")
    [second] = snapshots.glob("2-*")
    second.write_bytes(second.read_bytes()[:100])
    node.workers()[0].resume()

    failed = node.until_logged("the snapshot cannot be used; the last good one stays")
    assert (failed["worker"], failed["generation"], failed["kept"]) == (0, 2, 1)
    # Reported, written anew, loaded.
    eventually(lambda: client(node.addresses[0]).ask() == 0, "worker 0 has generation 3")
    for address in node.addresses:
        with Asking(address, says="a snapshot file was cut short, and written anew") as asking:
            asking.more()


@pytest.mark.attack
def test_a_worker_that_starts_again_has_its_policy_whatever_another_supervisor_wrote(
    start: Start,
) -> None:
    node = start(*TWO, policy=PROTECTED).until_serving()
    [file] = (node.data / "snapshots").iterdir()
    node.rewrite(BROKEN)
    node.until_logged("the policy cannot be used; the last good one stays")
    for generation in range(2, KEPT + 3):
        write_snapshot(node.data / "snapshots", PolicyModel(sites=()), generation, 0.0)

    assert file.exists()
    with Asking(node.addresses[1], says="snapshot files of another supervisor") as other:
        node.workers()[0].kill()
        node.until_logged("the worker is ready")
        other.more()
    says = "snapshot files of another supervisor, a worker started again"
    with Asking(node.addresses[0], says=says) as back:
        back.more()


@pytest.mark.attack
def test_workers_end_with_a_supervisor_that_was_killed(start: Start) -> None:
    node = start(*TWO, policy=PROTECTED).until_serving()
    workers = node.workers()
    # Whoever is answered is answered rightly, to the end.
    says = "the supervisor is killed, its workers are asked until they are gone"
    with (
        Asking(node.addresses[0], says=says, may_fail=True) as one,
        Asking(node.addresses[1], says=says, may_fail=True) as other,
    ):
        one.more()
        other.more()
        node.process.kill()
        assert _gone(workers)
    assert min(one.times - len(one.unanswered), other.times - len(other.unanswered)) >= 40

    successor = start(*TWO, "--data-dir", str(node.data), policy=PROTECTED).until_serving()
    for address in successor.addresses:
        with Asking(address, says="the supervisor was killed, its successor is asked") as asking:
            asking.more()


@pytest.mark.attack
def test_a_supervisor_that_does_not_listen_ends_no_worker_and_delays_no_check(
    start: Start,
) -> None:
    node = start(*TWO, policy=PROTECTED).until_serving()
    workers = node.workers()
    supervisor = psutil.Process(node.process.pid)
    with Asking(node.addresses[0], says="the supervisor stands still (SIGSTOP)") as asking:
        supervisor.suspend()
        try:
            # Longer than a message to it may take (channel.SEND_TIMEOUT), and more than it is told.
            until = time.monotonic() + 4
            eventually(
                lambda: time.monotonic() > until and asking.times >= 6000, "it is asked often"
            )
        finally:
            supervisor.resume()
        asking.more()
    assert [worker.pid for worker in node.workers()] == [worker.pid for worker in workers]
    counted = [node.metric("authz_checks_total", verdict=one) for one in ("allow", "deny")]
    assert counted == [asking.times / 2] * 2
    assert node.metric("authz_events_dropped_total") > 0


def test_the_second_stop_signal_ends_everything_at_once(start: Start) -> None:
    node = start(*TWO).until_serving()
    workers = node.workers()
    node.signal(signal.SIGINT)
    node.until_logged("draining")
    node.signal(signal.SIGTERM)
    assert node.wait() == 128 + signal.SIGTERM
    assert _gone(workers)


def test_an_address_that_is_taken_ends_all_with_status_2(start: Start) -> None:
    with socket.create_server(("127.0.0.1", 0), reuse_port=True) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        node = start("--workers", "2", "--grpc", address)
        assert node.wait() == 2
    assert f"{address}: cannot listen for checks" in node.log
    assert "hint:" in node.log


def test_a_file_in_the_way_of_a_socket_ends_all_with_status_2(start: Start, tmp_path: Path) -> None:
    # Only the worker finds out about this one.
    (tmp_path / "a.1").write_text("in the way")
    node = start(*TWO, "--grpc", f"unix:{tmp_path}/a")
    assert node.wait() == 2
    assert "a file that is no socket is in the way" in node.log
    assert "Traceback" not in node.log


def test_generations_go_on_after_a_restart(start: Start) -> None:
    first = start(*TWO)
    assert first.until_logged("serving")["generation"] == 1
    first.signal(signal.SIGTERM)
    assert first.wait() == 0
    second = start(*TWO, "--data-dir", str(first.data))
    assert second.until_logged("serving")["generation"] == 2


def test_a_rolling_restart_loses_no_check_of_a_client_that_asks_for_health(
    start: Start, transport: str
) -> None:
    node = start(*TWO, "--transport", transport).until_serving()
    before = {worker.pid for worker in node.workers()}
    load = _Load(node.addresses)
    load.start()
    try:
        eventually(lambda: load.counted["ok"] > 100, "the load runs")
        node.signal(signal.SIGUSR2)
        for _ in range(2):
            node.until_logged("the worker is ready")
        at = load.counted["ok"]
        eventually(lambda: load.counted["ok"] > at + 100, "the load still runs")
    finally:
        load.stop()
    assert not before & {worker.pid for worker in node.workers()}
    assert load.failures == []
    # Both were used, or there was nothing to lose.
    assert all(load.counted[address] > 100 for address in node.addresses)


class _Load:
    """Checks from two threads, sent only where health says SERVING, as Envoy does."""

    def __init__(self, addresses: list[str]) -> None:
        self._clients = {address: Client(address) for address in addresses}
        self._healthy = dict.fromkeys(addresses, True)
        self._stop = threading.Event()
        self._threads = [
            *(threading.Thread(target=self._watch, args=(address,)) for address in addresses),
            *(threading.Thread(target=self._ask, args=(number,)) for number in range(2)),
        ]
        self.counted: Counter[str] = Counter()
        self.failures: list[str] = []

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()
        for one in self._clients.values():
            one.close()

    def _watch(self, address: str) -> None:
        # Half of the shipped cluster's slowest interval.
        while not self._stop.wait(0.25):
            self._healthy[address] = self._clients[address].is_serving()

    def _ask(self, number: int) -> None:
        turn = number
        while not self._stop.wait(0.001):
            healthy = [address for address, is_up in self._healthy.items() if is_up]
            if not healthy:
                self.failures.append("no healthy worker")
                return
            turn += 1
            address = healthy[turn % len(healthy)]
            try:
                code = self._clients[address].ask(wait_for_ready=False)
            except grpc.RpcError as error:
                self.failures.append(f"{address}: {error.code()}")
                continue
            if code != 0:
                self.failures.append(f"{address}: denied with {code}")
            self.counted["ok"] += 1
            self.counted[address] += 1
