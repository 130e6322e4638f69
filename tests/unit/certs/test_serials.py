# SPDX-License-Identifier: Apache-2.0
"""A base and a few changes are one set of serial numbers."""

from __future__ import annotations

from authz.certs.serials import MAX_CHANGES, Serials, pack_serials, rebase, revise

MANY = list(range(10**20, 10**20 + MAX_CHANGES + 1))


def test_without_a_base_the_added_ones_count() -> None:
    serials = Serials(None, (5, 2**159))

    assert serials.has(5)
    assert serials.has(2**159)
    assert not serials.has(6)
    assert serials


def test_the_base_counts_but_for_what_was_restored() -> None:
    serials = Serials(pack_serials([1, 2, 3]), (9,), (2,))

    assert [serial for serial in range(12) if serials.has(serial)] == [1, 3, 9]


def test_they_are_counted_and_gone_through() -> None:
    for serials, members in (
        (Serials(), []),
        (Serials(None, (5, 7)), [5, 7]),
        (Serials(pack_serials([1, 2, 3]), (9, 3), (2, 8)), [1, 3, 9]),
        (Serials(pack_serials([1, 2]), (1,), (1, 2)), [1]),
    ):
        assert sorted(serials) == members
        assert len(serials) == len(members)
        assert [serial for serial in range(12) if serials.has(serial)] == members


def test_a_base_alone_is_asked_directly() -> None:
    assert [n for n in range(5) if Serials(pack_serials([1, 3])).has(n)] == [1, 3]


def test_nothing_revoked_is_nothing_to_look_up() -> None:
    assert not Serials(None)
    assert not Serials(pack_serials(()))
    assert Serials(pack_serials((1,)))
    assert Serials(pack_serials(()), (1,))


def test_numbers_that_no_verified_certificate_has_are_not_packed() -> None:
    serials = Serials(pack_serials([-1, 0, 2**160 - 1, 2**160, 2**4000]))

    assert serials.has(0)
    assert serials.has(2**160 - 1)
    assert not serials.has(2**160)
    assert not serials.has(-1)


def test_a_revocation_is_a_change_over_the_same_base() -> None:
    base = pack_serials(MANY)

    assert revise(base, (), (), revoke=[7, 5]) == (base, (5, 7), ())
    assert revise(base, (5, 7), (), restore=[7, MANY[0]]) == (base, (5,), (MANY[0],))
    assert revise(base, (5,), (MANY[0],), revoke=[MANY[0], MANY[1]]) == (base, (5,), ())
    assert revise(base, (), (), revoke=[5], restore=[5, 6]) == (base, (), ())


def test_many_changes_become_a_new_base() -> None:
    base, added, restored = revise(pack_serials([1, 2, 3]), (4,), (2,), revoke=MANY, restore=[3])

    assert (added, restored) == ((), ())
    has = Serials(base).has
    assert all(map(has, [1, 4, *MANY]))
    assert not has(2)
    assert not has(3)


def test_many_without_a_base_get_one() -> None:
    base, added, restored = revise(None, (), (), revoke=MANY)

    assert base is not None
    assert (added, restored) == ((), ())
    assert revise(None, (1,), (), revoke=[2]) == (None, (1, 2), ())


def test_few_serials_need_no_base() -> None:
    assert rebase(pack_serials(MANY), [3, 1]) == (None, (3, 1), ())


def test_a_list_that_changed_little_keeps_its_base() -> None:
    base = pack_serials(MANY)

    assert rebase(base, MANY) == (base, (), ())
    assert rebase(base, [*MANY[1:], 7, 7, 5]) == (base, (5, 7), (MANY[0],))
    assert rebase(base, [*MANY, *MANY]) == (base, (), ())


def test_a_list_that_changed_much_gets_a_new_base() -> None:
    other = [number * 3 for number in MANY]

    assert rebase(pack_serials(MANY), other) == (pack_serials(other), (), ())
    assert rebase(None, other) == (pack_serials(other), (), ())
