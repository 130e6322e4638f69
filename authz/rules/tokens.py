# SPDX-License-Identifier: Apache-2.0
"""The words of a text that may be an expression, and what could come next: for an editor.

The parser needs no words, and stops where a text is wrong; people look at the whole of theirs while
they type it. Of a text that is an expression these are exactly the names, operators and literals
that the parser reads (tests/unit/rules/test_tokens.py compares them with its tree); of any other
text they are a good guess. Whether a text is right is the parser's to say.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from authz.rules.ast import Operator
from authz.rules.lexer import lex_name
from authz.rules.literals import lex_operator
from authz.rules.parser import LOGIC_NOTATIONS, MAX_LENGTH, NOT_NOTATIONS
from authz.rules.types import BOOLS, Bool, Bytes, Int, Ip, Type

if TYPE_CHECKING:
    from authz.rules.functions.model import Function
    from authz.rules.scheme import Scheme

_SPACE: Final = re.compile(r"\s+")
_NOT: Final = re.compile("|".join(NOT_NOTATIONS))
_QUANTIFIER: Final = re.compile(r"(any|all)(?=[ \r\n]*\()")
_LOGIC: Final = re.compile(
    "|".join(re.escape(one) for texts in LOGIC_NOTATIONS.values() for one in texts)
)
_TEXT: Final = re.compile(r'"(?:[^"\\]|\\.)*+(?P<end>")?', re.DOTALL)
_RAW: Final = re.compile(r'r(?P<hashes>#*)"(?:.*?(?P<end>"(?P=hashes))|.*)', re.DOTALL)
# In a pattern, a quote in a class does not end the literal (surprise 67).
_PATTERN: Final = re.compile(r'"(?:[^"\\\[]|\\.|\[(?:[^\]\\]|\\.)*+\]?)*+(?P<end>")?', re.DOTALL)
_LIST: Final = re.compile(r"\$[a-z0-9_.]*")
_NUMBER: Final = re.compile(r"(?:0x|-)?[0-9A-Fa-f]+(?:\.\.(?:0x|-)?[0-9A-Fa-f]+)?")
_ADDRESS: Final = re.compile(r"[0-9A-Fa-f:./]+")
_BYTES: Final = re.compile(r"[0-9A-Fa-f+]{2}(?:[:.-][0-9A-Fa-f+]{2})*")
_BARE: Final = re.compile(r"[0-9A-Fa-f:./+-]+")
_LITERALS: Final = {Int: _NUMBER, Ip: _ADDRESS, Bytes: _BYTES}
# What nobody can read: up to the next white space or what has a meaning wherever it stands.
_UNKNOWN: Final = re.compile(r'[^\s()\[\]{},"$]+|.', re.DOTALL)
_IN_WORD: Final = re.compile(r"[A-Za-z0-9_.]")


class TokenKind(StrEnum):
    """What a word is."""

    FIELD = "field"
    FUNCTION = "function"
    KEYWORD = "keyword"
    OPERATOR = "operator"
    TEXT = "text"
    PATTERN = "pattern"
    NUMBER = "number"
    LIST = "list"
    PUNCTUATION = "punctuation"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class Token:
    """A word: its kind and its place."""

    kind: TokenKind
    start: int
    end: int


class Expects(StrEnum):
    """What could stand at a place."""

    #: A condition, or a value: a field, a function, `not`, a parenthesis.
    VALUE = "value"
    #: A comparison with the value before.
    OPERATOR = "operator"
    #: A literal, a set or a list.
    RIGHT = "right"
    #: An item of a set, or its end.
    ITEM = "item"
    #: What stands between brackets.
    INDEX = "index"
    #: `and`, `or`, `xor`, or an end.
    LOGIC = "logic"
    #: Nothing that could be proposed: the inside of a text.
    NOTHING = "nothing"


@dataclass(frozen=True, slots=True, kw_only=True)
class Completion:
    """What a word that is being typed could become.

    Args:
        start: where the word starts; it is empty where there is none.
        type: of the value that an operator, a literal or an index is wanted for; None if that is
            not known.
        operator: with RIGHT and ITEM.
    """

    start: int
    expects: Expects
    type: Type | None = None
    operator: Operator | None = None


def tokens_of(source: str, scheme: Scheme) -> tuple[Token, ...]:
    """The words of a text, in their order, with nothing but white space between them.

    There are as many as an expression can have; what is behind them has none.
    """
    scan = _Scan(source, len(source), scheme)
    scan.run()
    return tuple(scan.tokens)


def completion_at(source: str, at: int, scheme: Scheme) -> Completion:
    """What the word before a position could become."""
    start = at
    while start > 0 and _IN_WORD.match(source, start - 1):
        start -= 1
    if start > 0 and source[start - 1] == "$":
        start -= 1
    scan = _Scan(source, start, scheme)
    scan.run()
    expects = Expects.NOTHING if scan.open else scan.expects
    right = expects in (Expects.RIGHT, Expects.ITEM)
    return Completion(
        start=start,
        expects=expects,
        type=scan.type if right or expects in (Expects.OPERATOR, Expects.INDEX) else None,
        operator=scan.operator if right else None,
    )


class _Scan:
    """One reading from the left. `type` is that of the value before, None if it is not known."""

    def __init__(self, source: str, end: int, scheme: Scheme) -> None:
        self.source = source
        self.end = end
        self.scheme = scheme
        self.at = 0
        self.tokens: list[Token] = []
        self.expects = Expects.VALUE
        self.type: Type | None = None
        self.operator: Operator | None = None
        self.open = False
        # Per parenthesis that is open: the function that is called, "any" or "all", or None.
        self.around: list[Function | str | None] = []
        # The types of the values whose index is being read.
        self.indexed: list[Type | None] = []

    def run(self) -> None:
        """Read everything."""
        source = self.source
        while True:
            if space := _SPACE.match(source, self.at, self.end):
                self.at = space.end()
            if self.at >= self.end or len(self.tokens) >= MAX_LENGTH:
                return
            if not (self._punctuation() or self._text() or self._word()):
                self._take(TokenKind.UNKNOWN, _UNKNOWN)
                if self.expects is Expects.VALUE:
                    # Perhaps a name with a slip in it.
                    self.type, self.expects = None, Expects.OPERATOR

    def _add(self, kind: TokenKind, stop: int) -> bool:
        self.tokens.append(Token(kind=kind, start=self.at, end=stop))
        self.at = stop
        return True

    def _take(self, kind: TokenKind, form: re.Pattern[str]) -> bool:
        match = form.match(self.source, self.at, self.end)
        return match is not None and match.end() > self.at and self._add(kind, match.end())

    def _punctuation(self) -> bool:
        char = self.source[self.at]
        if char not in "()[]{},":
            return False
        self._add(TokenKind.PUNCTUATION, self.at + 1)
        if char == "(":
            self._opened()
        elif char == ")":
            self._closed()
        elif char == "[":
            self.indexed.append(self.type)
            self.expects = Expects.INDEX
        elif char == "]":
            kind = self.indexed.pop() if self.indexed else None
            self._value(None if kind is None else kind.element)
        elif char == "{":
            self.expects = Expects.ITEM
        elif char == "}":
            self.expects = Expects.LOGIC
        elif self.expects is not Expects.ITEM:
            self.expects = Expects.VALUE
        return True

    def _opened(self) -> None:
        before = self.tokens[-2] if len(self.tokens) > 1 else None
        if before is not None and before.kind is TokenKind.FUNCTION:
            name = self.source[before.start : before.end]
            self.around.append(self.scheme.functions.get(name))
        elif before is not None and self.source[before.start : before.end] in ("any", "all"):
            self.around.append("any")
        else:
            self.around.append(None)
        self.expects = Expects.VALUE

    def _closed(self) -> None:
        around = self.around.pop() if self.around else None
        if around is None or isinstance(around, str):
            self.expects = Expects.LOGIC
        else:
            self._value(around.returns if isinstance(around.returns, Type) else None)

    def _value(self, kind: Type | None) -> None:
        """A value ends here."""
        self.type = kind
        self.expects = Expects.LOGIC if kind in (Bool, BOOLS) else Expects.OPERATOR

    def _text(self) -> bool:
        source = self.source
        if source.startswith("$", self.at, self.end):
            self.expects = Expects.LOGIC
            return self._take(TokenKind.LIST, _LIST)
        kind, form = TokenKind.TEXT, _TEXT
        if source.startswith(('r"', "r#"), self.at, self.end):
            if self.expects not in (Expects.VALUE, Expects.RIGHT, Expects.ITEM):
                return False
            form = _RAW
        elif not source.startswith('"', self.at, self.end):
            return False
        if self.expects is Expects.RIGHT and self.operator is Operator.MATCHES:
            kind = TokenKind.PATTERN
            form = _RAW if form is _RAW else _PATTERN
        match = form.match(source, self.at, self.end)
        if match is None:
            return False
        self.open = match["end"] is None
        self._literal()
        return self._add(kind, match.end())

    def _literal(self) -> None:
        if self.expects in (Expects.VALUE, Expects.RIGHT):
            self.expects = Expects.LOGIC

    def _word(self) -> bool:
        if self.expects in (Expects.VALUE, Expects.NOTHING):
            return self._operand()
        if self.expects in (Expects.RIGHT, Expects.ITEM):
            form = _BARE if self.type is None else _LITERALS.get(self.type, _BARE)
            if self._take(TokenKind.NUMBER, form):
                self._literal()
                return True
            return False
        if self.expects is Expects.INDEX:
            if self.source.startswith("*", self.at, self.end):
                return self._add(TokenKind.PUNCTUATION, self.at + 1)
            return self._take(TokenKind.NUMBER, _NUMBER)
        return self._between()

    def _between(self) -> bool:
        """An operator, or what joins conditions."""
        if self.expects is Expects.OPERATOR:
            operator, stop = lex_operator(self.source, self.at, self.end)
            if operator is not None:
                self.operator, self.expects = operator, Expects.RIGHT
                return self._add(TokenKind.OPERATOR, stop)
        if self._take(TokenKind.KEYWORD, _LOGIC):
            self.expects = Expects.VALUE
            return True
        return False

    def _operand(self) -> bool:
        source, at = self.source, self.at
        if self._take(TokenKind.KEYWORD, _NOT) or self._take(TokenKind.KEYWORD, _QUANTIFIER):
            return True
        stop = lex_name(source, at, self.end)
        name = source[at:stop]
        if field := self.scheme.fields.get(name):
            self._value(field.type)
            return self._add(TokenKind.FIELD, stop)
        if name in self.scheme.functions:
            return self._add(TokenKind.FUNCTION, stop)
        if name in ("true", "false") and source.strip() == name:
            self.expects = Expects.LOGIC
            return self._add(TokenKind.KEYWORD, stop)
        if self.around and self.around[-1] is not None:
            # Among arguments a literal needs no quotes.
            match = _BARE.match(source, at, self.end)
            if match and match.end() >= stop:
                self.expects = Expects.LOGIC
                return self._add(TokenKind.NUMBER, match.end())
        return False
