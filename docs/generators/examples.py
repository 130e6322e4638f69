# SPDX-License-Identifier: Apache-2.0
"""Examples for the reference pages, taken from the vectors that the tests run.

An example on a page is therefore one that works: there is no second place where it could rot.
"""

from __future__ import annotations

import json
import re
import sys
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

_ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(_ROOT))

from tests.factories.rule_vectors import read_rule_vectors  # noqa: E402 - needs the path

if TYPE_CHECKING:
    from tests.factories.rule_vectors import RuleVector

_LONGEST = 110
# These go to the limits of what may be written; an example shows what one would write.
_LIMITS = ("arguments/", "bytes/", "forms/", "pattern_forms/", "patterns/")


@cache
def vectors() -> tuple[RuleVector, ...]:
    """Every vector, the files in the order of their names."""
    files = sorted((_ROOT / "tests" / "vectors" / "rules").glob("*.rules"))
    return tuple(vector for file in files for vector in read_rule_vectors(file))


def example(pattern: str, *, files: str = "") -> str:
    """A fenced example whose expression matches a regular expression; the shortest true one."""
    found = [
        vector
        for vector in vectors()
        if vector.verdict
        and vector.id.startswith(files)
        and not vector.id.startswith(_LIMITS)
        and vector.source.isprintable()
        and len(vector.source) <= _LONGEST
        and re.search(pattern, vector.source)
    ]
    if not found:
        raise ValueError(f"no vector is an example of {pattern}")
    return block(min(found, key=lambda vector: (not vector.given, len(vector.source))))


def block(vector: RuleVector) -> str:
    """A vector as a fenced block."""
    lines = [vector.source]
    lines += [
        f"    {name} = {json.dumps(value, ensure_ascii=False)}"
        for name, value in vector.given.items()
    ]
    lines += [f"    ${name} = {json.dumps(items)}" for name, (_, items) in vector.lists.items()]
    lines.append(f"    → {str(vector.verdict).lower()}")
    return "```text\n" + "\n".join(lines) + "\n```\n"
