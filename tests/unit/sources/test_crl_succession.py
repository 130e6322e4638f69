# SPDX-License-Identifier: Apache-2.0
"""Which CRLs of a URL are kept when others come."""

from __future__ import annotations

import itertools
from typing import Any

import pytest

from authz.certs.certificate import Certificate
from authz.certs.crl import read_crl
from authz.sources.crl_succession import CrlHead, head_of, succeed
from tests.factories.pki import AT, DAY, authority, root

_DIGESTS = itertools.count()
PART_1, PART_2 = b"part 1", b"part 2"


def head(number: int = 1, **changes: Any) -> CrlHead:
    """A complete CRL for all certificates of a key, in force at AT."""
    return CrlHead(
        **{
            "sha256": next(_DIGESTS).to_bytes(32),
            "spki": b"key",
            "issuer": "CN=CA",
            "scope": b"",
            "number": number,
            "base": None,
            "this_update": AT - 3600 + number,
            "next_update": AT + DAY,
            "covers_end_entity": True,
            "covers_ca": True,
            "points": frozenset(),
            **changes,
        }
    )


def part(scope: bytes, number: int = 1, **changes: Any) -> CrlHead:
    return head(number, scope=scope, **{"points": frozenset([scope.decode()]), **changes})


def users(number: int = 1, **changes: Any) -> CrlHead:
    return head(number, scope=b"users", covers_ca=False, **changes)


def cas(number: int = 1, **changes: Any) -> CrlHead:
    return head(number, scope=b"cas", covers_end_entity=False, **changes)


def kept(came: list[CrlHead], had: list[CrlHead], at: float = AT, *more: CrlHead) -> set[CrlHead]:
    found = succeed(came, had, at, more)
    return {*found.came, *found.had}


LATE = AT + DAY + 1


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (head(1), head(9, spki=b"other")),
        (head(1), part(PART_1, 9)),
        (head(1), users(9)),
        (head(1), head(9, base=1)),
        (part(PART_1, 1), part(PART_2, 9)),
        (part(PART_1, 9), head(1)),
        (users(1), cas(9)),
        (head(9, base=1), head(8)),
    ],
)
def test_what_is_in_force_stays_beside_what_is_no_later_one_of_it(
    old: CrlHead, new: CrlHead
) -> None:
    found = succeed([new], [old], AT)

    assert (found.came, found.had, found.absent, found.older) == ((new,), (old,), (old,), ())


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (head(1), head(9, spki=b"other")),
        (head(1), head(9, base=1, next_update=AT + 9 * DAY)),
        (part(PART_1, 1), part(PART_2, 9, next_update=AT + 9 * DAY)),
        (users(1), cas(9, next_update=AT + 9 * DAY)),
    ],
)
def test_what_ran_out_stays_where_nothing_says_as_much(old: CrlHead, new: CrlHead) -> None:
    """A stale CRL denies under `strict`; none at all would let in whom it named."""
    assert kept([new], [old], LATE) == {new, old}


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (head(1), part(PART_1, 2, next_update=AT + 9 * DAY)),
        (head(1), users(2, next_update=AT + 9 * DAY)),
        (
            part(PART_1, 1),
            head(2, scope=b"wider", points=frozenset(["part 1", "x"]), next_update=AT + 9 * DAY),
        ),
        (users(1), head(2, scope=b"all", next_update=AT + 9 * DAY)),
    ],
)
def test_a_ca_may_split_its_crl_otherwise_when_the_last_one_has_run_out(
    old: CrlHead, new: CrlHead
) -> None:
    assert kept([new], [old], AT) == {new, old}
    assert kept([new], [old], LATE) == {new}


@pytest.mark.parametrize("old", [part(PART_1), users(), cas(), head(2, base=1), head(1)])
def test_a_later_one_for_all_certificates_replaces_every_other_of_its_key(old: CrlHead) -> None:
    found = succeed([new := head(3)], [old], AT)

    assert (found.came, found.had, found.absent) == ((new,), (), ())


def test_a_later_complete_part_replaces_its_delta() -> None:
    delta = part(PART_1, 2, base=1)

    assert kept([part(PART_2, 3)], [delta]) > {delta}
    assert kept([new := part(PART_1, 3)], [delta]) == {new}


def test_of_one_kind_the_newer_counts_and_of_several_the_highest() -> None:
    had = [head(7), head(6)]

    assert kept([head(6)], had) == set(had)
    assert kept([head(6)], had[::-1]) == set(had)
    assert succeed([head(6)], had, AT).older == tuple(had)
    assert kept([new := head(8)], had) == {new}
    again = head(1, next_update=AT + 9 * DAY)
    assert kept([again], had, LATE) == {again}
    stale = head(1, next_update=AT)
    assert kept([stale], had, LATE) == set(had)


def test_one_that_is_older_does_not_keep_out_the_others() -> None:
    other = head(5, spki=b"other")
    old, new = head(9), head(4, spki=b"other")

    found = succeed([head(8), other], [old, new], AT)

    assert (found.came, found.had, found.older, found.absent) == ((other,), (old,), (old,), ())


def test_a_delta_for_a_complete_crl_that_is_not_there_yet_replaces_none_that_applies() -> None:
    complete, before, after = head(5), head(6, base=5), head(8, base=7)

    found = succeed([after], [before], AT, [complete])
    assert ({*found.came, *found.had}, found.absent) == ({before, after}, ())
    # The same once more, and then the complete one.
    assert kept([after], [after, before], AT, complete) == {before, after}
    assert kept([after], [after, before], AT, head(7)) == {after}
    # Whoever has none has nothing that it could go with.
    assert kept([after], [before], AT) == {after}


def test_what_came_in_place_of_something_else_leaves_when_it_has_run_out() -> None:
    mine, guest = head(1), head(9, spki=b"other")
    first = succeed([guest], [mine], AT)
    assert first.besides == {guest.sha256}
    # A later one of it is a guest as well, as long as ours does not come.
    second = succeed([later := head(10, spki=b"other")], [*first.came, *first.had], AT)
    assert second.came == (later,)

    mine_again = head(2, next_update=AT + 9 * DAY)
    third = succeed([mine_again], [mine, guest], AT, besides=first.besides)
    assert (set(third.had), third.absent, third.besides) == ({guest}, (), first.besides)
    assert kept([mine_again], [mine, guest], LATE) == {mine_again, guest}
    last = succeed([mine_again], [mine, guest], LATE, besides=first.besides)
    assert (last.came, last.had, last.besides) == ((mine_again,), (), frozenset())
    # What stays is ours: who brings its guest again ends nothing.
    guest = head(11, spki=b"other", next_update=AT + 9 * DAY)
    found = succeed([guest], [mine], LATE, besides=first.besides)
    assert (found.had, found.besides) == ((mine,), frozenset([guest.sha256]))
    # What came with all the rest is no guest any more.
    whole = succeed([mine_again, guest], [mine, guest], AT, besides=[guest.sha256])
    assert (whole.had, whole.besides) == ((), frozenset())


def test_a_head_is_what_the_crl_says() -> None:
    issued = root().crl([1, 2], number=7, base_number=6)
    model = read_crl(issued.der, [Certificate.from_der(authority().certificates[0])], where="x")

    found = head_of(model)

    assert (found.number, found.base, found.kind) == (7, 6, (model.spki, b"", True))
    assert (found.this_update, found.next_update) == (model.this_update, model.next_update)
    assert (found.covers_end_entity, found.covers_ca, found.points) == (True, True, frozenset())
