# SPDX-License-Identifier: Apache-2.0
"""A control process for a node with a policy file, once that names something to fetch.

Whether it does is known when it is loaded: a node that fetches nothing, and has no store and no
SDS, has no control process (ADR-0028). Once started it stays, whatever the policy says later.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from authz.observability.activity import Report
from authz.observability.log import get_logger

if TYPE_CHECKING:
    from collections.abc import Callable

    from authz.node.control.keeper import ControlKeeper
    from authz.node.loader_messages import Built


class WhenNeeded:
    """Follows the snapshots of a policy file. One thread publishes, any may tell.

    Args:
        make: makes the keeper of a control process.
        keeper: one that is there in any case, None for none yet.
    """

    def __init__(
        self, make: Callable[[], ControlKeeper], keeper: ControlKeeper | None = None
    ) -> None:
        self._make = make
        self._keeper = keeper
        # Of a policy file; a store wants to know everything.
        self._fetches: bool | None = None

    def in_force(self, built: Built) -> None:
        """Checks are answered by what was built."""
        self._fetches = built.fetches
        keeper = self._keeper
        if keeper is not None:
            keeper.in_force(built.generation, built.file)
        elif built.fetches:
            keeper = self._make()
            # Before its start, so that it is told at once.
            keeper.in_force(built.generation, built.file)
            keeper.start()
            self._keeper = keeper
            get_logger().info("the policy names something to fetch; a process for that is started")

    def tell(self, report: Report) -> None:
        """Hand on what is told about checks, as far as it matters there."""
        if self._keeper is None or self._fetches is False:
            return
        if self._fetches:
            report = Report(seen=report.seen, unanswered=report.unanswered)
        if not report.is_empty:
            self._keeper.tell(report)

    def render(self) -> bytes:
        """Its metrics."""
        return b"" if self._keeper is None else self._keeper.render()

    def log_records(self) -> dict[str, int]:
        """What became of lines of its log."""
        return {} if self._keeper is None else self._keeper.log_records()

    def stop(self) -> None:
        """End it."""
        if self._keeper is not None:
            self._keeper.stop()
