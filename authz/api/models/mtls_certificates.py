# SPDX-License-Identifier: Apache-2.0
"""Uploaded authorities as Cloudflare's API has them: mTLS certificates of the account."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from authz.api.models.zones import Named
from authz.ca.uploaded import MAX_PEM_BYTES
from authz.services.context import MAX_NAME


class MtlsCertificate(BaseModel):
    """An uploaded authority, described by its first certificate."""

    id: str
    ca: Literal[True]
    certificates: str = Field(description="PEM.")
    expires_on: str
    issuer: str
    name: str | None
    serial_number: str = Field(description="Decimal.")
    signature: str
    type: Literal["custom"]
    uploaded_on: str


class NewMtlsCertificateObject(MtlsCertificate):
    """The same as the answer to the upload has it."""

    updated_at: str


class NewMtlsCertificate(BaseModel):
    """What is uploaded."""

    model_config = ConfigDict(extra="ignore")

    ca: bool = Field(strict=True, description="true: others are not taken.")
    certificates: str = Field(max_length=MAX_PEM_BYTES, description="PEM.")
    name: str | None = Field(default=None, max_length=MAX_NAME)
    private_key: str | None = Field(default=None, description="Refused: no use is made of it.")


class Association(BaseModel):
    """What uses an authority: the hostnames of a zone (which are ours)."""

    service: Literal["hostname_associations"]
    status: Literal["active"]
    zone: Named
    hostnames: list[str]
