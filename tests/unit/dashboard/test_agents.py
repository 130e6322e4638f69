# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import pytest

from authz.dashboard.agents import described

WEBKIT = "AppleWebKit/537.36 (KHTML, like Gecko)"
CHROME = f"(Windows NT 10.0) {WEBKIT} Chrome/140.0 Safari/537.36"


@pytest.mark.parametrize(
    ("agent", "said"),
    [
        ("(X11; Linux x86_64; rv:142.0) Gecko/20100101 Firefox/142.0", "Firefox on Linux"),
        (CHROME, "Chrome on Windows"),
        (f"{CHROME} Edg/140.0", "Edge on Windows"),
        ("(Macintosh; Intel Mac OS X 15_0) Version/26.0 Safari/605.1", "Safari on macOS"),
        ("(iPhone; CPU iPhone OS 19_0 like Mac OS X) Safari/604.1", "Safari on iPhone"),
        (f"(Linux; Android 16) {WEBKIT} Chrome/140.0 Safari/537.36", "Chrome on Android"),
        ("curl/8.5.0", "curl"),
        ("something (Linux)", "Linux"),
        ("", "unknown"),
        ("<script>" + "x" * 100, "<script>" + "x" * 52),
    ],
)
def test_browsers_as_people_call_them(agent: str, said: str) -> None:
    assert described(agent) == said
