# SPDX-License-Identifier: Apache-2.0
"""Which hostnames of a zone ask for certificates of an authority."""

from __future__ import annotations

from typing import Annotated, Final

from pydantic import BaseModel, ConfigDict, Field

from authz.services.context import MAX_NAME

#: Of one authority in one zone; a wildcard stands for any number.
MAX_HOSTNAMES: Final = 1000

Hostname = Annotated[str, Field(max_length=MAX_NAME)]


class Hostnames(BaseModel):
    """Hostnames, in their order."""

    hostnames: list[str]


class NewHostnames(BaseModel):
    """What the hostnames of an authority will be; none removes all."""

    model_config = ConfigDict(extra="ignore")

    hostnames: list[Hostname] = Field(max_length=MAX_HOSTNAMES)
    mtls_certificate_id: str | None = Field(
        default=None,
        max_length=64,
        description="An uploaded authority; the zone's embedded CA, when left out.",
    )
