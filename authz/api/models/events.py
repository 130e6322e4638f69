# SPDX-License-Identifier: Apache-2.0
"""Events as the API has them: an extension, Cloudflare has no such call."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field

from authz.api.models.moments import Moment
from authz.policy.decision import Reason, Verdict


class EventObject(BaseModel):
    """One check that is worth telling.

    `id` is the decision id that answers and access logs have. Texts of the client's are escaped and
    cut; `client_ip` and `fingerprint_sha256` are empty when unknown.
    """

    id: str
    at: str
    zone_id: str | None
    site: str
    verdict: str
    reason: str
    rule: str
    action: str
    logged: list[str]
    detail: str
    generation: int
    host: str
    path: str
    client_ip: str
    fingerprint_sha256: str
    presented: bool
    verified: bool
    revoked: bool
    failure: str


class EventQuery(BaseModel):
    """Which events, the latest first."""

    model_config = ConfigDict(extra="ignore")

    verdict: Verdict | None = None
    reason: Reason | None = None
    rule: str | None = Field(None, description="The `ref` of the rule that decided.")
    site: str | None = None
    host: str | None = Field(None, description="In any spelling that means the same host.")
    fingerprint: str | None = Field(
        None, description="SHA-256 of the certificate, hexadecimal, with or without colons."
    )
    since: Moment | None = Field(None, description="Only those of then and later.")
    until: Moment | None = Field(None, description="Only those of before then.")
    cursor: int | None = Field(None, ge=1, lt=2**63, description="What `result_info.cursor` said.")
    per_page: int = Field(50, ge=1, le=1000)
