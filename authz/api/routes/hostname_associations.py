# SPDX-License-Identifier: Apache-2.0
"""`/zones/{zone_id}/certificate_authorities/hostname_associations`: which hostnames ask for which
authority.

Without `mtls_certificate_id` the zone's embedded CA is meant. Hostnames are kept in lower case;
wildcards are taken, which Cloudflare does not. `ETag` names the hostnames as they are, and
`If-Match` replaces none but these.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

from fastapi import APIRouter, Query, Response

from authz.api.calls import Call, zone_call
from authz.api.envelope import Envelope, Failure, ok
from authz.api.models.hostname_associations import Hostnames, NewHostnames
from authz.api.preconditions import Matching, tagged
from authz.api.problems import pointed
from authz.errors import InvalidInputError
from authz.services.authorities import authority_in_zone
from authz.services.hosts import HOSTNAMES, check_hostnames, hostnames_of, replace_hosts
from authz.services.managed_authority import ensure_managed_authority, managed_authority
from authz.services.permissions import Level, Resource
from authz.services.preconditions import tag_of

if TYPE_CHECKING:
    from collections.abc import Sequence

router = APIRouter(tags=["Hostname associations"])

_PATH = "/zones/{zone_id}/certificate_authorities/hostname_associations"


@router.get(_PATH, response_model=Envelope[Hostnames])
def get(
    call: Annotated[Call, zone_call(Resource.CERTIFICATES, Level.READ)],
    response: Response,
    mtls_certificate_id: Annotated[
        str | None,
        Query(
            max_length=64,
            description="An uploaded authority; the zone's embedded CA, when left out.",
        ),
    ] = None,
) -> dict[str, Any]:
    """The hostnames of the zone that ask for certificates of an authority."""
    authority_id = _named(call, mtls_certificate_id)
    if authority_id is None:
        return _answer((), response)
    return _answer(hostnames_of(call.store, call.zone_id, authority_id), response)


@router.put(
    _PATH,
    response_model=Envelope[Hostnames],
    responses={412: {"model": Failure, "description": "The hostnames are others by now."}},
)
def put(
    new: NewHostnames,
    call: Annotated[Call, zone_call(Resource.CERTIFICATES, Level.WRITE)],
    precondition: Matching,
    response: Response,
) -> dict[str, Any]:
    """Make these the hostnames that ask for certificates of an authority, and no others."""
    authority_id = _named(call, new.mtls_certificate_id)
    if authority_id is None:
        if precondition is not None:
            precondition.check(tag_of(()), HOSTNAMES)
        if not new.hostnames:
            return _answer((), response)
    try:
        if authority_id is None:
            # First: what is refused makes no authority either.
            check_hostnames(call.store, call.zone_id, new.hostnames)
            authority_id = ensure_managed_authority(
                call.store,
                call.zone_id,
                encryption=call.backend.encryption,
                publication_url=call.backend.publication_url,
                actor=call.actor,
                at=call.at,
            ).id
        names = replace_hosts(
            call.store,
            call.zone_id,
            authority_id,
            new.hostnames,
            precondition=precondition,
            actor=call.actor,
            at=call.at,
        )
    except InvalidInputError as error:
        raise pointed(error, f"/hostnames/{error.where}" if error.where else "") from None
    return _answer(names, response)


def _answer(names: Sequence[str], response: Response) -> dict[str, Any]:
    tagged(response, tag_of(names))
    return ok({"hostnames": names})


def _named(call: Call, mtls_certificate_id: str | None) -> str | None:
    """The identifier of the authority that a call means, None for one that is not there yet."""
    if mtls_certificate_id is not None:
        return authority_in_zone(call.store, call.zone_id, mtls_certificate_id).authority.id
    found = managed_authority(call.store, call.zone_id)
    return None if found is None else found.id
