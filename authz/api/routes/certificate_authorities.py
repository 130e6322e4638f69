# SPDX-License-Identifier: Apache-2.0
"""`/zones/{zone_id}/certificate_authorities`: the zone's embedded CAs, to look at.

Cloudflare has no such call: its managed CA cannot be seen. Uploaded authorities are the account's,
and are in `mtls_certificates`; what belongs to another zone is in neither.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

from fastapi import APIRouter, Path

from authz.api.calls import Call, zone_call
from authz.api.envelope import Envelope, Paged, SinglePage, ok, single
from authz.api.models.certificate_authorities import CertificateAuthorityObject
from authz.api.openapi import EXTENSION
from authz.errors import NotFoundError
from authz.services.authorities import list_authorities
from authz.services.managed_authority import managed_authority
from authz.services.permissions import Level, Resource
from authz.services.representation import embedded_object

if TYPE_CHECKING:
    from authz.services.authorities import KnownAuthority

router = APIRouter(tags=["Certificate authorities"])

Reader = Annotated[Call, zone_call(Resource.CERTIFICATES, Level.READ)]


@router.get(
    "/zones/{zone_id}/certificate_authorities",
    response_model=Paged[CertificateAuthorityObject],
    openapi_extra=EXTENSION,
)
def list_them(call: Reader, page: SinglePage = 1) -> dict[str, Any]:
    """The embedded CAs of the zone, the oldest first, all on one page."""
    managed = managed_authority(call.store, call.zone_id)
    return single(
        [embedded_object(one, None if managed is None else managed.id) for one in _of_zone(call)],
        page,
    )


@router.get(
    "/zones/{zone_id}/certificate_authorities/{authority_id}",
    response_model=Envelope[CertificateAuthorityObject],
    openapi_extra=EXTENSION,
)
def get(
    call: Reader,
    authority_id: Annotated[
        str, Path(description="The authority's identifier.", examples=["0" * 32])
    ],
) -> dict[str, Any]:
    """One embedded CA."""
    known = next((one for one in _of_zone(call) if one.authority.id == authority_id), None)
    if known is None:
        # The same for one of the account, which tokens of a zone may not read.
        raise NotFoundError(
            f'the zone has no embedded CA "{authority_id}"',
            hint="what was uploaded is among the mtls_certificates of the account",
        )
    managed = managed_authority(call.store, call.zone_id)
    return ok(embedded_object(known, None if managed is None else managed.id))


def _of_zone(call: Call) -> list[KnownAuthority]:
    return [one for one in list_authorities(call.store) if one.authority.zone_id == call.zone_id]
