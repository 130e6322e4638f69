# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from authz.dashboard.rendering import Renderer

if TYPE_CHECKING:
    from tests.factories.dashboard import Visitor


def test_files_are_for_everybody_and_for_good(visitor: Visitor) -> None:
    visitor.client.cookies.clear()
    answer = visitor.send("GET", Renderer().url_of("app.css"))

    assert answer.status_code == 200
    assert answer.headers["cache-control"] == "public, max-age=31536000, immutable"
    assert answer.headers["content-type"] == "text/css; charset=utf-8"
    assert answer.content == Renderer().file("app.css").body  # type: ignore[union-attr]  # is there
    assert "set-cookie" not in answer.headers


@pytest.mark.parametrize("name", ["missing.css", "../app.py", "..%2Fapp.py", "%2Fetc%2Fpasswd", ""])
def test_what_is_no_file(name: str, visitor: Visitor) -> None:
    visitor.get(f"/static/{Renderer().digest}/{name}", 404)


def test_files_of_another_release_are_not_there(visitor: Visitor) -> None:
    answer = visitor.send("GET", "/static/0000000000000000/app.css")

    assert answer.status_code == 404
    assert answer.headers["cache-control"] == "no-store"


def test_the_icon_that_browsers_ask_for(visitor: Visitor) -> None:
    assert visitor.send("GET", "/favicon.ico").headers["content-type"] == "image/svg+xml"
