# SPDX-License-Identifier: Apache-2.0
"""A comparison with what was meant in the place of literals that are wrong."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from authz.policy.fields import SCHEME
from authz.rules import parse
from authz.rules.formatter import format_logical
from authz.rules.lint_fault import Fault, with_fixes

if TYPE_CHECKING:
    from authz.rules.ast import Comparison

_FIXED = Fault(why="it is", fixed=b"a")
_FIELD = Fault(why="it is", field="http.referer")
_PATTERN = Fault(why="it is", pattern=b"*.a")
_LOST = Fault(why="it is")


@pytest.mark.parametrize(
    ("source", "faults", "expected"),
    [
        ('http.host eq "x"', {b"x": _FIXED}, 'http.host eq "a"'),
        ('http.host ne "x"', {b"x": _FIXED}, 'http.host ne "a"'),
        ('http.host in {"x" "a" "y"}', {b"x": _FIXED, b"y": _LOST}, 'http.host in {"a" "y"}'),
        ('http.host eq "x"', {b"x": _FIELD}, 'http.referer eq "x"'),
        ('http.host ne "x"', {b"x": _FIELD}, 'not http.referer eq "x"'),
        ('http.host eq "x"', {b"x": _PATTERN}, 'http.host wildcard "*.a"'),
        ('http.host ne "x"', {b"x": _PATTERN}, 'not http.host wildcard "*.a"'),
        (
            'http.host in {"x" "y" "z"}',
            {b"x": _PATTERN, b"y": _FIELD},
            'http.host in {"z"} or http.host wildcard "*.a" or http.referer eq "y"',
        ),
        ('http.host eq "x"', {b"x": _LOST}, None),
        ('http.host eq "x"', {}, None),
    ],
)
def test_what_was_meant_takes_the_place_of_what_is_wrong(
    source: str, faults: dict[bytes, Fault], expected: str | None
) -> None:
    node: Comparison = parse(source, SCHEME).root  # type: ignore[assignment]

    fixed = with_fixes(node, faults)

    assert (None if fixed is None else format_logical(fixed)) == expected
