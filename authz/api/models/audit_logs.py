# SPDX-License-Identifier: Apache-2.0
"""Entries of the audit log as both of Cloudflare's calls have them."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from authz.api.envelope import Cursors, Envelope
from authz.api.models.moments import Moment
from authz.api.models.zones import Named


class Action(BaseModel):
    """What was done."""

    result: Literal[True]
    type: str = Field(description="For instance `zone.create`.")


class Actor(BaseModel):
    """Who did it. `id` and `email` are one text: `cli:USER`, or the name of a token."""

    id: str
    email: str
    type: Literal["user"]


class Owner(BaseModel):
    """The account."""

    id: str


class Resource(BaseModel):
    """What it was done to."""

    id: str
    type: str


class EntryMetadata(BaseModel):
    """Which zone it is about, if it is about one."""

    zone_id: str | None = None
    zone_name: str | None = None


class AuditLog(BaseModel):
    """One entry. `oldValue` and `newValue` are the object before and after, as JSON texts."""

    id: str
    action: Action
    actor: Actor
    interface: str
    metadata: EntryMetadata
    newValue: str  # noqa: N815 - as Cloudflare writes it
    oldValue: str  # noqa: N815 - the same
    newValueJson: dict[str, Any] | None  # noqa: N815 - the same
    oldValueJson: dict[str, Any] | None  # noqa: N815 - the same
    owner: Owner
    resource: Resource
    when: str


class AuditPageInfo(BaseModel):
    """Which page this is. Entries are not counted."""

    page: int
    per_page: int
    count: int


class AuditLogs(Envelope[list[AuditLog]]):
    """One page; empty behind the last one, which is where the SDK stops asking."""

    result_info: AuditPageInfo


class AuditLogQuery(BaseModel):
    """Which entries, for the first version of the call."""

    model_config = ConfigDict(extra="ignore")

    id: str | None = Field(None, description="Only the entry with this identifier.")
    action_type: str | None = Field(
        None, alias="action.type", description="Only this action: `zone.create`."
    )
    actor_email: str | None = Field(
        None, alias="actor.email", description="Only this actor, as entries name it."
    )
    zone_name: str | None = Field(
        None, alias="zone.name", description="Only those about the zone of this name."
    )
    since: Moment | None = Field(None, description="Only those of then and later.")
    before: Moment | None = Field(None, description="Only those of before then.")
    direction: Literal["asc", "desc"] = Field("desc", description="By their moments.")
    hide_user_logs: bool = Field(False, description="Without what was done to API tokens.")
    export: bool = Field(False, description="Refused when true: there is no CSV.")
    page: int = Field(1, ge=1, le=1_000_000)
    per_page: int = Field(100, ge=1, le=1000)


class ActionTold(BaseModel):
    """What was done. `description` is the action, `type` what it comes to."""

    description: str
    result: Literal["success"]
    time: str
    type: Literal["create", "update", "delete"]


class ActorTold(BaseModel):
    """Who did it: `context` and `token_name` where it was done with a token."""

    id: str
    email: str
    type: Literal["user"]
    context: Literal["api_token"] | None = None
    token_name: str | None = None


class ResourceTold(BaseModel):
    """What it was done to; `request` is the object before, `response` after."""

    id: str
    type: str
    scope: Literal["accounts", "zones"]
    request: dict[str, Any] | None
    response: dict[str, Any] | None


class AuditEntryTold(BaseModel):
    """One entry, as the second version of the call has it."""

    id: str
    account: Named
    action: ActionTold
    actor: ActorTold
    resource: ResourceTold
    zone: Named | None = None


class AuditCursorInfo(BaseModel):
    """How to go on: `after` is absent on the last page."""

    count: int
    cursors: Cursors


class AuditEntries(Envelope[list[AuditEntryTold]]):
    """A part of the log that goes on behind its cursor."""

    result_info: AuditCursorInfo


class AuditQuery(BaseModel):
    """Which entries, for the second version of the call. Those with `.not` are left out."""

    model_config = ConfigDict(extra="ignore", populate_by_name=False)

    since: Moment | None = Field(None, description="Only those of then and later.")
    before: Moment | None = Field(None, description="Only those of before then.")
    direction: Literal["asc", "desc"] = "desc"
    limit: int = Field(100, ge=1, le=1000)
    cursor: str | None = Field(None, description="What `result_info.cursors.after` said.")
    id: list[str] = Field([], description="Only these entries.")
    not_id: list[str] = Field([], alias="id.not")
    audit_log_id: list[str] = Field([], description="The same as `id`.")
    not_audit_log_id: list[str] = Field([], alias="audit_log_id.not")
    action_type: list[str] = Field(
        [], description="`create`, `update` or `delete`, or an action as entries describe it."
    )
    not_action_type: list[str] = Field([], alias="action_type.not")
    actor_id: list[str] = Field([], description="Who, as entries name them.")
    not_actor_id: list[str] = Field([], alias="actor_id.not")
    actor_email: list[str] = Field([], description="The same as `actor_id`.")
    not_actor_email: list[str] = Field([], alias="actor_email.not")
    resource_id: list[str] = []
    not_resource_id: list[str] = Field([], alias="resource_id.not")
    resource_type: list[str] = []
    not_resource_type: list[str] = Field([], alias="resource_type.not")
    zone_id: list[str] = []
    not_zone_id: list[str] = Field([], alias="zone_id.not")
    zone_name: list[str] = []
    not_zone_name: list[str] = Field([], alias="zone_name.not")
