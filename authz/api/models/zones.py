# SPDX-License-Identifier: Apache-2.0
"""Zones as the API has them: Cloudflare's object, with our settings besides."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict


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


class ZoneAccount(BaseModel):
    """The account that a new zone goes to; there is one."""

    id: str | None = None


class NewZone(BaseModel):
    """What a zone is made from."""

    model_config = ConfigDict(extra="ignore")

    name: str
    account: ZoneAccount | None = None
    type: Literal["full"] | None = None
