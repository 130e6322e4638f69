# SPDX-License-Identifier: Apache-2.0
"""Bodies that are large: bounded, and read for those alone who may send them."""

from __future__ import annotations

import asyncio
from typing import Any

import msgspec
import pytest
from fastapi import Request

from authz.api import large_bodies as bodies
from authz.api.large_bodies import decoded, large_body
from authz.api.problems import ApiError
from authz.services.list_values import GivenHostname, GivenItem

_DECODER = msgspec.json.Decoder(list[GivenItem])


def _read(*messages: dict[str, Any]) -> bytes:
    waiting = list(messages)

    async def receive() -> dict[str, Any]:
        return waiting.pop(0)

    return asyncio.run(large_body(Request({"type": "http"}, receive)))


def _part(body: bytes, *, more: bool = True) -> dict[str, Any]:
    return {"type": "http.request", "body": body, "more_body": more}


def test_a_body_is_read_in_its_parts() -> None:
    assert _read(_part(b"[1,"), _part(b""), _part(b"2]", more=False)) == b"[1,2]"


def test_a_body_is_bounded_while_it_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bodies, "MAX_BODY", 4)

    assert _read(_part(b"1234", more=False)) == b"1234"
    with pytest.raises(ApiError, match="more than 4 bytes") as caught:
        _read(_part(b"123"), _part(b"45"))
    assert caught.value.status == 413
    assert caught.value.headers == {"Connection": "close"}


def test_a_caller_that_goes_away_is_no_defect() -> None:
    with pytest.raises(ApiError, match="no end") as caught:
        _read(_part(b"123"), {"type": "http.disconnect"})
    assert caught.value.status == 400


def test_items_are_decoded_and_what_is_unknown_is_passed_over() -> None:
    body = b'[{"ip":"a","asn":null,"id":[{}]},{"hostname":{"url_hostname":"b"}}]'

    assert decoded(_DECODER, body) == [
        GivenItem(ip="a"),
        GivenItem(hostname=GivenHostname(url_hostname="b")),
    ]


@pytest.mark.parametrize(
    ("body", "pointer", "words"),
    [
        (b"", "", "the body is not JSON"),
        (b"[", "", "the body is not JSON"),
        (b"[] x", "", "the body is not JSON"),
        (b'[{"ip":"\xff"}]', "", "the body is not JSON"),
        (b'[{"ip":"\\ud800"}]', "", "the body is not JSON"),
        (b'[{"x":' + b"[" * 100_000, "", "the body is not JSON"),
        (b"{}", "", "Expected `array`, got `object`"),
        (b"[1]", "/0", "Expected `object`, got `int`"),
        (b'[{"ip":"a"},{"ip":1}]', "/1/ip", "got `int`"),
        (b'[{"hostname":{}}]', "/0/hostname", "missing required field `url_hostname`"),
        (b'[{"hostname":{"url_hostname":1}}]', "/0/hostname/url_hostname", "got `int`"),
        (b'[{"asn":1.0}]', "/0/asn", "got `float`"),
        (b'[{"asn":true}]', "/0/asn", "got `bool`"),
        (b'[{"asn":1' + b"0" * 5_000 + b"}]", "/0/asn", "out of range"),
    ],
)
def test_a_body_of_another_shape_is_told_with_its_place(
    body: bytes, pointer: str, words: str
) -> None:
    with pytest.raises(ApiError) as caught:
        decoded(_DECODER, body)

    (problem,) = caught.value.problems
    assert caught.value.status == 400
    assert problem["source"]["pointer"] == pointer
    assert words in problem["message"]


def test_objects_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bodies, "MAX_OBJECTS", 2)

    assert len(decoded(_DECODER, b"[{},{}]")) == 2
    with pytest.raises(ApiError, match="more than 2 objects"):
        decoded(_DECODER, b"[{},{},{}]")
