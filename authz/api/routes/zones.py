# SPDX-License-Identifier: Apache-2.0
"""`/zones`: create, list, get, change."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Final

from fastapi import APIRouter, Query

from authz.api.calls import Call, Caller, user_call, zone_call
from authz.api.envelope import Envelope, Paged, ok, page_of
from authz.api.models.zones import NewZone, ZoneChange, ZoneId, ZoneObject, ZoneQuery
from authz.api.problems import INVALID_REQUEST, LOOSENED, pointer_of, problem
from authz.api.refusals import all_refused, placed, refused
from authz.services.accounts import get_account
from authz.services.permissions import Level, Resource
from authz.services.representation import zone_object
from authz.services.zone_removal import remove_zone
from authz.services.zones import change_zone, create_zone, list_zones

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from authz.store.records import Account, Zone

router = APIRouter(tags=["Zones"])

#: What every zone is, at Cloudflare a choice.
_FIXED: Final = {"paused": False, "type": "full"}

#: Cloudflare's, with why it cannot be set.
_REFUSED: Final = {
    "name": "it has no call at Cloudflare, and here only a command: authz zone rename",
    "paused": "a zone that is not to be enforced has no rules: disable them",
    "plan": "there are no plans",
    "type": "every zone is full: nobody's DNS is looked at",
    "vanity_name_servers": "this service answers no DNS queries",
}

#: As Cloudflare writes a comparison before a text: `contains:example`.
_COMPARISONS: Final[dict[str, Callable[[str, str], bool]]] = {
    "equal": lambda value, text: value == text,
    "not_equal": lambda value, text: value != text,
    "starts_with": lambda value, text: value.startswith(text),
    "ends_with": lambda value, text: value.endswith(text),
    "contains": lambda value, text: text in value,
}
_CASE_SENSITIVE: Final = "_case_sensitive"


@router.get("/zones", response_model=Paged[ZoneObject])
def list_them(query: Annotated[ZoneQuery, Query()], call: Caller) -> dict[str, Any]:
    """The zones that the token may read."""
    account = get_account(call.store)
    found = [
        one
        for one in list_zones(call.store)
        if call.principal.may(Resource.ZONES, Level.READ, one.id) and _fits(query, one, account)
    ]
    if query.order == "name":
        found.sort(key=lambda one: one.name)
    if query.direction == "desc":
        found.reverse()
    return page_of(
        found,
        page=query.page,
        per_page=query.per_page,
        shown=lambda one: _object(one, account),
    )


@router.post("/zones", response_model=Envelope[ZoneObject])
def create(
    new: NewZone, call: Annotated[Call, user_call(Resource.ZONES, Level.WRITE)]
) -> dict[str, Any]:
    """Make a zone: the name and everything below it.

    Where its names are protected until then (by rules that block, a wildcard host,
    `default_action`, or `paths` or `misdirected` stricter than a new zone's), that counts for them
    no more: it takes `force` and Zone WAF Write for the zone that has them, and `messages` say what
    is lost.
    """
    account = get_account(call.store)
    if new.account is not None and new.account.id not in (None, account.id):
        raise refused(f"there is one account, {account.id}", pointer="/account/id")
    with placed("/name"):
        made = create_zone(
            call.store,
            new.name,
            force=new.force,
            within=call.principal.grants,
            actor=call.actor,
            at=call.at,
        )
    lost = [
        problem(LOOSENED, f"no more for {made.zone.name} and what is below it: {one}")
        for one in made.losses
    ]
    return ok(_object(made.zone, account)) | {"messages": lost}


@router.get("/zones/{zone_id}", response_model=Envelope[ZoneObject])
def get(call: Annotated[Call, zone_call(Resource.ZONES, Level.READ)]) -> dict[str, Any]:
    """One zone."""
    assert call.zone is not None
    return ok(_object(call.zone, get_account(call.store)))


@router.patch("/zones/{zone_id}", response_model=Envelope[ZoneObject])
def change(
    wanted: ZoneChange, call: Annotated[Call, zone_call(Resource.ZONES, Level.WRITE)]
) -> dict[str, Any]:
    """Change settings of a zone."""
    problems = [
        problem(
            INVALID_REQUEST,
            f"{name} cannot be changed: {_REFUSED.get(name, 'there is no such setting')}",
            pointer_of([name]),
        )
        for name, value in wanted.others.items()
        if name not in _FIXED or value != _FIXED[name]
    ]
    if problems:
        raise all_refused(problems)
    settings = {
        name: value
        for name in ("default_action", "paths", "misdirected", "upstream_headers")
        if (value := getattr(wanted, name)) is not None
    }
    if not settings:
        return get(call)
    changed = change_zone(call.store, call.zone_id, **settings, actor=call.actor, at=call.at)
    return ok(_object(changed, get_account(call.store)))


@router.delete("/zones/{zone_id}", response_model=Envelope[ZoneId])
def delete(call: Annotated[Call, zone_call(Resource.ZONES, Level.WRITE)]) -> dict[str, Any]:
    """Remove a zone that has no hosts, CAs, rules, lists or tokens of its own.

    And whose settings are no stricter than those of the zone that has its names then.
    """
    remove_zone(
        call.store,
        call.zone_id,
        within=call.principal.grants,
        actor=call.actor,
        at=call.at,
    )
    return ok({"id": call.zone_id})


def _fits(query: ZoneQuery, zone: Zone, account: Account) -> bool:
    """Whether a zone is among those that a query asks for."""
    answers = list(_answers(query, zone, account))
    return (any(answers) if query.match == "any" else all(answers)) if answers else True


def _answers(query: ZoneQuery, zone: Zone, account: Account) -> Iterator[bool]:
    if query.name is not None:
        yield _compared(query.name, zone.name)
    if query.account_id is not None:
        yield query.account_id == account.id
    if query.account_name is not None:
        yield _compared(query.account_name, account.name)
    if query.status is not None:
        yield query.status == "active"


def _compared(wanted: str, value: str) -> bool:
    word, colon, text = wanted.partition(":")
    sensitive = word.endswith(_CASE_SENSITIVE)
    compare = _COMPARISONS.get(word.removesuffix(_CASE_SENSITIVE))
    if not colon or compare is None:
        return value.lower() == wanted.lower()
    return compare(value, text) if sensitive else compare(value.lower(), text.lower())


def _object(zone: Zone, account: Account) -> dict[str, Any]:
    mine = zone_object(zone)
    return mine | {
        "status": "active",
        "type": "full",
        "paused": False,
        "development_mode": 0,
        "account": {"id": account.id, "name": account.name},
        "activated_on": mine["created_on"],
    }
