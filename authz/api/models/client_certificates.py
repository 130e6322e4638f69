# SPDX-License-Identifier: Apache-2.0
"""Client certificates as the API has them: Cloudflare's object, and what only we have besides."""

from __future__ import annotations

from typing import Final, Literal

from pydantic import BaseModel, ConfigDict, Field

from authz.ca.profiles import MAX_CLIENT_DAYS
from authz.services.context import MAX_NAME

#: Of a CSR that is sent here: one of an RSA key of 4096 bits and some names has 2,000, and reading
#: takes as long as there is to read.
MAX_CSR_CHARACTERS: Final = 16_384

Status = Literal["all", "active", "pending_reactivation", "pending_revocation", "revoked"]


class IssuedBy(BaseModel):
    """The authority of a certificate."""

    id: str
    name: str


class ClientCertificateObject(BaseModel):
    """A client certificate. `label` to `last_seen_on` are ours."""

    id: str
    certificate: str = Field(description="PEM.")
    certificate_authority: IssuedBy
    common_name: str
    country: str
    state: str
    location: str
    organization: str
    organizational_unit: str
    csr: str = Field(description="As it was sent.")
    issued_on: str
    expires_on: str
    fingerprint_sha256: str
    serial_number: str = Field(description="Lower-case hexadecimal.")
    signature: str
    ski: str = Field(description="Lower-case hexadecimal.")
    status: Literal["active", "revoked"]
    validity_days: int
    label: str
    reason: str | None = Field(description="Why it was revoked (RFC 5280 §5.3.1).")
    revoked_on: str | None
    last_seen_on: str | None


class NewClientCertificate(BaseModel):
    """What a certificate is made from. `label` and `certificate_authority_id` are ours."""

    model_config = ConfigDict(extra="ignore")

    csr: str = Field(max_length=MAX_CSR_CHARACTERS, description="PEM.")
    validity_days: int = Field(strict=True, ge=1, le=MAX_CLIENT_DAYS)
    label: str | None = Field(default=None, max_length=MAX_NAME, description="For people.")
    certificate_authority_id: str | None = Field(
        default=None,
        max_length=64,
        description="An embedded CA of the zone; its oldest one, when left out.",
    )


class CertificateChange(BaseModel):
    """One thing to change. `label` is ours."""

    model_config = ConfigDict(extra="ignore")

    reactivate: bool | None = Field(
        default=None,
        strict=True,
        description="true restores a revoked certificate; false asks for nothing.",
    )
    label: str | None = Field(default=None, max_length=MAX_NAME)


class Revocation(BaseModel):
    """Why it is revoked; ours."""

    model_config = ConfigDict(extra="ignore")

    reason: str | None = Field(
        default=None, max_length=64, description="As RFC 5280 §5.3.1 names it."
    )
