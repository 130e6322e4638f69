# SPDX-License-Identifier: Apache-2.0
"""How several conditions on one text depend on each other.

Texts are ordered by their bytes, so that the literals of `eq`, `in`, `lt`, `starts_with` and the
like cut them into the literals themselves and what is between two of them. Of a literal everything
is known, also whether a regular expression matches it; between two of them `matches`, `contains`,
`ends_with`, `wildcard` and lists are open, except for what they say of each other.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise, product
from typing import TYPE_CHECKING, Final, TypeAlias, cast

from authz.rules.ast import Comparison, ItemSet, ListRef, Literal, Operator, WildcardLiteral
from authz.rules.evaluator import compare
from authz.rules.lint_calls import prefix_test
from authz.rules.lint_domain import never_equal, words_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from authz.rules.ast import Access, Logical

#: The truths of some conditions for one cell of values; None where the cell does not decide.
Row: TypeAlias = "tuple[bool | None, ...]"
#: What a text begins with, contains or ends with.
Part: TypeAlias = "tuple[str, bytes]"

# So many undecided `contains` and `ends_with` are compared with each other in one cell.
_MAX_COMPARED: Final = 4

_EQUALITY: Final = (Operator.EQ, Operator.NE, Operator.IN)
_ORDER: Final = (Operator.GE, Operator.LE, Operator.GT, Operator.LT)


def text_rows(
    subject: Access, leaves: Sequence[Logical], excluded: frozenset[bytes]
) -> Iterator[Row]:
    """The truths that conditions on a text can have together, some of them several times.

    Args:
        excluded: texts that the value does not have.
    """
    asked = [_Asked.by(leaf) for leaf in leaves]
    words = words_of(subject)
    if words is not None:
        yield from _at(asked, words.all - excluded)
    elif subject.hex:
        yield from _hex_rows(asked, leaves, excluded)
    else:
        cuts = sorted({text for one in asked for text in one.cuts})
        possible = (t for t in cuts if t not in excluded and never_equal(subject, t) is None)
        yield from _at(asked, possible)
        for low, high in pairwise([None, *cuts, None]):
            # Nothing is between a text and the same with a NUL behind it, and nothing before "".
            if high is None or high != (b"" if low is None else low + b"\0"):
                yield from _compared(asked, [one.between(low, high) for one in asked])


def text_test(leaf: Logical) -> Callable[[bytes], bool | None]:
    """The truth of a condition for one text; None for lists, whose items are data, not meaning."""
    return _Asked.by(leaf).at


def _at(asked: Sequence[_Asked], texts: Iterable[bytes]) -> Iterator[Row]:
    for text in texts:
        yield tuple(one.at(text) for one in asked)


def _hex_rows(
    asked: Sequence[_Asked], leaves: Sequence[Logical], excluded: frozenset[bytes]
) -> Iterator[Row]:
    """Of a value in hex it is not known which case its digits have; eq, ne and in do not ask."""
    decided = [
        isinstance(leaf, Comparison)
        and leaf.operator in _EQUALITY
        and not isinstance(leaf.right, ListRef)
        for leaf in leaves
    ]
    known = [one for one, is_known in zip(asked, decided, strict=True) if is_known]
    texts = {text.lower() for one in known for text in one.cuts}
    other = tuple(one.between(None, None) for one in asked)
    for row in (*_at(asked, texts - excluded), other):
        yield tuple(truth if one else None for truth, one in zip(row, decided, strict=True))


# What one condition asks.


@dataclass(frozen=True, slots=True, kw_only=True)
class _Asked:
    """What a condition asks of a text.

    Args:
        cuts: the texts at which its truth can change.
        at: its truth for one text.
        between: its truth for all texts between two others, without these.
        part: what it asks for, if that is a part of the text.
    """

    cuts: tuple[bytes, ...]
    at: Callable[[bytes], bool | None]
    between: Callable[[bytes | None, bytes | None], bool | None]
    part: Part | None = None

    @classmethod
    def by(cls, leaf: Logical) -> _Asked:
        """What a condition asks."""
        test = prefix_test(leaf)
        if test is None:
            return _by_comparison(cast("Comparison", leaf))
        _, first, part = test
        if first:
            return cls(
                cuts=_ends(part),
                at=lambda text: text.startswith(part),
                between=_begins(part),
                part=("begins", part),
            )
        return cls(cuts=(), at=lambda text: text.endswith(part), between=_open, part=("ends", part))


def _by_comparison(node: Comparison) -> _Asked:
    right = node.right
    if isinstance(right, ListRef):
        return _Asked(cuts=(), at=lambda _: None, between=_open)
    if isinstance(right, ItemSet):
        items = cast("tuple[bytes, ...]", right.items)
        # Folded like the texts of a hex field, which come in lower case.
        members = frozenset(item.lower() if node.left.hex else item for item in items)
        return _Asked(cuts=items, at=members.__contains__, between=lambda _, __: False)

    def at(text: bytes) -> bool:
        return compare(node, text)

    if isinstance(right, WildcardLiteral) and right.wildcard.strict:
        first, *others = right.wildcard.parts
        if not others:
            return _Asked(cuts=(first,), at=at, between=lambda _, __: False)
        begins = _begins(first)
        decided = others == [b""]
        return _Asked(
            cuts=_ends(first),
            at=at,
            between=lambda low, high: (decided or None) if begins(low, high) else False,
        )
    if not isinstance(right, Literal):
        return _Asked(cuts=(), at=at, between=_open)
    text = cast("bytes", right.value)
    if node.operator is Operator.CONTAINS:
        return _Asked(cuts=(), at=at, between=_open, part=("contains", text))
    if node.operator not in _ORDER:
        unequal = node.operator is Operator.NE
        return _Asked(cuts=(text,), at=at, between=lambda _, __: unequal)
    above = node.operator in (Operator.GE, Operator.GT)
    # The literal is not between the two: all texts there are above it, or all are below.
    return _Asked(
        cuts=(text,),
        at=at,
        between=lambda low, _: above is (low is not None and text <= low),
    )


def _open(_: bytes | None, __: bytes | None) -> None:
    return None


def _ends(prefix: bytes) -> tuple[bytes, ...]:
    """The first text with a beginning, and the first one beyond those that have it."""
    beyond = _beyond(prefix)
    return (prefix,) if beyond is None else (prefix, beyond)


def _beyond(prefix: bytes) -> bytes | None:
    cut = prefix.rstrip(b"\xff")
    return cut[:-1] + bytes((cut[-1] + 1,)) if cut else None


def _begins(prefix: bytes) -> Callable[[bytes | None, bytes | None], bool]:
    """Whether all texts between two others have a beginning; otherwise none has."""
    beyond = _beyond(prefix)

    def between(low: bytes | None, high: bytes | None) -> bool:
        if not prefix:
            return True
        if low is None or low < prefix:
            return False
        return beyond is None or (high is not None and high <= beyond)

    return between


# What parts of a text say of each other.


def _compared(asked: Sequence[_Asked], row: list[bool | None]) -> Iterator[Row]:
    """A row with what is undecided in it, as far as the parts asked for allow it."""
    undecided = [
        (position, one.part)
        for position, one in enumerate(asked)
        if row[position] is None and one.part is not None
    ]
    has = [one.part for one, truth in zip(asked, row, strict=True) if truth and one.part]
    if not undecided or len(undecided) > _MAX_COMPARED or len(undecided) + len(has) < 2:
        yield tuple(row)
        return
    for truths in product((True, False), repeat=len(undecided)):
        more = list(has)
        lacks: list[Part] = []
        for (position, part), truth in zip(undecided, truths, strict=True):
            row[position] = truth
            (more if truth else lacks).append(part)
        if _possible(more, lacks):
            yield tuple(row)


def _possible(has: list[Part], lacks: list[Part]) -> bool:
    """Whether a text with some parts may lack others, as far as is seen."""
    ends = [text for kind, text in has if kind == "ends"]
    longest = max(ends, key=len, default=b"")
    if not all(longest.endswith(end) for end in ends):
        return False
    return not any(
        text in other if kind == "contains" else longest.endswith(text)
        for kind, text in lacks
        for _, other in has
    )
