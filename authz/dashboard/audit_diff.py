# SPDX-License-Identifier: Apache-2.0
"""What an entry of the audit log changed, field by field.

Objects are taken apart into paths (`rules[office].expression`); members of lists that have an
identifier, value or name are compared by it, so that one more at the front does not make all others
look changed. Texts that changed say where. Nothing here is HTML: templates show all of it as text.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from difflib import SequenceMatcher
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

#: More fields are left to the file that has all of them.
MOST_ROWS: Final = 300

#: Characters of one value; the rest is left to the file, too.
MOST_SHOWN: Final = 2_000

#: Words of a text; longer ones are shown whole on both sides.
_MOST_WORDS: Final = 400

_WORDS: Final = re.compile(r"\w+|\s+|[^\w\s]")
_KEYS: Final = ("id", "value", "name", "hostname")
#: What a member is called instead of its identifier, of the first of these that it has.
_NAMES: Final = ("ref", "name", "hostname")
_IDENTIFIER: Final = re.compile(r"[0-9a-f]{32}")


class Kind(StrEnum):
    """What became of a field."""

    ADDED = "added"
    REMOVED = "removed"
    CHANGED = "changed"
    SAME = "same"


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """A value as text, in parts of which some are those that differ.

    Args:
        left_out: so many characters are not here.
    """

    parts: tuple[tuple[str, bool], ...]
    left_out: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A field before and after; None where it was not there."""

    path: str
    kind: Kind
    before: Shown | None
    after: Shown | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """The fields of an entry: those that changed, and those that stayed.

    Args:
        left_out: so many fields are not here.
    """

    changes: tuple[Row, ...] = ()
    same: tuple[Row, ...] = ()
    left_out: int = field(default=0)


def compare(before: Mapping[str, Any] | None, after: Mapping[str, Any] | None) -> Comparison:
    """What changed between two objects, MOST_ROWS fields of either sort at most."""
    names: dict[str, str] = {}
    then, now = _leaves(before, names), _leaves(after, names)
    changes: list[Row] = []
    same: list[Row] = []
    left_out = 0
    for path in {**then, **now}:
        row = _row(path, visible(names[path]), then, now)
        rows = same if row.kind is Kind.SAME else changes
        if len(rows) < MOST_ROWS:
            rows.append(row)
        else:
            left_out += 1
    return Comparison(changes=tuple(changes), same=tuple(same), left_out=left_out)


def visible(text: str) -> str:
    """A text in which what cannot be seen, or turns others around, is written out."""
    return "".join(
        one if one.isprintable() or one in "\n\t" else f"\\u{ord(one):04x}" for one in text
    )


def _leaves(value: Mapping[str, Any] | None, names: dict[str, str]) -> dict[str, Any]:
    """The leaves of an object by their paths; `names` gets what paths are called."""
    found: dict[str, Any] = {}
    for path, name, leaf in _flat(value, "", "") if value else ():
        found[path] = leaf
        names.setdefault(path, name)
    return found


def _flat(value: Any, path: str, name: str) -> Iterator[tuple[str, str, Any]]:
    """The leaves of a value: their paths, what these are called, and what is there."""
    if isinstance(value, dict) and value:
        for key, inner in value.items():
            dot = "." if path else ""
            yield from _flat(inner, f"{path}{dot}{key}", f"{name}{dot}{key}")
        return
    if isinstance(value, list | tuple) and value:
        key = next((one for one in _KEYS if _is_key(one, value)), None)
        if key is not None:
            for inner in value:
                here, called = inner[key], _called(inner, inner[key])
                yield from _flat(inner, f"{path}[{here}]", f"{name}[{called}]")
            return
        if any(isinstance(inner, dict | list) for inner in value):
            for number, inner in enumerate(value):
                yield from _flat(inner, f"{path}[{number}]", f"{name}[{number}]")
            return
    yield path, name, list(value) if isinstance(value, tuple) else value


def _called(member: Mapping[str, Any], key: str) -> str:
    """What people know a member of a list by."""
    if not _IDENTIFIER.fullmatch(key):
        return key
    names = (member.get(one) for one in _NAMES)
    # A rule that nobody gave a name has its identifier as one.
    found = next((one for one in names if isinstance(one, str) and one not in ("", key)), None)
    return key[:8] if found is None else found


def _is_key(name: str, members: list[Any] | tuple[Any, ...]) -> bool:
    """Whether members of a list are told apart by this."""
    if not all(isinstance(one, dict) and isinstance(one.get(name), str) for one in members):
        return False
    return len({one[name] for one in members}) == len(members)


def _row(path: str, name: str, then: Mapping[str, Any], now: Mapping[str, Any]) -> Row:
    if path not in then:
        return Row(path=name, kind=Kind.ADDED, before=None, after=_whole(now[path]))
    if path not in now:
        return Row(path=name, kind=Kind.REMOVED, before=_whole(then[path]), after=None)
    if then[path] == now[path]:
        shown = _whole(now[path])
        return Row(path=name, kind=Kind.SAME, before=shown, after=shown)
    before, after = _marked(_text(then[path]), _text(now[path]))
    return Row(path=name, kind=Kind.CHANGED, before=before, after=after)


def _text(value: Any) -> str:
    if isinstance(value, str):
        return visible(value) if value else '""'
    return visible(json.dumps(value, ensure_ascii=False))


def _whole(value: Any) -> Shown:
    return _cut(((_text(value), False),))


def _marked(before: str, after: str) -> tuple[Shown, Shown]:
    """Two texts, with what differs marked."""
    old, new = _WORDS.findall(before), _WORDS.findall(after)
    if max(len(old), len(new)) > _MOST_WORDS:
        return _cut(((before, False),)), _cut(((after, False),))
    left: list[tuple[str, bool]] = []
    right: list[tuple[str, bool]] = []
    for tag, a, b, c, d in SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
        differs = tag != "equal"
        if a < b:
            left.append(("".join(old[a:b]), differs))
        if c < d:
            right.append(("".join(new[c:d]), differs))
    return _cut(tuple(left)), _cut(tuple(right))


def _cut(parts: tuple[tuple[str, bool], ...]) -> Shown:
    """The first MOST_SHOWN characters."""
    kept = []
    room = MOST_SHOWN
    for text, differs in parts:
        if room:
            kept.append((text[:room], differs))
            room -= len(kept[-1][0])
    length = sum(len(text) for text, _ in parts)
    return Shown(parts=tuple(kept), left_out=max(0, length - MOST_SHOWN))
