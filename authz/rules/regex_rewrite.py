# SPDX-License-Identifier: Apache-2.0
"""Rewrites patterns of Rust's regex syntax that the engine's front end refuses into equal ones.

Three forms need it (surprise 60): a repetition of a repetition, `a**` or `a{2}{3}`, becomes
`(?:a*)*`; a repeated escape that looks like a repetition itself, `\\x{41}*`, becomes
`(?:\\x{41})*`; flags in the middle, `N(?i)ODE|x`, become a group up to the end of each alternative,
`N(?i:ODE)|(?i:x)`. All other patterns are left exactly as they are. Whether a pattern is valid is
not decided here, except for flags that Rust does not know or that are named twice.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Final

_FLAGS: Final = frozenset("imsUuxR-")
_GROUP: Final = re.compile(r"\(\?([A-Za-z-]*)([:)])")
_FLAG_LIST: Final = re.compile(r"[A-Za-z]+(?:-[A-Za-z]+)?|-[A-Za-z]+")
_NAMED: Final = re.compile(r"\(\?P?<[^>]*>")
REPETITION: Final = re.compile(r"\*\??|\+\??|\?\??|\{[0-9 ,]*\}\??")
ESCAPE: Final = re.compile(
    r"\\(?:[xuU]\{[^}]*\}|x[0-9A-Fa-f]{2}|u[0-9A-Fa-f]{4}|U[0-9A-Fa-f]{8}"
    r"|[pP]\{[^}]*\}|[pP].|b\{(?:start|end|start-half|end-half)\}|.)",
    re.DOTALL,
)
# The front end takes the digits for a repetition of `\x`; in a class it does not.
_COUNT_LIKE: Final = re.compile(r"\\[xuU]\{[0-9]+\}")
_NAMED_CLASS: Final = re.compile(r"\[:\^?[a-z]+:\]")
_COMMENT: Final = re.compile(r"#[^\n]*")
_BLANKS: Final = " \t\n\v\f\r\x85\u200e\u200f\u2028\u2029"


class FlagError(Exception):
    """A flag that Rust's regex syntax does not have, or that a group names twice."""

    def __init__(self, reason: str, offset: int) -> None:
        super().__init__(reason)
        self.offset = offset


@dataclass(slots=True, kw_only=True)
class _Group:
    """One level of parentheses while it is being read."""

    start: int
    verbose: bool
    flags: dict[str, bool] = field(default_factory=dict)

    def opening(self) -> str:
        on = "".join(flag for flag, value in self.flags.items() if value)
        off = "".join(flag for flag, value in self.flags.items() if not value)
        return f"(?{on}-{off}:" if off else f"(?{on}:"


def rewrite(pattern: str) -> str | None:
    """An equal pattern that the engine takes, or None to use the pattern as it is.

    Raises FlagError.
    """
    if "(?" not in pattern and not _stacked(pattern):
        return None
    return _Rewriter(pattern).run()


_STACKED: Final = re.compile(r"[*+?}][*+?{]")


def _stacked(pattern: str) -> bool:
    """Whether a repetition may follow a repetition; a lazy one looks like it, too."""
    return _STACKED.search(pattern) is not None


class _Rewriter:
    def __init__(self, pattern: str) -> None:
        self.pattern = pattern
        self.out: list[str] = []
        self.groups = [_Group(start=0, verbose=False)]
        # Where the item that a repetition would apply to starts in `out`, None if there is none.
        self.item: int | None = None
        self.repeated = False
        self.changed = False

    def run(self) -> str | None:
        at = 0
        while at < len(self.pattern):
            at = self._next(at)
        self._close_flags()
        return "".join(self.out) if self.changed else None

    def _next(self, at: int) -> int:
        pattern, char = self.pattern, self.pattern[at]
        if char == "(":
            return self._open(at)
        if char == ")":
            return self._close(at)
        if char == "|":
            self._close_flags()
            self.out.append("|")
            self._reopen_flags()
            self.item = None
            return at + 1
        repetition = REPETITION.match(pattern, at)
        if repetition:
            self._repeat(repetition.group())
            return repetition.end()
        if self.groups[-1].verbose and (char in _BLANKS or char == "#"):
            # Left out: a closing parenthesis behind a comment would be part of it.
            comment = _COMMENT.match(pattern, at)
            return comment.end() if comment else at + 1
        return self._atom(at)

    def _atom(self, at: int) -> int:
        escape = ESCAPE.match(self.pattern, at)
        if escape:
            stop = escape.end()
        elif self.pattern[at] == "[":
            stop = class_end(self.pattern, at)
        else:
            stop = at + 1
        self.item, self.repeated = len(self.out), False
        self.out.append(self.pattern[at:stop])
        return stop

    def _open(self, at: int) -> int:
        group = _GROUP.match(self.pattern, at)
        verbose = self.groups[-1].verbose
        if group:
            _check_flags(group[1], group.start(1))
            if group[2] == ")" and _FLAG_LIST.fullmatch(group[1]):
                self._set_flags(group[1], at)
                return group.end()
            verbose = _on_off(group[1]).get("x", verbose)
        named = group or _NAMED.match(self.pattern, at)
        stop = named.end() if named else at + 1
        self.groups.append(_Group(start=len(self.out), verbose=verbose))
        self.out.append(self.pattern[at:stop])
        self.item = None
        return stop

    def _close(self, at: int) -> int:
        if len(self.groups) == 1:
            # Unbalanced; the engine will say so.
            self.out.append(")")
            self.item = None
            return at + 1
        self._close_flags()
        self.out.append(")")
        self.item, self.repeated = self.groups.pop().start, False
        return at + 1

    def _repeat(self, text: str) -> None:
        if self.item is None:
            # Nothing to repeat; the engine will say so.
            self.out.append(text)
            return
        if self.repeated:
            # Not inserted: a pattern of nothing but stars would take quadratic time.
            self.out[self.item] = "(?:" + self.out[self.item]
            self.out.append(")")
            self.changed = True
        elif _COUNT_LIKE.fullmatch(self.out[self.item]):
            self.out[self.item] = f"(?:{self.out[self.item]})"
            self.changed = True
        self.out.append(text)
        self.repeated = True

    def _set_flags(self, letters: str, at: int) -> None:
        group = self.groups[-1]
        self._close_flags()
        group.flags.update(_on_off(letters))
        group.verbose = group.flags.get("x", group.verbose)
        self._reopen_flags()
        self.item = None
        # At the very start the engine takes them as they are.
        self.changed = self.changed or at > 0

    def _close_flags(self) -> None:
        if self.groups[-1].flags:
            self.out.append(")")

    def _reopen_flags(self) -> None:
        if self.groups[-1].flags:
            self.out.append(self.groups[-1].opening())


def class_end(pattern: str, at: int) -> int:
    """The end of a character class, with its nested classes."""
    depth, first = 0, False
    while at < len(pattern):
        char = pattern[at]
        named = _NAMED_CLASS.match(pattern, at) if depth else None
        if named:
            at, first = named.end(), False
            continue
        if char == "\\":
            at, first = at + 2, False
            continue
        if char == "[":
            depth += 1
            # A ] right behind the opening is a literal.
            first = True
            at += 2 if pattern.startswith("[^", at) else 1
            continue
        if char == "]" and not first:
            depth -= 1
            if depth == 0:
                return at + 1
        first = False
        at += 1
    return len(pattern)


def _check_flags(letters: str, start: int) -> None:
    """Refuse what the engine's front end lets through at the very start of a pattern."""
    for place, flag in enumerate(letters):
        if flag not in _FLAGS:
            raise FlagError(f'unrecognized flag "{flag}"', start + place)
        # A second minus sign has a message of the engine's own.
        if flag != "-" and flag in letters[:place]:
            raise FlagError(f'duplicate flag "{flag}"', start + place)


def _on_off(letters: str) -> dict[str, bool]:
    on, _, off = letters.partition("-")
    return dict.fromkeys(on, True) | dict.fromkeys(off, False)
