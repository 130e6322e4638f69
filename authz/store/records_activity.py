# SPDX-License-Identifier: Apache-2.0
"""What was seen of checks, as the store hands it out and takes it.

Times are Unix seconds, fingerprints SHA-256 of the DER in lower-case hexadecimal.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredEvent:
    """A check that is worth telling; `event` is all of it (observability.events) but its request.

    `zone_id`: whose its site was, None where that was not noted. `weight`: how many checks it
    stands for. `bytes`: what it takes, with its request.
    """

    id: str
    at: float
    site: str
    verdict: str
    rule: str
    fingerprint_sha256: str
    event: dict[str, Any]
    zone_id: str | None = None
    reason: str = ""
    host: str = ""
    path: str = ""
    action: str = ""
    weight: int = 1
    bytes: int = 0
    number: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordedRequest:
    """What was asked: a serialised CheckRequest, and what was left out of it
    (extauthz.recording)."""

    request: bytes
    left_out: dict[str, Any] = field(default_factory=dict)
    number: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckCount:
    """How many checks of a site ended like this, within `seconds` (60 or 3600) from `at` on.

    `reason` is `logged` for matches of a `log` rule, which are no checks of their own: `verdict` is
    then `""`.
    """

    seconds: int
    at: int
    site: str
    verdict: str
    reason: str
    action: str
    rule: str
    checks: int
    zone_id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CertificateChecks:
    """How many checks a certificate was shown in, since `first_at`.

    `verified`: whether it ever was.
    """

    fingerprint_sha256: str
    allowed: int
    blocked: int
    first_at: float
    last_at: float
    verified: bool
