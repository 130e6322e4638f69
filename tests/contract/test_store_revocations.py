# SPDX-License-Identifier: Apache-2.0
"""Revoked serial numbers and their changes, in both databases."""

from __future__ import annotations

from typing import TYPE_CHECKING

from authz.certs.serials import Serials
from authz.services.revoked import RevokedSerials
from authz.store import revocations as module
from authz.store.records import Revocation, serial_text
from authz.store.tables import revocations
from tests.factories.pki import AT
from tests.factories.stored import authority, with_authority

if TYPE_CHECKING:
    import pytest

    from authz.packed import Section
    from authz.services.revoked import Listed
    from authz.store.engine import Store
    from authz.store.records import Authority


def _authority(store: Store) -> Authority:
    with store.write() as session:
        return with_authority(session)[1]


def _revoke(store: Store, of: Authority, *serials: int, at: float = AT) -> int:
    with store.write() as session:
        for serial in serials:
            one = Revocation(
                authority_id=of.id, serial=serial_text(serial), revoked_at=at, reason="superseded"
            )
            assert session.revocations.add(one)
        return session.revision


def _restore(store: Store, of: Authority, serial: int) -> int:
    with store.write() as session:
        assert session.revocations.remove(of.id, serial_text(serial), AT + 1)
        return session.revision


def _changes(store: Store, revision: int) -> list[tuple[str, bool]] | None:
    with store.read() as session:
        found = session.revocations.changes_after(revision)
        return None if found is None else [(one.serial, one.revoked) for one in found]


def test_a_revoked_serial_number_is_on_the_list(store: Store) -> None:
    of = _authority(store)
    largest = (1 << 160) - 1
    revision = _revoke(store, of, 0x0A1B, largest)
    with store.read() as session:
        assert session.revocations.get(of.id, "A1B") == Revocation(
            authority_id=of.id,
            serial="A1B",
            revoked_at=AT,
            reason="superseded",
            revision=revision,
        )
        assert session.revocations.get(of.id, "A1C") is None
        assert session.revocations.count(of.id) == 2
        assert sorted(session.revocations.serials(of.id)) == [0xA1B, largest]
        assert [one.serial for one in session.revocations.all(of.id)] == ["A1B", "F" * 40]
        assert [one.serial for one in session.revocations.all(of.id, most=1)] == ["A1B"]
        assert [one.serial for one in session.revocations.all(of.id, after="A1B")] == ["F" * 40]


def test_revoking_twice_changes_nothing(store: Store) -> None:
    of = _authority(store)
    revision = _revoke(store, of, 1)
    with store.write() as session:
        again = Revocation(authority_id=of.id, serial="1", revoked_at=AT + 9, reason="unspecified")
        assert session.revocations.add(again) is False
    with store.read() as session:
        kept = session.revocations.get(of.id, "1")
        assert kept is not None
        assert kept.revoked_at == AT
        assert session.revocations.count(of.id) == 1
    assert _changes(store, revision) == []


def test_a_restored_one_is_off_the_list(store: Store) -> None:
    of = _authority(store)
    revision = _revoke(store, of, 1, 2)
    _restore(store, of, 1)
    with store.write() as session:
        assert session.revocations.remove(of.id, "1", AT) is False
    with store.read() as session:
        assert list(session.revocations.serials(of.id)) == [2]
        assert session.revocations.count(of.id) == 1
    assert _changes(store, revision) == [("1", False)]


def test_authorities_do_not_share_a_list(store: Store) -> None:
    of = _authority(store)
    with store.write() as session:
        _, other = with_authority(session, "others")
    _revoke(store, of, 1)
    _revoke(store, other, 1, 2)
    with store.read() as session:
        assert session.revocations.count(of.id) == 1
        assert session.revocations.count(other.id) == 2
        assert session.revocations.count("0" * 32) == 0


def test_more_serial_numbers_than_are_read_at_once(store: Store) -> None:
    of = _authority(store)
    _revoke(store, of, *range(1, 51))
    with store.write() as session:
        rows = [
            {
                "authority_id": of.id,
                "serial": serial_text(serial),
                "revoked_at": AT,
                "reason": "superseded",
                "revision": 3,
            }
            for serial in range(51, 25_001)
        ]
        session._connection.execute(revocations.insert(), rows)
    with store.read() as session:
        assert sorted(session.revocations.serials(of.id)) == list(range(1, 25_001))
        # Left in the middle: the session can be used on.
        some = session.revocations.serials(of.id)
        next(some)
        some.close()
        assert session.revocations.get(of.id, "1") is not None


def test_changes_come_in_the_order_of_their_transactions(store: Store) -> None:
    of = _authority(store)
    first = _revoke(store, of, 3, 1)
    second = _restore(store, of, 3)
    third = _revoke(store, of, 3)

    assert _changes(store, 0) == [("3", True), ("1", True), ("3", False), ("3", True)]
    assert _changes(store, first) == [("3", False), ("3", True)]
    assert _changes(store, second) == [("3", True)]
    assert _changes(store, third) == []
    with store.read() as session:
        (last,) = session.revocations.changes_after(second) or ()
    assert (last.revision, last.authority_id, last.at) == (third, of.id, AT)


def test_a_new_store_has_forgotten_nothing(store: Store) -> None:
    assert _changes(store, 0) == []
    with store.note() as session:
        assert session.revocations.trim_changes(before=AT, keep=0) == 0
    assert _changes(store, 0) == []


def test_who_knows_less_than_is_remembered_must_read_the_list(store: Store) -> None:
    of = _authority(store)
    first = _revoke(store, of, 1)
    second = _revoke(store, of, 2)
    third = _revoke(store, of, 3)
    with store.note() as session:
        assert session.revocations.forget_changes(second) == 2

    assert _changes(store, 0) is None
    assert _changes(store, first) is None
    assert _changes(store, second) == [("3", True)]
    assert _changes(store, third) == []


def test_forgetting_every_change(store: Store) -> None:
    of = _authority(store)
    first = _revoke(store, of, 1)
    with store.write() as session:
        # Not what comes after this transaction, whatever is asked for.
        assert session.revocations.forget_changes(first + 1_000) == 1
        now = session.revision
    assert _changes(store, first) is None
    assert _changes(store, now) == []
    later = _revoke(store, of, 2)
    assert _changes(store, now) == [("2", True)]
    assert _changes(store, first) is None
    assert _changes(store, later) == []


def test_forgetting_less_than_was_forgotten_already(store: Store) -> None:
    of = _authority(store)
    first = _revoke(store, of, 1)
    second = _revoke(store, of, 2)
    with store.note() as session:
        session.revocations.forget_changes(second)
        session.revocations.forget_changes(first)

    assert _changes(store, first) is None


def test_changes_are_kept_by_age_and_number(store: Store) -> None:
    of = _authority(store)
    for serial in range(1, 11):
        last = _revoke(store, of, serial, at=AT + serial)

    with store.note() as session:
        assert session.revocations.trim_changes(before=AT, keep=100) == 0
        assert session.revocations.trim_changes(before=AT + 4, keep=100) == 3
        assert session.revocations.trim_changes(before=AT + 4, keep=5) == 2
    assert _changes(store, last - 5) == [(f"{serial:X}", True) for serial in range(6, 11)]
    assert _changes(store, last - 6) is None
    with store.note() as session:
        assert session.revocations.trim_changes(before=AT + 99, keep=100) == 5
    assert _changes(store, last - 1) is None
    assert _changes(store, last) == []


def test_the_changes_of_a_transaction_stay_together(store: Store) -> None:
    of = _authority(store)
    first = _revoke(store, of, 1, 2, 3)
    second = _revoke(store, of, 4)
    with store.note() as session:
        assert session.revocations.trim_changes(before=AT, keep=2) in {0, 3}
    for known in (0, first, second):
        found = _changes(store, known)
        assert found is None or found[-1:] == ([("4", True)] if known < second else [])


def test_a_list_is_copied_to_another_authority(store: Store) -> None:
    with store.write() as session:
        here, of = with_authority(session)
        other = authority(here.account_id, "other")
        session.authorities.add(other)
    _revoke(store, of, 1, 2, 3, at=AT - 5)
    _revoke(store, other, 2, 9, at=AT)
    with store.write() as session:
        assert session.revocations.copy(of.id, other.id, AT + 7) == 2
        revision = session.revision
        assert session.revocations.copy(of.id, other.id, AT + 7) == 0

    with store.read() as session:
        assert session.revocations.count(other.id) == 4
        assert session.revocations.count(of.id) == 3
        found = session.revocations.all(other.id)
        assert [(one.serial, one.revoked_at) for one in found] == [
            ("1", AT - 5),
            ("2", AT),
            ("3", AT - 5),
            ("9", AT),
        ]
        assert [one.revision for one in found if one.serial in "13"] == [revision] * 2
        changes = session.revocations.changes_after(revision - 1)
    assert changes is not None
    assert [(one.authority_id, one.serial, one.revoked, one.at) for one in changes] == [
        (other.id, "1", True, AT + 7),
        (other.id, "3", True, AT + 7),
    ]


def test_of_a_long_list_no_changes_are_kept_and_readers_read_it_anew(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_AT_ONCE", 2)
    with store.write() as session:
        here, of = with_authority(session)
        other = authority(here.account_id, "other")
        session.authorities.add(other)
    _revoke(store, of, 1, 2, 3)
    followed = RevokedSerials()
    with store.read() as session:
        followed.follow(session)
        assert not Serials(*_parts(followed.of(session, other.id))).has(3)
    with store.write() as session:
        before = session.revision - 1
        assert session.revocations.copy(of.id, other.id, AT) == 3

    assert _changes(store, before) is None
    with store.read() as session:
        followed.follow(session)
        known = Serials(*_parts(followed.of(session, other.id)))
    assert all(known.has(one) for one in (1, 2, 3))


def _parts(listed: Listed) -> tuple[Section | None, tuple[int, ...], tuple[int, ...]]:
    return listed.base, listed.added, listed.restored
