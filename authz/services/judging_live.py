# SPDX-License-Identifier: Apache-2.0
"""Recorded requests decided by the policy that live_policy keeps: it is compiled once for all who
ask about it, a policy file's sites and what was fetched included."""

from __future__ import annotations

from typing import TYPE_CHECKING

from authz.services.judging import Compiled, Judge

if TYPE_CHECKING:
    from authz.services.explanation import CheckReading
    from authz.services.live_policy import Live
    from authz.store.session import Session


class LiveJudge(Judge):
    """Decides by the policy of one moment.

    Args:
        live: that policy.
        reading: how checks are read here.
    """

    def __init__(self, live: Live, reading: CheckReading) -> None:
        super().__init__(decoding=reading.options, limits=reading.limits, geo=live.snapshot.geo)
        self._compiled = Compiled(snapshot=live.snapshot, model=live.model, revision=live.revision)

    def live(self, session: Session, at: float) -> Compiled:
        """The policy that it was made with."""
        del session, at
        return self._compiled
