# SPDX-License-Identifier: Apache-2.0
"""Parses and type-checks an expression in one pass (docs/reference/grammar.txt).

The left side and the operator decide what is lexed on the right, so types are known while parsing
and every type error is found here, never while a request is judged. Literals are read by
literals.py, function calls by calls.py. A level of nesting costs at most three Python frames and
`not` none at all, so the 128 levels that are legal fit under the default recursion limit.
"""

from __future__ import annotations

import re
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from authz.rules.ast import (
    EACH,
    Access,
    Argument,
    Combination,
    Comparison,
    Constant,
    Expression,
    FieldRef,
    Literal,
    Logic,
    Not,
    Quantifier,
    Quantity,
    Truth,
)
from authz.rules.calls import make_call
from authz.rules.lexer import lex_name, skip_space, too_long, trimmed
from authz.rules.literal_suggestions import hint_for_argument
from authz.rules.literals import lex_argument_literal, lex_index, lex_operator, lex_right
from authz.rules.operator_suggestions import hint_for_operator
from authz.rules.parser_errors import described, expected, trailing, unknown_name, unsupported
from authz.rules.problems import Problem, found
from authz.rules.regex_size import RegexTally
from authz.rules.strings import starts_raw
from authz.rules.suggestion_text import left_text
from authz.rules.suggestions import hint_for_trailing
from authz.rules.types import BOOLS, Array, Bool, Bytes, Int, Ip, Map, Type

if TYPE_CHECKING:
    from collections.abc import Mapping

    from authz.rules.ast import Call, Logical, Step
    from authz.rules.lists import NamedList
    from authz.rules.scheme import Scheme

# Cloudflare: at most 4,096 characters; the engine's default depth.
MAX_LENGTH: Final = 4096
# With the white space that does not count: sixteen times as much, so that no layout comes near, and
# counting it takes no time whoever sends the text.
MAX_SOURCE: Final = 65_536
MAX_NESTING: Final = 128

#: How the operators between conditions are written; the later binds tighter.
LOGIC_NOTATIONS: Final[Mapping[Logic, tuple[str, ...]]] = MappingProxyType(
    {Logic.OR: ("or", "||"), Logic.XOR: ("xor", "^^"), Logic.AND: ("and", "&&")}
)
#: How a condition is turned around; binds tighter than all of them.
NOT_NOTATIONS: Final = ("not", "!")

_LOGIC: Final = re.compile(
    "|".join(f"({'|'.join(map(re.escape, texts))})" for texts in LOGIC_NOTATIONS.values())
)
_NOT: Final = re.compile("|".join(NOT_NOTATIONS))
_QUANTIFIER: Final = re.compile(r"(any|all)[ \r\n]*\(")
_COMPARABLE: Final = (Ip, Bytes, Int)
_NO_LISTS: Final[Mapping[str, NamedList]] = MappingProxyType({})


def parse(source: str, scheme: Scheme, lists: Mapping[str, NamedList] = _NO_LISTS) -> Expression:
    """Read an expression.

    Args:
        scheme: the fields and functions that it may use.
        lists: the lists that `$name` may name.

    Raises:
        ParseError: the text is not an expression.
        TypeCheckError: a name, a type, a list or a limit is wrong.
    """
    if len(source) > MAX_SOURCE:
        raise Problem.SOURCE_TOO_LONG.error(
            source,
            (MAX_SOURCE, len(source)),
            length=len(source),
            limit=MAX_SOURCE,
            hint="take out white space, or put long sets into lists",
        )
    start, end = trimmed(source)
    if not source.isascii():
        try:
            source.encode()
        except UnicodeEncodeError as error:
            raise Problem.NOT_TEXT.error(source, (error.start, error.end)) from None
    if start == end:
        raise Problem.EMPTY.error(source, (0, len(source)), hint="write true to match everything")
    excess = too_long(source, start, end, MAX_LENGTH)
    if excess is not None:
        length, beyond = excess
        raise Problem.TOO_LONG.error(source, (beyond, end), length=length, limit=MAX_LENGTH)
    if source[start:end] in ("true", "false"):
        constant = Constant(value=source[start:end] == "true", span=(start, end))
        return Expression(root=constant, fields=frozenset(), source=source)
    return _Parser(source, end, scheme, lists).expression(start)


class _Parser:
    """One parse. `at` is the position of the next character to read."""

    def __init__(
        self, source: str, end: int, scheme: Scheme, lists: Mapping[str, NamedList]
    ) -> None:
        self.source = source
        self.end = end
        self.scheme = scheme
        self.lists = lists
        self.at = 0
        self.depth = 0
        self.regexes = RegexTally()
        self.fields: set[str] = set()

    def expression(self, start: int) -> Expression:
        """expression := logical END, of type Bool."""
        self.at = start
        root = self._logical()
        if self.at < self.end:
            raise trailing(self.source, skip_space(self.source, self.at, self.end), self.end, root)
        if root.type != Bool:
            raise Problem.NOT_BOOL.error(
                self.source,
                root.span,
                type=root.type,
                hint="put the comparison into any(…) or all(…)",
            )
        return Expression(
            root=root,
            fields=frozenset(self.fields),
            regexes=self.regexes.count,
            source=self.source,
        )

    # logical := simple ( ws logic ws simple )*

    def _logical(self) -> Logical:
        """Operands with the operators between them, grouped by precedence: or < xor < and."""
        ors: list[Logical] = []
        xors: list[Logical] = []
        previous = self._simple(None)
        ands: list[Logical] = [previous]
        while True:
            match = _LOGIC.match(self.source, skip_space(self.source, self.at, self.end), self.end)
            if not match:
                break
            self.at = skip_space(self.source, match.end(), self.end)
            if match.lastindex != 3:
                xors.append(self._combined(Logic.AND, ands))
                ands = []
                if match.lastindex == 1:
                    ors.append(self._combined(Logic.XOR, xors))
                    xors = []
            previous = self._simple(previous)
            ands.append(previous)
        if not xors and not ors and len(ands) == 1:
            return ands[0]
        xors.append(self._combined(Logic.AND, ands))
        ors.append(self._combined(Logic.XOR, xors))
        return self._combined(Logic.OR, ors)

    def _combined(self, logic: Logic, operands: list[Logical]) -> Logical:
        if len(operands) == 1:
            return operands[0]
        first = operands[0]
        for operand in operands[1:]:
            if operand.type != first.type:
                raise Problem.MIXED_TYPES.error(
                    self.source,
                    operand.span,
                    logic=f'"{logic.value}"',
                    first=first.type,
                    second=operand.type,
                    hint="a comparison with [*] belongs into any(…) or all(…)",
                )
        span = (first.span[0], operands[-1].span[1])
        return Combination(logic=logic, operands=tuple(operands), span=span)

    # simple := "(" logical ")" | ("not"|"!") simple | ("any"|"all") "(" arg ")" | comparison

    def _simple(self, previous: Logical | None) -> Logical:
        """One operand; `previous` is the one before it, which hints look at."""
        source, end = self.source, self.end
        negations: list[int] = []
        while match := _NOT.match(source, self.at, end):
            negations.append(self.at)
            self._enter(self.at, match.end())
            self.at = skip_space(source, match.end(), end)
        node: Logical
        if source.startswith("(", self.at, end):
            opening = self.at
            self._enter(opening, opening + 1)
            self.at = skip_space(source, opening + 1, end)
            node = self._logical()
            self._close(")", opening)
            self.depth -= 1
        elif match := _QUANTIFIER.match(source, self.at, end):
            node = self._quantifier(Quantity(match[1]), self.at, match.end())
        else:
            node = self._comparison(previous)
        self.depth -= len(negations)
        for start in reversed(negations):
            node = Not(operand=node, span=(start, self.at))
        return node

    def _enter(self, start: int, stop: int) -> None:
        """Count one level of nesting: a parenthesis, `not`, a quantifier or a function."""
        self.depth += 1
        if self.depth > MAX_NESTING:
            raise Problem.NESTING.error(self.source, (start, stop), limit=MAX_NESTING)

    def _close(self, closing: str, opening: int) -> None:
        source, end = self.source, self.end
        at = skip_space(source, self.at, end)
        if not source.startswith(closing, at, end):
            hint = hint_for_trailing(source, at, end, after_bool=False)
            if at >= end:
                hint = f"the {source[opening]} at position {opening + 1} is never closed"
            raise expected(source, at, end, f'"{closing}"', hint)
        self.at = at + 1

    def _quantifier(self, quantity: Quantity, start: int, inside: int) -> Quantifier:
        source, end = self.source, self.end
        self._enter(start, inside)
        self.at = skip_space(source, inside, end)
        argument = self._argument()
        at = skip_space(source, self.at, end)
        if not source.startswith(")", at, end):
            hint = None
            if _LOGIC.match(source, at, end):
                name = quantity.value
                hint = f"put the combination into its own parentheses: {name}((… or …))"
            elif at >= end:
                hint = f"the parenthesis of {quantity.value} is never closed"
            raise expected(source, at, end, '")"', hint)
        self.at = at + 1
        self.depth -= 1
        # A value given directly counts with its own type: any(f(x[*])[*]) is refused although
        # any((f(x[*])[*])) is not (surprise 53).
        each = isinstance(argument, Access) and argument.each
        if isinstance(argument, Literal) or argument.type != BOOLS or each:
            raise Problem.QUANTIFIER_TYPE.error(
                self.source,
                argument.span,
                quantity=quantity.value,
                type=described(argument),
                hint="compare every element: field[*] == value",
            )
        return Quantifier(quantity=quantity, argument=argument, span=(start, self.at))

    # comparison := value | value op rhs

    def _comparison(self, previous: Logical | None) -> Logical:
        start = self.at
        left = self._access(previous)
        if self._is_test(left):
            return Truth(operand=left, span=(start, self.at))
        return self._compare(left, start)

    @staticmethod
    def _is_test(left: Access) -> bool:
        return left.type == Bool or (left.type == BOOLS and not left.each)

    def _compare(self, left: Access, start: int) -> Comparison:
        source, end = self.source, self.end
        at = skip_space(source, self.at, end)
        operator, stop = lex_operator(source, at, end)
        if operator is None:
            raise Problem.EXPECTED_OPERATOR.error(
                source,
                (at, min(at + 1, end)),
                type=left.type,
                found=found(source, at, end),
                hint=hint_for_operator(source, at, end, left_text(source, *left.span), left.type),
            )
        if left.type not in _COMPARABLE:
            raise unsupported(source, (at, stop), end, operator, left)
        right, self.at = lex_right(
            source, skip_space(source, stop, end), end, left.type, operator, self.lists
        )
        if right is None:
            raise unsupported(source, (at, stop), end, operator, left)
        if operator.value == "matches":
            self.regexes.add(right, source, (start, self.at))
        return Comparison(left=left, operator=operator, right=right, span=(start, self.at))

    # value := ( field | function "(" … ")" ) ( "[" index "]" )*

    def _access(self, previous: Logical | None = None) -> Access:
        source, end, start = self.source, self.end, self.at
        stop = lex_name(source, start, end)
        name = source[start:stop]
        base: FieldRef | Call
        if field := self.scheme.fields.get(name):
            self.fields.add(name)
            base = FieldRef(field=field, span=(start, stop))
            self.at = stop
        elif name in self.scheme.functions:
            base = self._call(name, start, stop)
        elif reason := self.scheme.family_refused(name):
            raise Problem.REFUSED_FIELD.error(source, (start, stop), name=name, reason=reason)
        else:
            raise unknown_name(source, (start, stop), end, self.scheme, previous)
        steps: list[Step] = []
        kind: Type = base.type
        while source.startswith("[", self.at, end):
            kind = self._index(kind, steps)
        return Access(base=base, steps=tuple(steps), type=kind, span=(start, self.at))

    def _index(self, kind: Type, steps: list[Step]) -> Type:
        opening = self.at
        at = skip_space(self.source, opening + 1, self.end)
        step, self.at = lex_index(self.source, at, self.end)
        self._close("]", opening)
        wrong = (isinstance(kind, Array) and isinstance(step, bytes)) or (
            isinstance(kind, Map) and isinstance(step, int)
        )
        if kind.element is None or wrong:
            shape = "[*]" if step is EACH else "key" if isinstance(step, bytes) else "position"
            raise Problem.INDEX_TYPE.error(self.source, (opening, self.at), type=kind, index=shape)
        steps.append(step)
        return kind.element

    # function "(" [ arg ( "," arg )* ] ")"

    def _call(self, name: str, start: int, stop: int) -> Call:
        source, end = self.source, self.end
        at = skip_space(source, stop, end)
        if not source.startswith("(", at, end):
            raise expected(source, at, end, '"("', f"{name} is a function: {name}(…)")
        self._enter(start, at + 1)
        self.at = skip_space(source, at + 1, end)
        arguments: list[Argument] = []
        if not source.startswith(")", self.at, end):
            while True:
                arguments.append(self._argument())
                self.at = skip_space(source, self.at, end)
                if not source.startswith(",", self.at, end):
                    break
                self.at = skip_space(source, self.at + 1, end)
            if not source.startswith(")", self.at, end):
                hint = "arguments are separated by commas"
                if self.at >= end:
                    hint = f"the call of {name} is never closed"
                raise expected(source, self.at, end, '"," or ")"', hint)
        self.at += 1
        self.depth -= 1
        function = self.scheme.functions[name]
        return make_call(function, arguments, source, (start, self.at))

    # arg := quoted | raw | logical after ( not ! any( all( | value [ op rhs ] | ip | int | bytes

    def _argument(self) -> Argument:
        source, end, start = self.source, self.end, self.at
        if source.startswith('"', start, end) or starts_raw(source, start, end):
            literal = lex_argument_literal(source, start, end)
            assert literal is not None
            self.at = literal.span[1]
            return literal
        if (
            source.startswith("(", start, end)
            or _NOT.match(source, start, end)
            or _QUANTIFIER.match(source, start, end)
        ):
            return self._logical()
        name = source[start : lex_name(source, start, end)]
        if name not in self.scheme.fields and name not in self.scheme.functions:
            literal = lex_argument_literal(source, start, end)
            if literal is not None:
                after = skip_space(source, literal.span[1], end)
                if not name or source.startswith((",", ")"), after, end):
                    self.at = literal.span[1]
                    return literal
            if not name:
                raise Problem.EXPECTED_ARGUMENT.error(
                    source,
                    (start, min(start + 1, end)),
                    found=found(source, start, end),
                    hint=hint_for_argument(source, start, end),
                )
        left = self._access()
        _, stop = lex_operator(source, skip_space(source, self.at, end), end)
        if stop == 0:
            return left
        if self._is_test(left):
            # The caller will find the operator in the place of its own delimiter.
            return left
        return self._compare(left, start)
