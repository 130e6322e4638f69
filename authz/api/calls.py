# SPDX-License-Identifier: Apache-2.0
"""Who calls, whether they may, and which zone or account it is about.

    def list_them(call: Annotated[Call, zone_call(Resource.CERTIFICATES, Level.READ)]) -> …

Permission comes before existence: whoever may not read a zone does not learn whether it is there.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, Final

from fastapi import Depends, Path, Request, Security
from fastapi.security import APIKeyHeader, HTTPBearer

from authz.api.access import Access
from authz.api.problems import could_not_route
from authz.errors import ForbiddenError
from authz.services.authentication import check_still
from authz.services.backend import Backend
from authz.services.context import account_of
from authz.services.permissions import ACCOUNT_WIDE, Grant, Level, Principal, Resource, group_for
from authz.services.privileges import Of, Privilege, needing

if TYPE_CHECKING:
    from authz.store.engine import Store
    from authz.store.records import Account, Zone
    from authz.store.session import Session

_ID: Final = re.compile(r"[0-9a-f]{32}")

_BEARER = HTTPBearer(auto_error=False, description="An API token.")
_KEY = APIKeyHeader(
    name="X-Auth-Key", auto_error=False, description="The same, with X-Auth-Email (ignored)."
)
_SERVICE_KEY = APIKeyHeader(
    name="X-Auth-User-Service-Key",
    scheme_name="UserServiceKey",
    auto_error=False,
    description="The same once more.",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One call that is allowed.

    Args:
        at: Unix seconds.
        zone, account: what it is about, where the path names one.
    """

    backend: Backend
    principal: Principal
    at: float
    zone: Zone | None = None
    account: Account | None = None

    @property
    def store(self) -> Store:
        """The store; raises StoreUnavailableError.

        What is written to it is written if the token is still good when it is the call's turn.
        """
        return self.backend.store().checked(self._check_still)

    def _check_still(self, session: Session) -> None:
        check_still(session, self.principal, at=self.backend.clock())

    @property
    def actor(self) -> str:
        """Who it is, for the audit log."""
        return self.principal.actor

    @property
    def zone_id(self) -> str:
        """The zone's identifier, of a call about a zone."""
        assert self.zone is not None, "the path has a zone"
        return self.zone.id

    @property
    def account_id(self) -> str:
        """The account's identifier, of a call about an account."""
        assert self.account is not None, "the path has an account"
        return self.account.id


def backend_of(request: Request) -> Backend:
    """What the application was made with."""
    backend: Backend = request.app.state.backend
    return backend


def caller(
    request: Request,
    backend: Annotated[Backend, Depends(backend_of)],
    _bearer: Annotated[Any, Security(_BEARER)] = None,
    _key: Annotated[Any, Security(_KEY)] = None,
    _service_key: Annotated[Any, Security(_SERVICE_KEY)] = None,
) -> Call:
    """Whoever has a valid token.

    Raises:
        UnauthenticatedError, ThrottledError, ApiError: nobody.
    """
    at = backend.clock()
    access: Access = request.app.state.access
    principal = access.authenticated(request, at)
    # For the log line of the call (api.guard).
    request.state.token_id = principal.token_id
    # For whoever repeats the call (api.repeats).
    request.state.grants = principal.grants
    return Call(backend=backend, principal=principal, at=at)


Caller = Annotated[Call, Depends(caller)]
ZoneId = Annotated[str, Path(description="The zone's identifier.", examples=["0" * 32])]
AccountId = Annotated[str, Path(description="The account's identifier.", examples=["0" * 32])]


def call_of_zone(
    request: Request, zone_id: ZoneId, call: Call, resource: Resource, level: Level
) -> Call:
    """The call, if it may, with the zone of this identifier.

    Raises:
        ForbiddenError: the token may not.
        ApiError: there is no such zone (404).
    """
    require(call, resource, level, zone_id)
    zone = None
    if _ID.fullmatch(zone_id):
        with call.store.read() as session:
            zone = session.zones.get(zone_id)
    if zone is None:
        raise could_not_route(request.url.path)
    return _with(call, zone=zone)


def call_of_account(
    request: Request, account_id: AccountId, call: Call, resource: Resource, level: Level
) -> Call:
    """The same with the account; raises what `call_of_zone` does."""
    require(call, resource, level, ACCOUNT_WIDE)
    with call.store.read() as session:
        account = account_of(session)
    if account_id != account.id:
        raise could_not_route(request.url.path)
    return _with(call, account=account)


def zone_call(resource: Resource, level: Level) -> Any:
    """A call about the zone in the path; raises what `call_of_zone` does."""

    def check(request: Request, zone_id: ZoneId, call: Caller) -> Call:
        return call_of_zone(request, zone_id, call, resource, level)

    return Depends(needing(check, Privilege(resource=resource, level=level, of=Of.ZONE)))


def account_call(resource: Resource, level: Level) -> Any:
    """A call about the account in the path; raises what `call_of_zone` does."""

    def check(request: Request, account_id: AccountId, call: Caller) -> Call:
        return call_of_account(request, account_id, call, resource, level)

    return Depends(needing(check, Privilege(resource=resource, level=level, of=Of.ACCOUNT)))


def user_call(resource: Resource, level: Level) -> Any:
    """A call about neither; raises ForbiddenError."""

    def check(call: Caller) -> Call:
        require(call, resource, level, ACCOUNT_WIDE)
        return call

    return Depends(needing(check, Privilege(resource=resource, level=level, of=Of.ACCOUNT)))


def require(call: Call, resource: Resource, level: Level, place: str) -> None:
    """Make sure that the token has a permission.

    Raises:
        ForbiddenError: it does not.
    """
    if not call.principal.may(resource, level, place):
        where = "the account" if place == ACCOUNT_WIDE else f"the zone {place}"
        group = group_for(Grant(resource=resource, level=level, place=place))
        raise ForbiddenError(
            f'the token may not do this: it lacks the permission "{group.name}" of {where}',
            hint="give it that permission group, or use another token",
        )


def _with(call: Call, *, zone: Zone | None = None, account: Account | None = None) -> Call:
    return Call(
        backend=call.backend, principal=call.principal, at=call.at, zone=zone, account=account
    )
