# SPDX-License-Identifier: Apache-2.0
"""`authz serve` that answers by the store: commits count, and so does whatever happens to it."""

from __future__ import annotations

import signal
import sqlite3
import time
from contextlib import closing
from typing import TYPE_CHECKING

import psutil
import pytest

from authz.services.check_counts import certificate_counts, decisions_over_time, rule_counts
from authz.services.events import EventFilter, list_events, recorded_request
from authz.services.explaining import explain_event
from authz.services.replay import replay
from tests.factories.checks import check_request
from tests.factories.populated import HOST, check_of
from tests.integration.asking import Asking
from tests.integration.harness import PATIENCE, eventually
from tests.integration.stores import ALLOWED, DENIED, Asker, questions_of

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.factories.populated import World
    from tests.integration.harness import Node
    from tests.integration.stores import StoreNode

    Start = Callable[..., StoreNode]
    Ask = Callable[[str], Asker]

#: google.rpc.Code, of whoever shows no certificate.
UNAUTHENTICATED = 16

#: From the commit to the next answer. What is measured is in benchmarks/revocations.py; here a
#: busy machine is no error.
SOON = 5.0

TWO = ("--workers", "2", "--port-per-worker")
WWW = 'sites: [{{name: file, hosts: ["{}"]}}]\n'


def _gone(process: psutil.Process | None) -> bool:
    return process is None or not psutil.wait_procs([process], timeout=PATIENCE)[1]


@pytest.mark.parametrize(
    ("database", "options"),
    [
        ("sqlite", ()),
        ("sqlite", TWO),
        pytest.param("postgresql", TWO, marks=pytest.mark.postgres),
    ],
    indirect=["database"],
)
def test_a_revocation_counts_on_the_next_checks(
    start_store: Start, asker: Ask, world: World, database: str, options: tuple[str, ...]
) -> None:
    alice, bob = world.issue("alice"), world.issue("bob")
    node = start_store(*options, database=database).until_serving()
    workers = [asker(address) for address in node.addresses]
    checks = check_of(alice), check_of(bob)
    assert [[one.ask(check) for check in checks] for one in workers] == [[0, 0]] * len(workers)

    world.revoke(alice)
    for one in workers:
        one.seconds_until(checks[0], DENIED, SOON)
    world.restore(alice)
    for one in workers:
        one.seconds_until(checks[0], ALLOWED, SOON)

    assert [one.ask(checks[1]) for one in workers] == [ALLOWED] * len(workers)
    assert node.get("/readyz") == (200, "ready\n")
    assert node.metric("authz_store_up") == 1.0
    node.signal(signal.SIGTERM)
    assert node.wait() == 0


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_what_workers_tell_is_in_the_store(
    start_store: Start, asker: Ask, world: World, database: str
) -> None:
    alice = world.issue("alice")
    node = start_store(database=database).until_serving()
    one = asker(node.addresses[0])
    assert one.ask(check_of(alice)) == ALLOWED
    assert one.ask(check_of(None)) != ALLOWED

    def told() -> bool:
        with world.store.read() as session:
            seen = session.certificates.get(alice.certificate.id)
            return bool(session.events.latest(most=5)) and bool(seen and seen.last_seen_at)

    eventually(told, "events and the last sight are kept")


@pytest.mark.parametrize(
    "database", ["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)], indirect=True
)
def test_a_blocked_request_is_recorded_without_secrets_and_tried_on_other_rules(
    start_store: Start, asker: Ask, world: World, database: str
) -> None:
    alice = world.issue("alice")
    node = start_store(*TWO, database=database).until_serving()
    secret = [("cookie", b"s3cret"), ("authorization", b"s3cret")]
    blocked = check_request(host=HOST, path="/orders?token=s3cret", headers=secret)
    for address in node.addresses:
        one = asker(address)
        assert one.ask(check_of(alice)) == ALLOWED
        assert one.ask(blocked.SerializeToString()) == UNAUTHENTICATED
    with world.store.read() as session:
        zone_id = session.zones.all()[0].id
    fingerprint = alice.certificate.fingerprint_sha256

    def told() -> bool:
        wanted = EventFilter(zone_id=zone_id)
        counts = certificate_counts(world.store, [fingerprint]).get(fingerprint)
        return len(list_events(world.store, wanted, most=9).events) == 4 and counts is not None

    # What was counted of certificates is told every ten seconds.
    eventually(told, "events and counts are kept")
    denied = EventFilter(zone_id=zone_id, verdict="deny")
    first, second = list_events(world.store, denied, most=9).events
    recorded = recorded_request(world.store, first)
    assert recorded is not None
    assert b"s3cret" not in recorded.request
    assert set(recorded.left_out["headers"]) == {"cookie", "authorization"}
    assert "s3cret" not in str(first.event) + str(second.event)
    at = time.time()
    explained = explain_event(world.store, first, at=at)
    assert explained["now"]["verdict"] == "deny"
    assert explained["now"]["explanation"]["certificate"]["clause"]["source"] == "RFC 8446 §4.4.2.4"

    found = replay(world.store, zone_id, [], at=at)
    assert found.newly_allowed.requests == 2
    assert set(found.newly_allowed.examples) == {first.id, second.id}
    assert found.still_allowed == 2
    reads_cookie = {"expression": 'http.cookie contains "s"', "action": "block", "ref": "c"}
    found = replay(world.store, zone_id, [reads_cookie], at=at)
    assert found.unjudged.reads == (("http.cookie", 2),)
    counts = certificate_counts(world.store, [fingerprint])[fingerprint]
    assert (counts.allowed, counts.blocked) == (2, 0)
    over_time = decisions_over_time(world.store, zone_id, since=at - 600, until=at + 60)
    assert {one.name: one.total for one in over_time.series} == {"allow": 2, "deny": 2}
    [(_, rule)] = rule_counts(world.store, zone_id).items()
    assert rule.checks == 2
    assert node.metric("authz_counts_not_kept_total") == 0.0


@pytest.mark.parametrize("database", ["sqlite"])
def test_a_restart_without_the_store_answers_by_the_last_good_snapshot(
    start_store: Start, asker: Ask, world: World, tmp_path: Path
) -> None:
    alice, bob = world.issue("alice"), world.issue("bob")
    world.revoke(alice)
    node = start_store().until_serving()
    node.signal(signal.SIGTERM)
    assert node.wait() == 0
    world.store.close()
    away = tmp_path / "away"
    away.mkdir()
    for file in node.data.glob("authz.db*"):
        file.rename(away / file.name)

    node = start_store().until_serving()
    one = asker(node.addresses[0])

    assert one.ask(check_of(alice)) == DENIED
    assert one.ask(check_of(bob)) == ALLOWED
    status, why = node.get("/readyz")
    assert status == 200
    assert why.startswith("answering by the last good snapshot: ")
    assert "there is no database" in why
    assert node.metric("authz_store_up") == 0.0
    assert not (node.data / "authz.db").exists()

    for file in away.iterdir():
        file.rename(node.data / file.name)
    world.revoke(bob)
    one.seconds_until(check_of(bob), DENIED)
    eventually(lambda: node.get("/readyz") == (200, "ready\n"), "it says so")


def test_without_a_store_and_a_snapshot_nobody_is_ready(
    start_store: Start, asker: Ask, tmp_path: Path
) -> None:
    nowhere = "postgresql://nobody@127.0.0.1:9/nothing"
    node = start_store("--metrics", "127.0.0.1:0", database=nowhere)
    node.until_logged("a change cannot be put in force; what was in force stays")

    assert node.process.poll() is None
    node.signal(signal.SIGTERM)
    assert node.wait() == 0


@pytest.mark.attack
@pytest.mark.postgres
def test_a_database_that_is_killed_and_started_again(
    start_store: Start, asker: Ask, tmp_path: Path
) -> None:
    from tests.factories.postgres import running_server
    from tests.integration.stores import world_of

    with running_server() as server:
        address = server.address(server.new_database())
        world = world_of(address, tmp_path / "node" / "data")
        alice = world.issue("alice")
        # The server lets everybody in; what matters is who sees the word.
        node = start_store(database=address.replace("@", ":hushed@")).until_serving()
        one = asker(node.addresses[0])
        assert node.events("serving")[0]["store"] == address.replace("@", ":***@")

        with _asking(node, world, "PostgreSQL is killed, and comes back") as asking:
            server.kill()
            eventually(lambda: "last good" in node.get("/readyz")[1], "it is noticed")
            status = node.get("/readyz")[0]
            while_away = one.ask(check_of(alice))
            asking.more()

            server.restart_killed()
            world.revoke(alice)
            one.seconds_until(check_of(alice), DENIED)
            eventually(lambda: node.get("/readyz") == (200, "ready\n"), "it is followed again")
            asking.more()
        assert (status, while_away) == (200, ALLOWED)
        assert "hushed" not in node.log
        world.store.close()


def _asking(node: Node, world: World, says: str) -> Asking:
    """Asks a node for what is let in and for what is not, once it knows."""
    questions = questions_of(world)
    asker = Asker(node.addresses[0])
    with closing(asker):
        for question, code in questions:
            asker.seconds_until(question, code)
    return Asking(node.addresses[0], questions=questions, says=says)


def _asked_meanwhile(asking: Asking) -> None:
    """Checks for three seconds, each well within its deadline, while the store stands still."""
    until = time.monotonic() + 3.0
    eventually(lambda: time.monotonic() > until, "three seconds are over")
    asking.more()


@pytest.mark.attack
@pytest.mark.postgres
def test_a_database_that_stands_still_delays_no_check(
    start_store: Start, asker: Ask, tmp_path: Path
) -> None:
    from tests.factories.postgres import running_server
    from tests.integration.stores import world_of

    with running_server("-c fsync=off") as server:
        address = server.address(server.new_database())
        world = world_of(address, tmp_path / "node" / "data")
        alice = world.issue("alice")
        node = start_store(database=address).until_serving()
        one = asker(node.addresses[0])
        first = psutil.Process(server.pid)
        stopped = [first, *first.children(recursive=True)]
        with _asking(node, world, "PostgreSQL stands still (SIGSTOP)") as asking:
            for process in stopped:
                process.suspend()
            try:
                _asked_meanwhile(asking)
            finally:
                for process in reversed(stopped):
                    process.resume()

        world.revoke(alice)
        one.seconds_until(check_of(alice), DENIED)
        world.store.close()


@pytest.mark.attack
@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_a_database_that_somebody_keeps_delays_no_check(
    start_store: Start, asker: Ask, world: World, database: str
) -> None:
    alice = world.issue("alice")
    node = start_store(database=database).until_serving()
    one = asker(node.addresses[0])
    with (
        _asking(node, world, "SQLite is kept by another writer") as asking,
        closing(sqlite3.connect(node.data / "authz.db", isolation_level=None)) as writer,
    ):
        writer.execute("BEGIN EXCLUSIVE")
        _asked_meanwhile(asking)
        writer.execute("ROLLBACK")

    world.revoke(alice)
    one.seconds_until(check_of(alice), DENIED)


@pytest.mark.attack
@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_a_control_process_that_is_killed_is_missed_by_nobody(
    start_store: Start, asker: Ask, world: World, database: str
) -> None:
    alice = world.issue("alice")
    node = start_store(database=database).until_serving()
    one = asker(node.addresses[0])
    first = node.control()
    assert first is not None

    with _asking(node, world, "the control process is killed") as asking:
        first.kill()
        world.revoke(alice)
        one.seconds_until(check_of(alice), DENIED)
        ready = (200, "ready\n")
        eventually(lambda: node.get("/readyz") == ready, "the next one follows the store")
        asking.more()
    assert node.metric("authz_control_restarts_total") == 1.0


@pytest.mark.parametrize("database", ["sqlite"])
def test_a_worker_that_is_killed_comes_back_with_what_is_in_force(
    start_store: Start, asker: Ask, world: World
) -> None:
    alice = world.issue("alice")
    node = start_store(*TWO).until_serving()
    workers = [asker(address) for address in node.addresses]
    killed = node.workers()[0]

    killed.kill()
    world.revoke(alice)
    for one in workers:
        one.seconds_until(check_of(alice), DENIED)

    node.until_logged("the worker is ready")
    assert [one.ask(check_of(alice)) for one in workers] == [DENIED] * 2


@pytest.mark.parametrize("database", ["sqlite"])
def test_nothing_outlives_a_supervisor_that_is_killed_and_its_successor_goes_on(
    start_store: Start, asker: Ask, world: World
) -> None:
    alice = world.issue("alice")
    world.revoke(alice)
    node = start_store(*TWO).until_serving()
    generation = node.metric("authz_snapshot_generation")
    left = [node.control(), *node.workers()]

    node.signal(signal.SIGKILL)
    assert all(_gone(one) for one in left)
    node = start_store(*TWO).until_serving()

    assert asker(node.addresses[0]).ask(check_of(alice)) == DENIED
    assert node.metric("authz_snapshot_generation") > generation


@pytest.mark.parametrize("database", ["sqlite"])
def test_a_hangup_publishes_again(start_store: Start, asker: Ask, world: World) -> None:
    node = start_store().until_serving()
    before = node.metric("authz_snapshot_generation")

    node.signal(signal.SIGHUP)

    eventually(lambda: node.metric("authz_snapshot_generation") == before + 1, "a new generation")


@pytest.mark.parametrize("database", ["sqlite"])
def test_a_policy_file_beside_the_store(start_store: Start, asker: Ask, world: World) -> None:
    alice = world.issue("alice")
    node = start_store(policy=WWW.format("www.example.com")).until_serving()
    one = asker(node.addresses[0])
    without = check_of(None), check_of(None, "www.example.com")
    assert one.ask(check_of(alice)) == ALLOWED
    assert one.ask(without[0]) != ALLOWED
    assert one.ask(without[1]) == ALLOWED

    world.revoke(alice)
    one.seconds_until(check_of(alice), DENIED)

    # The file takes the host over, and its rules, of which there are none, count.
    node.rewrite(WWW.format(f"*.{HOST.partition('.')[2]}"))
    one.seconds_until(without[0], ALLOWED)
    node.until_logged("hosts of the store are answered for by the policy file")

    # A file that is broken leaves that in force, and does not stop a control process.
    node.rewrite("sites: [")
    node.until_logged("a change cannot be put in force; what was in force stays")
    control = node.control()
    assert control is not None
    control.kill()
    node.until_logged("published")
    assert one.ask(without[0]) == ALLOWED
    eventually(lambda: node.get("/readyz") == (200, "ready\n"), "the next one follows the store")


@pytest.mark.parametrize("database", ["sqlite"])
def test_a_broken_policy_file_stops_the_start(start_store: Start, world: World) -> None:
    node = start_store(policy="sites: [")

    assert node.wait() == 2
    assert "policy.yaml" in node.log


@pytest.mark.acceptance
@pytest.mark.attack
@pytest.mark.parametrize("database", ["sqlite"])
def test_a_control_process_that_is_stopped_is_ended(
    start_store: Start, asker: Ask, world: World
) -> None:
    """Nobody scrapes and nobody tells anything: it is missed all the same."""
    alice = world.issue("alice")
    node = start_store().until_serving()
    one = asker(node.addresses[0])
    control = node.control()
    assert control is not None

    with _asking(node, world, "the control process stands still (SIGSTOP)") as asking:
        control.suspend()
        world.revoke(alice)
        one.seconds_until(check_of(alice), DENIED, 60.0)
        asking.more()

    assert _gone(control)
