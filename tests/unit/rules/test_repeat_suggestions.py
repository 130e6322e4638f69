# SPDX-License-Identifier: Apache-2.0
"""A set is proposed for literals behind `or` only where all of it is certain."""

from __future__ import annotations

import pytest

from authz.rules.repeat_suggestions import REPEAT_FIELD
from tests.factories.slips import hint_of


@pytest.mark.parametrize(
    ("source", "written"),
    [
        ('http.host == "a" or "b"', 'http.host in {"a" "b"}'),
        ('http.host eq r"a" ||\n"b" or "c" or ssl', 'http.host in {"a" "b" "c"}'),
        ("(cf.edge.server_port == 0x50 or 443)", "cf.edge.server_port in {80 443}"),
        ("ip.src == 1.1.1.1 or 2.2.2.2", "ip.src in {1.1.1.1 2.2.2.2}"),
    ],
)
def test_the_set_that_was_meant_is_shown(source: str, written: str) -> None:
    assert hint_of(source) == f"repeat the field, or use a set: {written}"


@pytest.mark.parametrize(
    "source",
    [
        'ssl or "b"',
        'http.host contains "a" or "b"',
        'http.host == "a" and "b"',
        '(http.host == "a") or "b"',
        'http.host == "a" or "b" "c"',
        'http.host == "a\\x0a" or "b"',
        'http.host == "a" or \'b',
        "cf.edge.server_port == 80 or 010",
        f'substring(http.host, {"0" * 80}1) == "a" or "b"',
    ],
)
def test_what_is_not_certain_is_not_repeated(source: str) -> None:
    assert hint_of(source) == REPEAT_FIELD
