# SPDX-License-Identifier: Apache-2.0
"""`/zones/{zone_id}/client-certificates/hosts`: which hostnames ask for client certificates.

Asking blocks nobody. The rule that does can be made along with it, by whoever may make rules.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Final

from fastapi import APIRouter, Query, Response

from authz.dashboard import addresses
from authz.dashboard.forms import Posted
from authz.dashboard.hosts_card import shown_hosts
from authz.dashboard.problems import texts_of
from authz.dashboard.viewers import Viewer, zone_viewer
from authz.errors import AuthzError, ForbiddenError, InvalidInputError, StoreUnavailableError
from authz.services.authorities import list_authorities
from authz.services.hosts import add_host, list_hosts, remove_host
from authz.services.managed_authority import managed_authority
from authz.services.namespace import DEFAULT_ZONE
from authz.services.permissions import ACCOUNT_WIDE, Level, Resource
from authz.store.records import AuthorityKind

if TYPE_CHECKING:
    from authz.dashboard.forms import Form
    from authz.services.hosts import Host
    from authz.store.records import Authority

router = APIRouter()

PER_PAGE: Final = 100

Reader = Annotated[Viewer, zone_viewer(Resource.CERTIFICATES, Level.READ)]
Writer = Annotated[Viewer, zone_viewer(Resource.CERTIFICATES, Level.WRITE)]


@router.get("/zones/{zone_id}/client-certificates/hosts")
def hosts(
    viewer: Reader,
    search: Annotated[str, Query(max_length=255)] = "",
    page: Annotated[int, Query(ge=1, le=100_000)] = 1,
) -> Response:
    """The hostnames that ask, and the form for another one."""
    return _page(viewer, search=search.strip().lower(), page=page)


@router.post("/zones/{zone_id}/client-certificates/hosts")
def add(viewer: Writer, posted: Posted) -> Response:
    """Let a hostname ask for certificates of an authority."""
    protect = posted.checked("protect")
    if protect:
        viewer.require(Resource.RULES, Level.WRITE)
    try:
        chosen = _chosen(viewer, posted.text("authority_id"))
        done = add_host(
            viewer.store,
            posted.text("hostname"),
            authority=chosen,
            zone=viewer.zone_id,
            protect=() if protect else None,
            geo=viewer.backend.geo,
            actor=viewer.actor,
            at=viewer.at,
        )
    except (ForbiddenError, StoreUnavailableError):
        raise
    except AuthzError as error:
        return _page(viewer, posted, error)
    told = f"{done.hostname} asks for certificates of {done.authority.name}"
    if done.rule is None:
        return viewer.go(_address(viewer), f"{told}. No rule was made: it blocks nobody yet.")
    made = "a new rule" if done.rule_is_new else "a rule that was there"
    return viewer.go(_address(viewer), f"{told}, and {made} blocks requests without a valid one.")


@router.post("/zones/{zone_id}/client-certificates/hosts/remove")
def remove(viewer: Writer, posted: Posted) -> Response:
    """Let a hostname ask for certificates of an authority, or of all, no more."""
    hostname = posted.text("hostname")
    names = remove_host(
        viewer.store,
        hostname,
        authority=posted.text("authority_id") or None,
        zone=viewer.zone_id,
        actor=viewer.actor,
        at=viewer.at,
    )
    return viewer.go(
        _address(viewer),
        f"{hostname} does not ask for certificates of {', '.join(names)} any more.",
    )


def offered(viewer: Viewer, known: list[Host]) -> list[Authority]:
    """The authorities that hostnames of the zone may ask for, as far as whoever looks may know.

    None that was distrusted: nobody is to begin to ask for it.
    Those of the account are shown to who may read them, or if a hostname here asks for one.
    """
    may_read = viewer.may(Resource.CERTIFICATES, Level.READ, ACCOUNT_WIDE)
    asked = {one.id for host in known for one in host.authorities}
    return [
        one.authority
        for one in list_authorities(viewer.store)
        if not one.is_distrusted
        and (
            one.authority.zone_id == viewer.zone_id
            or (
                one.authority.kind is AuthorityKind.UPLOADED
                and (may_read or one.authority.id in asked)
            )
        )
    ]


def _chosen(viewer: Viewer, authority_id: str) -> str:
    """The identifier, if it is one that is offered.

    Raises:
        InvalidInputError: it is not.
    """
    known = list_hosts(viewer.store, viewer.zone_id)
    if authority_id not in {one.id for one in offered(viewer, known)}:
        raise InvalidInputError(
            "no authority is chosen", hint="choose whose certificates the hostname asks for"
        )
    return authority_id


def _address(viewer: Viewer) -> str:
    return f"{addresses.client_certificates(viewer.zone_id)}/hosts"


def _at_page(viewer: Viewer, search: str, page: int) -> str:
    return addresses.with_query(_address(viewer), search=search, page="" if page == 1 else page)


def _page(
    viewer: Viewer,
    posted: Form | None = None,
    error: AuthzError | None = None,
    *,
    search: str = "",
    page: int = 1,
) -> Response:
    known = list_hosts(viewer.store, viewer.zone_id)
    found = [one for one in known if search in one.hostname]
    skip = (page - 1) * PER_PAGE
    managed = managed_authority(viewer.store, viewer.zone_id)
    values: dict[str, Any] = {
        "hostname": "",
        "authority_id": "" if managed is None else managed.id,
        "protect": True,
    }
    if posted is not None:
        values = {
            "hostname": posted.text("hostname"),
            "authority_id": posted.text("authority_id"),
            "protect": posted.checked("protect"),
        }
    return viewer.page(
        "client_certificates/hosts.html",
        status=200 if error is None else 400,
        errors=[] if error is None else texts_of(error),
        hosts=shown_hosts(viewer, found[skip : skip + PER_PAGE]),
        total=len(known),
        found=len(found),
        search=search,
        previous=_at_page(viewer, search, page - 1) if page > 1 else "",
        next=_at_page(viewer, search, page + 1) if len(found) > skip + PER_PAGE else "",
        authorities=offered(viewer, known),
        values=values,
        rule_address=lambda hostname: addresses.mtls_rule(viewer.zone_id, host=hostname),
        below="" if viewer.zone is None or viewer.zone.name == DEFAULT_ZONE else viewer.zone.name,
    )
