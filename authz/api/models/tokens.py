# SPDX-License-Identifier: Apache-2.0
"""What calls about API tokens take and give."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import AwareDatetime, BaseModel, BeforeValidator, ConfigDict, Field


def _text(value: Any) -> Any:
    # pydantic would also take a number, which is no date-time of RFC 3339.
    if value is not None and not isinstance(value, str):
        raise ValueError("a moment is written as text: 2026-01-31T00:00:00Z")
    return value


Moment = Annotated[AwareDatetime, BeforeValidator(_text)]


class GroupName(BaseModel):
    """A permission group by its identifier."""

    model_config = ConfigDict(extra="ignore")

    id: str
    name: str | None = None


class PolicyBody(BaseModel):
    """Which permission groups, for which resources."""

    model_config = ConfigDict(extra="ignore")

    id: str | None = None
    effect: Literal["allow", "deny"] = Field(description="Only allow: what is not, is denied.")
    permission_groups: list[GroupName] = Field(min_length=1, max_length=100)
    resources: dict[str, str | dict[str, str]] = Field(min_length=1, max_length=1000)


class NewToken(BaseModel):
    """What a token is made from."""

    model_config = ConfigDict(extra="ignore")

    name: str = Field(min_length=1, max_length=255)
    policies: list[PolicyBody] = Field(min_length=1, max_length=100)
    not_before: Moment | None = None
    expires_on: Moment | None = None
    condition: dict[str, Any] | None = Field(
        default=None, description="Only empty: addresses of clients are not a condition here."
    )


class ChangedToken(NewToken):
    """What a token is to be from now on; without a status, that stays."""

    status: Literal["active", "disabled", "expired"] | None = None


class PolicyObject(BaseModel):
    """A policy of a token."""

    id: str
    effect: Literal["allow"]
    permission_groups: list[GroupName]
    resources: dict[str, str | dict[str, str]]


class TokenObject(BaseModel):
    """A token, without its value."""

    id: str
    name: str
    status: Literal["active", "disabled", "expired"]
    issued_on: str
    modified_on: str
    last_used_on: str | None = None
    not_before: str | None = None
    expires_on: str | None = None
    policies: list[PolicyObject]


class MadeTokenObject(TokenObject):
    """A token that was just made: its value is given now and never again."""

    value: str


class DeletedToken(BaseModel):
    """A token that is no more."""

    id: str


class VerifiedToken(BaseModel):
    """The token of the call itself."""

    id: str
    status: Literal["active"]
    not_before: str | None = None
    expires_on: str | None = None


class GroupObject(BaseModel):
    """A permission group."""

    id: str
    name: str
    description: str
    scopes: list[str]


class UserObject(BaseModel):
    """Whoever has a token; there are no users to tell apart."""

    id: str
    email: str
    first_name: str | None
    last_name: str | None
    suspended: Literal[False]
    two_factor_authentication_enabled: Literal[False]
