# SPDX-License-Identifier: Apache-2.0
"""What a row of the audit log has of rules, items and hostnames: they themselves, and not only how
many. What was in force stays there when the versions that had it are gone.

A row is bounded. What has no room is counted, and the digest is of all of them: whoever has them
from elsewhere can show that it was these.
"""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

#: Of `before` or `after` of one row, as JSON: the two are twice as much.
MAX_BYTES: Final = 128 * 1024

#: Value, comment and `exclude_exact` of a list's item.
Parts = tuple[str, str, bool | None]

#: As rows are written (store.rows).
_ENCODER: Final = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"))


class Told:
    """`before` or `after` of one row: gathers what has room there.

    What is told first has the room first; what is too long by itself takes nothing from others.
    """

    def __init__(self, most: int = MAX_BYTES) -> None:
        self._left = most

    def all_of(self, name: str, objects: Iterable[Any]) -> dict[str, Any]:
        """`{NAME: [those with room]}`, with `NAME_left_out` and `NAME_sha256` where not all are.

        The digest is of the JSON of each, in their order, one a line. Any number may be given:
        nothing is kept of those that have no room.
        """
        kept: list[Any] = []
        left_out = 0
        digest = hashlib.sha256()
        for one in objects:
            text = f"{_ENCODER.encode(one)}\n".encode()
            digest.update(text)
            if len(text) <= self._left:
                self._left -= len(text)
                kept.append(one)
            else:
                left_out += 1
        if not left_out:
            return {name: kept}
        return {
            name: kept,
            f"{name}_left_out": left_out,
            f"{name}_sha256": digest.hexdigest(),
        }


def told_item(parts: Parts) -> dict[str, Any]:
    """An item as the audit log has it, by its value, comment and `exclude_exact`."""
    value, comment, exclude_exact = parts
    told: dict[str, Any] = {"value": value}
    if comment:
        told["comment"] = comment
    if exclude_exact is not None:
        told["exclude_exact"] = exclude_exact
    return told


class ItemsOfLists:
    """What a change does to the items of several lists."""

    def __init__(self) -> None:
        self._gone: dict[str, tuple[str, ...]] = {}
        self._new: dict[str, tuple[str, ...]] = {}

    def changed(self, name: str, before: Sequence[str], after: Sequence[str]) -> None:
        """The list of this name had some items, and has others now."""
        for where, ones, others in ((self._gone, before, after), (self._new, after, before)):
            there = frozenset(others)
            if different := tuple(one for one in ones if one not in there):
                where[name] = different

    def facts(self, told_before: Told, told_after: Told) -> tuple[dict[str, Any], dict[str, Any]]:
        """`items`, by list: what went, for `before` of a row, and what came, for `after`."""
        return _items(self._gone, told_before), _items(self._new, told_after)


def facts_of_change(
    before: Sequence[Mapping[str, Any]],
    after: Sequence[Mapping[str, Any]],
    told_before: Told,
    told_after: Told,
) -> tuple[dict[str, Any], dict[str, Any]]:
    """What a change did to rules, for `before` and `after` of its row.

    Returns:
        `definitions`: the rules that were changed or removed, as they were; and those that were
        changed or added, as they are. `order`: the identifiers of all, where it is another one
        than that of the rules that stayed, with the new ones behind them.
    """
    old = {str(rule["id"]): rule for rule in before}
    new = {str(rule["id"]): rule for rule in after}
    then = _some(
        told_before, "definitions", [one for key, one in old.items() if one != new.get(key)]
    )
    now = _some(told_after, "definitions", [one for key, one in new.items() if one != old.get(key)])
    added = [rule_id for rule_id in new if rule_id not in old]
    if [*new] != [*(rule_id for rule_id in old if rule_id in new), *added]:
        then |= told_before.all_of("order", old)
        now |= told_after.all_of("order", new)
    return then, now


def _items(lists: Mapping[str, Sequence[str]], told: Told) -> dict[str, Any]:
    if not lists:
        return {}
    return {"items": {name: told.all_of("values", some) for name, some in lists.items()}}


def _some(told: Told, name: str, objects: Sequence[Any]) -> dict[str, Any]:
    return told.all_of(name, objects) if objects else {}
