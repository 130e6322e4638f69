# SPDX-License-Identifier: Apache-2.0
"""What every page is made with."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from authz.dashboard.options import Options
    from authz.dashboard.rendering import Renderer
    from authz.services.backend import Backend
    from authz.services.failures import Failures


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """The dashboard of one process.

    Args:
        failures: how often addresses failed to sign in.
    """

    backend: Backend
    options: Options
    renderer: Renderer
    failures: Failures
