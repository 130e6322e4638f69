# SPDX-License-Identifier: Apache-2.0
"""`/lists`: the named lists of the account, made, described, deleted. Items: list_items."""

from __future__ import annotations

from typing import Annotated, Any, Final

from fastapi import APIRouter, Response

from authz.dashboard.attempts import about
from authz.dashboard.forms import Posted
from authz.dashboard.viewers import Viewer, account_viewer
from authz.dashboard.zone_links import rule_url
from authz.errors import AuthzError
from authz.rules.list_items import ListKind
from authz.services.lists import (
    MAX_DESCRIPTION,
    MAX_NAME,
    RuleUse,
    all_lists,
    create_list,
    describe_list,
    get_list,
    remove_list,
)
from authz.services.permissions import Level, Resource

router = APIRouter()

Reader = Annotated[Viewer, account_viewer(Resource.LISTS, Level.READ)]
Writer = Annotated[Viewer, account_viewer(Resource.LISTS, Level.WRITE)]

#: What a list of each kind holds, for whoever chooses one, and how a rule asks it.
KINDS: Final = {
    ListKind.IP: ("IP addresses", "addresses and networks, IPv4 and IPv6", "ip.src in ${name}"),
    ListKind.HOSTNAME: (
        "Hostnames",
        "names of hosts, with *. for everything below one",
        "http.host in ${name}",
    ),
    ListKind.ASN: (
        "AS numbers",
        "numbers of autonomous systems",
        "ip.src.asnum in ${name}",
    ),
    ListKind.STRING: (
        "Strings",
        "texts of any kind, such as fingerprints of certificates",
        "cf.tls_client_auth.cert_fingerprint_sha256 in ${name}",
    ),
    ListKind.INTEGER: ("Integers", "whole numbers", "http.request.body.size in ${name}"),
}


@router.get("/lists")
def index(viewer: Reader) -> Response:
    """Every list."""
    return viewer.page("lists.html", lists=all_lists(viewer.store, viewer.account.id), kinds=KINDS)


@router.get("/lists/new")
def new(viewer: Writer) -> Response:
    """The form that makes one."""
    return _form(viewer, {"kind": ListKind.IP.value})


@router.post("/lists")
def create(viewer: Writer, form: Posted) -> Response:
    """Make one."""
    try:
        made = create_list(
            viewer.store,
            viewer.account.id,
            form.text("name"),
            form.text("kind"),
            description=form.text("description"),
            actor=viewer.actor,
            at=viewer.at,
        )
    except AuthzError as error:
        return _form(viewer, form.values(), **about(error))
    return viewer.go(
        f"/lists/{made.list.id}", f"The list {made.list.name} is there. Add items to it."
    )


@router.post("/lists/{list_id}/description")
def describe(list_id: str, viewer: Writer, form: Posted) -> Response:
    """Give it another description."""
    describe_list(
        viewer.store,
        viewer.account.id,
        list_id,
        form.text("description"),
        actor=viewer.actor,
        at=viewer.at,
    )
    return viewer.go(f"/lists/{list_id}", "The description is changed.")


@router.post("/lists/{list_id}/delete")
def delete(list_id: str, viewer: Writer) -> Response:
    """Delete it and its items."""
    name = get_list(viewer.store, viewer.account.id, list_id).list.name
    remove_list(viewer.store, viewer.account.id, list_id, actor=viewer.actor, at=viewer.at)
    return viewer.go("/lists", f"The list {name} is deleted.")


def uses_of(viewer: Viewer, rules: tuple[RuleUse, ...]) -> list[dict[str, Any]]:
    """The rules that name a list, as far as whoever looks may read them; and where they are."""
    found = []
    hidden = 0
    for one in rules:
        zone_id = None if one.zone is None else one.zone.id
        if not viewer.may(Resource.RULES, Level.READ, zone_id):
            hidden += 1
            continue
        found.append(
            {
                "text": one.ref,
                "about": one.description,
                "place": "account" if one.zone is None else one.zone.name,
                "url": rule_url(zone_id, one.rule_id),
            }
        )
    if hidden:
        text = "a rule" if hidden == 1 else f"{hidden} rules"
        found.append({"text": f"{text} that your token may not read", "about": "", "place": ""})
    return found


def _form(viewer: Viewer, values: dict[str, str], **more: Any) -> Response:
    return viewer.page(
        "list_new.html",
        **{"errors": [], **more},
        values=values,
        kinds=KINDS,
        max_name=MAX_NAME,
        max_description=MAX_DESCRIPTION,
    )
