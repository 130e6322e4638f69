# SPDX-License-Identifier: Apache-2.0
"""Which form a pasted text has."""

from __future__ import annotations

import pytest

from authz.errors import InvalidInputError
from authz.services.pasted import Kind
from authz.services.simulation_paste import MAX_TEXT, kind_of, read_pasted


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("curl https://h", Kind.CURL),
        ("  $ curl https://h", Kind.CURL),
        ("CURL.EXE https://h", Kind.CURL),
        ("/usr/bin/curl\\\nhttps://h", Kind.CURL),
        ("curl", Kind.CURL),
        ('[2026-03-01T12:00:00Z] "GET / HTTP/1.1" 200', Kind.ACCESS_LOG),
        ('{"method": "GET"}', Kind.ACCESS_LOG),
        ('{"method": "GET"}\n{"method": "GET"}', Kind.ACCESS_LOG),
        ('{"attributes": {}}', Kind.CHECK_REQUEST),
        ('{"attributes": {', Kind.CHECK_REQUEST),
        ("{}", Kind.CHECK_REQUEST),
        ("{" * 100_000, Kind.ACCESS_LOG),
    ],
)
def test_kinds(text: str, kind: Kind) -> None:
    assert kind_of(text) is kind


@pytest.mark.parametrize("text", ["", "hello", "curly https://h", "https://h", "wget https://h"])
def test_what_is_none_of_them_says_which_there_are(text: str) -> None:
    with pytest.raises(InvalidInputError, match="neither a curl command, nor a line"):
        read_pasted(text)


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("curl https://h", Kind.CURL),
        ('{"host": "h", "path": "/"}', Kind.ACCESS_LOG),
        ('{"attributes": {"source": {}, "request": {"http": {"path": "/"}}}}', Kind.CHECK_REQUEST),
    ],
)
def test_each_is_read_by_its_reader(text: str, kind: Kind) -> None:
    assert read_pasted(text).kind is kind


def test_a_text_is_bounded() -> None:
    with pytest.raises(InvalidInputError, match="are possible here"):
        read_pasted("curl " + "a" * MAX_TEXT)
