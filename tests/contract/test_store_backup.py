# SPDX-License-Identifier: Apache-2.0
"""Backups of either database, put into either, and what `check` finds."""

from __future__ import annotations

import sqlite3
import stat
import threading
from contextlib import closing
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import select, text, update

from authz.errors import ConflictError, InvalidInputError, StoreUnavailableError
from authz.store.backup import backup, restore
from authz.store.certificates import CertificateQuery
from authz.store.checking import check
from authz.store.engine import Store, open_store
from authz.store.metadata import metadata
from authz.store.records import (
    AuditEntry,
    AuthorityKind,
    CertificateRole,
    CertificateStatus,
    HostAssociation,
    IssuanceRequest,
    ListOperation,
    PublishedCrl,
    Revocation,
    SignIn,
    Token,
)
from authz.store.records_activity import (
    CertificateChecks,
    CheckCount,
    RecordedRequest,
    StoredEvent,
)
from authz.store.tables import (
    authorities,
    certificate_counts,
    client_certificates,
    lists,
    revocation_changes,
    revocation_counts,
    revocations,
    rulesets,
    state,
    store_ancestors,
)
from authz.store.tables_nodes import leases, shared_fetches, wanted_certificates
from tests.factories.pki import AT
from tests.factories.stored import (
    account,
    authority_certificate,
    certificate,
    default_zone,
    identifier,
    key,
    list_item,
    named_list,
    rule_draft,
    ruleset,
    ruleset_version,
    with_authority,
)

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.contract.conftest import Place

REVOKED = CertificateStatus.REVOKED

#: What a restored store has of its own.
_OWN = {
    *(state.name, store_ancestors.name, revocation_changes.name, "sessions"),
    # Of the nodes that use a database, whatever is restored into it.
    *(leases.name, shared_fetches.name, wanted_certificates.name),
}


def fill(store: Store) -> None:
    """Something in every table."""
    with store.write() as session:
        zone, of = with_authority(session)
        session.authorities.add_key(key())
        signer = authority_certificate(of.id, key_id=key().id)
        session.authorities.add_certificate(signer)
        session.hosts.add(
            HostAssociation(
                zone_id=zone.id, hostname="a.example", authority_id=of.id, position=0, created_at=AT
            )
        )
        for number in range(1, 6):
            session.certificates.add(certificate(of, zone.id, number, label=f"gate{number} Ωmega"))
        session.certificates.add_request(
            IssuanceRequest(
                zone_id=zone.id, request_key="k", digest="d", certificate_id="c", created_at=AT
            )
        )
        one = session.certificates.by_serial(of.id, "3")
        assert one is not None
        session.certificates.set_status(one, REVOKED, revoked_at=AT, reason="superseded")
        session.revocations.add(
            Revocation(authority_id=of.id, serial="3", revoked_at=AT, reason="superseded")
        )
        session.rulesets.add(
            ruleset(zone.account_id, zone.id), ruleset_version(ruleset("", None).id)
        )
        session.rule_drafts.add(rule_draft(zone.account_id, zone.id))
        made = named_list(zone.account_id)
        session.lists.add(made)
        session.lists.add_items(made.id, [list_item(made.id, f"192.0.2.{n}") for n in range(9)], AT)
        session.list_operations.add(
            ListOperation(
                id=identifier("o"),
                account_id=zone.account_id,
                list_id=made.id,
                status="completed",
                created_at=AT,
                completed_at=AT,
            )
        )
        session.tokens.add(
            Token(id=identifier("t"), name="t", sha256="0" * 64, scopes=({"a": 1},), created_at=AT)
        )
        session.sign_ins.add(
            SignIn(
                id=identifier("s"),
                sha256="1" * 64,
                name="t",
                token_id=identifier("t"),
                subject="0" * 64,
                grants=None,
                address="192.0.2.1",
                agent="a browser",
                created_at=AT,
                last_used_at=AT,
                expires_at=AT + 60,
            )
        )
        session.audit.add(
            AuditEntry(
                id=identifier("e"),
                at=AT,
                actor="test",
                action="create",
                object_type="zone",
                object_id=zone.id,
                after={"name": "日本"},
            )
        )
        session.events.add(
            [
                StoredEvent(
                    id="e",
                    at=AT,
                    site="a",
                    verdict="deny",
                    rule="r",
                    fingerprint_sha256="0" * 64,
                    event={"a": [1, None]},
                )
            ],
            {"e": RecordedRequest(request=b"\0asked", left_out={"headers": ["cookie"]})},
        )
        count = CheckCount(
            seconds=60,
            at=60,
            site="a",
            verdict="deny",
            reason="rule",
            action="block",
            rule="r",
            checks=2,
        )
        session.check_counts.add([count])
        seen = CertificateChecks(
            fingerprint_sha256="0" * 64,
            allowed=1,
            blocked=0,
            first_at=AT,
            last_at=AT,
            verified=True,
        )
        session.certificate_checks.add([seen])
        session.published.put(_crl(of.id, signer.id, 7))


def _crl(authority_id: str, certificate_id: str, number: int) -> PublishedCrl:
    return PublishedCrl(
        authority_id=authority_id,
        certificate_id=certificate_id,
        kind="complete",
        number=number,
        revision=2,
        this_update=AT,
        next_update=AT + 1,
        body=b"crl",
    )


def everything(store: Store) -> dict[str, list[Any]]:
    """Every row of every table, but what a store has of its own."""
    found = {}
    with store.read() as session:
        for table in metadata.sorted_tables:
            if table.name not in _OWN:
                # `revision` of lists is when they were restored.
                but = {"revision"} if table.name == "lists" else set()
                columns = [one for one in table.columns if one.name not in but]
                rows = session._connection.execute(select(*columns))
                if table.name == "audit_log":
                    rows = [one for one in rows if one.action != "store.restore"]
                found[table.name] = sorted((tuple(row) for row in rows), key=repr)
    return found


@pytest.fixture
def full(store: Store) -> Store:
    fill(store)
    return store


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def target(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Place]:
    """Another database, without tables."""
    from tests.contract.conftest import Place

    if request.param == "sqlite":
        yield Place("sqlite", tmp_path / "target")
        return
    server = request.getfixturevalue("postgres")
    name = server.new_database()
    yield Place(server.address(name), tmp_path / "target")
    server.drop(name)


def test_the_filling_fills_every_table(full: Store) -> None:
    assert [name for name, rows in everything(full).items() if not rows] == []
    assert check(full) == []


def test_a_backup_is_everything_in_one_private_file(full: Store, tmp_path: Path) -> None:
    file = tmp_path / "copies" / "authz.backup"
    file.parent.mkdir()

    revision = backup(full, file)

    with full.read() as session:
        assert revision == session.revision
    assert [one.name for one in file.parent.iterdir()] == [file.name]
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    with closing(sqlite3.connect(file)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("delete",)
        assert connection.execute("SELECT count(*) FROM client_certificates").fetchone() == (5,)
        assert connection.execute("SELECT count(*) FROM revocation_changes").fetchone() == (1,)


def test_a_backup_restored_into_an_empty_database_is_the_same(
    full: Store, target: Place, tmp_path: Path
) -> None:
    file = tmp_path / "backup"
    backup(full, file)

    revision = restore(target.database, target.data_dir, file, actor="tester", at=AT)

    with closing(target.open(create=False)) as other:
        assert everything(other) == everything(full)
        assert check(other) == []
        with full.read() as here, other.read() as there:
            assert there.store_id != here.store_id
            assert there.revision == revision > here.revision
            assert there.revocations.changes_after(revision - 1) is None
            assert there.revocations.changes_after(revision) == []
            assert [one.revision for one in there.lists.all()] == [revision]
            zone = default_zone(there)
            query = CertificateQuery(zone_id=zone.id, search="gate3 ωmega", status=REVOKED)
            assert [one.serial for one in there.certificates.find(query, most=9)] == ["3"]
            assert there.certificates.count(replace(query, search="")) == 1
        _go_on(other)


def _go_on(store: Store) -> None:
    """New rows are numbered behind those that were restored."""
    with store.write() as session:
        zone = default_zone(session)
        of = session.authorities.all()[0]
        session.certificates.add(certificate(of, zone.id, 77, label="newest"))
        made = session.lists.all()[0]
        session.lists.add_items(made.id, [list_item(made.id, "203.0.113.1")], AT)
    with store.read() as session:
        query = CertificateQuery(zone_id=zone.id)
        assert session.certificates.find(query, most=1)[0].label == "newest"
        assert session.lists.items(made.id)[-1].value == "203.0.113.1"
    assert check(store) == []


def test_a_database_in_use_is_not_restored_into(full: Store, place: Place, tmp_path: Path) -> None:
    file = tmp_path / "backup"
    backup(full, file)
    before = everything(full)

    with pytest.raises(ConflictError, match="in use"):
        restore(place.database, place.data_dir, file, actor="tester", at=AT)

    assert everything(full) == before


def test_replacing_what_is_there(full: Store, place: Place, tmp_path: Path) -> None:
    file = tmp_path / "backup"
    backup(full, file)
    before = everything(full)
    with full.write() as session:
        zone = default_zone(session)
        of = session.authorities.all()[0]
        session.certificates.add(certificate(of, zone.id, 99, label="later"))
        for number in (1, 2):
            session.zones.add_account(account(f"later {number}"))
        (signer,) = session.authorities.certificates()
        session.published.put(_crl(of.id, signer.id, 12))
    for _ in range(5):
        with full.write() as session:
            last, old = session.revision, session.store_id
    with closing(full.watcher()) as watcher:
        revision = restore(
            place.database, place.data_dir, file, replace=True, actor="tester", at=AT
        )

        assert watcher.wait(10.0) is True
    after = everything(full)
    # RFC 5280 §5.2.3: the number of a CRL rises, also over a restored store.
    (crl,) = after.pop("published_crls")
    assert crl[3] == 12
    del before["published_crls"]
    assert after == before
    with full.read() as session:
        assert session.revision == revision > last
        assert session.store_id != old
        (row,) = session.audit.latest(most=1)
        assert (row.actor, row.action, row.object_id) == (
            "tester",
            "store.restore",
            session.store_id,
        )
        assert row.after == {"file": str(file), "revision": revision, "backup_revision": 2}
        assert session.revocations.changes_after(last) is None
        query = CertificateQuery(zone_id=zone.id, search="later")
        assert session.certificates.find(query, most=9) == []
    assert check(full) == []
    _go_on(full)


def test_readers_see_the_old_store_until_all_of_the_new_is_there(
    full: Store, place: Place, tmp_path: Path
) -> None:
    file = tmp_path / "backup"
    backup(full, file)
    with full.read() as reader:
        before = reader.store_id
        restore(place.database, place.data_dir, file, replace=True, actor="tester", at=AT)
        assert (
            len(reader.certificates.find(CertificateQuery(zone_id=default_zone(reader).id), most=9))
            == 5
        )
        assert reader.revision == 2
    with full.read() as reader:
        assert reader.store_id != before


def test_a_backup_while_others_write_is_one_moment(
    store: Store, place: Place, tmp_path: Path
) -> None:
    """Each transaction adds an account: their number is the revision."""
    stop = threading.Event()

    def write() -> None:
        number = 0
        with closing(place.open()) as other:
            while not stop.is_set():
                number += 1
                with other.write() as session:
                    session.zones.add_account(account(f"a {number}"))

    writer = threading.Thread(target=write)
    writer.start()
    try:
        for number in range(3):
            file = tmp_path / f"backup {number}"
            revision = backup(store, file)
            with closing(sqlite3.connect(file)) as connection:
                (accounts,) = connection.execute("SELECT count(*) FROM accounts").fetchone()
            assert accounts == revision
    finally:
        stop.set()
        writer.join()


def test_a_backup_that_cannot_be_written_leaves_nothing(full: Store, tmp_path: Path) -> None:
    with pytest.raises(StoreUnavailableError) as error:
        backup(full, tmp_path / "nowhere" / "backup")
    assert error.value.where == str(tmp_path / "nowhere" / "backup")

    (tmp_path / "taken").mkdir()
    (tmp_path / "taken" / "file").touch()
    with pytest.raises(InvalidInputError, match="no file that could be replaced"):
        backup(full, tmp_path / "taken", force=True)
    assert not list(tmp_path.glob(".*"))


@pytest.mark.parametrize("name", ["authz.db", "authz.db-wal", "authz.db-shm", "authz.db-journal"])
def test_a_backup_does_not_replace_the_database(name: str, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(name)
    with closing(open_store("sqlite", tmp_path)) as store:
        for file in (tmp_path / name, tmp_path / "link"):
            with pytest.raises(InvalidInputError, match="one of the database itself"):
                backup(store, file, force=True)


def test_a_backup_replaces_a_file_only_when_that_is_asked_for(full: Store, tmp_path: Path) -> None:
    file = tmp_path / "copy"
    file.write_text("precious")
    with pytest.raises(ConflictError, match="such a file already"):
        backup(full, file)
    assert file.read_text() == "precious"

    backup(full, file, force=True)
    assert file.read_bytes().startswith(b"SQLite format 3")


@pytest.mark.parametrize("content", [b"", b"no database", b"SQLite format 3\0" + b"\xff" * 4096])
def test_what_is_no_backup_is_refused(content: bytes, place: Place, tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_bytes(content)
    with pytest.raises((InvalidInputError, StoreUnavailableError)) as error:
        restore(place.database, place.data_dir, file, actor="tester", at=AT)

    assert error.value.where == str(file)


def test_a_backup_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(StoreUnavailableError, match="no such file"):
        restore("sqlite", tmp_path, tmp_path / "file", actor="tester", at=AT)


def test_a_damaged_backup_changes_nothing(full: Store, place: Place, tmp_path: Path) -> None:
    file = tmp_path / "backup"
    backup(full, file)
    data = bytearray(file.read_bytes())
    for page in range(2, len(data) // 4096, 3):
        data[page * 4096 : page * 4096 + 64] = b"\xff" * 64
    file.write_bytes(data)
    before = everything(full)

    with pytest.raises((InvalidInputError, StoreUnavailableError)):
        restore(place.database, place.data_dir, file, replace=True, actor="tester", at=AT)

    assert everything(full) == before


@pytest.mark.parametrize(("version", "words"), [("0999", "later release"), ("abc", "not of this")])
def test_a_backup_of_a_later_release_is_refused(
    version: str, words: str, full: Store, place: Place, tmp_path: Path
) -> None:
    file = tmp_path / "backup"
    backup(full, file)
    with closing(sqlite3.connect(file)) as connection:
        connection.execute("UPDATE alembic_version SET version_num = ?", (version,))
        connection.commit()

    with pytest.raises((InvalidInputError, StoreUnavailableError), match=words):
        restore(place.database, place.data_dir, file, replace=True, actor="tester", at=AT)


def test_a_database_of_a_later_release_is_not_restored_into(
    full: Store, place: Place, tmp_path: Path
) -> None:
    file = tmp_path / "backup"
    backup(full, file)
    with full.write() as session:
        session._connection.execute(text("UPDATE alembic_version SET version_num = '0999'"))

    with pytest.raises(StoreUnavailableError, match="later release"):
        restore(place.database, place.data_dir, file, replace=True, actor="tester", at=AT)


def _damage(store: Store, statement: Any) -> None:
    with store.write() as session:
        session._connection.execute(statement)


@pytest.mark.parametrize(
    ("statement", "where", "message"),
    [
        (update(certificate_counts).values(certificates=9), "zone", "kept is 9"),
        (certificate_counts.delete(), "zone", "kept is 0"),
        (update(revocation_counts).values(revocations=9), "authority", "kept is 9"),
        (update(lists).values(items=3), "list offices", "it has 9 items, kept is 3"),
        (revocations.delete(), "certificate", "not on its authority's list"),
        (
            update(client_certificates).values(status="active"),
            "certificate",
            "active, but on its authority's list",
        ),
        (update(rulesets).values(version=5), "ruleset", "its version 5 is not there"),
        (update(authorities).values(sources="{"), "authorities", "sources is not JSON"),
    ],
)
def test_what_a_check_finds(full: Store, statement: Any, where: str, message: str) -> None:
    _damage(full, statement)

    assert any(one.where.startswith(where) and message in one.message for one in check(full)), (
        check(full)
    )


@pytest.mark.parametrize("role", ["issuing", "previous", "previous_root"])
def test_a_signing_certificate_without_a_key_is_found(full: Store, role: str) -> None:
    with full.write() as session:
        of = session.authorities.all()[0]
        assert of.kind is AuthorityKind.MANAGED
        keyless = authority_certificate(of.id, "keyless", role=CertificateRole(role))
        session.authorities.add_certificate(keyless)

    (finding,) = check(full)
    assert finding.message == "it signs, but has no key"


def test_of_one_kind_a_check_tells_some(store: Store) -> None:
    with store.write() as session:
        zone, of = with_authority(session)
        for number in range(1, 60):
            session.certificates.add(certificate(of, zone.id, number, status=REVOKED))

    found = check(store)

    assert len(found) == 21
    assert found[-1].message == "and more like this"


def test_rows_that_refer_to_nothing_are_found(tmp_path: Path) -> None:
    with closing(open_store("sqlite", tmp_path)) as store:
        fill(store)
        with closing(sqlite3.connect(tmp_path / "authz.db")) as connection:
            connection.execute("DELETE FROM keys")
            connection.commit()

        assert [(one.where, one.message) for one in check(store)] == [
            ("authority_certificates", "row 1 refers to nothing in keys")
        ]


def test_a_damaged_file_is_found(tmp_path: Path) -> None:
    """An index that has not all of its rows, and a counter that then is not looked at."""
    with closing(open_store("sqlite", tmp_path)) as store:
        fill(store)
        _damage(store, certificate_counts.delete())
    name = "ix_audit_log_at"
    statements = (
        ("PRAGMA writable_schema = ON", f"DELETE FROM sqlite_master WHERE name = '{name}'"),
        ("UPDATE audit_log SET at = 1", "PRAGMA writable_schema = ON"),
    )
    with closing(sqlite3.connect(tmp_path / "authz.db")) as connection:
        row = connection.execute("SELECT * FROM sqlite_master WHERE name = ?", (name,)).fetchone()
    for some in statements:
        with closing(sqlite3.connect(tmp_path / "authz.db")) as connection:
            for statement in some:
                connection.execute(statement)
            if some is statements[-1]:
                connection.execute("INSERT INTO sqlite_master VALUES (?, ?, ?, ?, ?)", row)
            connection.commit()

    with closing(open_store("sqlite", tmp_path)) as store:
        found = check(store)
    assert found
    assert {one.where for one in found} == {"database"}
    assert name in found[0].message


def test_a_restore_leaves_what_is_of_the_nodes_that_use_the_database(
    place: Place, full: Store, tmp_path: Path
) -> None:
    with full.note() as session:
        assert session.leases.take("fetch", "a", 60.0) == 1
    backup(full, tmp_path / "authz.backup")
    with closing(sqlite3.connect(tmp_path / "authz.backup")) as connection:
        # A backup of SQLite is the pages of its file, and there nobody takes leases.
        expected = (int(place.is_sqlite),)
        assert connection.execute("SELECT count(*) FROM leases").fetchone() == expected

    restore(
        *(place.database, place.data_dir, tmp_path / "authz.backup"),
        replace=True,
        actor="tester",
        at=AT,
    )

    with full.note() as session:
        assert session.leases.holds("fetch", "a", 1)
