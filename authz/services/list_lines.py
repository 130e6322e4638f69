# SPDX-License-Identifier: Apache-2.0
"""Items of lists as people paste them: one a line, a comment behind `#`.

    192.0.2.0/24  # the office
    *.example.com +itself  # and example.com
    "a # in it"  # a string that is written as JSON

What a value may be is judged in `list_values`; here is only where it begins and ends, and in which
line what was wrong is. `written` is the other way round.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from authz.rules.list_items import ListKind
from authz.services.list_values import (
    MAX_PROBLEMS,
    GivenHostname,
    GivenItem,
    JudgedItems,
    judge_items,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from authz.store.records import ListItem

#: Behind a wildcard: the name itself is in the list as well.
ITSELF: Final = "+itself"

#: A comment of a string begins behind a blank, so that `a#b` is one string.
_COMMENT_OF_STRING: Final = re.compile(r"\s#")
_AS_NUMBER: Final = re.compile(r"(?:[Aa][Ss])?([0-9]{1,20})")
_NUMBER: Final = re.compile(r"[+-]?[0-9]{1,20}")
_SHOWN: Final = 80


@dataclass(frozen=True, slots=True, kw_only=True)
class LineProblem:
    """What is wrong with a line.

    Args:
        line: from 1.
        text: the line, its beginning where it is long.
    """

    line: int
    text: str
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class JudgedLines:
    """Items of a kind, or what is wrong with their lines: there are no `items` then."""

    items: JudgedItems
    problems: tuple[LineProblem, ...] = ()


class _WrongLineError(Exception):
    """Why a line is no item; internal to this module."""


def judge_lines(kind: ListKind, text: str) -> JudgedLines:
    """Judge what somebody pasted into a list of this kind; empty lines and those that begin with
    `#` are nothing. MAX_PROBLEMS problems at most."""
    given: list[GivenItem] = []
    numbers: list[int] = []
    lines = text.split("\n")
    problems: list[LineProblem] = []
    for number, line in enumerate(lines, 1):
        here = line.strip()
        if not here or here.startswith("#"):
            continue
        try:
            given.append(_item(kind, here))
        except _WrongLineError as error:
            problems.append(_problem(number, lines, str(error)))
            if len(problems) == MAX_PROBLEMS:
                break
        else:
            numbers.append(number)
    judged = judge_items(kind, given)
    for one in judged.problems:
        message = one.message
        if one.repeats is not None:
            message = f"this value is in line {numbers[one.repeats]} already"
        problems.append(_problem(numbers[one.position], lines, message))
    problems.sort(key=lambda one: one.line)
    return JudgedLines(
        items=JudgedItems(kind=kind) if problems else judged,
        problems=tuple(problems[:MAX_PROBLEMS]),
    )


def written(kind: ListKind, item: ListItem) -> str:
    """An item as a line that is read as the same item."""
    value = item.value
    if kind is ListKind.STRING and not _is_plain(value):
        value = json.dumps(value, ensure_ascii=False)
    if item.exclude_exact is False:
        value += f" {ITSELF}"
    comment = " ".join(item.comment.splitlines()).strip()
    return f"{value}  # {comment}" if comment else value


def _item(kind: ListKind, line: str) -> GivenItem:
    if kind is ListKind.STRING:
        value, comment = _string(line)
        return GivenItem(string=value, comment=comment)
    value, _, comment = (part.strip() for part in line.partition("#"))
    if kind is ListKind.IP:
        return GivenItem(ip=value, comment=comment)
    if kind is ListKind.HOSTNAME:
        return GivenItem(hostname=_hostname(value), comment=comment)
    if kind is ListKind.ASN:
        found = _AS_NUMBER.fullmatch(value)
        if found is None:
            raise _WrongLineError("an AS number is written 64512 or AS64512")
        return GivenItem(asn=int(found[1]), comment=comment)
    if not _NUMBER.fullmatch(value):
        raise _WrongLineError("an integer is written with digits only")
    return GivenItem(integer=int(value), comment=comment)


def _hostname(value: str) -> GivenHostname:
    name = value.removesuffix(ITSELF).rstrip()
    if name == value:
        return GivenHostname(url_hostname=value)
    if not name.startswith("*."):
        raise _WrongLineError(f"{ITSELF} is for names that begin with *.")
    return GivenHostname(url_hostname=name, exclude_exact_hostname=False)


def _string(line: str) -> tuple[str, str]:
    """A string and its comment."""
    if line.startswith('"'):
        try:
            value, end = json.JSONDecoder().raw_decode(line)
        except ValueError:
            raise _WrongLineError(
                'what begins with " is a JSON string: it ends with ", and \\" is a " in it'
            ) from None
        rest = line[end:].strip()
        if rest and not rest.startswith("#"):
            raise _WrongLineError(f"behind the string is {_shown(rest)}; a comment begins with #")
        return value, rest.removeprefix("#").strip()
    found = _COMMENT_OF_STRING.search(line)
    if found is None:
        return line, ""
    return line[: found.start()].rstrip(), line[found.end() :].strip()


def _is_plain(value: str) -> bool:
    """Whether a string can stand in a line as it is."""
    return (
        value == value.strip()
        and value != ""
        and not value.startswith(('"', "#"))
        and not _COMMENT_OF_STRING.search(value)
        and len(value.splitlines()) == 1
    )


def _problem(number: int, lines: list[str], message: str) -> LineProblem:
    return LineProblem(line=number, text=_shown(lines[number - 1].strip()), message=message)


def _shown(text: str) -> str:
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"


def lines_of(kind: ListKind, items: Iterator[ListItem]) -> str:
    """Items as lines, a line end behind each."""
    return "".join(f"{written(kind, one)}\n" for one in items)
