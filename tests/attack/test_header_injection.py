# SPDX-License-Identifier: Apache-2.0
"""What somebody sends is never a header of an answer: line ends in paths, queries, fields, names.

Asked below HTTP, where nothing between stops what no client library would send.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlencode

import pytest

from authz.api.app import PREFIX
from authz.api.privileges import calls
from authz.dashboard.csrf import token_of
from authz.dashboard.privileges import pages
from tests.attack.report import tried
from tests.fuzz.targets.app import APPS

if TYPE_CHECKING:
    from tests.fuzz.targets.app import Headers

pytestmark = pytest.mark.attack

EVIL = "a\r\nX-Injected: 1\r\n\r\n<b>\u2028\x85"
#: Where values of a query go into an answer, or into a place to go to.
NAMES = ("next", "search", "page", "cursor", "name", "older", "newer", "state", "code", "error")


def path_of(path: str) -> str:
    """A path whose parameters, but for the zone and the account, are evil."""
    path = path.replace("{zone_id}", "{zone}").replace("{account_id}", "{account}")
    return APPS.path(re.sub(r"\{(?!zone\}|account\})[^}]*\}", EVIL, path))


def is_clean(headers: Headers) -> bool:
    """Whether every header is one line, and none is ours alone by name."""
    return not any(
        name.lower() == b"x-injected" or set(name + value) & set(b"\r\n\0")
        for name, value in headers
    )


def test_nothing_of_a_request_is_a_header_of_a_page() -> None:
    query = urlencode(dict.fromkeys(NAMES, EVIL)).encode()
    session = b""
    wrong = []
    rows = list(pages())
    for row in rows:
        if not session or row.path.startswith("/sign-out"):
            session = APPS.signed_in()
        fields = dict.fromkeys((*NAMES, "label", "hostname", "description", "to"), EVIL)
        body = urlencode({"csrf": token_of(session.decode()), **fields}).encode()
        headers = [
            (b"host", b"x"),
            (b"cookie", b"authz-session=" + session),
            (b"content-type", b"application/x-www-form-urlencoded"),
        ]
        status, answered, _ = APPS.ask(
            APPS.dashboard, row.method, path_of(row.path), headers, body, query
        )
        if status >= 500 or not is_clean(answered):
            wrong.append((row.method, row.path, status, answered))

    tried("corpus", "line ends in requests for pages", len(rows), wrong=len(wrong))
    assert wrong == []


def test_nothing_of_a_request_is_a_header_of_the_api() -> None:
    query = urlencode(dict.fromkeys(NAMES, EVIL)).encode()
    body = json.dumps(dict.fromkeys((*NAMES, "csr", "expression", "kind"), EVIL)).encode()
    wrong = []
    rows = list(calls(APPS.api))
    for row in rows:
        headers = [
            (b"host", b"x"),
            (b"authorization", f"Bearer {APPS.token}".encode()),
            (b"content-type", b"application/json"),
            (b"idempotency-key", EVIL.encode()),
            (b"if-match", EVIL.encode()),
        ]
        status, answered, _ = APPS.ask(
            APPS.api, row.method, PREFIX + path_of(row.path), headers, body, query
        )
        if status >= 500 or not is_clean(answered):
            wrong.append((row.method, row.path, status, answered))

    tried("corpus", "line ends in calls of the API", len(rows), wrong=len(wrong))
    assert wrong == []


@pytest.mark.parametrize(
    "wanted",
    [
        "//evil.example/",
        "/\\evil.example/",
        "https://evil.example/",
        "/\t/evil.example/",
        "javascript:alert(1)",
        "/a\r\nSet-Cookie: authz-session=x",
        "\x00//evil.example",
        quote("//evil.example"),
    ],
)
def test_a_sign_in_leads_to_pages_of_ours_alone(wanted: str) -> None:
    form = urlencode({"token": APPS.token, "next": wanted}).encode()
    headers: Any = [(b"host", b"x"), (b"content-type", b"application/x-www-form-urlencoded")]

    status, answered, _ = APPS.ask(APPS.dashboard, "POST", "/sign-in", headers, form)

    assert status == 303
    assert is_clean(answered)
    location = dict(answered)[b"location"].decode()
    assert re.match(r"/(?![/\\])", location)
    assert "evil.example" not in location or location.startswith("/%")


def test_the_check_can_fail() -> None:
    assert not is_clean([(b"location", b"/a\r\nX-Injected: 1")])
    assert not is_clean([(b"X-Injected", b"1")])
