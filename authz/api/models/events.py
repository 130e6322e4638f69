# SPDX-License-Identifier: Apache-2.0
"""Events as the API has them: an extension, Cloudflare has no such call."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from authz.api.models.moments import Moment
from authz.policy.decision import Reason, Verdict


class EventObject(BaseModel):
    """One check that is worth telling.

    `id` is the decision id that answers and access logs have. Texts of the client's are escaped and
    cut; `client_ip` and `fingerprint_sha256` are empty when unknown.
    """

    id: str
    number: int = Field(description="Rises with each event; `after` of a live tail.")
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
    weight: int = Field(description="How many checks it stands for: allowed ones are sampled.")
    unrecorded: str = Field(
        description="Why its request is not kept: `off`, `too_large`, `too_many`, `unreadable`; "
        "empty when it was."
    )


class RecordedObject(BaseModel):
    """The request of an event, as far as it may be kept."""

    recorded: bool
    unrecorded: str = Field(description="Why it is not, as in the event.")
    left_out: list[str] = Field(description="What is missing, for people.")
    check_request: dict[str, Any] | None = Field(
        description="The CheckRequest as protobuf JSON, as `authz check --request` takes it."
    )


class Then(BaseModel):
    """How a check was decided."""

    verdict: str
    reason: str
    rule: str
    action: str
    site: str
    detail: str
    generation: int


class Now(BaseModel):
    """How it would be decided now. What depends on what was left out has no verdict, and `reads`
    has what that is."""

    verdict: str | None
    reason: str
    rule: str
    action: str
    site: str
    reads: list[str]
    revision: int
    explanation: dict[str, Any] = Field(
        description="As `authz check --explain` has it: host, certificate with the clause that it "
        "fails, readings of the path, and what each rule says of the "
        "first reading and of the first that ends otherwise (`told`), part by part as far as that "
        "is bearable: `traces_left_out` rules have no `trace`. Nor have those that evaluation does "
        "not come to."
    )


class Explanation(BaseModel):
    """A check and its decision, made again by the rules in force."""

    then: Then
    now: Now | None = Field(description="None when it cannot be made again.")
    differs: bool | None
    why_not: str = Field(description="Why it cannot be made again, or why no rule is told.")
    left_out: list[str]


class EventQuery(BaseModel):
    """Which events, the latest first."""

    model_config = ConfigDict(extra="ignore")

    verdict: Verdict | None = None
    reason: Reason | None = None
    rule: str | None = Field(None, description="The `ref` of the rule that decided.")
    action: str | None = Field(None, description="What it did, or the default action.")
    path: str | None = Field(None, description="As events have it: without query.")
    site: str | None = None
    host: str | None = Field(None, description="In any spelling that means the same host.")
    fingerprint: str | None = Field(
        None, description="SHA-256 of the certificate, hexadecimal, with or without colons."
    )
    since: Moment | None = Field(None, description="Only those of then and later.")
    until: Moment | None = Field(None, description="Only those of before then.")
    cursor: int | None = Field(None, ge=1, lt=2**63, description="What `result_info.cursor` said.")
    after: int | None = Field(
        None,
        ge=0,
        lt=2**63,
        description="Only those whose `number` is larger: the first of them, for a live tail. "
        "`result_info.cursor` is then `after` of the rest.",
    )
    per_page: int = Field(50, ge=1, le=1000)
