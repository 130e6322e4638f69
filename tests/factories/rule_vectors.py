# SPDX-License-Identifier: Apache-2.0
"""Reads tests/vectors/rules/*.rules; the format is described in tests/vectors/rules/README.md."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path

_TITLE = re.compile(r"--- (?P<id>[a-z_]+/[0-9]+(?:\.[0-9]+)?) (?P<title>.+)")
_GIVEN = re.compile(r"given (?P<name>[a-z0-9_.]+) = (?P<value>.+)")
_LIST = re.compile(r"list (?P<name>[a-z0-9_.]+) (?P<kind>[a-z]+) = (?P<items>.+)")
_SOURCE = re.compile(r"source (?P<text>\".*\")")


@dataclass(kw_only=True)
class RuleVector:
    """One vector. Either `verdict` or `error` (`line:column-column message`) is set."""

    id: str
    title: str
    place: str
    source: str = ""
    given: dict[str, Any] = field(default_factory=dict)
    lists: dict[str, tuple[str, list[str]]] = field(default_factory=dict)
    verdict: bool | None = None
    error: str | None = None


def read_rule_vectors(path: Path) -> list[RuleVector]:
    """The vectors of one file. Anything that is not understood is an error."""
    vectors: list[RuleVector] = []
    lines: list[str] = []
    for number, line in enumerate(path.read_text(encoding="utf-8").split("\n"), start=1):
        place = f"{path.name}:{number}"
        if title := _TITLE.fullmatch(line):
            _finish(vectors, lines)
            vectors.append(RuleVector(id=title["id"], title=title["title"], place=place))
        elif not vectors:
            if line and not line.startswith("#"):
                raise ValueError(f"{place}: text before the first vector")
        else:
            _read_line(vectors[-1], line, lines, place)
    _finish(vectors, lines)
    return vectors


def _finish(vectors: list[RuleVector], lines: list[str]) -> None:
    if not vectors:
        return
    vector = vectors[-1]
    if lines:
        vector.source = "\n".join(lines)
        lines.clear()
    if (vector.verdict is None) == (vector.error is None):
        raise ValueError(f"{vector.place}: one verdict or one error is needed")


def _read_line(vector: RuleVector, line: str, lines: list[str], place: str) -> None:
    ended = vector.verdict is not None or vector.error is not None
    if line == "" and ended:
        return
    if ended:
        raise ValueError(f"{place}: text behind the verdict")
    if line in ("=> true", "=> false"):
        vector.verdict = line == "=> true"
    elif line.startswith("!! "):
        vector.error = line[3:]
    elif given := _GIVEN.fullmatch(line):
        vector.given[given["name"]] = json.loads(given["value"])
    elif listed := _LIST.fullmatch(line):
        vector.lists[listed["name"]] = (listed["kind"], json.loads(listed["items"]))
    elif source := _SOURCE.fullmatch(line):
        vector.source = json.loads(source["text"])
    elif vector.given or vector.lists:
        raise ValueError(f"{place}: unknown header")
    else:
        lines.append(line)
