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
    from authz.services.oidc_provider import OidcProvider
    from authz.services.sign_in_use import SignInUse


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """The dashboard of one process.

    Args:
        failures: how often addresses failed to sign in.
        use: when sessions were last used.
        provider: who else lets people sign in, None for tokens alone.
    """

    backend: Backend
    options: Options
    renderer: Renderer
    failures: Failures
    use: SignInUse
    provider: OidcProvider | None = None
