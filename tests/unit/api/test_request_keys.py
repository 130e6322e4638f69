# SPDX-License-Identifier: Apache-2.0
"""By which a repeated request for a certificate is known."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from fastapi import Request

from authz.api.calls import Call
from authz.api.request_keys import RETRY_SECONDS, request_key_of
from authz.errors import InvalidInputError
from authz.services.backend import Backend
from authz.services.permissions import Principal

if TYPE_CHECKING:
    from authz.services.issuance_requests import RequestKey

ASKED = ("zone", "csr", None)


def _unused() -> None:
    raise AssertionError("a key needs no store")


def _key(
    own: str | None = None,
    asked: tuple[str | None, ...] = ASKED,
    *,
    token: str = "t",
    count: str | None = None,
) -> RequestKey:
    headers = [] if count is None else [(b"x-stainless-retry-count", count.encode())]
    principal = Principal(token_id=token, name="ci", grants=frozenset())
    call = Call(
        backend=Backend(store=_unused, encryption=_unused),  # type: ignore[arg-type]  # not asked
        principal=principal,
        at=1000.0,
    )
    return request_key_of(Request({"type": "http", "headers": headers}), call, own, asked)


def test_a_key_is_made_from_what_is_asked() -> None:
    key = _key()

    assert key == _key()
    assert key.since == 1000.0 - RETRY_SECONDS
    others = [_key(asked=("zone", "csr", "")), _key(asked=("zone", "other", None)), _key(token="u")]
    assert len({key.text, *(one.text for one in others)}) == 4


@pytest.mark.parametrize(("count", "anew"), [(None, True), ("0", True), ("1", False), ("2", False)])
def test_only_a_retry_is_no_new_request(count: str | None, anew: bool) -> None:
    assert _key(count=count).anew is anew


def test_the_clients_own_key_counts_alone() -> None:
    key = _key("mine")

    assert key.text == _key("mine", asked=("other",)).text
    assert key.text != _key("yours").text
    assert key.text != _key("mine", token="u").text
    assert not key.text.startswith("auto-")


@pytest.mark.parametrize("own", ["", "a\x00", "x" * 1000])
def test_keys_that_are_none(own: str) -> None:
    with pytest.raises(InvalidInputError):
        _key(own)
