# SPDX-License-Identifier: Apache-2.0
"""Hints for functions that do not exist, and for methods: `http.host.contains("a")`.

The arguments are repeated where they are simple: a field, or a text in quotes. A hint never changes
what is accepted.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from authz.rules.suggestion_text import COMPARISON_WORDS, null_hint, pattern
from authz.rules.suggestions import did_you_mean
from authz.rules.types import Array, Bool, Bytes, Ip, Map

if TYPE_CHECKING:
    from authz.rules.scheme import Scheme
    from authz.rules.types import Type

_ARGUMENT: Final = r"(?:\"[^\"\\]{0,80}\"|'[^'\"\\]{0,80}'|[a-z][\w.]*(?:\[[^\[\]]{0,80}\])*)"
#: The arguments of a call, as far as hints can repeat them: none, one or two.
ARGUMENTS: Final = rf"\([ ]*(?:{_ARGUMENT}(?:[ ]*,[ ]*{_ARGUMENT})?)?[ ]*\)"
_CALL: Final = re.compile(ARGUMENTS)
_EACH_ARGUMENT: Final = re.compile(_ARGUMENT)
_FIELD_NAME: Final = re.compile(r"[\w.]+")

_IN_SET: Final = "addresses are compared with a set: ip.src in {10.0.0.0/8}"
_NO_METHODS: Final = "there are no methods: functions take their value as an argument"
_HAS_KEY: Final = 'whether a map has a key is has_key(map, "name")'
_DIGEST: Final = "there is no such function; is_timed_hmac_valid_v0() is what checks tokens"
_COMPARISON: Final = re.compile(r"[ \r\n]*(?:[=!<>]|(?:eq|ne|lt|le|gt|ge|in)\b)")
# What gives the place where a text begins, not whether there is one.
_PLACES: Final = ("strpos", "indexof", "search")
# Their patterns have more wildcards than a star.
_PATTERNS: Final = ("wildcard_match", "glob", "like", "fnmatch")
_OTHER_WILDCARDS: Final = re.compile(r"[%_?\[]")
# What other languages call what is an operator here.
_OPERATORS: Final = {
    **{word: word for word in ("contains", "matches", "wildcard", "eq", "ne")},
    **dict.fromkeys(("includes", "include", "has", "icontains", "strpos", "indexof"), "contains"),
    **dict.fromkeys(
        ("regex", "regexp", "match", "re_match", "regex_match", "regexp_match", "test", "search"),
        "matches",
    ),
    **dict.fromkeys(_PATTERNS, "wildcard"),
    **dict.fromkeys(("equals", "equal", "is"), "eq"),
}
# What they call what is a function here.
_FUNCTIONS: Final = {
    **dict.fromkeys(("startswith", "starts_with", "beginswith", "begins_with"), "starts_with"),
    **dict.fromkeys(("endswith", "ends_with"), "ends_with"),
    **dict.fromkeys(("len", "length", "size", "count", "strlen"), "len"),
    **dict.fromkeys(
        ("lower", "to_lower", "tolower", "lowercase", "lower_case", "tolowercase"), "lower"
    ),
    **dict.fromkeys(
        ("upper", "to_upper", "toupper", "uppercase", "upper_case", "touppercase"), "upper"
    ),
}
_PRESENT: Final = ("exists", "defined", "isset", "is_set", "present", "is_present")
_EMPTY: Final = ("empty", "isempty", "is_empty", "isnull", "is_null")


def hint_for_call(name: str, source: str, at: int, end: int, scheme: Scheme) -> str | None:
    """For an unknown function whose parenthesis is at `at`."""
    lower = name.lower()
    call = _CALL.match(source, at, end)
    arguments = _EACH_ARGUMENT.findall(call[0]) if call else []
    parent, _, last = name.rpartition(".")
    if parent in scheme.fields:
        shown = call[0] if call else ""
        compared = call is not None and is_compared(source, call.end(), end)
        return method_hint(parent, scheme.fields[parent].type, last, shown, compared=compared)
    if lower in _PLACES and (call is None or is_compared(source, call.end(), end)):
        return _asks_whether(lower)
    first = arguments[0] if arguments else ""
    base = _FIELD_NAME.match(first)
    field = scheme.fields.get(base[0]) if base else None
    plain = field is not None and field.type == Bytes and first == field.name
    keyed = field is not None and isinstance(field.type, Map)
    if field and lower in (*_PRESENT, *_EMPTY) and (keyed or first == field.name):
        # What has an index is a text or said to be missing.
        kind = field.type if first == field.name else Bytes
        return null_hint(first, kind, negated=lower in _PRESENT)
    if lower in ("and", "or", "xor"):
        known = [
            one for one in arguments if one in scheme.fields and scheme.fields[one].type == Bool
        ]
        left, right = known if len(known) == 2 else ("…", "…")
        return f"{lower} stands between two conditions: {left} {lower} {right}"
    if lower in _OPERATORS and plain and len(arguments) == 2 and arguments[1][0] in "\"'":
        shown = _right_side(lower, _quoted(arguments[1]))
        value = f"lower({first})" if lower == "icontains" else first
        return f"it is an operator: {value} {_OPERATORS[lower]} {shown}"
    return _hint_for_function(lower, scheme) or did_you_mean(
        name, [*scheme.functions, "any", "all"]
    )


def _hint_for_function(lower: str, scheme: Scheme) -> str | None:
    """For a function that is known elsewhere, whatever its arguments are."""
    if lower in COMPARISON_WORDS or lower == "strict":
        return f"{lower} is an operator: field {lower} {'{…}' if lower == 'in' else 'value'}"
    if lower in _OPERATORS:
        value = "lower(field)" if lower == "icontains" else "field"
        return f'it is an operator: {value} {_OPERATORS[lower]} "…"'
    if lower in _FUNCTIONS and _FUNCTIONS[lower] in scheme.functions:
        return f'did you mean "{_FUNCTIONS[lower]}"?'
    if lower in ("ip_in_range", "cidr_match", "in_cidr", "ip_match"):
        return _IN_SET
    if lower in (*_PRESENT, *_EMPTY):
        return _HAS_KEY
    if lower in ("hmac", "md5", "sha1", "sha512"):
        return _DIGEST
    if lower in ("now", "time", "timestamp"):
        return "the time of the request is http.request.timestamp.sec"
    return None


def is_compared(source: str, at: int, end: int) -> bool:
    """Whether a comparison operator follows here."""
    return _COMPARISON.match(source, at, end) is not None


def method_hint(
    left: str, kind: Type, name: str, arguments: str, *, compared: bool = False
) -> str | None:
    """For a method of a value, or a property: how the same is written here.

    Args:
        left: the value, and `kind` its type.
        arguments: what `ARGUMENTS` matched behind the name, or "".
        compared: whether what the method gives is compared with something.
    """
    lower = name.lower()
    given = _EACH_ARGUMENT.findall(arguments)
    text = _quoted(given[0]) if given and given[0][0] in "\"'" else '"…"'
    if lower in _PLACES and kind == Bytes and (compared or not given):
        return f"there are no methods; {_asks_whether(lower)}"
    if "*" in left:
        # Whether this is a value or one for each element shows only further left.
        operator = _OPERATORS.get(lower) if kind == Bytes and lower != "icontains" else None
        shown = _right_side(lower, text) if operator else ""
        return f"there are no methods: … {operator} {shown}" if operator else _NO_METHODS
    if isinstance(kind, Map):
        wanted = ("contains", "has", "has_key", "haskey", "get", "includes", *_PRESENT)
        return f"there are no methods: has_key({left}, {text})" if lower in wanted else None
    function = _FUNCTIONS.get(lower)
    if function == "len" and (kind == Bytes or isinstance(kind, Array)):
        return f"there are no methods: len({left})"
    if lower in _EMPTY and kind == Bytes:
        return f'there are no methods: {left} eq ""'
    if kind == Ip and lower in ("in", "contains", "matches"):
        return f"there are no methods: {left} in {{…}}"
    of_many = kind == Array(Bytes)
    if not (kind == Bytes or of_many):
        return None
    value = f"{left}[*]" if of_many else left
    said = None
    if function in ("starts_with", "ends_with"):
        said = f"{function}({value}, {text})"
    elif function in ("lower", "upper"):
        changed = f"{function}({value})"
        each = f'any({changed}[*] eq "…")'
        return f"there are no methods: {each if of_many else changed}"
    elif (operator := _OPERATORS.get(lower)) and not (of_many and operator == "ne"):
        # An array contains a text when an element is it.
        operator = "eq" if of_many and operator == "contains" else operator
        if lower == "icontains":
            value = f"lower({value}){'[*]' * of_many}"
        said = f"{value} {operator} {_right_side(lower, text)}"
    if said is None:
        return None
    return f"there are no methods: {f'any({said})' if of_many else said}"


def _asks_whether(name: str) -> str:
    """For a function that gives the place of a text, and -1 or 0 where others are false."""
    return f"{_OPERATORS[name]} asks whether a text is there, and is a condition of its own"


def _right_side(name: str, quoted: str) -> str:
    """What stands behind the operator for this function, as far as it means the same there."""
    if name == "icontains":
        return quoted.lower() if quoted.isascii() else '"…"'
    if name in _PATTERNS and _OTHER_WILDCARDS.search(quoted):
        return '"…"'
    return pattern(_OPERATORS[name], quoted)


def _quoted(argument: str) -> str:
    return f'"{argument[1:-1]}"'
