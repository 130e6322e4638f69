# SPDX-License-Identifier: Apache-2.0
"""What an expression says when some values are not known: true, false, or that it depends on them.

Whoever has values that are not all known raises `UnknownValueError` where one of those is read.
`and`, `or`, `not` and `xor` are those of Kleene's logic: `unknown and false` is false, whatever
stands for unknown. Everything else that reads an unknown value is unknown. Never on the check path:
there, everything is known or counts as unknown as a whole (policy.unknown).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from authz.rules.ast import Combination, Logic, Not
from authz.rules.evaluator import evaluate_node
from authz.rules.formatter import format_bytes

if TYPE_CHECKING:
    from collections.abc import Mapping

    from authz.rules.ast import Expression, Logical
    from authz.rules.types import Value


class UnknownValueError(Exception):
    """A value was read that nobody knows. Never leaves whoever asked for a partial answer.

    Attributes:
        name: which one, as it is written in an expression.
    """

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.name = name


class UnknownMap(dict[bytes, "Value"]):
    """A map with keys whose values are not known; which keys there are is.

    Args:
        known: the values of the others.
        unknown: the keys.
        name: the field's.
    """

    def __init__(self, known: Mapping[bytes, Value], unknown: frozenset[bytes], name: str) -> None:
        super().__init__(known)
        self._unknown = unknown
        self._name = name

    def known(self) -> dict[bytes, Value]:
        """What is known of it."""
        return {
            key: super(UnknownMap, self).__getitem__(key)
            for key in self
            if key not in self._unknown
        }

    def first_unknown(self) -> str:
        """The name of a value that is not known; `""` when all are."""
        return self._named(min(self._unknown)) if self._unknown else ""

    def __getitem__(self, key: bytes) -> Value:
        self._check(key)
        return super().__getitem__(key)

    def get(self, key: bytes, default: Value | None = None) -> Value | None:  # type: ignore[override]  # None alone is asked for
        """The value of a key, or None."""
        self._check(key)
        return super().get(key, default)

    def values(self) -> Any:
        """All values.

        Raises:
            UnknownValueError: one is not known.
        """
        self._check_all()
        return super().values()

    def items(self) -> Any:
        """All keys with their values; raises what `values` does."""
        self._check_all()
        return super().items()

    def _check(self, key: bytes) -> None:
        if key in self._unknown:
            raise UnknownValueError(self._named(key))

    def _named(self, key: bytes) -> str:
        return f"{self._name}[{format_bytes(key)}]"

    def _check_all(self) -> None:
        for key in sorted(self._unknown):
            self._check(key)


def evaluate_partial(
    expression: Expression, values: Mapping[str, Value], reads: set[str] | None = None
) -> bool | None:
    """The verdict of an expression; None when it depends on what is not known.

    Args:
        reads: gets the names of the unknown values that were read.
    """
    return partial_answer(expression.root, values, set() if reads is None else reads)


def partial_answer(node: Logical, values: Mapping[str, Value], reads: set[str]) -> bool | None:
    """The same for a node of type Bool."""
    if isinstance(node, Not):
        answer = partial_answer(node.operand, values, reads)
        return None if answer is None else not answer
    if isinstance(node, Combination):
        return _combined(node, values, reads)
    try:
        known = evaluate_node(node, values)
    except UnknownValueError as error:
        reads.add(error.name)
        return None
    assert isinstance(known, bool)
    return known


def _combined(node: Combination, values: Mapping[str, Value], reads: set[str]) -> bool | None:
    decides = {Logic.AND: False, Logic.OR: True}.get(node.logic)
    # What was read in vain, if another operand decides.
    read: set[str] = set()
    answers: list[bool | None] = []
    for operand in node.operands:
        answer = partial_answer(operand, values, read)
        if decides is not None and answer is decides:
            return decides
        answers.append(answer)
    if None in answers:
        reads |= read
        return None
    if node.logic is Logic.XOR:
        return sum(answer is True for answer in answers) % 2 == 1
    return not decides
