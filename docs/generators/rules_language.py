# SPDX-License-Identifier: Apache-2.0
"""The page that explains the Rules language: where it is Cloudflare's and where it is not."""

from __future__ import annotations

from authz.rules import MAX_LENGTH, MAX_NESTING, MAX_REGEX_BYTES, MAX_REGEXES, MAX_SOURCE
from authz.rules.regex_forms import FORMS
from generators.examples import block, vectors

# Case, the public engine, here, why.
DIFFERENCES = (
    (
        "comparing a missing value",
        "`!=` is true, all others false",
        "all false",
        "Cloudflare documents it so; a rule on an absent header should not match by accident",
    ),
    (
        "`true` or `false` alone",
        "unknown names",
        "accepted",
        "Cloudflare's API takes them",
    ),
    (
        "length and regular expressions",
        "no limit",
        "as above",
        "Cloudflare's limits; they bound what compiling costs",
    ),
    (
        "fingerprints, serial numbers and key identifiers",
        "byte for byte",
        "`eq`, `ne`, `in` and lists take either case of the digits",
        "they are written in both cases, and a pin that never matches locks people out in silence",
    ),
    (
        "`$name` of a list that does not exist",
        "never matches",
        "an error",
        "a slip in a name must not open a door",
    ),
    (
        "what evaluation may cost",
        "no limit",
        "a budget",
        "one request must not hold a worker for seconds",
    ),
)


def rules_language_page() -> str:
    """docs/reference/rules-language.md."""
    rows = "".join(
        f"| {form.name} | `{_cell(form.example)}` | {_cell(form.instead)} |\n" for form in FORMS
    )
    differences = "".join(f"| {' | '.join(row)} |\n" for row in DIFFERENCES)
    decided = "\n".join(
        f"### {vector.title[:1].upper()}{vector.title[1:]}\n\n{block(vector)}"
        for vector in vectors()
        if vector.id.startswith("decisions/") and vector.verdict is not None
        if vector.source.isprintable() and len(vector.source) <= 90
    )
    return f"""\
# The Rules language

The language of Cloudflare's custom rules, so that an expression that works there decides the same
here, or is an error that says why it cannot.
The grammar is in [grammar.txt](grammar.txt); the names are in [fields](fields.md),
[functions](functions.md) and [operators](operators.md).
The vectors in `tests/vectors/rules` are the same facts for programs:
{len(vectors())} expressions, the values they read and the verdict, for any implementation to run.

`authz expression check` says whether an expression can be used and points at what is wrong,
`authz expression fmt` prints its canonical form,
[`authz expression explain`](expression-commands.md) shows the value of every part of it,
[`authz expression eval`](expression-commands.md#authz-expression-eval) evaluates many.

## Types

`Bool`, `Int` (64 bits with sign; a literal beyond is an error), `Bytes`, `Ip`, `Array(…)` and
`Map(…)`. There is no type for text: texts are bytes, lengths count bytes, order is that of bytes,
and `lower()` changes ASCII letters only.
An IPv4 address and an IPv6 address are never equal and have no order.

## Missing values

An index beyond an array's end and a key that a map does not have give a missing value.
Every comparison with one is false, `ne` as well, so that `not … eq …` and `… ne …` differ.
`any()` over no element is false, `all()` over no element is true.

## Limits

An expression has at most {MAX_LENGTH:,} characters, {MAX_REGEXES} regular expressions and
{MAX_NESTING} levels of nesting (parentheses, `not`, `any`, `all` and calls along one branch).
White space between words counts as one character however much of it there is, and none at either
end: Cloudflare documents the number and not how it counts, and an expression on many lines that its
dashboard or another tool writes on one is to be accepted here as well.
With all of its white space it has at most {MAX_SOURCE:,} characters.
Its regular expressions take at most {MAX_REGEX_BYTES >> 20} MiB together, compiled; this is told
from their text, so that nothing has to be compiled first: each counted repetition is written out,
and `\\w{{1000}}` counts as a thousand classes.
What is kept in the store has further bounds, for all rules of a ruleset and for all rulesets
([rulesets over the API](api-rulesets.md#limits)).
Only space, newline and carriage return separate words; a tab is an error.

What evaluation may cost is bounded as well.
It is linear in the expression times the request, except where an expression itself multiplies
(`concat(a[*], b)`, a regular expression too large for an automaton).
A request whose rules could take too long is denied with the reason
[`evaluation_budget`](reasons.md#evaluation_budget), before any of them runs.

## Regular expressions

They are those of Rust's `regex` crate on bytes: linear time on any input, searching anywhere in
the value, Unicode off unless `(?u)` turns it on.
All of its syntax is accepted, up to 10 MiB of compiled pattern.
A quoted pattern keeps its backslashes (`"\\."` is an escaped dot); so does a raw string.

{len(FORMS)} forms of other engines cannot be expressed and are errors:

| form | example | instead |
|---|---|---|
{rows}
`a++`, `a*+` and `a?+` are accepted and mean what they mean in Rust: a repetition repeated.

## Where this is not the public engine

Cloudflare publishes an engine for its language, and production differs from it in places.
Where the two differ, production's documentation wins here;
the last three rows are decisions of our own.

| case | the public engine | here | why |
|---|---|---|---|
{differences}

One form of production's is missing, here and in the public engine: a function on the right side of
a comparison. An example of `coalesce` of October 2026, `http.request.uri.path eq
coalesce(http.request.uri.args["x"][0], "/")`, has one; what else may stand there is documented
nowhere. Here the right side is a literal, and anything else there is an error that says so.

{decided}"""


def _cell(text: str) -> str:
    return text.replace("|", "\\|")
