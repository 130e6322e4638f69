# SPDX-License-Identifier: Apache-2.0
"""Counts of checks, and drafts tried on recorded requests, as the API has them: an extension."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from authz.api.models.moments import Moment
from authz.services.check_counts import MAX_TOP
from authz.services.replay import DEFAULT_REQUESTS, MAX_REQUESTS


class SeriesObject(BaseModel):
    """Checks over time that have something in common."""

    name: str = Field(description="What that is; `*` is everything that is not told apart.")
    total: int
    checks: list[int] = Field(description="Of each step.")


class DecisionsObject(BaseModel):
    """How checks ended over time."""

    since: str
    until: str
    step: int
    counted_since: str | None = Field(description="Since when there are counts at all.")
    hourly: bool = Field(description="Whether some of it is known by the hour alone.")
    series: list[SeriesObject] = Field(description="That with the most checks first.")


class DecisionsQuery(BaseModel):
    """Which checks, and how they are told apart."""

    model_config = ConfigDict(extra="ignore")

    since: Moment
    until: Moment
    step: int = Field(60, ge=60, le=86_400, description="Seconds; a multiple of 60.")
    by: Literal["verdict", "action", "reason", "rule", "host"] = "verdict"


class TopObject(BaseModel):
    """What was blocked often."""

    name: str
    blocked: int
    last_at: str


class TopQuery(BaseModel):
    """Of what the most is wanted."""

    model_config = ConfigDict(extra="ignore")

    by: Literal["certificate", "path", "host", "rule"]
    since: Moment | None = None
    until: Moment | None = None
    per_page: int = Field(10, ge=1, le=MAX_TOP)


class RuleCountsObject(BaseModel):
    """What a rule did."""

    ref: str
    action: str
    checks: int = Field(description="That it decided, or matched, of a `log` rule.")
    ambiguous: int = Field(
        description="Blocked because it would match another reading of the path."
    )
    last_at: str = Field(description="The beginning of the last minute, or hour, with one.")


class RuleCountsQuery(BaseModel):
    """From when on."""

    model_config = ConfigDict(extra="ignore")

    since: Moment | None = None


class CertificateCountsObject(BaseModel):
    """In how many checks a certificate was shown."""

    fingerprint_sha256: str
    allowed: int
    blocked: int
    first_at: str
    last_at: str


class CertificateCountsQuery(BaseModel):
    """Which certificates."""

    model_config = ConfigDict(extra="ignore")

    fingerprint: list[str] = Field(
        default_factory=list,
        max_length=100,
        description="SHA-256, hexadecimal, with or without colons; repeated for several.",
    )


class ReplayRequest(BaseModel):
    """Rules to try: all of the zone, in order."""

    model_config = ConfigDict(extra="forbid")

    rules: list[Any] = Field(description="As the calls of rulesets take them.")
    requests: int = Field(
        DEFAULT_REQUESTS, ge=1, le=MAX_REQUESTS, description="How many of the latest are tried."
    )
    since: Moment | None = None


class GroupObject(BaseModel):
    """Requests that have something in common."""

    name: str
    requests: int
    checks: int
    examples: list[str] = Field(description="Identifiers of events.")


class ChangeObject(BaseModel):
    """Requests whose verdict would be another."""

    requests: int
    checks: int = Field(description="That those stand for: allowed ones are sampled.")
    examples: list[str]
    by_host: list[GroupObject]
    by_path: list[GroupObject]
    by_certificate: list[GroupObject]
    by_rule: list[GroupObject]


class ReadObject(BaseModel):
    """Something that was not recorded and would have to be."""

    name: str
    requests: int


class UnjudgedObject(BaseModel):
    """Requests that cannot be decided again."""

    requests: int
    checks: int
    reads: list[ReadObject]
    examples: list[str]


class ReplayObject(BaseModel):
    """What other rules would do to the requests that were recorded."""

    requests: int
    checks: int
    newly_blocked: ChangeObject
    newly_allowed: ChangeObject
    still_allowed: int
    still_blocked: int
    unjudged: UnjudgedObject
    unrecorded: int = Field(description="Events of this span without a request.")
    drifted: int = Field(description="Decided otherwise by the rules in force than it was then.")
    first_at: str | None
    last_at: str | None
    sampled: bool
    complete: bool = Field(description="False when there was no time for all of them.")
    seconds: float
    revision: int
