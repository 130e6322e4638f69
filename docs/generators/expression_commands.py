# SPDX-License-Identifier: Apache-2.0
"""The page about what `authz expression explain` and `eval` read and write.

Every answer on it is what the code gave when the page was made.
"""

from __future__ import annotations

import json

from authz.cli.evaluation import answer
from authz.cli.explanation import lines
from authz.policy.fields import SCHEME
from authz.rules import parse
from authz.rules.trace import Kind, Traced, trace
from authz.rules.trace_json import MAX_BYTES, MAX_ELEMENTS, trace_json
from authz.sources.field_values import values_of

_EXPRESSION = (
    'not ssl and any(lower(http.request.headers["x-team"][*])[*] eq "ops") or http.host eq "b"'
)
_FIELDS = {"http.request.headers": {"x-team": ["Dev", "Ops"]}, "http.host": "a"}

_KINDS = {
    Kind.CONSTANT: "`true` or `false` as the whole expression",
    Kind.FIELD: "a field",
    Kind.INDEX: 'a value with one more index: `[0]`, `["name"]`',
    Kind.CALL: "a function call; with a `[*]` in its first argument it has `elements`",
    Kind.TEST: "a `Bool` that is missing, or an array of them, where a condition stands",
    Kind.COMPARISON: "a comparison: `operator`, `literal`, and `operand` or `elements`",
    Kind.NOT: "`not`",
    Kind.AND: "`and`",
    Kind.OR: "`or`",
    Kind.XOR: "`xor`",
    Kind.ANY: "`any()`",
    Kind.ALL: "`all()`",
}

_BYTES = (
    'a text, which stands for its UTF-8: `"/admin"`. Bytes that are no UTF-8, either way: '
    r'`{"base64": "/w=="}`, or U+DC80 to U+DCFF for the bytes 80 to FF: `"\udcff"`'
)
_TYPES = (
    ("`Bool`", "`true`, `false`"),
    ("`Int`", "a number of at most 64 bits, without fraction or exponent: `443`"),
    ("`Bytes`", _BYTES),
    ("`Ip`", 'a text: `"192.0.2.1"`, `"2001:db8::1"`'),
    ("`Array(…)`", 'an array: `["a", "b"]`; also of arrays'),
    ("`Map(…)`", 'an object: `{"x-team": ["ops"]}`'),
)

_LINES: tuple[dict[str, object], ...] = (
    {
        "id": 1,
        "expression": 'http.host eq "a" and ip.src in $office',
        "fields": {"http.host": "a", "ip.src": "10.1.2.3"},
        "lists": {"office": ["10.0.0.0/8", "192.0.2.1..192.0.2.9"]},
    },
    {"id": "second", "expression": 'http.hots eq "a"'},
    {"expression": "ssl", "fields": {"http.request.headers": {"x": "1"}}},
    {
        "expression": "http.host in $names",
        "fields": {"http.host": "www.example.com"},
        "lists": {"names": {"kind": "hostname", "items": ["*.example.com"]}},
    },
)


def expression_commands_page() -> str:
    """docs/reference/expression-commands.md."""
    if set(_KINDS) != set(Kind):
        raise ValueError("a kind of part is not described")
    traced = trace(parse(_EXPRESSION, SCHEME), values_of(_FIELDS))
    tree = "\n".join(lines(traced))
    compared = _first(traced, Kind.COMPARISON)
    shown = json.dumps(trace_json(compared), indent=2, ensure_ascii=False)
    each = _first(traced.parts[0], Kind.COMPARISON)
    elements = json.dumps(trace_json(each)["elements"], indent=2, ensure_ascii=False)
    kinds = "".join(f"| `{kind}` | {what} |\n" for kind, what in _KINDS.items())
    types = "".join(f"| {name} | {how} |\n" for name, how in _TYPES)
    asked = "\n".join(json.dumps(line, ensure_ascii=False) for line in _LINES)
    answered = "\n".join(answer(json.dumps(line).encode()) for line in _LINES)
    fields = json.dumps(_FIELDS)
    return f"""\
# Explaining and evaluating expressions

## `authz expression explain`

One line for each part of the expression: what it gives, and its text in canonical form.
A comparison says what it has on its left.
Below a call are its arguments, below an index what it looks into.
Below a part with `[*]` are the elements, the first {MAX_ELEMENTS} of them, each with its answer;
`-> ` shows what a function makes of one.
A part that evaluation does not come to, because `and` or `or` was decided before, has its value,
too, and is marked.
`missing` is a key or a position that is not there.

```console
$ authz expression explain '{_EXPRESSION}' \\
    --fields '{fields}'
```

```text
{tree}
```

`--fields` are values as [below](#values); fields that are left out are `""`, false, 0, `0.0.0.0` or
empty.

### As JSON

`--json` prints the same tree, and `authz check --explain` has one for each rule under `trace`.
A part is an object with these keys, in this order:

| key | is |
|---|---|
| `expression` | the part in canonical form |
| `kind` | what it is, see below |
| `type` | its type: `Bool`, `Array(Bytes)`, … |
| `value` | what it gives; null when it is missing, or when there is an answer for each element |
| `missing` | whether there is no value: a key or a position that is not there |
| `reached` | whether evaluation comes to it |
| `size` | only where `value` leaves something out: the bytes of the text, or the entries |
| `operator`, `literal` | of a comparison: `eq`, and its right side in canonical form |
| `operand` | of a comparison without `[*]`: what it has on its left |
| `elements` | of a part with `[*]`: `number` of elements, how many were `true`, and the `first` |
| `parts` | the parts that it is made of |

An entry of `first` has `at` (its indexes), `value` (the element; null for the rows of conditions
that `and`, `or`, `xor` and `not` go through) and `result` (the answer, or what a function gives;
null when that is missing and left out).

A text is written as in a quoted literal, without its quotes: a backslash is doubled, bytes that are
no text are `\\xHH`.
At most {MAX_BYTES} bytes of a text and {MAX_ELEMENTS} entries of an array or map are shown.

| kind | a part of this kind is |
|---|---|
{kinds}
The last comparison in the example above:

```json
{shown}
```

The `elements` of the other one:

```json
{elements}
```

## `authz expression eval`

Reads JSON objects, one a line, and writes one line for each, in ASCII, as soon as it is read: a
program can keep it running and ask line by line, or pipe a file through it.
It ends with standard input, with status 0.

| key | is |
|---|---|
| `expression` | the expression, a text |
| `fields` | values by name of the field, see below; may be left out |
| `lists` | lists by name, for `$name`; may be left out |
| `id` | anything; the answer has it as well, in front |

Other keys are ignored. An unknown field is an error: it would be a slip.

The answer is `{{"result": true}}`, `{{"result": false}}`, or
`{{"error": {{"message": …, "line": …, "column": …, "hint": …}}}}`.
Line and column (from 1) are those in the expression and null when the fault is elsewhere; the hint
may be null.

```json
{asked}
```

is answered by

```json
{answered}
```

### Values

| type of the field | is written as |
|---|---|
{types}
Fields that are left out are `""`, false, 0, `0.0.0.0` or empty, `cf.random_seed` as well.
A value of another type is an error that names the field and the place in it.

### Lists

A list is an array of its items, `["10.0.0.0/8", "192.0.2.1..192.0.2.9"]`, texts or numbers.
What they are follows from what the expression compares them with: addresses, networks and ranges
for an `Ip`, numbers for an `Int`, texts for `Bytes`.
`{{"kind": "hostname", "items": […]}}` says it instead; the kinds are those of a
[policy file](policy-file.md): `ip`, `hostname`, `asn`, `string`, `integer`.
A list that the expression does not name is not looked at.
"""


def _first(part: Traced, kind: Kind) -> Traced:
    """The innermost part of a kind on the way to the last one."""
    return part if part.kind is kind else _first(part.parts[-1], kind)
