# SPDX-License-Identifier: Apache-2.0
"""Which CRLs of a URL are kept when others come."""

from __future__ import annotations

import itertools
from typing import Any

import pytest

from authz.certs.certificate import Certificate
from authz.certs.crl import read_crl
from authz.sources.crl_succession import CrlHead, head_of, replaces, succeed
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
        # Dated ahead: not in force yet.
        (users(1), head(9, this_update=AT + 60)),
        (head(2, base=1), head(9, this_update=AT + 60)),
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
        (head(1), head(9, spki=b"other", next_update=AT + 9 * DAY)),
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
    # Of one moment, and lower by their common numbers: the delta says more.
    before = part(PART_1, 1, this_update=delta.this_update)
    assert kept([before], [delta]) == {before, delta}
    anew = part(PART_1, 1, this_update=LATE, next_update=AT + 9 * DAY)
    assert kept([anew], [delta], LATE) == {anew}
    assert kept([new := part(PART_1, 3)], [delta]) == {new}


def test_of_one_kind_the_newer_counts_and_of_several_the_highest() -> None:
    had = [head(7), head(6)]

    assert kept([head(6)], had) == set(had)
    assert kept([head(6)], had[::-1]) == set(had)
    assert succeed([head(6)], had, AT).older == tuple(had)
    assert kept([new := head(8)], had) == {new}
    again = head(1, this_update=LATE - 60, next_update=AT + 9 * DAY)
    assert kept([again], had, LATE) == {again}
    stale = head(1, this_update=AT, next_update=AT)
    assert kept([stale], had, LATE) == set(had)


@pytest.mark.parametrize("base", [None, 0])
def test_one_of_its_kind_that_is_dated_ahead_waits_beside_ours(base: int | None) -> None:
    """A certificate that is released tomorrow is revoked today."""
    older, old = head(1, base=base), head(2, base=base)
    ahead = head(3, base=base, this_update=AT + 60)

    found = succeed([ahead], [old, older], AT, [head(0)])

    assert ({*found.came}, {*found.had}) == ({ahead}, {old})
    assert (found.absent, found.older) == ((), ())
    # The same once more, and then it is in force.
    assert kept([ahead], [ahead, old], AT + 59, head(0)) == {ahead, old}
    assert kept([ahead], [ahead, old], AT + 61, head(0)) == {ahead}


def test_what_has_run_out_waits_for_nobody() -> None:
    ahead = head(2, this_update=LATE + 60, next_update=LATE + DAY)

    assert kept([ahead], [head(1)], LATE) == {ahead}
    assert kept([ahead], [users(1)], LATE) == {ahead}
    split = users(2, this_update=LATE + 60, next_update=LATE + DAY)
    assert kept([split], [head(1)], LATE) == {split}


def test_one_for_all_that_was_dated_ahead_replaces_a_part_once_it_is_in_force() -> None:
    part_of_it, ahead = users(1), head(9, this_update=AT + 60)

    assert kept([ahead], [ahead, part_of_it], AT + 61) == {ahead}


def test_an_earlier_one_that_is_valid_for_longer_does_not_come_back() -> None:
    """Its CA never signs one that is dated before the last: somebody replays it."""
    before, revoking = head(6, next_update=AT + 30 * DAY), head(7)

    found = succeed([before], [revoking], LATE)

    assert (found.came, found.had, found.older) == ((), (revoking,), (revoking,))


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


OTHER = b"other"


def other(number: int = 1, **changes: Any) -> CrlHead:
    return head(number, spki=OTHER, **changes)


def test_what_came_in_place_of_something_else_is_not_missed() -> None:
    mine, newcomer = head(1), other(9)
    first = succeed([newcomer], [mine], AT)
    assert first.besides == {newcomer.sha256}
    # The same once more is no later one.
    assert succeed([newcomer], [mine, newcomer], AT, besides=first.besides).absent == (mine,)

    again = head(2, next_update=AT + 9 * DAY)
    for at in (AT, LATE):
        found = succeed([again], [mine, newcomer], at, besides=first.besides)
        # Also when it has run out: it may be the one that revokes somebody.
        assert (found.came, found.had) == ((again,), (newcomer,))
        assert (found.absent, found.besides) == ((), first.besides)
    # What came with all the rest is no newcomer any more.
    whole = succeed([again, newcomer], [mine, newcomer], AT, besides=[newcomer.sha256])
    assert (whole.had, whole.besides) == ((), frozenset())


def test_whatever_replaces_it_lets_a_newcomer_go() -> None:
    mine, newcomer = head(1), users(2)

    found = succeed([later := head(3)], [mine, newcomer], AT, besides=[newcomer.sha256])

    assert (found.came, found.had, found.besides) == ((later,), (), frozenset())


def test_a_ca_that_gets_another_key_at_the_same_url_fails_for_no_longer_than_its_last_crl() -> None:
    old, first = head(7), other(1, next_update=AT + DAY / 2)
    found = succeed([first], [old], AT)
    assert (found.absent, found.besides) == ((old,), frozenset([first.sha256]))
    second = other(2, this_update=AT, next_update=AT + 2 * DAY)
    found = succeed([second], [first, old], AT + DAY / 2, besides=found.besides)
    assert (found.absent, found.besides) == ((old,), frozenset())

    found = succeed([second], [second, old], LATE)
    assert (found.had, found.absent) == ((old,), ())
    # Not by one that is out of date itself, a delta, one of less, or of before.
    for no_successor in (
        other(2, this_update=AT),
        other(2, base=1, next_update=AT + 2 * DAY),
        other(2, this_update=old.this_update - 1, next_update=AT + 2 * DAY),
    ):
        assert succeed([no_successor], [no_successor, old], LATE).absent == (old,)
    fewer = users(9, spki=OTHER, next_update=AT + 2 * DAY)
    assert succeed([fewer], [fewer, old, mine := cas(2)], LATE).absent == (mine,)


def test_one_that_was_there_once_is_no_successor() -> None:
    """Somebody plays one long-lived CRL for as long as he likes: that is told for as long."""
    mine, newcomer = head(1), other(9, next_update=AT + 300 * DAY)
    first = succeed([newcomer], [mine], AT)

    found = succeed([newcomer], [mine, newcomer], AT + 200 * DAY, besides=first.besides)

    assert (found.absent, found.besides) == ((mine,), first.besides)


def test_a_mirror_that_is_behind_a_new_key_takes_nothing_from_it() -> None:
    old, first = head(7), other(1)
    found = succeed([first], [old], AT)
    # Before the second one of the new key came, and after.
    found = succeed([old], [first, old], LATE, besides=found.besides)
    assert (set(found.came) | set(found.had)) == {old, first}
    second = other(2)
    found = succeed([second], [first, old], AT, besides=[first.sha256])
    late = head(8, next_update=AT + 9 * DAY)
    behind = succeed([late], [*found.came, *found.had], LATE, besides=found.besides)
    assert (behind.came, behind.had, behind.absent) == ((late,), (second,), ())
    earlier = head(8, this_update=second.this_update - 1, next_update=AT + 9 * DAY)
    behind = succeed([earlier], [second, head(1)], LATE)
    assert (behind.had, behind.absent) == ((second,), (second,))


@pytest.mark.parametrize("expired", [head(9, next_update=AT - 1), other(9, next_update=AT - 1)])
def test_one_that_has_run_out_does_not_come_in_place_of_anything(expired: CrlHead) -> None:
    """A full CRL of yesterday where a part of the week is: `strict` would deny all of the part."""
    mine = part(PART_1)

    found = succeed([expired], [mine], AT)

    assert (found.came, found.had, found.absent) == ((), (mine,), (mine,))
    assert found.besides == frozenset()
    # Nor behind an older one of ours.
    found = succeed([part(PART_1, 0), expired], [mine], AT)
    assert (found.came, found.had, found.older) == ((), (mine,), (mine,))
    # With all the rest it says nothing less.
    assert succeed([expired, again := part(PART_1, 2)], [mine], AT).came == (expired, again)


def test_of_two_that_have_run_out_the_later_one_for_all_counts() -> None:
    old, new = part(PART_1), head(9, next_update=AT + DAY / 2)

    assert kept([new], [old], LATE) == {new}


def test_what_has_run_out_goes_when_everybody_has_it_from_elsewhere() -> None:
    mine, old = head(1), other(1)
    now, fresh = head(2, next_update=AT + 9 * DAY), other(2, next_update=AT + 9 * DAY)

    found = succeed([now], [mine, old], LATE, elsewhere=[fresh])
    assert (found.had, found.absent) == ((), ())
    # Not before, and not by one that is as old or says less.
    assert succeed([now], [mine, old], AT, elsewhere=[fresh]).absent == (old,)
    for no_help in (
        other(2),
        other(2, base=1, next_update=AT + 9 * DAY),
        head(2, next_update=AT + 9 * DAY),
    ):
        assert succeed([now], [mine, old], LATE, elsewhere=[no_help]).had == (old,)


@pytest.mark.parametrize(
    ("new", "old", "expected"),
    [
        (head(2), head(1), True),
        (head(1), head(2), False),
        (head(2), part(PART_1), True),
        (head(2, next_update=AT - 1), part(PART_1), False),
        (head(2), other(1), False),
        (head(2, base=1), head(1), False),
        (part(PART_2, 9), part(PART_1), False),
    ],
)
def test_one_for_one(new: CrlHead, old: CrlHead, *, expected: bool) -> None:
    assert replaces(new, old, AT) is expected


def test_a_head_is_what_the_crl_says() -> None:
    issued = root().crl([1, 2], number=7, base_number=6)
    model = read_crl(issued.der, [Certificate.from_der(authority().certificates[0])], where="x")

    found = head_of(model)

    assert (found.number, found.base, found.kind) == (7, 6, (model.spki, b"", True))
    assert (found.this_update, found.next_update) == (model.this_update, model.next_update)
    assert (found.covers_end_entity, found.covers_ca, found.points) == (True, True, frozenset())
