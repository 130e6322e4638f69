# SPDX-License-Identifier: Apache-2.0
"""What only Python takes for JSON is refused, whatever call it is of."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.unit.api.conftest import Bench

JSON = {"Content-Type": "application/json"}


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (r'{"name": "a\ud800"}', "half a character"),
        (r'{"name": "a", "\uDFFF": 1}', "half a character"),
        ('{"name": "a", "x": NaN}', "not JSON"),
        ('{"name": "a", "x": [[-Infinity]]}', "not JSON"),
        ('{"name": "a", "x": 1e999}', "not JSON"),
    ],
)
def test_what_is_refused(api: Bench, body: str, message: str) -> None:
    (error,) = api.errors(400, "PUT", "/accounts/{account}", content=body, headers=JSON)

    assert message in error["message"]


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"[NaN", "not JSON"),
        (b"[" * 100_000 + b"NaN", "not JSON"),
        (b"[" + b"1" * 5_000 + b"]", "not JSON"),
        (b'{"name": "\xed\xa0\x80.com"}', "not UTF-8"),
        (b'{"name": "\xff", "x": NaN}', "not UTF-8"),
        ('{"name": "a\\ud800"}'.encode("utf-16"), "UTF-8"),
        ('{"name": "a\\ud800"}'.encode("utf-32-le"), "UTF-8"),
    ],
)
@pytest.mark.parametrize(
    ("method", "path"),
    [("POST", "/accounts/{account}/rules/lists/x/items"), ("POST", "/zones"), ("GET", "/zones")],
)
def test_what_cannot_be_read_is_refused_by_every_call(
    api: Bench, method: str, path: str, body: bytes, message: str
) -> None:
    for token in (None, "nobody"):
        for headers in (JSON, {"Content-Type": "Application/JSON"}):
            (error,) = api.errors(400, method, path, content=body, headers=headers, token=token)
            # Where a call takes a model, the framework has looked at it first.
            said = error["message"]
            assert message in said or said == "There was an error parsing the body"


@pytest.mark.parametrize(
    ("body", "name"),
    [
        (r'{"name": "\ud83d\ude00"}', "\U0001f600"),
        ('{"name": "NaN and Infinity, 1e999"}', "NaN and Infinity, 1e999"),
        # As written last.
        ('{"name": "first", "name": "last"}', "last"),
    ],
)
def test_what_only_looks_like_it(api: Bench, body: str, name: str) -> None:
    changed = api.result("PUT", "/accounts/{account}", content=body, headers=JSON)

    assert changed["name"] == name
