# SPDX-License-Identifier: Apache-2.0
"""Recorded requests decided by the policy that is compiled already."""

from __future__ import annotations

from typing import TYPE_CHECKING

from authz.services.explanation import CheckReading
from authz.services.judging_live import LiveJudge
from authz.services.live_policy import LivePolicy
from tests.factories.pki import AT

if TYPE_CHECKING:
    from tests.unit.services.conftest import World


def test_it_is_the_policy_that_it_was_given(world: World) -> None:
    live = LivePolicy().now(world.store, AT)

    judge = LiveJudge(live, CheckReading())

    with world.store.read() as session:
        compiled = judge.live(session, AT + 5)
    assert compiled.snapshot is live.snapshot
    assert compiled.revision == live.revision
    assert judge.geo is live.snapshot.geo
