# SPDX-License-Identifier: Apache-2.0
"""The application as the guard around it sees it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from fastapi import Request

from authz.dashboard.app import Dashboard
from authz.dashboard.headers import POLICY
from authz.dashboard.pages import sessions
from authz.errors import UnauthenticatedError

if TYPE_CHECKING:
    from tests.factories.dashboard import Visitor


def request(*headers: tuple[bytes, bytes]) -> Request:
    scope = {"type": "http", "method": "POST", "path": "/", "query_string": b"", "headers": headers}
    return Request(scope)


def test_who_is_signed_in_is_known_before_anything_is_read(visitor: Visitor) -> None:
    dashboard = visitor.bench.dashboard
    cookie = f"authz-session={visitor.client.cookies['authz-session']}".encode()

    dashboard.know(request((b"cookie", cookie)))
    for headers in ((), ((b"cookie", b"authz-session=x"),)):
        with pytest.raises(UnauthenticatedError):
            dashboard.know(request(*headers))


def test_looking_is_no_use_of_a_session(visitor: Visitor) -> None:
    dashboard = visitor.bench.dashboard
    cookie = f"authz-session={visitor.client.cookies['authz-session']}".encode()
    visitor.bench.now += visitor.bench.options.times.idle - 1
    dashboard.know(request((b"cookie", cookie)))
    visitor.bench.now += 1

    with pytest.raises(UnauthenticatedError, match="is over"):
        dashboard.know(request((b"cookie", cookie)))


def test_another_dashboard_shares_what_takes_a_while_to_make(visitor: Visitor) -> None:
    first = visitor.bench.dashboard
    second = Dashboard(visitor.bench.backend(), visitor.bench.options)

    assert first.app.routes == second.app.routes
    assert first.app.state.site.renderer is second.app.state.site.renderer
    # Attempts to sign in are counted for each.
    assert first.app.state.site.failures is not second.app.state.site.failures


def test_a_refusal_is_a_page_with_every_header(visitor: Visitor) -> None:
    refusal = visitor.bench.dashboard.refusal(request(), 413, "the body is <large>")

    assert refusal.status_code == 413
    assert b"the body is &lt;large&gt;" in bytes(refusal.body)
    assert refusal.headers["content-security-policy"]
    told = visitor.bench.dashboard.refusal(request((b"accept", b"application/json")), 503, "busy")
    assert told.headers["content-type"] == "application/json"


def test_a_page_that_fails_has_every_header(
    visitor: Visitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError("a defect")

    monkeypatch.setattr(sessions, "sessions_of", fail)
    answer = visitor.send("GET", "/sessions")

    assert answer.status_code == 500
    assert "Internal error" in answer.text
    assert answer.headers["content-security-policy"] == POLICY
    assert answer.headers["x-frame-options"] == "DENY"
    assert answer.headers["cache-control"] == "no-store"


def test_another_backend_is_used_from_then_on(visitor: Visitor) -> None:
    dashboard = visitor.bench.dashboard
    later = visitor.bench.now + visitor.bench.options.times.longest
    dashboard.use(replace(visitor.bench.backend(), clock=lambda: later))

    visitor.get("/sessions", 303)


def test_nothing_of_the_framework_is_served(visitor: Visitor) -> None:
    for path in ("/docs", "/redoc", "/openapi.json", "/sessions/"):
        visitor.get(path, 404)
