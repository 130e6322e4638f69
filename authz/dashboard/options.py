# SPDX-License-Identifier: Apache-2.0
"""How the dashboard is served: what the operator decides."""

from __future__ import annotations

from dataclasses import dataclass, field

from authz.dashboard.installation import Installation
from authz.services.sign_ins import SessionTimes


@dataclass(frozen=True, slots=True, kw_only=True)
class Sampling:
    """Which allowed checks are told as events (the settings of `events`).

    Args:
        seconds: of each client and what is decided of it, one in so many; 0: none by time.
        every: one of so many, instead; 0: by time.
    """

    seconds: int = 10
    every: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """The dashboard's own settings.

    Args:
        secure: whether browsers reach it by TLS: then cookies never go without.
        url: where they do, "" for wherever it listens; without a path and a slash at its end.
        sampling: which allowed checks are events.
        installation: the node that serves it.
    """

    secure: bool = False
    url: str = ""
    times: SessionTimes = field(default_factory=SessionTimes)
    sampling: Sampling = field(default_factory=Sampling)
    installation: Installation = field(default_factory=Installation)
