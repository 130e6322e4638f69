# SPDX-License-Identifier: Apache-2.0
"""A node of which no other knows."""

from __future__ import annotations

from authz.sources.fetch import Fetched
from authz.sources.fetching_share import ALONE
from authz.sources.fetching_state import Attempts
from tests.factories.pki import AT


def test_alone_a_node_asks_when_something_is_due_and_for_nobody_else() -> None:
    attempts = Attempts(key="http://crl.example/ca.crl")
    assert ALONE.is_due(attempts, AT)
    assert ALONE.next_at(attempts, AT) == AT
    assert not ALONE.is_brought(attempts)
    assert ALONE.brought(attempts, b"") is None
    assert ALONE.has(attempts, b"")

    ALONE.verified(attempts, Fetched(body=b""))
    attempts.succeeded(AT)

    assert not ALONE.is_due(attempts, AT)
    assert ALONE.next_at(attempts, AT) > AT
