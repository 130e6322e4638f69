# SPDX-License-Identifier: Apache-2.0
"""How Cloudflare's configuration is imported: what the operator decides."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from authz.policy.geo import GeoLookup
    from authz.services.cloudflare_rules import Challenge


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportOptions:
    """What an import does with what cannot be decided for the operator.

    Args:
        challenge: what becomes of rules that challenge; None: they cannot be carried over.
        managed_ca: the certificate of Cloudflare's managed CA (PEM), where somebody has it.
        geo: the GeoIP databases of this installation.
        at: Unix seconds.
    """

    challenge: Challenge | None = None
    managed_ca: bytes | None = None
    geo: GeoLookup | None = None
    actor: str
    at: float
