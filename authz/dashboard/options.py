# SPDX-License-Identifier: Apache-2.0
"""How the dashboard is served: what the operator decides."""

from __future__ import annotations

from dataclasses import dataclass, field

from authz.services.sign_ins import SessionTimes


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """The dashboard's own settings.

    Args:
        secure: whether browsers reach it by TLS: then cookies never go without.
        url: where they do, "" for wherever it listens; without a path and a slash at its end.
    """

    secure: bool = False
    url: str = ""
    times: SessionTimes = field(default_factory=SessionTimes)
