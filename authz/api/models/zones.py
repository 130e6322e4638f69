# SPDX-License-Identifier: Apache-2.0
"""Zones as the API has them: Cloudflare's object, with our settings besides."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from authz.policy.model import DefaultAction, Misdirected, PathMode, UpstreamHeaders


class Named(BaseModel):
    """An object by its identifier."""

    id: str
    name: str | None = None


class ZoneObject(BaseModel):
    """A zone and its settings."""

    id: str
    name: str
    status: Literal["active"]
    type: Literal["full"]
    paused: Literal[False]
    development_mode: Literal[0]
    account: Named
    default_action: str
    paths: str
    misdirected: str
    upstream_headers: list[str]
    created_on: str
    modified_on: str
    activated_on: str


class ZoneQuery(BaseModel):
    """Which zones, and in which order."""

    model_config = ConfigDict(extra="ignore")

    name: str | None = Field(
        None,
        description="Only the zone of this name; or `contains:text`, and so on with `equal`, "
        "`not_equal`, `starts_with` and `ends_with`.",
    )
    account_id: str | None = Field(None, alias="account.id", description="There is one account.")
    account_name: str | None = Field(
        None, alias="account.name", description="As `name`; there is one account."
    )
    status: Literal["initializing", "pending", "active", "moved"] | None = Field(
        None, description="Every zone is active."
    )
    match: Literal["any", "all"] = Field(
        "all", description="Whether a zone has to fit all of these, or one."
    )
    order: Literal["name", "status", "account.id", "account.name", "plan.id"] | None = Field(
        None, description="By name, or, where that is the same for all of them, by their age."
    )
    direction: Literal["asc", "desc"] = "asc"
    page: int = Field(1, ge=1, le=1_000_000)
    per_page: int = Field(20, ge=1, le=1000)


class ZoneAccount(BaseModel):
    """The account that a new zone goes to; there is one."""

    id: str | None = None


class NewZone(BaseModel):
    """What a zone is made from. `force` is an extension: even where it makes names less safe.

    A zone is never paused and always full; whoever writes that (Terraform does) is not refused.
    """

    model_config = ConfigDict(extra="ignore")

    name: str
    account: ZoneAccount | None = None
    type: Literal["full"] | None = None
    paused: Literal[False] | None = None
    force: bool = False


class ZoneChange(BaseModel):
    """Settings of a zone, all of them extensions; what is left out stays as it is.

    What Cloudflare has besides (`paused`, `plan` …) is refused by name.
    """

    model_config = ConfigDict(extra="allow")

    default_action: DefaultAction | None = None
    paths: PathMode | None = None
    misdirected: Misdirected | None = None
    upstream_headers: list[UpstreamHeaders] | None = None

    @property
    def others(self) -> dict[str, Any]:
        """What else was given."""
        return self.__pydantic_extra__ or {}


class ZoneId(BaseModel):
    """A zone that is no more."""

    id: str
