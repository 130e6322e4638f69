# SPDX-License-Identifier: Apache-2.0
"""Who looks at a page, what they may, and which zone it is about.

    @router.get("/zones/{zone_id}/rules")
    def rules(viewer: Annotated[Viewer, zone_viewer(Resource.RULES, Level.READ)]) -> Response:
        return viewer.page("rules.html", …)

Permission comes before existence, as in the API. Whatever changes something is checked for where
it comes from here (`csrf`), so that no page can forget it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Annotated, Any, Final

from fastapi import Depends, Path, Request
from fastapi.responses import HTMLResponse, JSONResponse, RedirectResponse

from authz.dashboard import cookies, csrf
from authz.dashboard.bodies import sound_body
from authz.dashboard.forms import Posted
from authz.dashboard.navigation import navigation
from authz.dashboard.requests import wants_json
from authz.dashboard.site import Site
from authz.errors import ForbiddenError, NotFoundError, UnauthenticatedError
from authz.services.allowed import allowed_to
from authz.services.authentication import check_still
from authz.services.context import account_of
from authz.services.permissions import ACCOUNT_WIDE, Grant, Level, Resource, group_for
from authz.services.privileges import Of, Privilege, needing
from authz.services.sign_ins import SignedIn, signed_in

if TYPE_CHECKING:
    from authz.services.allowed import Allowed
    from authz.services.backend import Backend
    from authz.store.engine import Store
    from authz.store.records import Account, Zone
    from authz.store.session import Session

_ID: Final = re.compile(r"[0-9a-f]{32}")

#: What is a zone's; the rest is the account's.
OF_ZONES: Final = frozenset(
    {Resource.CERTIFICATES, Resource.RULES, Resource.ZONES, Resource.EVENTS}
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Viewer:
    """Somebody who is signed in and looks at a page.

    Args:
        at: Unix seconds.
        zones: those that they may see anything of.
        zone: what the page is about, where its path names one.
    """

    request: Request
    site: Site
    who: SignedIn
    at: float
    account: Account
    zones: tuple[Zone, ...]
    zone: Zone | None = None
    secret: str = field(repr=False)

    @property
    def backend(self) -> Backend:
        """What the pages work with."""
        return self.site.backend

    @property
    def store(self) -> Store:
        """The store; raises StoreUnavailableError.

        What is written to it is written if whoever is signed in still may when it is their turn.
        """
        return self.backend.store().checked(self._check_still)

    @property
    def actor(self) -> str:
        """Who it is, for the audit log."""
        return self.who.principal.actor

    @property
    def is_read_only(self) -> bool:
        """Whether there is nothing that they may change."""
        return self.who.principal.is_read_only

    @property
    def zone_id(self) -> str:
        """The zone's identifier, of a page about a zone."""
        assert self.zone is not None, "the path has a zone"
        return self.zone.id

    @property
    def page_links(self) -> tuple[str, ...]:
        """The pages of the menu."""
        return tuple(one.url for part in navigation(self, "") for one in part.links)

    @property
    def allowed(self) -> Allowed:
        """What they may be shown of decisions besides the zone's rules."""
        return allowed_to(self.who.principal)

    def may(self, resource: Resource | str, level: Level | str, place: str | None = None) -> bool:
        """Whether they may do something.

        Args:
            resource, level: also by the names that templates use: "rules", "write".
            place: a zone's identifier, EVERY_ZONE or ACCOUNT_WIDE; None for the zone of the page
                where the resource is a zone's, else the account.
        """
        what = resource if isinstance(resource, Resource) else Resource[resource.upper()]
        how = level if isinstance(level, Level) else Level(level)
        if place is None:
            of_zone = self.zone is not None and what in OF_ZONES
            place = self.zone_id if of_zone else ACCOUNT_WIDE
        return self.who.principal.may(what, how, place)

    def require(self, resource: Resource, level: Level, place: str | None = None) -> None:
        """Make sure that they may.

        Raises:
            ForbiddenError: they may not.
        """
        if not self.may(resource, level, place):
            where = place or (
                self.zone_id if self.zone is not None and resource in OF_ZONES else ACCOUNT_WIDE
            )
            group = group_for(Grant(resource=resource, level=level, place=where))
            raise ForbiddenError(
                f'you may not do this: your token lacks the permission "{group.name}"',
                hint="sign in with a token that has it",
            )

    def page(self, template: str, *, status: int = 200, **values: Any) -> HTMLResponse:
        """A page of this template."""
        secure = self.site.options.secure
        notice = cookies.notice_of(self.request, secure=secure)
        text = self.site.renderer.render(
            template,
            {
                "viewer": self,
                "may": self.may,
                "now": self.at,
                "zone": self.zone,
                "zones": self.zones,
                "account": self.account,
                "notice": notice,
                "csrf": csrf.token_of(self.secret),
                "navigation": navigation(self, self.request.url.path),
                **values,
            },
        )
        response = HTMLResponse(text, status_code=status)
        if notice:
            cookies.keep_notice(response, "", secure=secure)
        return response

    def go(self, where: str, notice: str = "") -> RedirectResponse:
        """The answer to a form that did what it should: another page, which says so."""
        response = RedirectResponse(where, status_code=303)
        if notice:
            cookies.keep_notice(response, notice, secure=self.site.options.secure)
        return response

    def json(self, value: Any, *, status: int = 200) -> JSONResponse:
        """An answer for a script of ours."""
        return JSONResponse(value, status_code=status)

    def _check_still(self, session: Session) -> None:
        check_still(session, self.who.principal, at=self.backend.clock())


def site_of(request: Request) -> Site:
    """What the application was made with."""
    site: Site = request.app.state.site
    return site


def know(request: Request, site: Site, at: float) -> tuple[SignedIn, str]:
    """Who is signed in, and the secret of the session.

    Raises:
        UnauthenticatedError: nobody.
        StoreUnavailableError: nobody can tell.
    """
    secret = cookies.session_of(request, secure=site.options.secure)
    if not secret:
        raise UnauthenticatedError("nobody is signed in", hint="sign in")
    store, times = site.backend.store(), site.options.times
    found = signed_in(store, secret, times=times, at=at, use=site.use)
    if found.sign_in.token_id is None:
        if site.provider is None:
            raise UnauthenticatedError(
                "sign-in by a provider is switched off by now", hint="sign in with an API token"
            )
        if not site.provider.still_lets_in(found.sign_in.subject):
            # What the session may was decided under the settings of then.
            raise UnauthenticatedError(
                "the settings of who may sign in have changed", hint="sign in again"
            )
    return found, secret


def viewer(
    request: Request,
    form: Posted,
    site: Annotated[Site, Depends(site_of)],
    _sound: Annotated[None, Depends(sound_body)],
) -> Viewer:
    """Whoever is signed in.

    Raises:
        InvalidInputError: what is posted is no text (`bodies`).
        UnauthenticatedError: nobody.
        ForbiddenError: the request changes something and is not from a page of ours.
    """
    at = site.backend.clock()
    who, secret = know(request, site, at)
    if request.method not in csrf.SAFE:
        csrf.check(request, secret, form.text(csrf.FIELD), site.options.url)
    if request.method not in csrf.SAFE or not wants_json(request):
        # A page that asks by itself every few seconds is nobody who works with it.
        site.use.used(who.sign_in, at)
    request.state.token_id = who.principal.token_id or who.principal.name
    with site.backend.store().read() as session:
        account, every = account_of(session), session.zones.all()
    shown = tuple(
        zone
        for zone in every
        if any(who.principal.may(one, Level.READ, zone.id) for one in OF_ZONES)
    )
    return Viewer(
        request=request, site=site, who=who, at=at, account=account, zones=shown, secret=secret
    )


SomeViewer = Annotated[Viewer, Depends(viewer)]


def zone_viewer(resource: Resource, level: Level) -> Any:
    """Somebody who may see or change something of the zone in the path.

    Raises what `viewer` does, and:
        ForbiddenError: they may not.
        NotFoundError: there is no such zone.
    """

    def check(zone_id: Annotated[str, Path()], someone: SomeViewer) -> Viewer:
        someone.require(resource, level, zone_id)
        zone = next((one for one in someone.zones if one.id == zone_id), None)
        if zone is None or not _ID.fullmatch(zone_id):
            raise NotFoundError("there is no such zone", hint="choose one of those at the top")
        return replace(someone, zone=zone)

    return Depends(needing(check, Privilege(resource=resource, level=level, of=Of.ZONE)))


def account_viewer(resource: Resource, level: Level) -> Any:
    """Somebody who may see or change something of the account; raises what `zone_viewer` does."""

    def check(someone: SomeViewer) -> Viewer:
        someone.require(resource, level, ACCOUNT_WIDE)
        return someone

    return Depends(needing(check, Privilege(resource=resource, level=level, of=Of.ACCOUNT)))
