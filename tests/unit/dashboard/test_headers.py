# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from typing import TYPE_CHECKING

from fastapi import Response

from authz.dashboard.headers import POLICY, STRICT_TRANSPORT, protect
from authz.dashboard.options import Options
from tests.factories.dashboard import visiting

if TYPE_CHECKING:
    from pathlib import Path

    from tests.factories.dashboard import Visitor


def test_a_page_loads_nothing_of_others_and_nothing_inline() -> None:
    rules = dict(one.split(" ", 1) for one in POLICY.split("; "))

    assert rules.pop("default-src") == "'none'"
    assert rules.pop("img-src") == "'self' data:"
    assert {rules.pop(one) for one in ("base-uri", "frame-ancestors")} == {"'none'"}
    assert rules == dict.fromkeys(
        ("script-src", "style-src", "connect-src", "form-action"), "'self'"
    )


def test_what_an_answer_says_itself_stays() -> None:
    response = Response(headers={"Cache-Control": "public"})
    protect(response, secure=False)

    assert response.headers["cache-control"] == "public"
    assert response.headers["x-frame-options"] == "DENY"
    assert response.headers["referrer-policy"] == "same-origin"
    assert response.headers["permissions-policy"]


def test_tls_is_kept_to_where_there_is_some(tmp_path: Path, empty_store: Path) -> None:
    with visiting(tmp_path, empty_store, Options(secure=True)) as visitor:
        answer = visitor.send("GET", "/sign-in")
        refusal = visitor.send("GET", "/nowhere")
    for one in (answer, refusal):
        assert one.headers["strict-transport-security"] == STRICT_TRANSPORT
        assert "includeSubDomains" not in STRICT_TRANSPORT


def test_every_answer_has_them(visitor: Visitor) -> None:
    for path in ("/zones/{zone}", "/nowhere", "/sign-out", "/favicon.ico", "/"):
        answer = visitor.send("GET", path)
        assert answer.headers["content-security-policy"] == POLICY
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["cross-origin-opener-policy"] == "same-origin"
        assert "strict-transport-security" not in answer.headers
