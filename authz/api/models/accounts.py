# SPDX-License-Identifier: Apache-2.0
"""The account as the API has it."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict


class AccountSettings(BaseModel):
    """What Cloudflare has and this service does not: always off."""

    enforce_twofactor: Literal[False]


class AccountObject(BaseModel):
    """The account."""

    id: str
    name: str
    type: Literal["standard"]
    settings: AccountSettings
    created_on: str


class ChangedAccount(BaseModel):
    """What an account is changed to: its name. All else that Cloudflare takes is left alone."""

    model_config = ConfigDict(extra="ignore")

    name: str
    id: str | None = None
    type: Literal["standard", "enterprise"] | None = None


class NewAccount(BaseModel):
    """What Cloudflare makes an account from."""

    model_config = ConfigDict(extra="allow")

    name: Any = None
