# SPDX-License-Identifier: Apache-2.0
"""Attempts that fail are counted with those of the API."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from authz.dashboard.signing_in import attempt_failed
from authz.errors import ThrottledError, UnauthenticatedError
from authz.services.failures import MOST_FAILURES, WINDOW_SECONDS

if TYPE_CHECKING:
    from authz.dashboard.site import Site
    from tests.factories.dashboard import Visitor

REFUSED = UnauthenticatedError("the token is not known")


def site(visitor: Visitor) -> Site:
    found: Site = visitor.bench.dashboard.app.state.site
    return found


def test_an_attempt_is_logged_without_what_was_tried(
    visitor: Visitor, log_lines: list[dict[str, Any]]
) -> None:
    attempt_failed(site(visitor), "192.0.2.1", REFUSED, visitor.bench.now)

    (line,) = log_lines
    assert (line["event"], line["address"]) == ("a sign-in was refused", "192.0.2.1")
    assert line["reason"] == "the token is not known"


def test_too_many_of_one_address_have_to_wait(visitor: Visitor) -> None:
    at = visitor.bench.now
    failures = site(visitor).failures
    for _ in range(MOST_FAILURES // 2):
        failures.failed("192.0.2.1", at)
    for _ in range(MOST_FAILURES - MOST_FAILURES // 2):
        attempt_failed(site(visitor), "192.0.2.1", REFUSED, at)
    with pytest.raises(ThrottledError) as caught:
        attempt_failed(site(visitor), "192.0.2.1", REFUSED, at + 1)

    assert caught.value.retry_after == WINDOW_SECONDS - 1
    attempt_failed(site(visitor), "192.0.2.2", REFUSED, at + 1)
    assert failures.metrics.failed == MOST_FAILURES + 2
