# SPDX-License-Identifier: Apache-2.0
"""What is remembered of attempts."""

from __future__ import annotations

from authz.errors import FetchError
from authz.sources.fetching_state import Attempts
from tests.factories.pki import AT, DAY


def test_failures_count_until_a_success() -> None:
    attempts = Attempts(key="k")
    assert attempts.due_at(AT) == AT
    error = FetchError("x")

    attempts.failed(AT, error)
    attempts.failed(AT + 1, error)
    assert (attempts.failures, attempts.error, attempts.last_success) == (2, error, None)
    assert attempts.due_at(AT + 1) > AT + 1

    attempts.succeeded(AT + 2)
    attempts.this_update, attempts.next_update = AT, AT + DAY
    assert (attempts.failures, attempts.error, attempts.last_success) == (0, None, AT + 2)
    assert AT + DAY / 2 <= attempts.due_at(AT + 2) < AT + DAY
