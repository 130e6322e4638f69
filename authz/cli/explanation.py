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
from authz.rules.trace import Kind
from authz.rules.trace_json import MAX_ELEMENTS
from authz.rules.trace_text import brief

if TYPE_CHECKING:
    from collections.abc import Iterator

    from authz.rules.ast import Logical
    from authz.rules.trace import Traced


def lines(part: Traced, depth: int = 0, *, reached: bool = True) -> Iterator[str]:
    """The tree of a traced expression, the whole first."""
    indent = "  " * depth
    note = "" if part.reached is reached else "  (not reached)"
    yield f"{indent}{_value(part)}  {part.text}{_remark(part)}{note}"
    yield from _elements(part, f"{indent}  ")
    for one in part.parts:
        if not _is_said(part, one):
            yield from lines(one, depth + 1, reached=part.reached)


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


def _value(part: Traced) -> str:
    if part.elements is not None and part.kind is not Kind.CALL:
        return "each "
    return f"{brief(part.value):<5}"


def _remark(part: Traced) -> str:
    """What a comparison has on its left, how many elements said yes."""
    if part.elements is not None and part.kind is not Kind.CALL:
        true = sum(element.result is True for element in part.elements)
        return f"  ({true} of {len(part.elements)} true)"
    return f"  (it is {brief(part.parts[0].value)})" if part.kind is Kind.COMPARISON else ""


def _is_said(part: Traced, one: Traced) -> bool:
    """Whether the line of a comparison, or its elements, say all there is of its left side."""
    return part.kind is Kind.COMPARISON and one.kind is Kind.FIELD


def _elements(part: Traced, indent: str) -> Iterator[str]:
    elements = part.elements or ()
    for element in elements[:MAX_ELEMENTS]:
        shown = brief(element.value)
        if part.kind is Kind.CALL:
            result = "gives nothing" if element.result is None else f"-> {brief(element.result)}"
            yield f"{indent}{element.at}  {shown} {result}"
        else:
            value = "" if element.value is None else f"  {shown}"
            yield f"{indent}{brief(element.result):<5}  {element.at}{value}"
    if rest := elements[MAX_ELEMENTS:]:
        true = sum(element.result is True for element in rest)
        counted = f", {true} of them true" if part.kind is not Kind.CALL else ""
        yield f"{indent}and {len(rest)} more{counted}"
