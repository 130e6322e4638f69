# SPDX-License-Identifier: Apache-2.0
"""A traced expression for a person: one line for each part, two blanks a level.

    true   not ssl and any(lower(http.request.headers["x"][*])[*] eq "b")
      true   not ssl
        false  ssl
      true   any(lower(http.request.headers["x"][*])[*] eq "b")
        each   lower(http.request.headers["x"][*])[*] eq "b"  (1 of 2 true)
          false  [0]  "a"
          true   [1]  "b"

What is left out is counted. The tree itself is authz.rules.trace, its JSON form trace_json.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from authz.rules.ast import Access, Combination, Not, Quantifier
from authz.rules.trace_text import line_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from authz.rules.ast import Logical
    from authz.rules.trace import Traced
    from authz.rules.trace_text import Line


def lines(part: Traced) -> Iterator[str]:
    """The tree of a traced expression, the whole first."""
    yield from _lines(line_of(part), 0, reached=True)


def _lines(line: Line, depth: int, *, reached: bool) -> Iterator[str]:
    indent = "  " * depth
    remark = f"  {line.remark}" if line.remark else ""
    note = "" if line.reached is reached else "  (not reached)"
    yield f"{indent}{line.value:<5}  {line.text}{remark}{note}"
    for element in line.elements:
        yield f"{indent}  {element}"
    for one in line.parts:
        yield from _lines(one, depth + 1, reached=line.reached)


def parts_of(node: Logical) -> tuple[Logical, ...]:
    """The conditions that a condition is made of."""
    match node:
        case Not():
            return (node.operand,)
        case Combination():
            return node.operands
        case Quantifier(argument=argument) if not isinstance(argument, Access):
            return (argument,)
        case _:
            return ()
