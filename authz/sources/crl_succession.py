# SPDX-License-Identifier: Apache-2.0
"""Which CRLs of a URL are kept when others come: what comes takes no revocation away.

Whoever sits between a CA and us can make a URL answer with whatever that CA once signed: an earlier
CRL, another CA's, another part, a delta, or less than all of a bundle. So what came takes the place
of what we have kind by kind, a kind being an issuer's key, a scope, and complete or delta:

1. Of one kind, the one that was issued later counts, with a number that is no lower. Past the
   nextUpdate of ours, whatever its number, one that is in force: its CA counts anew, from a backup.
   Where ours is dated ahead, one of today with a higher number: a clock was put back. Where what
   came is dated ahead, ours stays beside it until another one is in force.
2. What did not come again stays, also stale, until a complete CRL of the same key that was issued
   no earlier says as much. One of the same scope, or for all certificates, does so at once if it is
   in force, and past the nextUpdate of ours in any case; but a delta in force does not go for a
   lower number of its scope. One of another scope that covers as much says it when it is in force
   and ours is not: a CA may change how it splits its CRL. One for all is followed by any part then:
   what the other parts have to say is lost under `soft`, for nobody knows how many there are. Past
   the nextUpdate of ours, one in force at another URL says it as well, if whoever names this URL
   names that one, too.
3. Whoever asks is told that something did not come, unless it is a newcomer (4), until it has run
   out and its successor came: any complete CRL, whoever's, that is in force, issued no earlier,
   covers as much, and no newcomer. So a CA may get another key.
4. What is of a kind that we had none of, and comes while something of ours does not, or in an older
   form, is a newcomer: it counts as all others. It is none any more when a later one of its kind
   follows it, or when it comes and nothing lacks. One that has run out is not taken.

So what nothing replaces stays until whoever names the URL trusts its key no longer: under `soft` it
goes on revoking, under `strict` it is stale. CRL numbers are compared within a scope only (RFC 5280
§5.2.3). No entries are looked at.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence

    from authz.certs.authority import CrlModel

#: The issuer's key, the scope, and whether it is a delta.
Kind = tuple[bytes, bytes, bool]


@dataclass(frozen=True, slots=True, kw_only=True)
class CrlHead:
    """A CRL without its entries; what is what, `CrlModel` says. `base` is None but for a delta."""

    sha256: bytes
    spki: bytes
    issuer: str
    scope: bytes
    number: int
    base: int | None
    this_update: float
    next_update: float
    covers_end_entity: bool
    covers_ca: bool
    points: frozenset[str]

    @property
    def kind(self) -> Kind:
        """CRLs of one kind follow each other."""
        return self.spki, self.scope, self.base is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class Succession:
    """What is kept: of what came, and of what we had. `older` and `absent` say whose CRLs came in
    an older form than ours, and of whose it is to be told that they did not come. `besides` are the
    newcomers."""

    came: tuple[CrlHead, ...]
    had: tuple[CrlHead, ...]
    older: tuple[CrlHead, ...] = ()
    absent: tuple[CrlHead, ...] = ()
    besides: frozenset[bytes] = frozenset()


def head_of(crl: CrlModel) -> CrlHead:
    """A CRL that was read, without its entries."""
    return CrlHead(
        sha256=crl.sha256,
        spki=crl.spki,
        issuer=crl.issuer,
        scope=crl.scope,
        number=int.from_bytes(crl.number or b""),
        base=None if crl.base_number is None else int.from_bytes(crl.base_number),
        this_update=crl.this_update,
        next_update=crl.next_update,
        covers_end_entity=crl.covers_end_entity,
        covers_ca=crl.covers_ca,
        points=frozenset(crl.points),
    )


def succeed(
    came: Sequence[CrlHead],
    had: Sequence[CrlHead],
    at: float,
    completes: Iterable[CrlHead] = (),
    besides: Collection[bytes] = (),
    elsewhere: Sequence[CrlHead] = (),
) -> Succession:
    """What to keep at Unix time `at` of the CRLs that came from a URL, and of those it had.

    Args:
        completes: what there is of other URLs, which deltas may go with.
        besides: as the last one said it, by SHA-256.
        elsewhere: what there is of other URLs for everybody who names this one.
    """
    new, old = _by_kind(came), _by_kind(had)
    taken = {kind: some for kind, some in new.items() if _follows(some, old.get(kind, ()), at)}
    flat = [one for some in taken.values() for one in some]
    newcomers = {
        kind
        for kind, some in old.items()
        if all(one.sha256 in besides for one in some) and not _is_later(taken.get(kind, ()), some)
    }
    successors = [one for one in flat if one.kind in old and one.kind not in newcomers]
    older: list[CrlHead] = []
    missed: list[CrlHead] = []
    absent: list[CrlHead] = []
    deltas: list[CrlHead] = []
    meanwhile: list[CrlHead] = []
    for kind, some in old.items():
        left = [one for one in some if not _is_replaced(one, flat, elsewhere, at)]
        if kind in taken:
            deltas += _still_applied(some, taken[kind], (*completes, *had, *flat))
            meanwhile += _in_force_before(some, taken[kind], at)
        elif kind in new:
            older += left
        else:
            missed += left
            if kind not in newcomers:
                absent += (one for one in left if not _is_succeeded(one, successors, at))
    late = [one for one in flat if one.kind not in old and one.next_update < at]
    lacks = absent or older
    if lacks and late:
        others = [one for one in came if all(one is not other for other in late)]
        return succeed(others, had, at, completes, besides, elsewhere)
    if lacks:
        newcomers |= {one.kind for one in flat if one.kind not in old}
    else:
        newcomers -= taken.keys()
    ids = set(map(id, flat))
    # A delta may stay for both reasons.
    stays = tuple(dict.fromkeys((*older, *missed, *deltas, *meanwhile)))
    return Succession(
        came=tuple(one for one in came if id(one) in ids),
        had=stays,
        older=tuple(older),
        absent=tuple(absent),
        besides=frozenset(one.sha256 for one in (*flat, *stays) if one.kind in newcomers),
    )


def replaces(new: CrlHead, old: CrlHead, at: float) -> bool:
    """Whether one CRL takes the place of another at Unix time `at`, by the first two rules."""
    if new.kind == old.kind:
        return _follows([new], [old], at)
    return _says_as_much(new, old, at)


def _by_kind(some: Iterable[CrlHead]) -> dict[Kind, tuple[CrlHead, ...]]:
    found: dict[Kind, tuple[CrlHead, ...]] = {}
    for one in some:
        found[one.kind] = (*found.get(one.kind, ()), one)
    return found


def _follows(new: Sequence[CrlHead], old: Sequence[CrlHead], at: float) -> bool:
    """The first rule. Of several of one kind in one file the highest numbers count, whichever comes
    first."""
    if not old:
        return True
    issued, had = (max(one.this_update for one in some) for some in (new, old))
    number, before = (max(one.number for one in some) for some in (new, old))
    if issued < had:
        # Who replays an earlier one has no higher number.
        return issued <= at < had and number > before
    until, end = (max(one.next_update for one in some) for some in (new, old))
    return number >= before or end < at <= until


def _in_force_before(
    old: Sequence[CrlHead], new: Sequence[CrlHead], at: float
) -> Sequence[CrlHead]:
    """The end of the first rule: of ours, the latest that is in force, if nothing of theirs is yet.

    What a CA takes back by a CRL of tomorrow is revoked today.
    """
    if any(one.this_update <= at for one in new):
        return ()
    return sorted(
        (one for one in old if one.this_update <= at <= one.next_update),
        key=lambda one: (one.this_update, one.number),
    )[-1:]


def _is_later(new: Sequence[CrlHead], old: Sequence[CrlHead]) -> bool:
    """Whether the CA signed another one by now: not the same once more."""
    return bool(new) and max(one.this_update for one in new) > max(one.this_update for one in old)


def _is_replaced(
    old: CrlHead, here: Iterable[CrlHead], elsewhere: Iterable[CrlHead], at: float
) -> bool:
    return any(_says_as_much(new, old, at) for new in here) or (
        old.next_update < at
        and any(at <= new.next_update and _says_as_much(new, old, at) for new in elsewhere)
    )


def _says_as_much(new: CrlHead, old: CrlHead, at: float) -> bool:
    """The second rule, RFC 5280 §5.2.4 for deltas."""
    if new.spki != old.spki or new.base is not None or new.this_update < old.this_update:
        return False
    in_force = new.this_update <= at <= new.next_update
    ran_out = old.next_update < at
    if new.scope == old.scope:
        return ran_out or (in_force and new.number >= old.number)
    if not new.scope:
        return ran_out or in_force
    # Not when it is in force: of a CA that signs what is asked for, it might never be by then.
    return ran_out and at <= new.next_update and _covers(new, old)


def _is_succeeded(old: CrlHead, successors: Iterable[CrlHead], at: float) -> bool:
    """Whether one came by which nobody has to be told of `old` any more: the third rule."""
    return old.next_update < at and any(
        new.base is None
        and at <= new.next_update
        and new.this_update >= old.this_update
        and _covers(new, old)
        for new in successors
    )


def _covers(new: CrlHead, old: CrlHead) -> bool:
    """Whether a CRL may follow one of another scope that has run out. One for all certificates may
    be split: under `strict`, whoever has no part is not verified then."""
    return not old.scope or (
        new.covers_end_entity >= old.covers_end_entity
        and new.covers_ca >= old.covers_ca
        and (not new.points or (bool(old.points) and old.points <= new.points))
    )


def _still_applied(
    old: Iterable[CrlHead], new: Iterable[CrlHead], completes: Iterable[CrlHead]
) -> list[CrlHead]:
    """The deltas that go with the complete CRL that is there, as long as later ones do not: they
    may be for one that was not fetched yet."""
    in_use = {one.kind: one.number for one in sorted(completes, key=lambda one: one.number)}

    def applies(delta: CrlHead) -> bool:
        number = in_use.get((delta.spki, delta.scope, False))
        return number is not None and (delta.base or 0) <= number < delta.number

    replaced = {one.sha256 for one in new}
    if any(one.base is None or applies(one) for one in new):
        return []
    return [one for one in old if one.sha256 not in replaced and applies(one)]
