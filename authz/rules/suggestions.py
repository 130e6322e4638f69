# SPDX-License-Identifier: Apache-2.0
"""Hints for the usual slips: what to write instead.

Hints are looked for only after something was found to be wrong, and never change what is accepted.
Each function looks at one situation and gives a sentence or None.
"""

from __future__ import annotations

import difflib
import re
from ipaddress import ip_interface
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable

# difflib takes quadratic time; nobody misspells a name as long as this.
_LONGEST_NAME: Final = 80
_WORD: Final = re.compile(r"[A-Za-z_]+")
_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_.]*")
_KEYWORDS: Final = frozenset(
    (
        *("not", "and", "or", "xor", "any", "all", "in", "eq", "ne", "ge", "le", "gt", "lt"),
        *("contains", "matches", "wildcard"),
    )
)
# Everything that editors and chat programs put in the place of a straight double quote.
_QUOTES: Final = "'`\u201c\u201d\u201e\u00ab\u00bb\u2018\u2019"
_COMPARISONS: Final = ("==", "!=", ">=", "<=", ">", "<", "eq ", "ne ", "ge ", "le ", "gt ", "lt ")
_LOOK_AROUND: Final = re.compile(r"\(\?<?[=!]")
_BACK_REFERENCE: Final = re.compile(r"\\[0-9]|\(\?P[=>]")


def did_you_mean(name: str, known: Iterable[str]) -> str | None:
    """The known name that is closest to a misspelt one."""
    name = name.lower()
    if len(name) > _LONGEST_NAME:
        return None
    close = difflib.get_close_matches(name, list(known), n=1, cutoff=0.7)
    return f'did you mean "{close[0]}"?' if close else None


def hint_for_name(name: str, source: str, at: int, end: int) -> str | None:
    """For an unknown name: keywords in capitals, literals on the left, true and false."""
    lower = name.lower()
    if lower != name and lower in _KEYWORDS:
        return f'keywords are written in lower case: "{lower}"'
    if name in _KEYWORDS:
        return f'"{name}" joins two conditions; one is missing here'
    if name in ("true", "false"):
        return f'"{name}" can only be the whole expression; write a Bool field alone, or not field'
    if name[0].isdigit():
        return "the field comes first: write field == value"
    if source.startswith(("not", "NOT", "Not"), at, end) and len(name) > 3:
        return "put a space after not"
    return None


def hint_for_operator(source: str, at: int, end: int) -> str | None:
    """For a place where a comparison operator should be."""
    if source.startswith("=", at, end):
        return "equality is written == or eq"
    if at >= end or source.startswith((")", "and", "or"), at, end):
        if source.startswith(")", at, end):
            return "parentheses group conditions, never a value; compare the value inside"
        return "a value alone is no condition unless it is Bool: compare it with a literal"
    if source.startswith("\t", at, end):
        return "use spaces between words; a tab is not accepted"
    if source.startswith("not", at, end):
        return "not comes before the whole comparison: not x in {…}"
    if source.startswith("[", at, end):
        return "no space before ["
    if source.startswith("strict", at, end):
        return "strict wildcard is written with exactly one space"
    word = _word(source, at, end)
    if word != word.lower() and word.lower() in _KEYWORDS:
        return f'keywords are written in lower case: "{word.lower()}"'
    if word in ("is", "like", "starts_with", "ends_with", "startswith", "endswith"):
        if word.startswith(("starts", "ends")):
            return f'it is a function: {word.replace("swith", "s_with")}(field, "text")'
        return "equality is written == or eq" if word != "like" else "use wildcard or matches"
    return did_you_mean(word, sorted(_KEYWORDS)) if word else None


def hint_for_trailing(source: str, at: int, end: int, *, after_bool: bool) -> str | None:
    """For something left over behind a complete condition."""
    if source.startswith("\t", at, end):
        return "use spaces between words; a tab is not accepted"
    word = _word(source, at, end)
    if word != word.lower() and word.lower() in _KEYWORDS:
        return f'keywords are written in lower case: "{word.lower()}"'
    if source.startswith(("==", "!=", "eq ", "ne ", "in ", "="), at, end):
        if after_bool:
            return "a Bool value stands alone: write it as it is, or not before it"
        return "comparisons cannot be chained: join them with and"
    if source.startswith(_COMPARISONS, at, end):
        return "comparisons cannot be chained: join them with and"
    if source.startswith("#", at, end) and source[at - 1] in '"#':
        return "a raw string ends with as many hashes as it began with"
    if source.startswith("#", at, end) or source.startswith(("//", "/*"), at, end):
        return "there are no comments in expressions"
    if source.startswith(")", at, end):
        return "this ) has no ( before it"
    if source.startswith("&", at, end) or source.startswith("|", at, end):
        return "conditions are joined with && and ||, or and and or"
    if source.startswith(";", at, end):
        return "an expression has no semicolon"
    if source.startswith("%", at, end):
        return "addresses have no zone here"
    if source[at : at + 1].isalnum() and source[at - 1].isdigit():
        return "numbers are decimal, 0x and hexadecimal digits, or 0 and octal digits"
    return "join conditions with and, or, xor"


def hint_for_operand(source: str, at: int, end: int, *, after_logic: bool) -> str | None:
    """For a place where a condition should begin."""
    if source.startswith("\t", at, end):
        return "use spaces between words; a tab is not accepted"
    if source.startswith(('"', 'r"'), at, end):
        if after_logic:
            return 'repeat the field, x == "/a" or x == "/b", or use a set, x in {"/a" "/b"}'
        return "the field comes first: write field == value"
    if source.startswith(("\u200b", "\ufeff"), at, end):
        return "there is an invisible character here"
    if at >= end and after_logic:
        return "a condition must follow"
    return None


def hint_for_text(source: str, at: int, end: int) -> str | None:
    """For a place where a quoted text should be."""
    # The operator before was a prefix of what was meant: < of <>, eq of equals.
    if source.startswith("<>", at - 1):
        return "inequality is written != or ne"
    if source.startswith("equals", at - 2):
        return "equality is written == or eq"
    if at < end and source[at] in _QUOTES:
        return 'texts stand in plain double quotes: "text"'
    if source.startswith("{", at, end):
        return "a set { } can only follow in"
    if source.startswith("(", at, end):
        return "a value does not stand in parentheses"
    if source.startswith("\t", at, end):
        return "use spaces between words; a tab is not accepted"
    if source.startswith("$", at, end):
        return "a list can only follow in"
    if source.startswith(("=", "~"), at, end):
        return "equality is written == or eq, a regular expression follows ~ or matches"
    stop = at
    while stop < end and source[stop] not in ' \t\r\n(){}[]"\\,;':
        stop += 1
    text = source[at:stop]
    if not text:
        return None
    if (_NAME.fullmatch(text) and "." in text) or source.startswith("(", stop, end):
        return "the right side is a literal; two fields cannot be compared with each other"
    return f'put the text in quotes: "{text[:_LONGEST_NAME]}"'


def hint_for_escape(kind: str) -> str:
    """For an unknown escape in a quoted string."""
    codes = {"n": r"\x0a", "t": r"\x09", "r": r"\x0d"}
    if kind in codes:
        return f"write {codes[kind]}"
    if kind == "*":
        return r'write \\* for a literal star in a wildcard pattern, or use a raw string: r"…"'
    return r'the escapes are \", \\, \xHH and \OOO; or use a raw string: r"…"'


def hint_for_number(source: str, at: int, end: int) -> str | None:
    """For a place where a number should be."""
    if source.startswith("+", at, end):
        return "a number has no plus sign"
    if source.startswith(".", at, end):
        return "a range has two dots and no spaces: 1..5"
    if source.startswith('"', at, end):
        return "write the number without quotes"
    if source.startswith("{", at, end):
        return "a set { } can only follow in"
    return "use spaces between words; a tab is not accepted" if source[at:end][:1] == "\t" else None


def hint_for_address(text: str) -> str | None:
    """For an address after == that is none."""
    if "/" in text or ".." in text:
        return f"networks and ranges stand in a set: in {{{text}}}"
    if re.fullmatch(r"[0-9.]+", text):
        return "an IPv4 address has four numbers without leading zeros"
    if text.lower().rstrip("abcdef") != text:
        return "put a space after the address"
    return None


def network_hint(text: str) -> str | None:
    """The network that an address with host bits set belongs to."""
    try:
        return f"write {ip_interface(text).network}"
    except ValueError:
        return None


def hint_for_membership(source: str, at: int, end: int) -> str:
    """For something other than { or $ after in."""
    if source.startswith(("(", "["), at, end):
        return "a set stands in braces: in {…}"
    stop = at
    while stop < end and source[stop] not in " \r\n)":
        stop += 1
    return f"write a set, in {{{source[at : min(stop, at + 40)]}}}, or a list, in $name"


def hint_for_regex(pattern: str) -> str | None:
    """For a regular expression that is refused."""
    if _LOOK_AROUND.search(pattern):
        return "look-around is not supported; combine two conditions with and not"
    if r"\Z" in pattern:
        return r"the end of the text is written \z or $"
    if _BACK_REFERENCE.search(pattern):
        return "back-references and octal escapes are not supported; bytes are written \\xHH"
    if "(?>" in pattern:
        return "atomic groups are not supported and not needed: matching takes linear time"
    if "(?#" in pattern:
        return "comments need the flag x: (?x)a # comment"
    if "{," in pattern:
        return "write the lower bound as well: {0,3}"
    if not pattern.isascii() or r"\p" in pattern or r"\P" in pattern:
        return "classes of non-ASCII characters need Unicode: begin the pattern with (?u)"
    if re.search(r"[^\\]\{(?![0-9])", pattern):
        return r"a literal brace is written \{"
    return None


def _word(source: str, at: int, end: int) -> str:
    match = _WORD.match(source, at, min(end, at + _LONGEST_NAME))
    return match.group() if match else ""
