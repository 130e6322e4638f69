# SPDX-License-Identifier: Apache-2.0
"""Of which decisions the decision log has lines, where, and with what.

Plain data, which a supervisor hands to its workers; nothing that a worker without a decision log
would import for it.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class DecisionLogOptions:
    """What is written, and where (the settings of `decision_log`).

    Args:
        path: a file, or `-`; None: there are log records alone.
        allowed: the share of the decisions that allow, from 0 to 1.
        blocked: the share of those that deny, or that a `log` rule matched.
        headers: names of headers whose values are written, lower case.
        query: `none`, `names` or `values`.
        path_segments: `all`, `words` or `none`.
        client_ip: `full`, `network` or `none`.
        subject: whether the subject of a verified certificate is.
        otlp: whether lines are log records, too.
        otlp_endpoint: who takes those; None: as the environment says.
    """

    path: str | None
    allowed: float = 1.0
    blocked: float = 1.0
    headers: tuple[str, ...] = ()
    query: str = "names"
    path_segments: str = "all"
    client_ip: str = "full"
    subject: bool = False
    otlp: bool = False
    otlp_endpoint: str | None = None

    def share(self, *, blocked: bool) -> float:
        """The share of such decisions that have a line."""
        return self.blocked if blocked else self.allowed
