# SPDX-License-Identifier: Apache-2.0
"""What holds for the rows and the words of every expression."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from authz.errors import ExpressionError
from authz.policy.fields import SCHEME as PRODUCT
from authz.rules import parse
from authz.rules.row_reading import rows_of
from authz.rules.row_writing import write_rows
from authz.rules.rows import NotRows, RowGroup, RowOperator
from authz.rules.tokens import completion_at, tokens_of
from authz.services.expression_rows import rows_from, rows_object
from tests.factories.expressions import conditions
from tests.factories.schemes import SCHEME

if TYPE_CHECKING:
    from authz.rules.rows import RowItem

_SLOW: Final = settings(
    max_examples=400, deadline=None, suppress_health_check=[HealthCheck.too_slow], database=None
)


@_SLOW
@given(source=conditions())
def test_an_expression_is_the_same_after_it_was_shown_as_rows(source: str) -> None:
    expression = parse(source, SCHEME)

    rows = rows_of(expression)

    if isinstance(rows, NotRows):
        start, end = rows.span
        assert 0 <= start < end <= len(source)
        assert rows.reason
        return
    again = rows_from(json.loads(json.dumps(rows_object(rows))))
    assert again == rows
    written = write_rows(again)
    assert written.problems == ()
    assert parse(written.text, SCHEME) == expression


_TEXTS: Final = st.one_of(
    st.text(max_size=8),
    st.sampled_from(["", '"', "\\", '" or ssl or http.host eq "', "1", "10/8", "$x", "*", "[*]"]),
)
_LITERALS: Final = st.fixed_dictionaries(
    {
        "type": st.sampled_from(["Bytes", "Int", "Ip"]),
        "text": _TEXTS,
        "escaped": st.booleans(),
    }
)
_INDEXES: Final = st.lists(
    st.one_of(st.just("*"), st.integers(0, 3), _TEXTS.map(lambda key: {"key": key})), max_size=2
)
_ROWS: Final = st.fixed_dictionaries(
    {
        "kind": st.just("row"),
        "field": st.one_of(
            st.sampled_from(
                [None, "ssl", "http.host", "ip.src", "cf.edge.server_port", "http.request.headers"]
            ),
            _TEXTS,
        ),
        "indexes": _INDEXES,
        "functions": st.lists(
            st.fixed_dictionaries(
                {
                    "name": st.one_of(st.sampled_from(["lower", "len", "substring"]), _TEXTS),
                    "arguments": st.lists(_LITERALS, max_size=2),
                    "indexes": _INDEXES,
                }
            ),
            max_size=2,
        ),
        "operator": st.sampled_from([one.value for one in RowOperator]),
        "literals": st.lists(_LITERALS, max_size=2),
        "list": st.one_of(st.none(), _TEXTS),
        "negated": st.booleans(),
        "quantity": st.sampled_from([None, "any", "all"]),
    }
)
_GROUPS: Final = st.recursive(
    _ROWS,
    lambda inner: st.fixed_dictionaries(
        {
            "kind": st.just("group"),
            "logic": st.sampled_from(["and", "or", "xor"]),
            "rows": st.lists(inner, max_size=3),
            "negated": st.booleans(),
            "quantity": st.sampled_from([None, "any", "all"]),
        }
    ),
    max_leaves=5,
)


def _conditions(group: RowGroup) -> int:
    return sum(_conditions(one) if isinstance(one, RowGroup) else 1 for one in group.rows)


@_SLOW
@given(item=_GROUPS)
def test_whatever_is_in_rows_is_an_expression_of_as_many_conditions_or_none(item: object) -> None:
    """No text that people type into an input becomes anything but a value."""
    rows = rows_from({"kind": "group", "logic": "and", "rows": [item]})

    written = write_rows(rows)

    if written.problems:
        return
    try:
        expression = parse(written.text, PRODUCT)
    except ExpressionError as error:
        place: RowItem = rows
        for number in written.place_of(error.span[0]).path:
            assert isinstance(place, RowGroup)
            place = place.rows[number]
        return
    shown = rows_of(expression)
    if isinstance(shown, NotRows):
        # The one thing that rows can write and not show.
        assert "control characters" in shown.reason
        return
    assert isinstance(shown, RowGroup)
    assert _conditions(shown) == _conditions(rows)


_FRAGMENTS: Final = st.sampled_from(
    [
        *("ssl", "http.host", "lower", "any(", "not", "!", "and", "||", "(", ")", "[", "]", "[*]"),
        *("{", "}", "$nets", "in", "eq", "==", "~", "strict wildcard", "matches", '"', 'r#"'),
        *("\\", '"a"', '["a"]', "10/8", "1..5", "0x", " ", "\t", "\n", ",", "é", "\x00", "😀"),
    ]
)


@settings(max_examples=1500, deadline=None, database=None)
@given(
    source=st.one_of(st.text(max_size=80), st.lists(_FRAGMENTS, max_size=14).map("".join)),
    at=st.integers(0, 100),
)
def test_any_text_has_words_with_nothing_but_white_space_between_them(source: str, at: int) -> None:
    place = 0
    for token in tokens_of(source, PRODUCT):
        assert token.end > token.start >= place
        assert not source[place : token.start].strip()
        place = token.end
    assert not source[place:].strip()

    completion = completion_at(source, min(at, len(source)), PRODUCT)
    assert 0 <= completion.start <= at
