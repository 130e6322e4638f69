# SPDX-License-Identifier: Apache-2.0
"""Revoked serial numbers: a packed base that seldom changes, and the few changes since.

A revocation adds one number to the changes; the base, 20 MB for a million numbers, is neither
written nor read again. When the changes are many, they are folded into a new base.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from authz.certs.profile import MAX_SERIAL_BITS
from authz.packed import IntegerSet, Section, pack_integers

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator

#: Changes that are kept beside the base before they are folded into it, and serial numbers that
#: are kept without one: about 400 KB in every process.
MAX_CHANGES: Final = 4096

_HIGHEST: Final = 2**MAX_SERIAL_BITS - 1


class Serials:
    """Serial numbers for look-ups: those of `base` but the `restored` ones, and those `added`.

    Attributes:
        has: whether a serial number is one of them.

    Raises:
        PolicyError: the base is damaged.
    """

    __slots__ = ("_added", "_base", "_restored", "has")

    has: Callable[[int], bool]

    def __init__(
        self, base: Section | None = None, added: Iterable[int] = (), restored: Iterable[int] = ()
    ) -> None:
        packed = None if base is None else IntegerSet(base)
        self._base: IntegerSet | tuple[()] = packed or ()
        changed = frozenset(added)
        if packed is None:
            self._added, self._restored = changed, frozenset[int]()
            self.has = changed.__contains__
        else:
            self._restored = frozenset(filter(packed.has, restored)) - changed
            self._added = frozenset(one for one in changed if not packed.has(one))
            self.has = _changed(packed.has, self._added, self._restored)

    def __len__(self) -> int:
        return len(self._base) + len(self._added) - len(self._restored)

    def __iter__(self) -> Iterator[int]:
        yield from (serial for serial in self._base if serial not in self._restored)
        yield from self._added


def _changed(
    has: Callable[[int], bool], added: frozenset[int], restored: frozenset[int]
) -> Callable[[int], bool]:
    if not added and not restored:
        return has
    return lambda serial: serial in added or (serial not in restored and has(serial))


def pack_serials(serials: Iterable[int]) -> Section:
    """Serial numbers packed, without those that no verified certificate can have.

    Such numbers (negative, or of more than 20 octets: profile.py) do no harm in a CRL, and would
    make every entry of the packed set wider.
    """
    return Section(pack_integers([serial for serial in serials if 0 <= serial <= _HIGHEST]))


def rebase(
    base: Section | None, serials: Collection[int]
) -> tuple[Section | None, tuple[int, ...], tuple[int, ...]]:
    """Base, added and restored serial numbers that make exactly `serials`.

    An earlier `base` stays while it differs in little; few numbers need none.
    """
    if len(serials) <= MAX_CHANGES:
        return None, tuple(serials), ()
    if base is not None:
        members = IntegerSet(base)
        added: set[int] = set()
        # A set of the numbers themselves would be 60 MB, and growing it one long call.
        found = bytearray(len(members))
        for serial in serials:
            place = members.place(serial)
            if place is None:
                added.add(serial)
            else:
                found[place] = 1
        restored = [one for one, there in zip(members, found, strict=True) if not there]
        if len(added) + len(restored) <= MAX_CHANGES:
            return base, tuple(sorted(added)), tuple(sorted(restored))
    return pack_serials(serials), (), ()


def revise(
    base: Section | None,
    added: Iterable[int],
    restored: Iterable[int],
    *,
    revoke: Iterable[int] = (),
    restore: Iterable[int] = (),
) -> tuple[Section | None, tuple[int, ...], tuple[int, ...]]:
    """Base, added and restored serial numbers after more were revoked and restored.

    The base stays while the changes are few. A number in both `revoke` and `restore` is restored.
    """
    in_base = Serials(base).has
    more, fewer = set(added), set(restored)
    for serial in revoke:
        fewer.discard(serial)
        if not in_base(serial):
            more.add(serial)
    for serial in restore:
        more.discard(serial)
        if in_base(serial):
            fewer.add(serial)
    if len(more) + len(fewer) > MAX_CHANGES:
        kept = [] if base is None else [one for one in IntegerSet(base) if one not in fewer]
        return pack_serials([*kept, *sorted(more)]), (), ()
    return base, tuple(sorted(more)), tuple(sorted(fewer))
