# SPDX-License-Identifier: Apache-2.0
"""What is wrong with a regular expression that the engine refused, and what to write instead.

The engine says where it stopped. What stands there is looked up among the forms of other engines
(regex_forms.py); for everything else its own message says what it is. Nothing here changes what is
accepted.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from authz.rules.regex_forms import FORMS

if TYPE_CHECKING:
    from authz.rules.regex_forms import Form

# How far behind the beginning of a form the engine may stop: "(?P=" in "(?P=n)".
_REACH: Final = 4
_FLAGS: Final = "the flags are i, m, s, x, u, U and R"
_GROUPS: Final = "groups are written (…), (?:…) and (?<name>…), flags (?i)"
_NAMES: Final = "a named group is written (?<name>…), its name with letters, digits and _"
_BRACE: Final = r"a literal { is written \{, a repetition {2}, {2,} or {2,3}"
_BOUNDARIES: Final = (
    r"the boundaries in braces are \b{start}, \b{end}, \b{start-half} and \b{end-half}"
)
_CUT_SHORT: Final = "bad escape (end of pattern)"
# How the engine's message begins: the hint for it.
_HINTS: Final = {
    "unclosed counted repetition": _BRACE,
    "repetition quantifier expects": _BRACE,
    "repetition quantifier": _BRACE,
    "invalid repetition count range": "the smaller number comes first: {1,3}",
    "decimal literal invalid": "the number is too large",
    "hexadecimal literal": r"a byte is written \x41, a character \x{e9}",
    "incomplete escape": r"a byte is written \x41, a character \x{e9}",
    "unterminated character set": r"a literal [ is written \[; a ] behind [ belongs to the class",
    "missing ), unterminated subpattern": r"a literal ( is written \(",
    "unexpected end of pattern": r"a literal ( is written \(",
    "expected flag but got end": r"a literal ( is written \(",
    "unbalanced parenthesis": r"a literal ) is written \)",
    "duplicate capture group name": "give each group a name of its own, or leave the names out",
    "missing group name": _NAMES,
    "bad character in group name": _NAMES,
    "missing >": _NAMES,
    "duplicate flag": "write each flag once",
    "flag negation operator repeated": "one - stands before all the flags that are off: (?i-ms)",
    "dangling flag negation": "after - follow the flags that are off: (?i-ms)",
    "unknown extension ?<": _NAMES,
    "unknown extension ?P<": _NAMES,
    "unknown extension": _GROUPS,
    "unicode not allowed": "begin the pattern with (?u)",
    "unrecognized special word boundary": _BOUNDARIES,
    "special word boundary": _BOUNDARIES,
    "found either the beginning of a special word boundary": _BOUNDARIES,
    _CUT_SHORT: r"an escape is cut short; whole ones are \x41, \x{e9} and \u0041",
    r"bad escape \p": r"properties have the names of Unicode: (?u)\p{L}, (?u)\p{Greek}",
    "compiled regex exceeds size limit": r"use smaller counts; with (?u) classes like \w are large",
    "exceed the maximum number of nested": "use fewer parentheses and brackets within each other",
}
_UNKNOWN_FLAG: Final = re.compile(
    r"\(\?[imsxuUR-]*([^imsxuUR:)<>=!#'\"(&{?*+|~\[@^P0-9-])[\w^-]*[:)]"
)
_OPENING: Final = re.compile(r"\[\^?\]?")
_GLOB: Final = re.compile(r"\*[\w./:@-]+\*?")


#: What the engine says of an escape as such; other faults may begin with one as well.
_ABOUT_AN_ESCAPE: Final = re.compile("escape sequence|^backreferences")


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong with a pattern: a phrase, the characters, what to write instead."""

    reason: str
    span: tuple[int, int] | None
    hint: str | None


def fault_of(pattern: str, offset: int | None, message: str) -> Fault:
    """What the engine means that refused `pattern` with `message` at `offset`."""
    reason = message[:1].lower() + message[1:].rstrip(".")
    last = len(pattern) - 1
    cut_short = offset is None or offset == last or reason.startswith(_CUT_SHORT)
    if cut_short and _is_escaped(pattern, last + 1):
        return Fault("a backslash at the end", (last, last + 1), r"a literal one is written \\")
    if offset is None:
        return _without_a_place(pattern, reason)
    if found := _form_at(pattern, offset, reason):
        form, token = found
        reason = f'{form.name} "{token[0]}" is not supported'
        return Fault(reason, token.span(), form.hint(token))
    if reason.startswith("nothing to repeat"):
        return Fault(reason, (offset, offset + 1), _nothing_to_repeat(pattern, offset))
    if match := _flag_before(pattern, offset):
        return Fault(f'unknown flag "{match[1]}"', match.span(1), _FLAGS)
    if reason.startswith("bad character range"):
        return Fault(reason, (offset, len(pattern)), _range(reason))
    if pattern.startswith("\\", offset) and _ABOUT_AN_ESCAPE.search(reason):
        return _escape(pattern, offset)
    return Fault(reason, (offset, len(pattern)), _hint(reason))


def _without_a_place(pattern: str, reason: str) -> Fault:
    # The engine gave up while it described what is wrong: it can only be told from the pattern.
    if reason == "malformed pattern" and (match := _UNKNOWN_FLAG.search(pattern)):
        return Fault(f'unknown flag "{match[1]}"', match.span(1), _FLAGS)
    return Fault(reason, None, _hint(reason))


def _hint(reason: str) -> str | None:
    return next((hint for begin, hint in _HINTS.items() if reason.startswith(begin)), None)


def _form_at(pattern: str, offset: int, reason: str) -> tuple[Form, re.Match[str]] | None:
    """The form that begins where the engine stopped, or shortly before and goes on to there."""
    for start in range(offset, max(offset - _REACH, 0) - 1, -1):
        if start < offset and _is_escaped(pattern, start):
            continue
        within = _is_in_class(pattern, start)
        for form in FORMS:
            if (within and not form.in_class) or not reason.startswith(form.when):
                continue
            match = form.token.match(pattern, start)
            if match and match.end() > offset:
                return form, match
    return None


def _flag_before(pattern: str, offset: int) -> re.Match[str] | None:
    for start in range(offset, max(offset - _REACH, 0) - 1, -1):
        match = _UNKNOWN_FLAG.match(pattern, start)
        if match and match.end() > offset and not _is_escaped(pattern, start):
            return None if _is_in_class(pattern, start) else match
    return None


def _nothing_to_repeat(pattern: str, offset: int) -> str:
    sign = pattern[offset : offset + 1]
    if sign != "*":
        return rf"a literal {sign} is written \{sign}"
    if offset == 0 and _GLOB.fullmatch(pattern):
        return f'a star repeats what stands before it; a pattern with stars: wildcard "{pattern}"'
    return r"a star repeats what stands before it: any characters are .*, a literal * is \*"


def _range(reason: str) -> str:
    # "bad character range z-a": a class like \d is no end of a range.
    if "\\" in reason:
        return r"a hyphen that makes no range stands last, or is written \-"
    return "the lower end of a range comes first: a-z"


def _escape(pattern: str, offset: int) -> Fault:
    """An escape that no engine has, or that has no place within `[…]`."""
    sign = pattern[offset + 1]
    shown, span = f'"\\{sign}"', (offset, offset + 2)
    hint = f"the letter itself has no backslash: {sign}"
    if not _is_in_class(pattern, offset):
        return Fault(f"unknown escape {shown}", span, hint)
    if sign.isdecimal():
        hint = r"a byte is written \x01"
    elif sign == "b":
        hint = r"a backspace is written \x08"
    return Fault(f"{shown} has no meaning in a class", span, hint)


def _is_escaped(pattern: str, at: int) -> bool:
    before = pattern[:at]
    return (len(before) - len(before.rstrip("\\"))) % 2 == 1


def _is_in_class(pattern: str, at: int) -> bool:
    """Whether a position is within `[…]`, classes within classes included."""
    depth, place = 0, 0
    while place < at:
        sign = pattern[place]
        if sign == "\\":
            place += 1
        elif sign == "[":
            depth += 1
            # A first ] belongs to the class.
            opening = _OPENING.match(pattern, place)
            place += len(opening[0]) - 1 if opening else 0
        elif sign == "]" and depth:
            depth -= 1
        place += 1
    return depth > 0
