# SPDX-License-Identifier: Apache-2.0
"""What the browser gets of it is in tests/unit/dashboard/pages/test_expressions.py."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from authz.rules import MAX_SOURCE
from authz.rules.ast import Quantity
from authz.rules.row_reading import rows_of
from authz.rules.rows import NotRows, Row, RowGroup, RowLiteral, RowOperator, RowValue
from authz.rules.tokens import Expects
from authz.rules.types import Bytes
from authz.services.expression_editing import read_expression, write_expression
from authz.services.expressions import check_expression
from tests.factories.rows import rows, sketch

if TYPE_CHECKING:
    from tests.unit.services.conftest import World

DEFAULT = 'not cf.tls_client_auth.cert_verified and http.request.uri.path in {"/admin"}'


def _zone(world: World) -> str:
    with world.store.read() as session:
        return session.zones.all()[0].id


def test_a_text_that_is_an_expression(world: World) -> None:
    read = read_expression(
        world.store, _zone(world), f"  {DEFAULT} ", action="block", caret=3, geo=None
    )

    assert read.error is None
    assert read.formatted == DEFAULT
    assert isinstance(read.rows, RowGroup)
    assert [one.code for one in read.findings] == ["revoked_not_checked"]
    assert read.completion is not None
    assert (read.completion.start, read.completion.expects) == (2, Expects.VALUE)
    assert read.tokens[0].start == 2


def test_a_text_that_rows_cannot_show(world: World) -> None:
    read = read_expression(world.store, _zone(world), "true", geo=None)

    assert isinstance(read.rows, NotRows)
    assert (read.formatted, read.completion) == ("true", None)


@pytest.mark.parametrize("source", ["", "http.hots eq", "ip.src in $nobody"])
def test_a_text_that_is_none(world: World, source: str) -> None:
    read = read_expression(world.store, _zone(world), source, caret=99, geo=None)

    assert read.error is not None
    assert (read.formatted, read.rows, read.findings) == (None, None, ())
    assert read.completion is not None


def test_a_text_that_is_far_too_long_has_no_words(world: World) -> None:
    read = read_expression(world.store, _zone(world), "a" * (MAX_SOURCE + 1), caret=1, geo=None)

    assert read.error is not None
    assert (read.tokens, read.completion) == ((), None)


def test_rows_become_their_expression(world: World) -> None:
    written = write_expression(world.store, _zone(world), rows(DEFAULT), action="block", geo=None)

    assert (written.text, written.problems) == (DEFAULT, ())
    assert [one.code for one in written.findings] == ["revoked_not_checked"]
    assert written.tokens


def test_findings_are_about_the_canonical_text(world: World) -> None:
    answers = 'any((not authz.cert.san.dns[*] eq "A.example"))'

    written = write_expression(world.store, _zone(world), rows(answers), geo=None)

    assert written.text == 'any(not authz.cert.san.dns[*] eq "A.example")'
    again = check_expression(world.store, _zone(world), written.text, geo=None)
    assert written.findings == again.findings


def test_what_is_missing_is_told_at_its_row(world: World) -> None:
    group = RowGroup(rows=(Row(value=None, operator=RowOperator.IS_TRUE),))

    written = write_expression(world.store, _zone(world), group, geo=None)

    (problem,) = written.problems
    assert (problem.path, problem.message) == ((0,), "choose a field")
    assert (written.text, written.findings) == ("…", ())


def test_what_the_parser_finds_is_told_at_its_row(world: World) -> None:
    """Names and types are the parser's to judge."""
    good = Row(value=RowValue(field="ssl"), operator=RowOperator.IS_TRUE)
    wrong = [
        Row(value=RowValue(field="http.hots"), operator=RowOperator.IS_TRUE),
        Row(
            value=RowValue(field="http.host"),
            operator=RowOperator.MATCHES,
            literals=(RowLiteral(type=Bytes, text="("),),
        ),
        Row(value=RowValue(field="ssl"), operator=RowOperator.IS_TRUE, quantity=Quantity.ANY),
    ]

    found = [
        write_expression(world.store, _zone(world), RowGroup(rows=(good, one)), geo=None).problems
        for one in wrong
    ]

    assert [(one.path, one.part) for (one,) in found] == [
        ((1,), "field"),
        ((1,), "value"),
        ((1,), "field"),
    ]
    assert found[0][0].hint == 'did you mean "http.host"?'


def test_what_was_read_is_written_again(world: World) -> None:
    source = 'ssl or not (http.host eq "a" xor ip.src in {10.0.0.0/8})'
    read = read_expression(world.store, _zone(world), source, geo=None)
    assert isinstance(read.rows, RowGroup)

    written = write_expression(world.store, _zone(world), read.rows, geo=None)

    checked = check_expression(world.store, _zone(world), written.text, geo=None)
    again = rows_of(checked.expression)
    assert isinstance(again, RowGroup)
    assert sketch(again) == sketch(read.rows)
