# SPDX-License-Identifier: Apache-2.0
"""How the dashboard is served: what the operator decides."""

from __future__ import annotations

from dataclasses import dataclass, field

from authz.dashboard.installation import Installation
from authz.services.sign_ins import SessionTimes


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """The dashboard's own settings.

    Args:
        secure: whether it is served by TLS: then cookies never go without.
        installation: the node that serves it.
    """

    secure: bool = False
    times: SessionTimes = field(default_factory=SessionTimes)
    installation: Installation = field(default_factory=Installation)
