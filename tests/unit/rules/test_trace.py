# SPDX-License-Identifier: Apache-2.0
"""Every part of an expression has its value, and says whether evaluation comes to it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from authz.rules import Array, Bytes, Field, Map, Scheme, parse
from authz.rules.trace import Element, Kind, Traced, trace
from tests.factories.schemes import SCHEME, field_values

if TYPE_CHECKING:
    from collections.abc import Iterator

GIVEN = {
    "http.host": "b",
    "http.request.headers": {"x": ["A", "b"], "a": ["q"]},
    "http.request.headers.names": ["x", "x", "a"],
    "http.request.headers.values": ["A", "b", "q"],
    "test.flags": [True, False],
}


def traced(source: str, **more: object) -> Traced:
    return trace(parse(source, SCHEME), field_values({**GIVEN, **more}, SCHEME))


def every(part: Traced) -> Iterator[Traced]:
    yield part
    for one in part.parts:
        yield from every(one)


def shown(source: str) -> list[tuple[Kind, str, object]]:
    return [(part.kind, part.text, part.value) for part in every(traced(source))]


def test_a_comparison_has_its_left_side_and_its_literal() -> None:
    part = traced('http.host eq "a"')

    assert (part.kind, part.value, part.operator, part.literal) == (
        Kind.COMPARISON,
        False,
        "eq",
        '"a"',
    )
    assert shown('http.host eq "a"')[1:] == [(Kind.FIELD, "http.host", b"b")]


def test_every_index_is_a_step() -> None:
    assert shown('http.request.headers["x"][1] eq "b"') == [
        (Kind.COMPARISON, 'http.request.headers["x"][1] eq "b"', True),
        (Kind.INDEX, 'http.request.headers["x"][1]', b"b"),
        (Kind.INDEX, 'http.request.headers["x"]', (b"A", b"b")),
        (Kind.FIELD, "http.request.headers", {b"x": (b"A", b"b"), b"a": (b"q",)}),
    ]


def test_a_key_that_is_not_there_is_missing_from_that_step_on() -> None:
    part = traced('http.request.headers["gone"][1] ne "b"')

    assert (part.value, part.missing) == (False, False)
    assert [one.missing for one in every(part)][1:] == [True, True, False]


def test_a_call_has_its_arguments_without_the_literals() -> None:
    assert shown('concat(http.host, "-", upper(http.host)) eq "b-B"')[1:] == [
        (Kind.CALL, 'concat(http.host, "-", upper(http.host))', b"b-B"),
        (Kind.FIELD, "http.host", b"b"),
        (Kind.CALL, "upper(http.host)", b"B"),
        (Kind.FIELD, "http.host", b"b"),
    ]


def test_a_condition_as_an_argument_is_a_part() -> None:
    # No product function takes a Bool but coalesce, which takes anything.
    part = traced("coalesce(not ssl, ssl)")

    assert [(one.kind, one.value) for one in every(part)] == [
        (Kind.CALL, True),
        (Kind.NOT, True),
        (Kind.FIELD, False),
        (Kind.FIELD, False),
    ]


def test_elements_have_their_place_and_their_answer() -> None:
    part = traced('any(http.request.headers[*][*] eq "b")').parts[0]

    # In the order of the keys.
    assert part.value is None
    assert part.elements == (
        Element(at='["a"][0]', value=b"q", result=False),
        Element(at='["x"][0]', value=b"A", result=False),
        Element(at='["x"][1]', value=b"b", result=True),
    )


def test_an_element_without_the_index_is_passed_over() -> None:
    part = traced('any(http.request.headers[*][1] eq "b")').parts[0]

    assert part.elements == (Element(at='["x"][1]', value=b"b", result=True),)


def test_a_key_behind_every_element() -> None:
    scheme = Scheme(fields={"maps": Field("maps", Array(Map(Bytes)))})
    values = {"maps": ({b"k": b"v"}, {}, {b"k": b"w"})}

    part = trace(parse('any(maps[*]["k"] eq "w")', scheme), values).parts[0]

    assert part.elements == (
        Element(at='[0]["k"]', value=b"v", result=False),
        Element(at='[2]["k"]', value=b"w", result=True),
    )


def test_no_element_of_a_missing_array() -> None:
    part = traced('all(http.request.headers["gone"][*] eq "b")')

    assert (part.value, part.parts[0].elements) == (True, ())
    assert part.parts[0].parts[0].missing


def test_a_mapped_call_shows_what_it_makes_of_each_element() -> None:
    part = traced('any(lower(http.request.headers["x"][*])[*] eq "a")').parts[0]
    call = part.parts[0]

    assert part.elements == (
        Element(at="[0]", value=b"a", result=True),
        Element(at="[1]", value=b"b", result=False),
    )
    assert (call.kind, call.value, call.missing) == (Kind.CALL, (b"a", b"b"), False)
    assert call.elements == (
        Element(at="[0]", value=b"A", result=b"a"),
        Element(at="[1]", value=b"b", result=b"b"),
    )


def test_a_mapped_call_shows_the_results_that_are_left_out() -> None:
    call = traced('any(decode_base64(http.request.headers.names[*])[*] eq "a")').parts[0].parts[0]

    assert call.value == ()
    assert call.elements is not None
    assert [element.result for element in call.elements] == [None, None, None]


def test_a_mapped_call_of_a_missing_array_is_missing() -> None:
    call = traced('all(starts_with(http.request.headers["gone"][*], "x"))').parts[0]

    assert (call.kind, call.elements, call.missing) == (Kind.CALL, (), True)


def test_conditions_on_elements_are_combined_row_by_row() -> None:
    part = traced(
        'any((http.request.headers.names[*] eq "x" and http.request.headers.values[*] eq "b"))'
    ).parts[0]

    assert part.elements == tuple(
        Element(at=f"[{row}]", value=None, result=result)
        for row, result in enumerate((False, True, False))
    )
    assert [one.kind for one in part.parts] == [Kind.COMPARISON, Kind.COMPARISON]


def test_an_array_of_answers_is_a_test() -> None:
    given = traced("any((test.flags))").parts[0]
    each = traced("any((test.flags[*]))").parts[0]
    direct = traced("any(test.flags)").parts[0]

    assert [(one.kind, one.missing) for one in (given, each, direct)] == [
        (Kind.TEST, False),
        (Kind.TEST, False),
        (Kind.FIELD, False),
    ]
    assert given.elements == (
        Element(at="[0]", value=None, result=True),
        Element(at="[1]", value=None, result=False),
    )
    assert each.elements == (
        Element(at="[0]", value=True, result=True),
        Element(at="[1]", value=False, result=False),
    )


def test_a_missing_bool_counts_as_false_and_is_seen_to_be_missing() -> None:
    part = traced('starts_with(http.request.headers["gone"][0], "x")')

    assert (part.kind, part.value, part.missing) == (Kind.TEST, False, False)
    assert (part.parts[0].kind, part.parts[0].missing) == (Kind.CALL, True)


@pytest.mark.parametrize(
    ("source", "reached"),
    [
        ('ssl and http.host eq "b" and ssl', [True, False, False]),
        ('http.host eq "b" and ssl and ssl', [True, True, False]),
        ('http.host eq "b" or ssl or ssl', [True, False, False]),
        ('ssl or http.host eq "b" or ssl', [True, True, False]),
        ('http.host eq "b" xor ssl xor ssl', [True, True, True]),
    ],
)
def test_what_is_behind_a_decision_is_not_reached(source: str, reached: list[bool]) -> None:
    assert [part.reached for part in traced(source).parts] == reached


def test_nothing_in_a_part_that_is_not_reached_is_reached() -> None:
    part = traced('ssl and (not starts_with(lower(http.host), "b") or any(test.flags))').parts[1]

    assert not any(one.reached for one in every(part))
    assert part.value is True


def test_arrays_of_answers_are_never_cut_short() -> None:
    part = traced(
        'any((http.request.headers.names[*] eq "-" and http.request.headers.values[*] eq "b"))'
    ).parts[0]

    assert all(one.reached for one in every(part))


def test_constants() -> None:
    assert [(part.kind, part.value) for part in every(traced("true"))] == [(Kind.CONSTANT, True)]


def test_the_deepest_expression_that_is_legal() -> None:
    call = "lower(" * 128 + "http.host" + ")" * 128

    assert len(list(every(traced(f'{call} eq "b"')))) == 130
