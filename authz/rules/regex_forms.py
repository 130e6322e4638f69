# SPDX-License-Identifier: Apache-2.0
"""The forms of regular expressions that other engines have and this one does not.

Each has its name, how it is recognised where the engine stopped, an example, and what to write
instead. The table of docs/reference/rules-language.md is made from it, and so are the errors
(regex_suggestions.py). A form is looked for only after the engine refused a pattern.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable


@dataclass(frozen=True, slots=True, kw_only=True)
class Form:
    """A form that is refused.

    Args:
        name: what it is called.
        example: a pattern with it.
        token: matches it where it begins.
        instead: what to write, with patterns in backquotes.
        rewritten: the exact text to write for what `token` matched, or None.
        in_class: it is one within `[…]`, too.
        when: how the engine's message begins, where the token alone does not tell.
    """

    name: str
    example: str
    token: re.Pattern[str]
    instead: str
    rewritten: Callable[[re.Match[str]], str] | None
    in_class: bool
    when: str

    def hint(self, match: re.Match[str]) -> str:
        """What to write instead of what was found."""
        if self.rewritten is not None:
            return f"write {self.rewritten(match)}"
        return self.instead.replace("`", "")


def _form(
    name: str,
    example: str,
    token: str,
    instead: str,
    *,
    rewritten: Callable[[re.Match[str]], str] | None = None,
    in_class: bool = False,
    when: str = "",
) -> Form:
    return Form(
        name=name,
        example=example,
        token=re.compile(token),
        instead=instead,
        rewritten=rewritten,
        in_class=in_class,
        when=when,
    )


def _byte(value: int) -> str:
    return rf"\x{value:02x}" if value <= 0xFF else rf"\x{{{value:x}}}"


def _octal(match: re.Match[str]) -> str:
    return _byte(int(match[1] or match[2], 8))


def _control(match: re.Match[str]) -> str:
    return _byte(ord(match[1].upper()) ^ 0x40)


_BOTH = 'write two conditions: field matches "…" and field matches "…"'
_ONE_NOT = 'write two conditions: field matches "…" and not field matches "…"'
_SPELL_OUT = r"spell out the cases: `aa|bb` for (a|b)\1"

#: In the order in which they are tried.
FORMS: Final = (
    _form("look-ahead", "a(?=b)", r"\(\?[=*]|\(\*(?:pla|positive_lookahead):", _BOTH),
    _form("negative look-ahead", "a(?!b)", r"\(\?!|\(\*(?:nla|negative_lookahead):", _ONE_NOT),
    _form("look-behind", "(?<=a)b", r"\(\?<[=*]|\(\*(?:plb|positive_lookbehind):", _BOTH),
    _form("negative look-behind", "(?<!a)b", r"\(\?<!|\(\*(?:nlb|negative_lookbehind):", _ONE_NOT),
    _form(
        "octal escape",
        r"\141",
        r"\\(0[0-7]{0,2}|[1-3][0-7]{2})|\\o\{([0-3]?[0-7]{1,2})\}",
        r"write `\x61`",
        rewritten=_octal,
        in_class=True,
    ),
    _form(
        "back-reference",
        r"(a|b)\1",
        r"\\[1-9][0-9]*|\\g(?:-?[0-9]+|\{-?[0-9]+\})",
        _SPELL_OUT,
    ),
    _form(
        "back-reference by name",
        "(?P<n>a|b)(?P=n)",
        r"\(\?P=\w*\)?|\\k(?:<\w*>?|'\w*'?|\{\w*\}?)?|\\g\{\w*\}?",
        _SPELL_OUT,
    ),
    _form(
        "recursion, or a group used again",
        "(a)(?1)",
        r"\(\?(?:[+-]?[0-9]+|&\w*|P>\w*)\)?|\\g(?:<[^>]*>?|'[^']*'?)?",
        "write the group's pattern again, as often as it may be nested",
    ),
    _form(
        "atomic group",
        "(?>a)",
        r"\(\?>|\(\*atomic:",
        "write a plain group, `(?:a)`: there is no backtracking to prevent",
    ),
    _form("conditional group", "(a)?(?(1)b|c)", r"\(\?\(", "write both cases, with |: `ab|c`"),
    _form(
        "comment group",
        "(?#note)a",
        r"\(\?#[^)]*\)?",
        "leave it out, or begin with `(?x)` and put # before the comment, at the end of a line",
    ),
    _form(
        "branch reset",
        "(?|a|b)",
        r"\(\?\|",
        "write a plain group, `(?:a|b)`: only whether there is a match counts",
    ),
    _form(
        "named group in another spelling",
        "(?'n'a)",
        r"\(\?(?:P?['\"]\w*['\"]?|P\(|P\w+>)",
        "write `(?<n>a)`, or a plain group, `(?:a)`",
    ),
    _form("balancing group", "(?<n-m>a)", r"\(\?<\w*-\w*>", "write a plain group, `(?:a)`"),
    _form("callout", "(?C1)a", r"\(\?C[0-9]*\)", "leave it out"),
    _form(
        "verb",
        "(*COMMIT)a",
        r"\(\*[A-Z][A-Z_0-9]*(?:[:=][^)]*)?\)",
        "leave it out: there is no backtracking to control",
    ),
    _form("flag a", "(?a)a", r"\(\?a\)", "leave it out: ASCII is the default"),
    _form("flag L", "(?L)a", r"\(\?L\)", "leave it out: there are no locales"),
    _form(
        "quoted run",
        r"\Qa.b\E",
        r"\\[QE]",
        r"write a backslash before each special character: `a\.b`",
    ),
    _form(
        "end of text before a newline", r"a\Z", r"\\Z", r"write `\z`, or `$`: both are the very end"
    ),
    _form("where the last match ended", r"\Ga", r"\\G", r"write `\A`: there is one match"),
    _form(
        "start of the match",
        r"a\Kb",
        r"\\K",
        "leave it out: only whether there is a match counts",
    ),
    _form("horizontal space", r"\h", r"\\h", r"write `[ \t]`", in_class=True),
    _form("anything but horizontal space", r"\H", r"\\H", r"write `[^ \t]`", in_class=True),
    _form("any line break", r"\R", r"\\R", r"write `(?:\r\n|\n|\r)`"),
    _form("grapheme", r"\X", r"\\X", "write `(?u:.)`, which is one character"),
    _form(
        "character by name",
        r"\N{DIGIT ONE}",
        r"\\N\{[^}]*\}?",
        r"write the character itself, or its number: `\x{31}`",
        in_class=True,
    ),
    _form("anything but a newline", r"\N", r"\\N", "write `.`"),
    _form("single byte", r"\C", r"\\C", "write `(?s:.)`: a dot is one byte"),
    _form("any character", r"\O", r"\\O", "write `(?s:.)`"),
    _form("word boundary in another spelling", r"\ya", r"\\[ym]", r"write `\b`"),
    _form("no word boundary in another spelling", r"\Ya", r"\\Y", r"write `\B`"),
    _form("escape character", r"\e", r"\\e", r"write `\x1b`", in_class=True),
    _form(
        "control character",
        r"\cA",
        r"\\c([A-Za-z])",
        r"write `\x01`",
        rewritten=_control,
        in_class=True,
    ),
    _form(
        "lower bound left out",
        "a{,3}",
        r"\{,([0-9]+)\}",
        "write `{0,3}`",
        rewritten=lambda match: f"{{0,{match[1]}}}",
    ),
    _form(
        "class of Unicode without (?u)",
        r"\p{Greek}",
        r"\\[pP](?:\{[^}]*\}|[A-Z])",
        r"begin the pattern with `(?u)`",
        in_class=True,
        when="unicode not allowed",
    ),
    _form(
        "letter beyond ASCII in a class without (?u)",
        "[é]",
        r"[^\x00-\x7f]",
        "begin the pattern with `(?u)`",
        in_class=True,
        when="unicode not allowed",
    ),
)
