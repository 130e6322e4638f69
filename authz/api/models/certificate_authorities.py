# SPDX-License-Identifier: Apache-2.0
"""Embedded CAs of a zone, which Cloudflare's API has no call for."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, Field

from authz.api.models.zones import Named


class AuthorityCertificateObject(BaseModel):
    """A certificate of an authority; `previous` ones signed before a rotation, and a
    `previous_root` stands above such a one."""

    id: str
    role: Literal["issuing", "previous", "previous_root", "trusted", "chain"]
    certificate: str
    subject: str
    issuer: str
    serial_number: str
    signature: str
    key: str
    has_private_key: bool
    ski: str
    fingerprint_sha256: str
    issued_on: str
    expires_on: str


class SourcesObject(BaseModel):
    """Where an authority's revocations come from, beside its own list."""

    crl_urls: list[str]
    ocsp: str


class CertificateAuthorityObject(BaseModel):
    """An embedded CA."""

    id: str
    name: str
    kind: Literal["managed"]
    status: Literal["active", "retired", "distrusted"]
    distrusted_on: str | None = Field(
        description="When it was distrusted because of an incident: it issues nothing."
    )
    default: bool = Field(description="Whether it is meant when a call names none.")
    zone: Named
    revocation: str
    sources: SourcesObject
    certificates: list[AuthorityCertificateObject]
    expires_on: str | None = Field(description="When what issues expires.")
    created_on: str
    modified_on: str
