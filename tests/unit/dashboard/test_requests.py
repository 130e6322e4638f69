# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from fastapi import Request

from authz.dashboard.requests import address_of, browser_of, wants_json


def request(client: tuple[str, int] | None = None, **headers: str) -> Request:
    pairs = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    return Request({"type": "http", "client": client, "headers": pairs})


def test_scripts_say_that_they_want_json() -> None:
    assert wants_json(request(accept="application/json"))
    assert not wants_json(request(accept="text/html,*/*"))
    assert not wants_json(request())


def test_where_somebody_is() -> None:
    browser = browser_of(request(("192.0.2.1", 5), user_agent="Firefox"))

    assert (browser.address, browser.agent) == ("192.0.2.1", "Firefox")
    assert (browser_of(request()).address, browser_of(request()).agent) == ("", "")
    # A header that any client can send says nothing of where it is.
    assert address_of(request(("192.0.2.1", 5), x_forwarded_for="10.0.0.1")) == "192.0.2.1"
