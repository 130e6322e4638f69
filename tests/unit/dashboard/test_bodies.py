# SPDX-License-Identifier: Apache-2.0
"""No text that is none gets as far as a page."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest

from tests.factories.dashboard_routes import OPEN, routes

if TYPE_CHECKING:
    from tests.factories.dashboard import Visitor

JSON = [
    route.path
    for method, route in routes()
    if method == "POST" and route.body_field is not None and ("POST", route.path) not in OPEN
]
HALF = b'"\\ud800"'


def send(visitor: Visitor, path: str, body: bytes) -> tuple[int, Any]:
    headers = {
        "X-CSRF-Token": visitor.csrf,
        "Accept": "application/json",
        "Content-Type": "application/json",
    }
    place = re.sub(r"\{(?!zone\})[^}]*\}", "f" * 32, path.replace("{zone_id}", "{zone}"))
    answer = visitor.send("POST", place, content=body, headers=headers)
    return answer.status_code, answer.json()


def test_the_routes_of_scripts_are_among_them() -> None:
    assert "/zones/{zone_id}/rules/mtls/preview" in JSON
    assert "/zones/{zone_id}/client-certificates/issue" in JSON


@pytest.mark.parametrize("path", JSON)
@pytest.mark.parametrize(
    ("body", "where"),
    [
        (HALF, "the top"),
        (b'[["paths", ' + HALF + b"]]", "/0/1"),
        (b'{"csr": ' + HALF + b', "label": "a", "request_key": "b"}', "/csr"),
        (b'{"csr": "a", "label": ' + HALF + b', "request_key": "b"}', "/label"),
        (b'{"a": {' + HALF + b": 1}}", "a name in /a"),
    ],
)
def test_half_a_character_is_told_with_its_place(
    path: str, body: bytes, where: str, visitor: Visitor
) -> None:
    status, told = send(visitor, path, body)

    assert status == 400
    message = told["error"]["message"]
    assert message.startswith(f"Half a character (a lone surrogate) at {where}")


@pytest.mark.parametrize("body", [b"\xff", '{"a": 1}'.encode("utf-16"), HALF[:-1], HALF * 2])
def test_what_is_no_json_in_utf_8_is_told(body: bytes, visitor: Visitor) -> None:
    # One that nobody reads, and one that is read before anybody looks at it.
    status, told = send(visitor, "/sign-out", body)
    assert status == 400
    assert "is not JSON" in told["error"]["message"]
    assert send(visitor, JSON[0], body)[0] == 400


def test_a_whole_character_is_text(visitor: Visitor) -> None:
    body = b'[["paths", "/\\ud83d\\ude00"]]'

    assert send(visitor, "/zones/{zone_id}/rules/mtls/preview", body)[0] == 200
