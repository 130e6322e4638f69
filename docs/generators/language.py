# SPDX-License-Identifier: Apache-2.0
"""The pages about the names and operators of the Rules language: fields, functions, operators."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from authz.errors import ExpressionError
from authz.policy.fields import CATALOGUE
from authz.policy.refused_fields import REFUSED
from authz.rules import Bytes, Field, Int, Ip, Scheme, parse
from authz.rules.ast import Logic, Operator
from authz.rules.functions import CUSTOM_RULES_FUNCTIONS, NOT_HERE, NOT_IN_CUSTOM_RULES
from authz.rules.functions.model import ArgumentKind
from authz.rules.literals import NOTATIONS
from authz.rules.parser import LOGIC_NOTATIONS, NOT_NOTATIONS
from authz.rules.types import Type
from generators.examples import example

if TYPE_CHECKING:
    from authz.rules import Function
    from authz.rules.functions.model import Parameter


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
    parameters = [
        *(_parameter(one) for one in function.parameters),
        *(f"[{_parameter(one)}]" for one in function.optional),
    ]
    if function.variadic is not None:
        parameters += [_parameter(function.variadic)] * function.variadic_minimum + ["…"]
    if isinstance(function.returns, Type):
        result = str(function.returns)
    else:
        result = "Bool" if function.name == "has_value" else "the type of the arguments"
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
        f"```text\n{function.name}({', '.join(parameters)}) → {result}\n```\n\n"
        f"{function.doc}\n\n{limits}{unconfirmed}Missing: {missing}\n\n"
        + example(rf"(?<![a-z_]){function.name}\(")
    )


def _parameter(parameter: Parameter) -> str:
    kind = {
        ArgumentKind.ANY: "",
        ArgumentKind.LITERAL: ", a literal",
        ArgumentKind.NOT_LITERAL: ", no literal",
    }[parameter.kind]
    return f"{parameter.name}: {parameter.expects}{kind}"


_MEANS = {
    Operator.IN: "The value is in a set `{…}` or in a list `$name`. Items are separated by spaces, "
    "may be ranges (`1..5`, `10.0.0.1..10.0.0.9`) and networks (`10.0.0.0/8`); there may be none.",
    Operator.EQ: "Equal, byte for byte. Addresses of two families are never equal.",
    Operator.NE: "Not equal. False of a missing value, as every comparison.",
    Operator.GE: "Greater or equal; texts by their bytes, addresses within one family.",
    Operator.LE: "Less or equal; texts by their bytes, addresses within one family.",
    Operator.GT: "Greater; texts by their bytes, addresses within one family.",
    Operator.LT: "Less; texts by their bytes, addresses within one family.",
    Operator.BITWISE_AND: "The two numbers have a bit in common.",
    Operator.CONTAINS: "The literal is somewhere in the value.",
    Operator.MATCHES: "A [regular expression](rules-language.md#regular-expressions) matches "
    "somewhere in the value.",
    Operator.WILDCARD: "The whole value fits a pattern in which `*` stands for any bytes, in "
    r"either case of ASCII letters. `\*` is a star, `\\` a backslash; `?` is a question mark.",
    Operator.STRICT_WILDCARD: "As `wildcard`, in the case as written. One space between the words.",
}
_LOGIC_MEANS = {
    Logic.OR: "One of them is true. Binds loosest.",
    Logic.XOR: "An odd number of them is true. Binds tighter than `or`, looser than `and`.",
    Logic.AND: "All of them are true. Binds tightest of the three.",
}
_LITERALS = {Bytes: '"a"', Int: "1", Ip: "10.0.0.1"}
_SCHEME = Scheme(fields={kind.name: Field(kind.name, kind) for kind in _LITERALS})


def operators_page() -> str:
    """docs/reference/operators.md."""
    comparisons = [
        _operator(texts, _MEANS[operator], f"Works on: {_types(texts[0])}.")
        for operator, texts in NOTATIONS.items()
    ]
    logic = [
        _operator(texts, _LOGIC_MEANS[one], "Joins: two conditions, or two arrays of answers.")
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
            "Turns a condition around; answer by answer for an array. Binds tighter "
            "than all of the above, and looser than a comparison.",
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


def _types(operator: str) -> str:
    works = []
    for kind, literal in _LITERALS.items():
        right = f"{{{literal}}}" if operator == "in" else literal
        try:
            parse(f"{kind.name} {operator} {right}", _SCHEME, {})
        except ExpressionError:
            continue
        works.append(f"`{kind.name}`")
    return ", ".join(works)
