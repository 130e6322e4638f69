# SPDX-License-Identifier: Apache-2.0
"""Hints for unknown names: what the writer of an expression may have meant.

For slips in the grammar see suggestions.py. A hint never changes what is accepted.
"""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING, Final

from authz.rules.suggestions import (
    COMPARISON_WORDS,
    KEYWORDS,
    LONGEST_NAME,
    REPEAT_FIELD,
    did_you_mean,
)
from authz.rules.types import Array, Map

if TYPE_CHECKING:
    from authz.rules.scheme import Scheme

# Above, a misspelt name; below, more likely a name of another program's.
_MISSPELT: Final = 0.88
# How many fields may end in the same word for that word to be a hint.
_FEW: Final = 3

_IP_SRC: Final = 'did you mean "ip.src"?'
# What other programs call it.
_FIELDS: Final = dict.fromkeys(
    ("addr", "address", "client_ip", "ip", "remote_addr", "source_ip", "src_ip"), _IP_SRC
)

_IN_SET: Final = "addresses are compared with a set: ip.src in {10.0.0.0/8}"
_PATTERN: Final = 'a regular expression follows matches: field matches "…"'
_HAS_KEY: Final = 'whether a map has a key is has_key(map, "name")'
_DIGEST: Final = "there is no such function; is_timed_hmac_valid_v0() is what checks tokens"
# Functions of other languages, and of other people's notes about this one.
_FUNCTIONS: Final = {
    **dict.fromkeys(("ip_in_range", "cidr_match", "in_cidr", "ip_match"), _IN_SET),
    **dict.fromkeys(("regex", "regexp", "match", "re_match", "regex_match"), _PATTERN),
    **dict.fromkeys(("exists", "has", "defined", "isset", "is_set"), _HAS_KEY),
    **dict.fromkeys(("hmac", "md5", "sha1", "sha512"), _DIGEST),
    **dict.fromkeys(("length", "size", "count", "strlen"), 'did you mean "len"?'),
    **dict.fromkeys(("to_lower", "tolower", "lowercase", "lower_case"), 'did you mean "lower"?'),
    **dict.fromkeys(("to_upper", "toupper", "uppercase", "upper_case"), 'did you mean "upper"?'),
}


def hint_for_name(name: str, source: str, at: int, end: int, *, after_logic: bool) -> str | None:
    """For a name that is a keyword, a literal or a constant: nothing to look up."""
    lower = name.lower()
    if lower != name and lower in KEYWORDS:
        return f'keywords are written in lower case: "{lower}"'
    if name in COMPARISON_WORDS:
        return REPEAT_FIELD if after_logic else f"the field comes first: field {name} value"
    if name in KEYWORDS:
        return f'"{name}" joins two conditions; one is missing here'
    if name in ("true", "false"):
        return f'"{name}" can only be the whole expression; write a Bool field alone, or not field'
    if name[0].isdigit():
        return "the field comes first: write field == value"
    if source.startswith(("not", "NOT", "Not"), at, end) and len(name) > 3:
        return "put a space after not"
    return None


def hint_for_field(name: str, scheme: Scheme) -> str | None:
    """A field that may have been meant."""
    parent, _, last = name.rpartition(".")
    known = scheme.fields.get(parent)
    if known is not None and isinstance(known.type, Map):
        position = "[0]" if isinstance(known.type.of, Array) else ""
        return f'the value of a key is written {parent}["{last.lower()}"]{position}'
    lower = name.lower()
    if len(name) <= LONGEST_NAME and difflib.get_close_matches(
        lower, scheme.fields, n=1, cutoff=_MISSPELT
    ):
        return did_you_mean(name, scheme.fields)
    if last.lower() in _FIELDS and "ip.src" in scheme.fields:
        return _FIELDS[last.lower()]
    # The end of a name is what people remember: path, host, cert_verified.
    same = [one for one in scheme.fields if one.rpartition(".")[2] == last.lower()]
    if same and (parent or len(same) <= _FEW):
        best = max(same, key=lambda one: difflib.SequenceMatcher(a=lower, b=one).ratio())
        return f'did you mean "{best}"?'
    return did_you_mean(name, scheme.fields)


def hint_for_function(name: str, scheme: Scheme) -> str | None:
    """A function, or an operator, that may have been meant."""
    lower = name.lower()
    if lower in COMPARISON_WORDS or lower == "strict":
        return f"{lower} is an operator: field {lower} {'{…}' if lower == 'in' else 'value'}"
    return _FUNCTIONS.get(lower) or did_you_mean(name, [*scheme.functions, "any", "all"])
