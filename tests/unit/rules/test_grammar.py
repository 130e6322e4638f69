# SPDX-License-Identifier: Apache-2.0
"""The examples in docs/reference/grammar.txt are what the parser does."""

from __future__ import annotations

from pathlib import Path

import pytest

from authz.errors import ExpressionError
from authz.rules import parse
from tests.factories.schemes import SCHEME

_LINES = (Path(__file__).parents[3] / "docs/reference/grammar.txt").read_text().splitlines()
_ACCEPTED = [line[3:] for line in _LINES if line.startswith("ok ")]
_REFUSED = [line[3:] for line in _LINES if line.startswith("no ")]


@pytest.mark.parametrize("source", _ACCEPTED)
def test_an_ok_example_is_an_expression(source: str) -> None:
    parse(source, SCHEME)


@pytest.mark.parametrize("source", _REFUSED)
def test_a_no_example_is_refused(source: str) -> None:
    with pytest.raises(ExpressionError):
        parse(source, SCHEME)


def test_the_page_has_examples_of_both() -> None:
    assert len(_ACCEPTED) > 25
    assert len(_REFUSED) > 25
