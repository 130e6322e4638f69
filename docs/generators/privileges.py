# SPDX-License-Identifier: Apache-2.0
"""The page of privileges: every call, page and form, and what it needs, as the routes say it."""

from __future__ import annotations

from typing import TYPE_CHECKING, NoReturn

from authz.api.app import PREFIX, create_api
from authz.api.privileges import calls
from authz.dashboard.privileges import pages
from authz.dashboard.token_offer import PRESETS
from authz.services.backend import Backend
from authz.services.permissions import (
    ACCOUNT_WIDE,
    EDITING,
    EVERYTHING,
    GROUP_OF,
    READING,
    Grant,
    Level,
    Scope,
    grants_of_group,
    group_for,
)
from authz.services.privileges import Of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from authz.services.privileges import Row

_ZONE = "0" * 32
_SCOPES = {Scope.ZONE: "zones", Scope.ACCOUNT: "the account", Scope.USER: "the account"}

#: What is asked for besides, because of what is in a call; and the tests that try it.
_BESIDES = (
    (
        "a token is made, changed, rolled, disabled or deleted",
        "to be allowed everything that it may; and, but to disable or delete it, to last as long",
        "tests/unit/services/test_tokens.py",
    ),
    (
        "a zone is made whose names a rule or a wildcard host of another zone protects",
        "Zone WAF Write of that zone",
        "tests/unit/services/test_zones.py",
    ),
    (
        "a host is added and protected by a rule at once (a box of the form)",
        "Zone WAF Write of the zone",
        "tests/unit/dashboard/pages/test_hosts.py",
    ),
    (
        "rules that read a list are simulated, replayed or explained",
        "Account Rule Lists Read",
        "tests/unit/services/test_replay.py",
    ),
    (
        "a decision is explained in which rules of the account took part",
        "Account Rulesets Read; without it they are not shown",
        "tests/unit/services/test_allowed.py",
    ),
    (
        "a certificate that was issued here is chosen in the simulator",
        "SSL and Certificates Read of the zone",
        "tests/unit/dashboard/pages/test_simulator.py",
    ),
)


def privileges_page() -> str:
    """docs/reference/privileges.md."""
    api = create_api(Backend(store=_nothing, encryption=_nothing))
    besides = "\n".join(f"| {when} | {what} | `{test}` |" for when, what, test in _BESIDES)
    return f"""\
# Privileges

What every call of the [management API](api.md) and every page and form of the dashboard needs,
read from the routes themselves.
[`tests/attack/test_rights_of_the_api.py`](../../tests/attack/test_rights_of_the_api.py) and
[`tests/attack/test_rights_of_the_dashboard.py`](../../tests/attack/test_rights_of_the_dashboard.py)
try every kind of token on every line of it:
none, malformed, wrong, expired, revoked, disabled, not valid yet, each permission group alone,
each preset and role, everything of another zone.

- "of the zone" is the zone in the path; a group that was given for every zone counts for each.
- Write includes read.
- A valid token that may not is answered 403, also where there is no such zone:
  whoever may not read a zone does not learn whether it is there.
  Whoever may, and asks for what is not there, is answered 404.
- Without a valid token a call is answered 401 (400 when the header cannot be read,
  429 after too many wrong ones from an address).
  A page leads to the sign-in; a form is answered 401.
- A form must come from a page of the same session besides (403).

## Permission groups

| group | for | identifier | allows |
|---|---|---|---|
{chr(10).join(_groups())}

## Roles

Who signs in by a provider has the permissions of the
[roles](settings.md#admindashboardoidcroles) of their groups,
who signs in with a token has those of the token.
Presets are what the dashboard offers for a new token.

| role or preset | permission groups |
|---|---|
{chr(10).join(_roles())}

## Asked for besides

These depend on what is in a call, and not on its path:

| when | needs besides | tried by |
|---|---|---|
{besides}

## The management API

Paths follow `{PREFIX}`.

| call | needs |
|---|---|
{chr(10).join(_rows(calls(api), "a valid token"))}

## The dashboard

| page or form | needs |
|---|---|
{chr(10).join(_rows(pages(), "to be signed in"))}
"""


def _rows(rows: Iterable[Row], valid: str) -> Iterator[str]:
    for row in sorted(rows, key=lambda one: (one.path, one.method)):
        yield f"| `{row.method} {row.path}` | {_needed(row, valid)} |"


def _needed(row: Row, valid: str) -> str:
    if row.needs is None:
        return "nothing"
    if not row.needs:
        return valid
    return ", ".join(
        f"{group_for(one.grant(_ZONE)).name} of the {'zone' if one.of is Of.ZONE else 'account'}"
        if one.of is Of.ZONE or group_for(one.grant(_ZONE)).scope is not Scope.ZONE
        else f"{group_for(one.grant(_ZONE)).name} of every zone"
        for one in row.needs
    )


def _groups() -> Iterator[str]:
    for group in GROUP_OF.values():
        where = _SCOPES[group.scope]
        yield f"| {group.name} | {where} | `{group.id}` | {group.description} |"


def _roles() -> Iterator[str]:
    for name, grants in (("reader", READING), ("editor", EDITING), ("admin", EVERYTHING)):
        yield f"| role `{name}` | {', '.join(_names(grants))} |"
    for name, _, groups in PRESETS.values():
        yield f"| preset {name} | {', '.join(_scoped(one) for one in groups)} |"


def _names(grants: frozenset[Grant]) -> list[str]:
    """The groups that these are made of, those alone that no other one includes."""
    found = []
    for group in GROUP_OF.values():
        place = ACCOUNT_WIDE if group.scope is not Scope.ZONE else "*"
        given = grants_of_group(group, place)
        furthest = {
            one
            for one in given
            if one.level is Level.WRITE
            or Grant(resource=one.resource, level=Level.WRITE, place=one.place) not in grants
        }
        if given <= grants and furthest:
            found.append(_scoped(group.id))
    return found


def _scoped(group_id: str) -> str:
    group = GROUP_OF[group_id]
    return f"{group.name} ({'every zone' if group.scope is Scope.ZONE else 'account'})"


def _nothing() -> NoReturn:
    raise RuntimeError("nothing is asked of a store to list routes")
