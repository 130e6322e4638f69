# SPDX-License-Identifier: Apache-2.0
"""The pages about the names and operators of the Rules language: fields, functions, operators."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from authz.policy.fields import CATALOGUE
from authz.policy.refused_fields import REFUSED
from authz.rules import Bytes, Int, Ip
from authz.rules.functions import CUSTOM_RULES_FUNCTIONS, NOT_HERE, NOT_IN_CUSTOM_RULES
from authz.rules.literals import NOTATIONS
from authz.rules.parser import LOGIC_NOTATIONS, NOT_NOTATIONS
from authz.services.expression_catalogue import (
    LOGIC_MEANINGS,
    NOT_MEANING,
    OPERATOR_MEANINGS,
    operators_for,
    signature,
)
from generators.examples import example

if TYPE_CHECKING:
    from authz.rules import Function
    from authz.rules.ast import Operator


def fields_page() -> str:
    """docs/reference/fields.md."""
    sections = []
    for row in CATALOGUE:
        field = row.field
        lines = [f"## `{field.name}`\n", f"{field.doc}\n", f"Type: `{field.type}`.  "]
        if field.hex:
            lines.append(
                "Hexadecimal: `eq`, `ne`, `in` and lists take either case of the digits.  "
            )
        if row.source:
            lines.append(f"From: {row.source}.  ")
        lines[-1] = lines[-1].rstrip() + "\n"
        lines.append(example(rf"{re.escape(field.name)}(?![\w.])", files="fields/"))
        sections.append("\n".join(lines))
    listed = "\n".join(sections)
    refused = "".join(f"| `{name}` | {reason} |\n" for name, reason in sorted(REFUSED.items()))
    return f"""\
# Fields

What an expression may read: Cloudflare's names and types, and, from `authz.` on, our own.
A field that nothing sets is `""`, false, 0, `0.0.0.0` or empty.
Texts are bytes as received; nothing is decoded unless the field says so.
What can be done with each type: [operators](operators.md), [functions](functions.md).

{listed}
## Fields that cannot exist here

Cloudflare has these; an expression that reads one is an error that says why.

| field | why not |
|---|---|
{refused}"""


def functions_page() -> str:
    """docs/reference/functions.md."""
    sections = [_function(function) for _, function in sorted(CUSTOM_RULES_FUNCTIONS.items())]
    listed, quantified = "\n".join(sections), example(r"^any\(")
    refused = "".join(
        f"| `{n}()` | {where} |\n" for n, where in sorted(NOT_IN_CUSTOM_RULES.items())
    )
    missing = "".join(f"| `{n}()` | {why} |\n" for n, why in sorted(NOT_HERE.items()))
    return f"""\
# Functions

Names are lower case. A literal may stand where a parameter does not say otherwise.
The first argument may have a `[*]`: the function then runs for each element and gives an array,
and elements without a result are left out.

{listed}
## `any()` and `all()`

```text
any(Array(Bool)) → Bool
all(Array(Bool)) → Bool
```

Whether some, or every, answer is true. They are grammar rather than functions: what stands in the
parentheses is a condition with a `[*]`, or an array of answers.

Missing: `any()` is false. `all()` is false of a missing array given directly, and true of a
condition over no element at all.

{quantified}
## Functions that custom rules may not use

Cloudflare has these elsewhere; an expression that calls one is an error that says where.

| function | only in |
|---|---|
{refused}
## Functions that cannot exist here

Cloudflare has these in custom rules; an expression that calls one is an error that says why.

| function | why not |
|---|---|
{missing}"""


def _function(function: Function) -> str:
    if function.handles_missing:
        missing = "missing arguments are passed over; missing when all are."
    elif function.may_be_missing:
        missing = "the result, when an argument is, and as described above."
    else:
        missing = "the result, when an argument is."
    limits = f"Limits: {function.limits}\n\n" if function.limits else ""
    unconfirmed = f"Not confirmed: {function.unconfirmed}\n\n" if function.unconfirmed else ""
    return (
        f"## `{function.name}()`\n\n"
        f"```text\n{signature(function)}\n```\n\n"
        f"{function.doc}\n\n{limits}{unconfirmed}Missing: {missing}\n\n"
        + example(rf"(?<![a-z_]){function.name}\(")
    )


def operators_page() -> str:
    """docs/reference/operators.md."""
    comparisons = [
        _operator(texts, OPERATOR_MEANINGS[operator], f"Works on: {_types(operator)}.")
        for operator, texts in NOTATIONS.items()
    ]
    logic = [
        _operator(texts, LOGIC_MEANINGS[one], "Joins: two conditions, or two arrays of answers.")
        for one, texts in LOGIC_NOTATIONS.items()
    ]
    return f"""\
# Operators

Each has the notation of Cloudflare's expression builder and, some, a shorter one.
Left of an operator stands a field or a function call, right of it a literal of the same type.
Words are lower case; spaces around them may be left out where that leaves no longer word.
A condition of type `Bool` (`ssl`) stands alone, without an operator.

{"".join(comparisons)}\
{"".join(logic)}\
{
        _operator(
            NOT_NOTATIONS,
            NOT_MEANING,
            "Takes: a condition.",
        )
    }"""


def _operator(notations: tuple[str, ...], means: str, types: str) -> str:
    title = ", ".join(f"`{text}`" for text in notations)
    word = re.escape(notations[0])
    return (
        f"## {title}\n\n{means}\n\n{types}\n\n"
        + example(rf"(?<!strict )(?<![a-z_]){word}(?![a-z_])", files="operators/")
        + "\n"
    )


def _types(operator: Operator) -> str:
    return ", ".join(
        f"`{kind}`" for kind in (Bytes, Int, Ip) if operator.value in operators_for(kind)
    )
