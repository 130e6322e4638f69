# SPDX-License-Identifier: Apache-2.0
"""Which CRLs of a URL are kept when others come: what is in force is never lost by what comes.

Whoever sits between a CA and us can make a URL answer with whatever that CA once signed: an earlier
CRL, another CA's, another part, a delta, or less than all of a bundle. So what came takes the place
of what we have kind by kind, a kind being an issuer's key, a scope, and complete or delta:

- of one kind, the newer one counts. A CA that counts anew (it was set up again from a backup) is
  believed once ours is past its nextUpdate;
- what did not come again stays, until a complete CRL of the same key says everything it said: at
  once one for all certificates, and past the nextUpdate of ours one that covers as much. A CA may
  change how it splits its CRL; a CRL of another CA, or of another part, ends nothing;
- what came first in place of something else that stays (a wrong file for an hour, a CA's next key)
  counts as long as it is in force, and leaves without a word.

CRL numbers are compared within a scope only (RFC 5280 §5.2.3). No entries are looked at.
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
    an older form than ours, and whose did not come and are not replaced. `besides` are those that
    came in place of such ones, or did once, and no whole body brought since."""

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
) -> Succession:
    """What to keep at Unix time `at` of the CRLs that came from a URL, and of those it had.

    Args:
        completes: what there is of other URLs, which deltas may go with.
        besides: as the last one said it, by SHA-256.
    """
    new, old = _by_kind(came), _by_kind(had)
    taken = {kind: some for kind, some in new.items() if _follows(some, old.get(kind, ()), at)}
    flat = [one for some in taken.values() for one in some]
    own = {kind for kind, some in old.items() if any(one.sha256 not in besides for one in some)}
    older: list[CrlHead] = []
    absent: list[CrlHead] = []
    guests: list[CrlHead] = []
    deltas: list[CrlHead] = []
    for kind, some in old.items():
        left = [one for one in some if not _is_replaced(one, flat, at)]
        if kind in taken:
            deltas += _still_applied(some, taken[kind], (*completes, *had, *flat))
        elif kind in new:
            older += some
        elif kind in own:
            absent += some if left else ()
        else:
            guests += (one for one in left if one.next_update >= at)
    come_in_place = [one for one in flat if one.kind not in own] if absent else []
    ids = set(map(id, flat))
    return Succession(
        came=tuple(one for one in came if id(one) in ids),
        had=(*older, *absent, *guests, *deltas),
        older=tuple(older),
        absent=tuple(absent),
        besides=frozenset(one.sha256 for one in (*guests, *come_in_place)),
    )


def _by_kind(some: Iterable[CrlHead]) -> dict[Kind, tuple[CrlHead, ...]]:
    found: dict[Kind, tuple[CrlHead, ...]] = {}
    for one in some:
        found[one.kind] = (*found.get(one.kind, ()), one)
    return found


def _follows(new: Sequence[CrlHead], old: Sequence[CrlHead], at: float) -> bool:
    """Whether CRLs of one kind may take the place of those we have. Of several of one kind in one
    file the highest numbers count, whichever comes first."""
    if not old or max(one.next_update for one in old) < at <= max(one.next_update for one in new):
        return True
    issued, had = (max(one.this_update for one in some) for some in (new, old))
    number, before = (max(one.number for one in some) for some in (new, old))
    if issued <= at < had and number > before:
        # Ours is dated ahead, and its CA issued this one later by its own count: its clock was put
        # back between the two. Who replays an earlier one has no higher number.
        return True
    return issued >= had and number >= before


def _is_replaced(old: CrlHead, kept: Iterable[CrlHead], at: float) -> bool:
    """Whether a complete CRL of the same key, issued no earlier, says everything that `old` said:
    RFC 5280 §5.2.4 for deltas."""
    return any(
        new.spki == old.spki
        and new.base is None
        and new.this_update >= old.this_update
        and (
            new.scope in (b"", old.scope)
            or (old.next_update < at <= new.next_update and _covers(new, old))
        )
        for new in kept
    )


def _covers(new: CrlHead, old: CrlHead) -> bool:
    """Whether a CRL with a scope may follow one of another scope that has run out. One for all
    certificates may be split: under `strict`, whoever has no part is not verified then."""
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
