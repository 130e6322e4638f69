# SPDX-License-Identifier: Apache-2.0
"""Where somebody is sent after a sign-in: to a page of ours, whatever they were told to ask for."""

from __future__ import annotations

import pytest

from authz.dashboard.places import local


@pytest.mark.parametrize("wanted", ["/", "/zones/1/rules?page=2&q=a%20b#top", "/lists/é", "/a//b"])
def test_a_page_of_ours(wanted: str) -> None:
    assert local(wanted) == wanted


@pytest.mark.parametrize(
    "wanted",
    [
        "",
        "zones",
        "https://evil.example/",
        "HTTPS://evil.example",
        "//evil.example",
        "///evil.example",
        "/\\evil.example",
        "\\\\evil.example",
        "/\t/evil.example",
        "/\n/evil.example",
        "\t//evil.example",
        " //evil.example",
        "javascript:alert(1)",
        "data:text/html,x",
        "//[evil",
        "http://[evil",
        "/x\r\nSet-Cookie: a=b",
        "/\u202egnp",
        "/sign-in",
        "/sign-in?next=/sign-in",
        "/sign-out",
        "/" + "x" * 2000,
    ],
)
def test_what_is_none(wanted: str) -> None:
    assert local(wanted) == "/"
