# SPDX-License-Identifier: Apache-2.0
"""The error tree: unique codes, drawn in its own docstring, documented."""

from __future__ import annotations

import authz.errors
from authz.errors import AuthzError, ExpressionError, ParseError


def _tree(base: type[AuthzError]) -> list[type[AuthzError]]:
    found = [base]
    for child in base.__subclasses__():
        found += _tree(child)
    return [error for error in found if error.__module__ == "authz.errors"]


def test_codes_are_unique() -> None:
    codes = [error.code for error in _tree(AuthzError)]

    assert len(codes) == len(set(codes))


def test_the_docstring_draws_every_error() -> None:
    assert authz.errors.__doc__ is not None
    assert not [e for e in _tree(AuthzError) if e.__name__ not in authz.errors.__doc__]


def test_names_end_in_error() -> None:
    assert all(error.__name__.endswith("Error") for error in _tree(AuthzError))


def test_an_expression_error_points_at_the_exact_characters() -> None:
    error = ParseError(
        "unknown operator", source='ssl and\nhttp.host = "a"', span=(18, 19), hint="=="
    )

    assert isinstance(error, ExpressionError)
    assert (error.line, error.column) == (2, 11)
    assert error.render().splitlines() == [
        "expression:2:11: unknown operator",
        '  http.host = "a"',
        "            ^",
        "hint: ==",
    ]


def test_control_characters_of_an_expression_never_reach_a_terminal() -> None:
    error = ParseError("bad", source="a\x1b[31mb\tc", span=(0, 1))

    assert "\x1b" not in error.render()
    assert "\t" not in error.render()
