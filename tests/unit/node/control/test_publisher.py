# SPDX-License-Identifier: Apache-2.0
"""From commits to snapshot files, and what happens when that fails."""

from __future__ import annotations

import os
import shutil
import sqlite3
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any
from unittest import mock

import msgspec
import pytest
from sqlalchemy import event

from authz.demo.pki import make_root
from authz.node.control import publisher as module
from authz.node.control.messages import NewSnapshot, StoreState
from authz.node.control.publisher import LONGEST_RETRY_SECONDS
from authz.node.snapshot_file import write_snapshot
from authz.policy.client import identify
from authz.services.authority_creation import upload_authority
from tests.factories.pki import presented, presented_pem, slow_key
from tests.factories.populated import HOST

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.factories.populated import World
    from tests.unit.node.control.conftest import Bench

FILE = 'sites: [{name: file, hosts: ["www.example.com"]}]\n'


def _kinds(said: list[Any]) -> list[str]:
    return [type(one).__name__ for one in said]


def _execute(bench: Bench, statement: str, *values: object) -> None:
    """Change the database behind everybody's back, as no service would."""
    with sqlite3.connect(bench.database) as connection:
        connection.execute(statement, values)
        connection.execute("UPDATE state SET revision = revision + 1")
    connection.close()


# --- commits -------------------------------------------------------------------------------------


def test_the_first_attempt_publishes(bench: Bench, world: World) -> None:
    bench.start()

    (new,) = bench.attempt()

    assert isinstance(new, NewSnapshot)
    assert (new.generation, new.last_good) == (1, False)
    assert bench.compiled().hosts.find(b"api.example.com") is not None
    assert bench.publisher.state.count == 1


def test_a_publication_is_a_span_and_a_look_that_finds_nothing_is_none(
    bench: Bench, world: World
) -> None:
    spans: list[str] = []

    @contextmanager
    def span(name: str) -> Iterator[None]:
        spans.append(f"begin {name}")
        yield
        spans.append(f"end {name}")

    bench.start(begin=False)
    bench.publisher._span = span
    bench.publisher.begin()
    bench.attempt()
    bench.attempt()

    assert spans == ["begin authz.publish", "end authz.publish"]


def test_a_commit_publishes_and_nothing_else_does(bench: Bench, world: World) -> None:
    alice = world.issue()
    bench.start()
    bench.attempt()
    assert bench.attempt() == []

    world.revoke(alice)
    (new,) = bench.attempt()

    assert new.generation == 2
    assert bench.revoked() == {int(alice.certificate.serial, 16)}
    assert bench.attempt() == []

    world.restore(alice)
    bench.attempt()
    assert bench.revoked() == set()


def test_a_note_publishes_nothing(bench: Bench, world: World) -> None:
    alice = world.issue()
    bench.start()
    bench.attempt()

    with world.store.note() as session:
        session.certificates.seen({alice.certificate.fingerprint_sha256: 1.0})

    assert bench.attempt() == []
    assert bench.publisher.state.count == 1


def test_many_commits_become_one_publication(bench: Bench, world: World) -> None:
    bench.start()
    bench.attempt()

    for serial in range(1, 21):
        world.revoke_serial(serial)
    said = bench.attempt() + bench.attempt()

    assert _kinds(said) == ["NewSnapshot"]
    assert bench.revoked() == set(range(1, 21))


def test_a_commit_that_nobody_was_told_of_is_seen_within_a_second(
    bench: Bench, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench.start()
    bench.attempt()
    monkeypatch.setattr(bench.publisher._watcher, "wait", lambda _: False)
    world.revoke_serial(7)

    assert bench.attempt() == []
    bench.elapsed += module.ASK_SECONDS
    assert _kinds(bench.attempt()) == ["NewSnapshot"]
    assert bench.revoked() == {7}


def test_a_request_publishes_although_nothing_changed(bench: Bench, world: World) -> None:
    bench.start()
    bench.attempt()

    bench.publisher.request()

    assert [one.generation for one in bench.attempt()] == [2]


def test_a_renamed_authority_keeps_its_list(bench: Bench, world: World) -> None:
    world.revoke_serial(7)
    bench.start()
    bench.attempt()

    _execute(bench, "UPDATE authorities SET name = 'Other'")
    bench.attempt()
    assert bench.revoked("Other") == {7}

    bench.start()
    bench.attempt()
    assert bench.revoked("Other") == {7}


# --- what is read --------------------------------------------------------------------------------


def _statements(bench: Bench) -> list[str]:
    """What a new publisher asks the database for its first snapshot."""
    seen: list[str] = []
    real = module.open_store

    def watched(*arguments: Any, **options: Any) -> Any:
        store = real(*arguments, **options)
        event.listen(
            store._database.reading,
            "before_cursor_execute",
            lambda *given: seen.append(given[2]),
        )
        return store

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "open_store", watched)
        bench.start()
        bench.attempt()
    return seen


def _reads_the_list(statements: list[str]) -> bool:
    return any("FROM revocations" in one for one in statements)


def test_a_restart_reads_only_what_changed(bench: Bench, world: World) -> None:
    world.revoke_serial(7)
    assert _reads_the_list(_statements(bench))

    world.revoke_serial(8)
    world.restore_serial(7)
    statements = _statements(bench)

    assert not _reads_the_list(statements)
    assert bench.revoked() == {8}


def test_another_store_is_read_anew(
    bench: Bench, world: World, reopen: Callable[[], World]
) -> None:
    world.revoke_serial(7)
    bench.start()
    bench.attempt()
    _execute(bench, "UPDATE state SET store_id = ?", "0" * 32)
    _execute(bench, "DELETE FROM revocations")

    assert _reads_the_list(_statements(bench))
    assert bench.revoked() == set()


def test_a_store_that_went_back_is_read_anew(bench: Bench, world: World, tmp_path: Path) -> None:
    world.revoke_serial(7)
    copy = tmp_path / "copy.db"
    _copy(bench, copy)
    world.revoke_serial(8)
    bench.start()
    bench.attempt()
    assert bench.revoked() == {7, 8}

    _put_back(bench, world, copy)
    assert _reads_the_list(_statements(bench))
    assert bench.revoked() == {7}


def test_a_store_that_went_back_and_on_to_the_same_revision_is_read_anew(
    bench: Bench, world: World, tmp_path: Path, reopen: Callable[[], World]
) -> None:
    """The changes since do not say what the copy lacks, nor what was revoked in its place."""
    copy = tmp_path / "copy.db"
    _copy(bench, copy)
    world.revoke_serial(7)
    world.revoke_serial(8)
    bench.start()
    bench.attempt()

    _put_back(bench, world, copy)
    again = reopen()
    for serial in (17, 18, 19):
        again.revoke_serial(serial)
    again.store.close()
    bench.start()
    bench.attempt()

    assert bench.revoked() == {17, 18, 19}


def test_changes_that_were_forgotten_are_not_missed(bench: Bench, world: World) -> None:
    bench.start()
    bench.attempt()
    bench.close()
    for serial in (7, 8, 9):
        world.revoke_serial(serial)
    with world.store.write() as session:
        session.revocations.forget_changes(session.revision)

    bench.start()
    bench.attempt()

    assert bench.revoked() == {7, 8, 9}


def _copy(bench: Bench, copy: Path) -> None:
    with sqlite3.connect(bench.database) as source, sqlite3.connect(copy) as target:
        source.backup(target)
    source.close()
    target.close()


def _put_back(bench: Bench, world: World, copy: Path) -> None:
    bench.close()
    world.store.close()
    _remove(bench)
    shutil.copy(copy, bench.database)


def _remove(bench: Bench) -> None:
    for name in ("authz.db", "authz.db-wal", "authz.db-shm"):
        (bench.directory / name).unlink(missing_ok=True)


# --- without the store ---------------------------------------------------------------------------


def _move_away(bench: Bench, world: World) -> Path:
    """A stopped database in another place."""
    bench.close()
    world.store.close()
    away = bench.directory / "away"
    away.mkdir()
    for file in bench.directory.glob("authz.db*"):
        file.rename(away / file.name)
    return away


def _bring_back(bench: Bench, away: Path) -> None:
    for file in away.iterdir():
        file.rename(bench.directory / file.name)


def test_a_start_without_the_store_answers_by_the_last_good_snapshot(
    bench: Bench, world: World, reopen: Callable[[], World]
) -> None:
    world.revoke_serial(7)
    bench.start()
    bench.attempt()
    away = _move_away(bench, world)

    bench.start()
    state, last = bench.attempt()

    assert isinstance(state, StoreState)
    assert "there is no database" in state.why
    assert (last.generation, last.last_good) == (1, True)
    assert bench.revoked() == {7}
    assert not bench.database.exists(), "a store that is gone is not made anew"
    assert bench.publisher.state.failures == {"store": 1}

    # It is told, counted and logged once.
    assert bench.attempt() == []
    assert bench.publisher.state.failures == {"store": 1}

    _bring_back(bench, away)
    again = reopen()
    again.revoke_serial(8)
    again.store.close()
    said = bench.attempt()
    assert _kinds(said) == ["NewSnapshot", "StoreState"]
    assert (said[0].generation, said[1].why) == (2, "")
    assert bench.revoked() == {7, 8}


def _relabelled(bench: Bench, **changes: str) -> None:
    """The last snapshot again, as if it had been made elsewhere or by an older release."""
    content = bench.content()
    assert content.position is not None
    position = msgspec.structs.replace(content.position, **changes)
    write_snapshot(bench.snapshots, content.model, content.generation + 1, bench.now, position, b"")
    for file in bench.snapshots.glob(f"{content.generation}-*.snapshot"):
        file.unlink()


@pytest.mark.parametrize(("database", "is_made"), [("other", True), ("", False)])
def test_what_is_not_known_to_be_of_this_database_does_not_answer(
    bench: Bench, world: World, database: str, is_made: bool
) -> None:
    bench.start()
    bench.attempt()
    _relabelled(bench, database=database)
    _move_away(bench, world)

    bench.start()
    said = bench.attempt()

    assert bench.database.exists() is is_made
    if is_made:
        assert [one.last_good for one in said] == [False]
        assert [one.name for one in bench.content().model.sites] == ["default"]
    else:
        assert _kinds(said) == ["StoreState"]


def test_a_store_that_never_was_there_is_made(bench: Bench) -> None:
    bench.start()

    (new,) = bench.attempt()

    assert new.generation == 1
    assert bench.database.exists()


def test_a_store_that_is_moved_away_under_way_is_noticed(bench: Bench, world: World) -> None:
    bench.start()
    bench.attempt()
    away = bench.directory / "away"
    away.mkdir()
    for file in bench.directory.glob("authz.db*"):
        file.rename(away / file.name)

    (state,) = bench.attempt()
    assert state.why
    assert bench.opened == [True, False]

    _bring_back(bench, away)
    assert _kinds(bench.attempt()) == ["NewSnapshot", "StoreState"]


def test_another_file_in_its_place_counts(
    bench: Bench, world: World, tmp_path: Path, reopen: Callable[[], World]
) -> None:
    copy = tmp_path / "copy.db"
    _copy(bench, copy)
    bench.start()
    bench.attempt()
    world.store.close()

    copy.replace(bench.database)
    for name in ("authz.db-wal", "authz.db-shm"):
        (bench.directory / name).unlink(missing_ok=True)
    again = reopen()
    again.revoke_serial(9)
    again.store.close()
    bench.attempt()

    assert bench.revoked() == {9}


def test_attempts_become_rarer(bench: Bench, world: World) -> None:
    bench.start()
    bench.attempt()
    _move_away(bench, world)
    bench.start()

    pauses = [bench.publisher.attempt() for _ in range(6)]

    assert pauses == [0.2, 0.4, 0.8, 1.6, LONGEST_RETRY_SECONDS, LONGEST_RETRY_SECONDS]


def test_a_database_that_is_none_is_a_store_that_is_down(bench: Bench, world: World) -> None:
    bench.start()
    bench.attempt()
    bench.close()
    world.store.close()
    _remove(bench)
    bench.database.write_bytes(b"this is no database" * 1000)

    bench.start()
    state, last = bench.attempt()

    assert "not a database" in state.why
    assert last.last_good


# --- content that cannot be enforced -------------------------------------------------------------


def test_rules_that_cannot_be_used_leave_the_last_good_in_force(bench: Bench, world: World) -> None:
    bench.start()
    bench.attempt()
    with sqlite3.connect(bench.database) as connection:
        ((rules,),) = connection.execute("SELECT rules FROM ruleset_versions").fetchall()
    connection.close()

    _execute(bench, "UPDATE ruleset_versions SET version = 2, rules = ?", _broken(rules))
    _execute(bench, "UPDATE rulesets SET version = 2")
    (state,) = bench.attempt()
    assert "cert_verifyed" in state.why
    assert bench.publisher.state.failures == {"content": 1}
    assert bench.attempt() == []
    world.revoke_serial(7)
    (new,) = bench.attempt()
    assert new.last_good
    assert bench.revoked() == {7}
    assert bench.attempt() == []

    _execute(bench, "UPDATE ruleset_versions SET version = 3, rules = ?", rules)
    _execute(bench, "UPDATE rulesets SET version = 3")
    assert _kinds(bench.attempt()) == ["NewSnapshot", "StoreState"]
    assert bench.revoked() == {7}


def test_revocations_count_although_the_rest_cannot_be_enforced(
    bench: Bench, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.revoke_serial(6)
    bench.start()
    bench.attempt()
    _execute(bench, "UPDATE zones SET default_action = 'maybe'")
    world.revoke_serial(7)
    state, new = bench.attempt()
    assert state.why
    assert new.last_good
    assert bench.revoked() == {6, 7}

    # A process that begins with it; what is restored waits.
    world.revoke_serial(8)
    world.restore_serial(6)
    bench.start()
    _, last, new = bench.attempt()
    assert (last.last_good, new.last_good) == (True, True)
    assert bench.revoked() == {6, 7, 8}

    # Lists that cannot be read either, and a disk that is full.
    world.revoke_serial(9)
    with monkeypatch.context() as broken:
        broken.setattr("authz.node.control.meanwhile.with_revocations", None)
        assert bench.attempt() == []
    with monkeypatch.context() as broken:
        full = module.PolicyError("no room")
        broken.setattr(module, "write_snapshot", mock.Mock(side_effect=full))
        assert bench.attempt() == []
        assert bench.attempt() == []
    assert bench.publisher.state.failures == {"content": 1, "policy": 1}
    (new,) = bench.attempt()
    assert new.last_good
    assert bench.revoked() == {6, 7, 8, 9}

    _execute(bench, "UPDATE zones SET default_action = 'allow'")
    bench.attempt()
    assert bench.revoked() == {7, 8, 9}


def _broken(rules: str) -> str:
    return rules.replace("cert_verified", "cert_verifyed")


@pytest.mark.parametrize(
    "damage",
    [
        "UPDATE zones SET default_action = 'maybe'",
        "UPDATE rulesets SET version = 9",
        "UPDATE authority_certificates SET der = x'3000'",
        "UPDATE authorities SET revocation = 'maybe'",
        "UPDATE host_associations SET hostname = 'a b'",
    ],
)
def test_whatever_is_wrong_with_the_content_the_last_good_stays(
    bench: Bench, world: World, damage: str
) -> None:
    world.revoke_serial(7)
    bench.start()
    bench.attempt()
    before = bench.publisher.state.generation
    _execute(bench, damage)

    # Of the process that saw it happen, and of one that starts with it.
    (state,) = bench.attempt()
    assert state.why
    assert bench.publisher.state.generation == before
    assert bench.attempt() == []

    bench.start()
    state, last = bench.attempt()
    assert state.why
    assert (last.generation, last.last_good) == (before, True)


def test_an_authority_whose_key_is_too_slow_stops_nothing(
    bench: Bench, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It was uploaded before there was a bound; nobody is verified by it, and everybody else is."""
    slow = make_root("Slow", at=bench.now, key=slow_key(33))
    with monkeypatch.context() as before:
        before.setattr("authz.ca.uploaded.check_authority_certificate", lambda _: None)
        upload_authority(world.store, slow.pem, name="Slow", actor="t", at=bench.now)
    world.host("slow.example.com", "Slow")
    alice = world.issue("alice")
    bench.start()

    said = bench.attempt()

    assert _kinds(said) == ["NewSnapshot"]
    hosts = bench.compiled().hosts
    for host, client, verified in (
        (b"slow.example.com", presented(slow.client("a", at=bench.now)), False),
        (HOST.encode(), presented_pem(alice.bundle), True),
    ):
        site = hosts.find(host)
        assert site is not None
        assert identify(client, site.trust, bench.now + 1).verified is verified


# --- the disk ------------------------------------------------------------------------------------


def test_a_snapshot_that_cannot_be_written_is_written_later(
    bench: Bench, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench.start()
    bench.attempt()
    real = module.write_snapshot

    def full(*_: Any) -> Any:
        return real(bench.database / "below a file", *_[1:])

    monkeypatch.setattr(module, "write_snapshot", full)
    world.revoke_serial(7)
    (state,) = bench.attempt()
    assert "cannot write the snapshot" in state.why
    assert bench.attempt() == []

    monkeypatch.setattr(module, "write_snapshot", real)
    assert _kinds(bench.attempt()) == ["NewSnapshot", "StoreState"]
    assert bench.revoked() == {7}


def test_a_torn_snapshot_is_passed_over_at_the_start(bench: Bench, world: World) -> None:
    world.revoke_serial(7)
    bench.start()
    bench.attempt()
    world.revoke_serial(8)
    bench.attempt()
    last = bench.said[-1].file
    os.truncate(last, Path(last).stat().st_size // 2)
    _move_away(bench, world)

    bench.start()
    _, good = bench.attempt()

    assert good.generation == 1
    assert bench.revoked() == {7}


def test_a_torn_snapshot_does_not_spoil_what_is_built_on_it(bench: Bench, world: World) -> None:
    world.revoke_serial(7)
    bench.start()
    bench.attempt()
    world.revoke_serial(8)
    bench.attempt()
    os.truncate(bench.said[-1].file, 100)

    bench.start()
    (new,) = bench.attempt()

    assert new.generation == 3
    assert bench.revoked() == {7, 8}


# --- beside a policy file ------------------------------------------------------------------------


def test_both_are_answered_by(bench: Bench, world: World) -> None:
    bench.policy.write_text(FILE)
    bench.start(policy=True)
    bench.attempt()

    hosts = bench.compiled().hosts
    names = [hosts.find(host) for host in (b"www.example.com", b"api.example.com")]

    assert [site and site.name for site in names] == ["file", "api.example.com"]
    assert hosts.find(b"other.example.com") is None


def test_a_changed_file_publishes_and_a_broken_one_does_not(bench: Bench, world: World) -> None:
    bench.policy.write_text(FILE)
    bench.start(policy=True)
    bench.attempt()

    bench.policy.write_text(FILE.replace("www", "web"))
    bench.parts.look()
    bench.attempt()
    assert bench.compiled().hosts.find(b"web.example.com") is not None

    bench.policy.write_text("sites: [")
    bench.parts.look()
    assert bench.attempt() == []
    assert [kind for kind, _ in bench.failures] == ["policy"]

    world.revoke_serial(7)
    bench.attempt()
    assert bench.revoked() == {7}
    assert bench.compiled().hosts.find(b"web.example.com") is not None


def test_the_file_counts_while_the_store_is_down(bench: Bench, world: World) -> None:
    bench.policy.write_text(FILE)
    world.revoke_serial(7)
    bench.start(policy=True)
    bench.attempt()
    _move_away(bench, world)

    # Changed while nothing ran, and once more while the store is down.
    bench.policy.write_text(FILE.replace("www", "web"))
    bench.start(policy=True)
    said = bench.attempt()
    assert _kinds(said) == ["StoreState", "NewSnapshot", "NewSnapshot"]
    assert bench.compiled().hosts.find(b"web.example.com") is not None
    assert bench.revoked() == {7}

    bench.policy.write_text(FILE.replace("www", "new"))
    bench.parts.look()
    assert _kinds(bench.attempt()) == ["NewSnapshot"]
    assert bench.compiled().hosts.find(b"new.example.com") is not None
    assert bench.revoked() == {7}


def test_a_host_of_both_is_the_files_and_that_is_logged_once(
    bench: Bench, world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    bench.policy.write_text('sites: [{name: file, hosts: ["*.example.com"]}]\n')
    bench.start(policy=True)
    bench.attempt()
    world.revoke_serial(7)
    bench.attempt()

    site = bench.compiled().hosts.find(b"api.example.com")
    assert site is not None
    assert site.name == "file"
    assert capsys.readouterr().err.count("answered for by the policy file") == 1


def test_the_list_of_a_files_authority_is_not_taken_for_that_of_the_stores(
    bench: Bench, world: World
) -> None:
    """Both are called Acme, and when the snapshot was made, the store's had no host of its own."""
    authority = world.store
    with authority.read() as session:
        (pem,) = [one.der for one in session.authorities.certificates()]
    (bench.directory / "acme.der").write_bytes(pem)
    world.revoke_serial(7)
    bench.policy.write_text(
        "sites: [{name: file, hosts: [api.example.com], trust: [{name: Acme,"
        f" certificates: [{bench.directory}/acme.der], revoked_serials: ['09']}}]}}]\n"
    )
    bench.start(policy=True)
    bench.attempt()
    # It is the same key, so the store's list counts there; the file's does not in the store.
    assert bench.revoked() == {7, 9}
    bench.policy.write_text(FILE)

    bench.start(policy=True)
    bench.attempt()

    assert bench.revoked() == {7}


def test_the_stores_list_counts_for_a_files_authority_with_the_same_key(
    bench: Bench, world: World, reopen: Callable[[], World]
) -> None:
    with world.store.read() as session:
        (der,) = [one.der for one in session.authorities.certificates()]
    (bench.directory / "acme.der").write_bytes(der)
    trust = f"trust: [{{name: of_file, certificates: [{bench.directory}/acme.der]}}]"
    bench.policy.write_text(f"sites: [{{name: file, hosts: [www.example.com], {trust}}}]\n")
    bench.start(policy=True)
    bench.attempt()
    assert bench.revoked("of_file") == set()

    world.revoke_serial(7)
    bench.attempt()
    assert bench.revoked("of_file") == {7}

    # A restart without the store, and a file that changed: its list is what it was.
    away = _move_away(bench, world)
    bench.start(policy=True)
    bench.policy.write_text(f"sites: [{{name: new, hosts: [new.example.com], {trust}}}]\n")
    bench.parts.look()
    bench.attempt()
    assert [one.name for one in bench.content().model.sites] == ["new", "api.example.com"]
    assert bench.revoked("of_file") == {7}

    _bring_back(bench, away)
    again = reopen()
    again.restore_serial(7)
    again.store.close()
    bench.attempt()
    assert bench.revoked("of_file") == set()


def test_a_file_that_was_never_good_is_told(bench: Bench, world: World) -> None:
    bench.policy.write_text("sites: [")
    publisher = bench.start(policy=True, begin=False)

    with pytest.raises(module.AuthzError, match=r"policy\.yaml"):
        publisher.run()


def test_it_runs_until_it_is_stopped(bench: Bench, world: World) -> None:
    publisher = bench.start(begin=False)
    real = bench.publisher._say

    def say(message: Any) -> None:
        real(message)
        publisher.stop()

    publisher._say = say

    publisher.run()

    assert bench.opened == [True, False]
    assert bench.content().generation == 1
