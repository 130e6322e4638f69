# SPDX-License-Identifier: Apache-2.0
"""The words of a command line, quoted as POSIX shells quote (and `$'…'` of bash, zsh and ksh).

Nothing is executed, expanded or looked up: what a shell would run or replace is refused by name.
Bytes that a `$'\\xff'` makes and that are no UTF-8 stand as Python's surrogateescape has them.
POSIX.1-2024, Shell Command Language, 2.2.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from authz.errors import InvalidInputError

if TYPE_CHECKING:
    from collections.abc import Callable

#: Most characters and words of a command.
MAX_TEXT: Final = 512 * 1024
MAX_WORDS: Final = 2000

# 2.2.3: within double quotes a backslash stands before these, and else for itself.
_ESCAPED_IN_DOUBLE: Final = '$`"\\\n'
# 2.3: what ends a command outside of quotes.
_OPERATORS: Final = "|&;<>()\n"
_BLANKS: Final = " \t\r"
# Everything up to the next character that means something.
_PLAIN: Final = re.compile(r"""[^\s'"\\$`|&;<>()]+""")
_PLAIN_DOUBLE: Final = re.compile(r'[^"\\$`]+')
_PLAIN_ANSI_C: Final = re.compile(r"[^'\\]+")
_ANSI_C: Final = re.compile(
    r"\\(?:x([0-9A-Fa-f]{1,2})|u([0-9A-Fa-f]{1,4})|U([0-9A-Fa-f]{1,8})|([0-7]{1,3})|c(.)|(.))",
    re.DOTALL,
)
_CONTROLS: Final = {
    "a": "\a",
    "b": "\b",
    "e": "\x1b",
    "E": "\x1b",
    "f": "\f",
    "n": "\n",
    "r": "\r",
    "t": "\t",
    "v": "\v",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """The first command of a text.

    Args:
        rest: what stands behind it, from the operator or line that ended it; "" for nothing.
    """

    words: tuple[str, ...]
    rest: str = ""


def split(text: str) -> Command:
    """The words of the first command of a text.

    Raises:
        InvalidInputError: it is too long, a quote does not end, or a shell would replace something.
    """
    if len(text) > MAX_TEXT:
        raise InvalidInputError(
            f"the command has {len(text):,} characters, {MAX_TEXT:,} are possible here",
            hint="leave some of the body out",
        )
    return _Splitter(text).command()


class _Splitter:
    """One reading of a text."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0
        self._words: list[str] = []
        self._word: list[str] | None = None

    def command(self) -> Command:
        text = self._text
        steps: dict[str, Callable[[], None]] = {
            "'": self._single,
            '"': self._double,
            "\\": self._backslash,
            "$": self._dollar,
            "`": self._backquote,
        }
        while self._at < len(text):
            one = text[self._at]
            if one in _BLANKS:
                self._end_word()
                self._at += 1
            elif one in _OPERATORS:
                self._end_word()
                if one != "\n" or self._words:
                    return self._done(text[self._at :])
                self._at += 1
            elif one == "#" and self._word is None:
                self._at = _find(text, "\n", self._at)
            elif one in steps:
                steps[one]()
            else:
                self._plain(_PLAIN)
        self._end_word()
        return self._done("")

    def _done(self, rest: str) -> Command:
        return Command(words=tuple(self._words), rest=rest.strip())

    def _add(self, text: str) -> None:
        if self._word is None:
            self._word = []
        self._word.append(text)

    def _end_word(self) -> None:
        if self._word is None:
            return
        if len(self._words) >= MAX_WORDS:
            raise InvalidInputError(
                f"the command has more than {MAX_WORDS:,} words", hint="paste one command"
            )
        self._words.append("".join(self._word))
        self._word = None

    def _plain(self, kind: re.Pattern[str]) -> None:
        found = kind.match(self._text, self._at)
        # White space that is no blank of a shell (a no-break space) is part of a word.
        end = found.end() if found else self._at + 1
        self._add(self._text[self._at : end])
        self._at = end

    def _single(self) -> None:
        end = self._text.find("'", self._at + 1)
        if end < 0:
            raise self._open("'")
        self._add(self._text[self._at + 1 : end])
        self._at = end + 1

    def _double(self) -> None:
        start, text = self._at, self._text
        self._add("")
        self._at += 1
        while self._at < len(text):
            one = text[self._at]
            if one == '"':
                self._at += 1
                return
            if one == "\\":
                following = text[self._at + 1 : self._at + 2]
                if following and following in _ESCAPED_IN_DOUBLE:
                    self._add("" if following == "\n" else following)
                else:
                    self._add("\\" + following)
                self._at += 2
            elif one == "$":
                self._dollar(quoted=True)
            elif one == "`":
                self._backquote()
            else:
                self._plain(_PLAIN_DOUBLE)
        self._at = start
        raise self._open('"')

    def _backslash(self) -> None:
        text, following = self._text, self._at + 1
        if text.startswith("\r\n", following):
            self._at += 3
            return
        if following >= len(text):
            raise InvalidInputError(
                "the command ends with a backslash", hint="paste the lines behind it as well"
            )
        if text[following] != "\n":
            self._add(text[following])
        self._at += 2

    def _dollar(self, *, quoted: bool = False) -> None:
        following = self._text[self._at + 1 : self._at + 2]
        if following == "'" and not quoted:
            self._ansi_c()
        elif following == '"' and not quoted:
            self._at += 1  # a text to translate: nobody does
        elif following and (following.isalnum() or following in "_{(@*#?-$!"):
            raise InvalidInputError(
                f"{self._place()}: a shell would replace {self._shown()}",
                hint="nothing is run or looked up here: write what it stands for, or put it into "
                "single quotes",
            )
        else:
            self._add("$")
            self._at += 1

    def _ansi_c(self) -> None:
        start, text = self._at, self._text
        pieces: list[bytes] = []
        self._at += 2
        while self._at < len(text):
            if text[self._at] == "'":
                self._at += 1
                self._add(b"".join(pieces).decode("utf-8", "surrogateescape"))
                return
            found = _ANSI_C.match(text, self._at)
            if found is not None:
                pieces.append(_escaped(found))
                self._at = found.end()
            else:
                plain = _PLAIN_ANSI_C.match(text, self._at)
                end = plain.end() if plain else self._at + 1
                pieces.append(text[self._at : end].encode("utf-8", "surrogatepass"))
                self._at = end
        self._at = start
        raise self._open("$'")

    def _backquote(self) -> None:
        raise InvalidInputError(
            f"{self._place()}: a shell would run {self._shown()}",
            hint="nothing is run here: write what comes of it",
        )

    def _open(self, quote: str) -> InvalidInputError:
        return InvalidInputError(
            f"{self._place()}: the quote {quote} does not end",
            hint="paste the whole command",
        )

    def _place(self) -> str:
        line = self._text.count("\n", 0, self._at) + 1
        column = self._at - self._text.rfind("\n", 0, self._at)
        return f"line {line}, column {column}"

    def _shown(self) -> str:
        return self._text[self._at : self._at + 20].split("\n")[0].split(" ")[0]


def _escaped(found: re.Match[str]) -> bytes:
    """What an escape of `$'…'` stands for."""
    byte, short, long, octal, control, other = found.groups()
    if byte is not None:
        return bytes((int(byte, 16),))
    if octal is not None:
        return bytes((int(octal, 8) & 0xFF,))
    if control is not None:
        return bytes((ord(control) & 0x1F,))
    if other is not None:
        known = _CONTROLS.get(other, other if other in "\\'\"?" else f"\\{other}")
        return known.encode("utf-8", "surrogatepass")
    number = int(short or long, 16)
    if number > 0x10FFFF or 0xD800 <= number <= 0xDFFF:
        raise InvalidInputError(
            f"{found[0]} is no character", hint="write one that Unicode has, or \\xHH for a byte"
        )
    return chr(number).encode()


def _find(text: str, what: str, start: int) -> int:
    end = text.find(what, start)
    return len(text) if end < 0 else end
