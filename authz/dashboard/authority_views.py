# SPDX-License-Identifier: Apache-2.0
"""Which authority a page is about, and who looks at it: one of a zone, or one of the account.

    @router.get("/zones/{zone_id}/authorities/{authority_id}")
    @router.get("/authorities/{uploaded_id}")
    def one(view: Reader) -> Response:

An embedded CA is its zone's, an uploaded one the account's. Neither is found at the other's
address, so that whoever may not read one of them does not learn that it is there.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from fastapi import Depends, Request

from authz.dashboard import addresses
from authz.dashboard.viewers import SomeViewer, Viewer, account_viewer, zone_viewer
from authz.errors import NotFoundError
from authz.services.authorities import KnownAuthority, list_authorities
from authz.services.permissions import Level, Resource
from authz.services.privileges import Of, Privilege, needing
from authz.store.records import AuthorityKind

if TYPE_CHECKING:
    from authz.store.records import Authority


@dataclass(frozen=True, slots=True, kw_only=True)
class AuthorityView:
    """Somebody who looks at an authority, or changes it."""

    viewer: Viewer
    known: KnownAuthority

    @property
    def authority(self) -> Authority:
        """The authority."""
        return self.known.authority

    @property
    def is_embedded(self) -> bool:
        """Whether its key is here."""
        return self.authority.kind is AuthorityKind.MANAGED

    @property
    def address(self) -> str:
        """Its page."""
        return addresses.authority(self.authority.zone_id, self.authority.id)

    @property
    def may_write(self) -> bool:
        """Whether they may change it."""
        return self.viewer.may(Resource.CERTIFICATES, Level.WRITE)


def authority_view(level: Level) -> Any:
    """An authority at its address, for somebody who may.

    Raises what `zone_viewer` and `account_viewer` do, and:
        NotFoundError: there is no such authority there.
    """
    of_zone = zone_viewer(Resource.CERTIFICATES, level).dependency
    of_account = account_viewer(Resource.CERTIFICATES, level).dependency

    def check(request: Request, someone: SomeViewer) -> AuthorityView:
        named = request.path_params
        zone_id = named.get("zone_id")
        viewer: Viewer = of_account(someone) if zone_id is None else of_zone(zone_id, someone)
        authority_id = named["uploaded_id" if zone_id is None else "authority_id"]
        for known in list_authorities(viewer.store):
            if known.authority.id == authority_id and known.authority.zone_id == zone_id:
                return AuthorityView(viewer=viewer, known=known)
        raise NotFoundError(
            "there is no such authority here", hint="choose one under Client Certificates"
        )

    privilege = Privilege(resource=Resource.CERTIFICATES, level=level, of=Of.PATH)
    return Depends(needing(check, privilege))
