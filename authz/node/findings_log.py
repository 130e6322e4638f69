# SPDX-License-Identifier: Apache-2.0
"""What is odd about a policy, as log lines: the same of a file and of a store."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from authz.node.loader_messages import Findings
    from authz.observability.log import Logger


def log_findings(found: Findings, log: Logger, *, all_of_them: str = "") -> None:
    """Log the first findings, and how many there are.

    Args:
        all_of_them: the command that shows every one.
    """
    for one in found.first:
        log.warning(
            "lint",
            where=one.where,
            rule=one.rule,
            code=one.code,
            finding=one.finding,
            hint=one.hint,
        )
    if found.count > len(found.first):
        more = f"more findings: {all_of_them}" if all_of_them else "more findings"
        log.warning(more, findings=found.count)
