# SPDX-License-Identifier: Apache-2.0
"""The round trip over all vectors is in tests/conformance/test_rule_rows.py."""

from __future__ import annotations

import pytest

from authz.errors import ParseError
from authz.policy.fields import SCHEME
from authz.rules import Bytes, Int, Ip, parse
from authz.rules.ast import EACH, Logic, Quantity
from authz.rules.row_writing import GAP, RowProblem, write_rows
from authz.rules.rows import Row, RowFunction, RowGroup, RowLiteral, RowOperator, RowValue
from tests.factories.rows import rows

HOST = RowValue(field="http.host")
PORT = RowValue(field="cf.edge.server_port")
SOURCE = RowValue(field="ip.src")
SSL = Row(value=RowValue(field="ssl"), operator=RowOperator.IS_TRUE)


def _text(text: str, *, escaped: bool = False) -> RowLiteral:
    return RowLiteral(type=Bytes, text=text, escaped=escaped)


def _number(text: str) -> RowLiteral:
    return RowLiteral(type=Int, text=text)


def _address(text: str) -> RowLiteral:
    return RowLiteral(type=Ip, text=text)


def _row(value: RowValue | None, operator: RowOperator, *literals: RowLiteral) -> Row:
    return Row(value=value, operator=operator, literals=literals)


def _problem(row: Row) -> RowProblem:
    written = write_rows(RowGroup(rows=(SSL, row)))
    (problem,) = written.problems
    assert GAP in written.text or "{}" in written.text
    with pytest.raises(ParseError):
        # Nobody can make a rule of it by accident.
        parse(written.text.replace("{}", GAP), SCHEME)
    assert problem.path == (1,)
    return problem


@pytest.mark.parametrize(
    ("row", "part", "words"),
    [
        (_row(None, RowOperator.EQ, _text("a")), "field", "choose a field"),
        (_row(RowValue(field='http.host eq "x" or ssl'), RowOperator.IS_TRUE), "field", "no name"),
        (_row(HOST, RowOperator.EQ), "value", "enter a value"),
        (_row(HOST, RowOperator.EQ, _text("a"), _text("b")), "value", "enter a value"),
        (_row(HOST, RowOperator.IN), "value", "add a value"),
        (_row(SOURCE, RowOperator.IN_LIST), "value", "choose a list"),
        (_row(PORT, RowOperator.EQ, _number("")), "value", "expected a number"),
        (_row(PORT, RowOperator.EQ, _number("443 or ssl")), "value", "more than a number"),
        (_row(PORT, RowOperator.EQ, _number("1..5")), "value", "more than a number"),
        (_row(PORT, RowOperator.EQ, _number("010")), "value", "octal"),
        (_row(SOURCE, RowOperator.EQ, _address("10.0.0.0/8")), "value", "not an IP address"),
        (_row(SOURCE, RowOperator.EQ, _address("10.0.0.1 or ssl")), "value", "more than an IP"),
        (_row(HOST, RowOperator.EQ, _text('a" or ssl', escaped=True)), "value", "backslash"),
        (_row(HOST, RowOperator.EQ, _text("a\\", escaped=True)), "value", "closing quote"),
        (_row(HOST, RowOperator.EQ, _text("\ud800")), "value", "not valid Unicode"),
        (
            _row(
                RowValue(
                    field="http.host",
                    functions=(RowFunction(name="substring", arguments=(_number("x"),)),),
                ),
                RowOperator.EQ,
                _text("a"),
            ),
            "field",
            "expected a number",
        ),
        (
            _row(
                RowValue(field="http.request.headers", steps=(None, 0)),
                RowOperator.EQ,
                _text("a"),
            ),
            "field",
            "which one",
        ),
        (
            _row(
                RowValue(field="http.host", functions=(RowFunction(name="ssl or lower"),)),
                RowOperator.EQ,
                _text("a"),
            ),
            "field",
            "no name",
        ),
    ],
)
def test_what_can_be_told_without_reading_the_text(row: Row, part: str, words: str) -> None:
    problem = _problem(row)

    assert problem.part == part
    assert words in f"{problem.message} {problem.hint}"


def test_each_item_of_a_set_has_its_problem() -> None:
    row = _row(SOURCE, RowOperator.IN, _address("10/8"), _address("x"), _address("10.0.0.1/8"))

    written = write_rows(RowGroup(rows=(row,)))

    assert [(one.path, one.item) for one in written.problems] == [((0,), 1), ((0,), 2)]
    assert written.problems[1].hint == "write 10.0.0.0/8"
    assert written.text == f"ip.src in {{10/8 {GAP} {GAP}}}"


def test_a_group_without_conditions() -> None:
    written = write_rows(RowGroup(rows=(SSL, RowGroup(rows=(), logic=Logic.OR))))

    assert written.text == f"ssl and {GAP}"
    assert [(one.path, one.part) for one in written.problems] == [((1,), "group")]


@pytest.mark.parametrize(
    ("group", "text"),
    [
        (RowGroup(rows=(SSL,)), "ssl"),
        (RowGroup(rows=(SSL, SSL), negated=True), "not (ssl and ssl)"),
        (RowGroup(rows=(RowGroup(rows=(SSL, SSL), logic=Logic.OR),)), "ssl or ssl"),
        (
            RowGroup(rows=(SSL, RowGroup(rows=(SSL, SSL), logic=Logic.OR))),
            "ssl and (ssl or ssl)",
        ),
        (
            RowGroup(rows=(SSL, RowGroup(rows=(SSL, SSL))), logic=Logic.XOR),
            "ssl xor ssl and ssl",
        ),
        (
            RowGroup(rows=(RowGroup(rows=(SSL,), negated=True), SSL)),
            "not ssl and ssl",
        ),
    ],
)
def test_parentheses_stand_where_they_are_needed(group: RowGroup, text: str) -> None:
    written = write_rows(group)

    assert (written.text, written.problems) == (text, ())


def test_some_answer_that_is_false_is_inside_the_quantifier() -> None:
    value = RowValue(field="authz.cert.san.dns", steps=(EACH,))
    row = Row(
        value=RowValue(
            field=value.field,
            steps=value.steps,
            functions=(RowFunction(name="starts_with", arguments=(_text("a"),)),),
        ),
        operator=RowOperator.IS_FALSE,
        quantity=Quantity.ANY,
    )

    written = write_rows(RowGroup(rows=(row,)))

    assert written.text == 'any((not starts_with(authz.cert.san.dns[*], "a")))'
    assert parse(written.text, SCHEME)


@pytest.mark.parametrize(
    ("part", "expected"),
    [
        ("http.host", ((1, 0), "field", None)),
        ("eq", ((1, 0), "operator", None)),
        ('"a"', ((1, 0), "value", None)),
        ('"c"', ((1, 1), "value", 1)),
        ("or", ((1,), "group", None)),
        ("and", ((), "group", None)),
        ("ssl", ((0,), "field", None)),
    ],
)
def test_a_place_in_the_text_is_a_part_of_a_row(
    part: str, expected: tuple[tuple[int, ...], str, int | None]
) -> None:
    written = write_rows(rows('ssl and (http.host eq "a" or http.cookie in {"b" "c"})'))

    place = written.place_of(written.text.index(part))

    assert (place.path, place.part, place.item) == expected


def test_the_end_of_the_text_is_the_last_rows() -> None:
    written = write_rows(rows("ssl and not ssl"))

    assert written.place_of(len(written.text)).path == (1,)


def test_every_answer_of_no_field() -> None:
    row = Row(value=None, operator=RowOperator.IS_TRUE, quantity=Quantity.ALL)

    written = write_rows(RowGroup(rows=(row,)))

    assert written.text == f"all({GAP})"
    assert [one.message for one in written.problems] == ["choose a field"]
