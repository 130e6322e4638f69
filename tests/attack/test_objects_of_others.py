# SPDX-License-Identifier: Apache-2.0
"""What is another zone's, or the account's, below the caller's own path and with the caller's own
rights: every call of the API and every page with an identifier, by the routes themselves.

Nothing of it is told, changed or deleted, and the answer is that for what is not there at all.
"""

from __future__ import annotations

import contextlib
import json
import re
import shutil
import sqlite3
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import pytest

from authz.api.app import create_api
from authz.api.privileges import calls
from authz.dashboard.csrf import SAFE
from authz.dashboard.privileges import pages
from authz.dashboard.rule_actions import DEPLOY
from authz.dashboard.rule_scopes import basis_text
from authz.services.backend import Backend
from authz.services.permissions import PERMISSION_GROUPS, Scope
from authz.services.zones import create_zone
from authz.store.engine import open_store
from tests.attack.report import tried
from tests.factories.dashboard import Bench as Pages
from tests.factories.dashboard import Visitor
from tests.factories.issuing import csr
from tests.factories.neighbours import MARK, at_places, attempts, kind_of, settle, slots_of
from tests.factories.rights import KINDS, NOTHING, may, placed
from tests.unit.api.conftest import Bench as Api

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    import httpx

    from authz.services.permissions import Grant
    from authz.services.privileges import Row
    from tests.factories.neighbours import Neighbours

pytestmark = pytest.mark.attack

#: Who asks: somebody of this zone, somebody of the account, and somebody who may do everything, for
#: whom another zone's objects are not below this zone's path either.
ZONE: Final = "everything of this zone"
ACCOUNT: Final = "everything of the account"
ADMIN: Final = "role admin"
#: Written when somebody calls, whatever is answered.
_USE: Final = {("tokens", "last_used_at"), ("sessions", "last_used_at")}

_GROUP: Final = next(one.id for one in PERMISSION_GROUPS if one.scope is Scope.ACCOUNT)

CSR: Final = csr("alice").decode()

#: What a call of the API needs in its body to be one, by the end of its path.
_RULE: Final = {"expression": "ip.src eq 192.0.2.77", "action": "block"}
_TOKEN: Final = {
    "name": "taken",
    "policies": [
        {
            "effect": "allow",
            "resources": {"com.cloudflare.api.account.*": "*"},
            "permission_groups": [{"id": _GROUP}],
        }
    ],
}
BODIES: Final[dict[tuple[str, str], Any]] = {
    ("PATCH", "client_certificates/{certificate_id}"): {"label": "taken"},
    ("PUT", "rulesets/{ruleset_id}"): {"rules": [_RULE]},
    ("POST", "rulesets/{ruleset_id}/rules"): _RULE,
    ("PATCH", "rules/{rule_id}"): _RULE,
    ("PUT", "lists/{list_id}"): {"description": "taken"},
    ("POST", "lists/{list_id}/items"): [{"string": "taken"}],
    ("PUT", "lists/{list_id}/items"): [{"string": "taken"}],
    ("DELETE", "lists/{list_id}/items"): {"items": []},
    ("PUT", "tokens/{token_id}"): _TOKEN,
}
#: And a form of the dashboard, besides the rules that it was made from.
FORMS: Final[dict[str, dict[str, str]]] = {
    "/rules/{rule_id}": {**_RULE, "do": DEPLOY},
    "/drafts/{draft_id}": {**_RULE, "do": DEPLOY},
    "/rules/{rule_id}/move": {"to": "first"},
    "/lists/{list_id}/items/remove": {"item": NOTHING},
    "/tokens/{token_id}": {"name": "taken", "group": _GROUP, "lasts": "keep"},
}


def _rows(rows: Iterator[Row]) -> tuple[Row, ...]:
    return tuple(one for one in rows if one.needs is not None and slots_of(one.path))


#: Of an answer, what is another one each time, or names a version.
_OF_THE_ANSWER: Final = re.compile(r'(?<=name="request_key" value=")[^"]*|(?<=version )\d+')


def _nothing() -> Any:
    raise AssertionError("nothing is called")


CALLS: Final = _rows(calls(create_api(Backend(store=_nothing, encryption=_nothing))))
PAGES: Final = _rows(pages())


class World(NamedTuple):
    """Both benches over one store, and what is in it."""

    directory: Path
    api: Api
    pages: Pages
    neighbours: Neighbours
    elsewhere: str

    def grants(self, kind: str) -> frozenset[Grant]:
        """What somebody may, of the caller's zone."""
        return placed(KINDS[kind], self.api.zone_id, self.elsewhere)

    def kept(self) -> dict[str, list[dict[str, Any]]]:
        """Every row of every table, but for when somebody called."""
        with contextlib.closing(sqlite3.connect(self.directory / "authz.db")) as database:
            database.row_factory = sqlite3.Row
            tables = database.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")
            return {
                name: [
                    {key: one for key, one in dict(row).items() if (name, key) not in _USE}
                    for row in database.execute(f'SELECT * FROM "{name}"')
                ]
                for (name,) in tables.fetchall()
            }


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory, empty_store: Path) -> Iterator[World]:
    """Two zones with something of everything."""
    directory = tmp_path_factory.mktemp("neighbours")
    shutil.copy(empty_store, directory)
    with opened(directory, None) as one:
        yield one


@contextlib.contextmanager
def opened(directory: Path, neighbours: Neighbours | None, elsewhere: str = "") -> Iterator[World]:
    """The store of a directory; what is in it is made where it is not known."""
    with contextlib.closing(open_store("sqlite", directory, create=False)) as store:
        api, shown = Api(store), Pages(store)
        if neighbours is None:
            other = create_zone(store, "elsewhere.example", actor="test", at=api.now).zone
            with store.read() as session:
                here = session.zones.get(api.zone_id)
            assert here is not None
            neighbours = settle(store, api.world.encryption, (here, other), api.now)
            elsewhere = other.id
        yield World(directory, api, shown, neighbours, elsewhere)
        shown.close()
        api.close()


class Asked(NamedTuple):
    """What somebody was answered, without the identifiers that were asked for."""

    status: int
    text: str


def body_of(row: Row) -> dict[str, Any]:
    """What is sent with a call."""
    for (method, end), body in BODIES.items():
        if row.method == method and row.path.endswith(end):
            return {"json": body}
    return {"json": {}} if row.method in {"POST", "PUT", "PATCH"} else {}


def call(world: World, token: str, row: Row, values: dict[str, str]) -> httpx.Response:
    """One call of the API."""
    return world.api.call(row.method, at_places(row.path, values), token=token, **body_of(row))


def visit(world: World, visitor: Visitor, row: Row, values: dict[str, str]) -> httpx.Response:
    """One page or form."""
    more = {}
    if row.method not in SAFE:
        ends = (fields for end, fields in FORMS.items() if row.path.endswith(end))
        basis = basis_text(world.neighbours.basis(row.path))
        more = {"data": {"csrf": visitor.csrf, "basis": basis, **next(ends, {})}}
    return visitor.send(row.method, at_places(row.path, values), **more)


def without(answer: httpx.Response, values: dict[str, str]) -> Asked:
    """An answer as it would be for any identifiers."""
    text = _OF_THE_ANSWER.sub("…", answer.text)
    for one in values.values():
        # A number may be anything else of the answer.
        text = text if one.isdecimal() else text.replace(one, "…")
    return Asked(answer.status_code, text)


def walk(
    kind: str,
    world: World,
    rows: tuple[Row, ...],
    ask: Callable[[Row, dict[str, str]], httpx.Response],
) -> tuple[int, list[tuple[object, ...]]]:
    """Ask for everything of others, by whoever has the right at all: that others are refused is
    tested where rights are. How often, and what was answered as it should not be."""
    times = 0
    wrong: list[tuple[object, ...]] = []
    for row in (one for one in rows if may(one, KINDS[kind])):
        expected: dict[tuple[str, ...], Asked] = {}
        for values, nowhere in attempts(row.path, world.neighbours, of_its_kind=kind == ADMIN):
            key = tuple(nowhere.values())
            if key not in expected:
                expected[key] = without(ask(row, nowhere), nowhere)
            answer = without(ask(row, values), values)
            times += 1
            if answer.status not in {403, 404} or MARK in answer.text or answer != expected[key]:
                wrong.append((row.method, row.path, values, answer, expected[key]))
    return times, wrong


@pytest.mark.parametrize("kind", [ZONE, ACCOUNT, ADMIN])
def test_no_call_is_about_what_is_not_of_its_path(kind: str, world: World) -> None:
    token = world.api.token_for(world.grants(kind))
    before = world.kept()

    times, wrong = walk(kind, world, CALLS, lambda row, values: call(world, token, row, values))

    changed = before != world.kept()
    tried("rights", "calls of the API about objects of others", times, wrong=len(wrong) + changed)
    assert wrong == []
    assert not changed
    assert times > 50


@pytest.mark.parametrize("kind", [ZONE, ACCOUNT, ADMIN])
def test_no_page_is_about_what_is_not_of_its_path(kind: str, world: World) -> None:
    visitor = Visitor(world.pages, world.grants(kind), "other")
    before = world.kept()

    times, wrong = walk(kind, world, PAGES, lambda row, values: visit(world, visitor, row, values))

    changed = before != world.kept()
    tried("rights", "pages and forms about objects of others", times, wrong=len(wrong) + changed)
    assert wrong == []
    assert not changed
    assert times > 50


def test_a_token_that_may_do_more_is_not_managed(world: World) -> None:
    # Whoever gave it a new value, or took its place, would have its rights.
    token = world.api.token_for(world.grants(ACCOUNT))
    visitor = Visitor(world.pages, world.grants(ACCOUNT), "other")
    of_somebody = {"token_id": world.neighbours.account["token_id"]}
    before = world.kept()

    changing = [
        (row, is_call)
        for rows, is_call in ((CALLS, True), (PAGES, False))
        for row in rows
        if "{token_id}" in row.path and row.method not in SAFE
    ]
    answers = {
        (row.method, row.path): (
            call(world, token, row, of_somebody)
            if is_call
            else visit(world, visitor, row, of_somebody)
        ).status_code
        for row, is_call in changing
    }

    changed = before != world.kept()
    wrong = {one: status for one, status in answers.items() if status != 403}
    tried("rights", "changes of a token that may do more", len(answers), wrong=len(wrong) + changed)
    assert wrong == {}
    assert not changed
    assert len(answers) > 7


_HOSTS: Final = "/zones/{zone_id}/certificate_authorities/hostname_associations"
_RULES: Final = "/zones/{zone_id}/rulesets/{ruleset_id}/rules"
#: Calls that name an object in their query or body, as `{…}`: of which kind, and the rest of them.
NAMING_CALLS: Final[tuple[tuple[str, str, str, Any], ...]] = (
    ("authority_id", "GET", f"{_HOSTS}?mtls_certificate_id={{…}}", None),
    ("authority_id", "PUT", _HOSTS, {"hostnames": ["a.test"], "mtls_certificate_id": "{…}"}),
    (
        "authority_id",
        "POST",
        "/zones/{zone_id}/client_certificates",
        {"csr": CSR, "validity_days": 30, "certificate_authority_id": "{…}"},
    ),
    ("rule_id", "POST", _RULES, {**_RULE, "position": {"before": "{…}"}}),
    ("rule_id", "PATCH", f"{_RULES}/{{rule_id}}", {**_RULE, "id": "{…}"}),
    ("event_id", "GET", "/zones/{zone_id}/events?rule={…}", None),
)
#: And forms and pages.
NAMING_PAGES: Final[tuple[tuple[str, str, str, Any], ...]] = (
    (
        "authority_id",
        "POST",
        "/zones/{zone_id}/client-certificates/hosts",
        {"hostname": "a.test", "authority_id": "{…}"},
    ),
    (
        "authority_id",
        "POST",
        "/zones/{zone_id}/client-certificates/new",
        {"authority_id": "{…}", "csr": CSR, "method": "csr", "days": "30", "label": "taken"},
    ),
    (
        "ca_certificate_id",
        "POST",
        "/zones/{zone_id}/authorities/{authority_id}/crls",
        {"certificate_id": "{…}"},
    ),
    ("draft_id", "GET", "/zones/{zone_id}/simulator?draft={…}", None),
    ("rule_id", "GET", "/zones/{zone_id}/simulator?rule={…}", None),
    ("certificate_id", "GET", "/zones/{zone_id}/simulator?certificate_id={…}", None),
    ("event_id", "GET", "/zones/{zone_id}/simulator?event={…}", None),
)


def test_nothing_of_others_is_named_in_a_body_or_query(world: World) -> None:
    token = world.api.token_for(world.grants(ZONE))
    visitor = Visitor(world.pages, world.grants(ZONE), "other")
    own = world.neighbours.here

    def of_the_api(method: str, path: str, body: Any) -> httpx.Response:
        return world.api.call(method, path, token=token, json=body)

    def of_the_pages(method: str, path: str, fields: Any) -> httpx.Response:
        if fields is None:
            return visitor.send(method, path)
        return visitor.send(method, path, data={"csrf": visitor.csrf, **fields})

    before = world.kept()
    wrong = []
    both = ((NAMING_CALLS, of_the_api), (NAMING_PAGES, of_the_pages))
    rows = [(row, send) for some, send in both for row in some]
    for (kind, method, path, body), send in rows:
        answers = []
        for name in (world.neighbours.elsewhere[kind], NOTHING):
            named = json.loads(json.dumps(body).replace("{…}", name))
            answer = send(method, at_places(path.replace("{…}", name), own), named)
            answers.append(without(answer, {"": name}))
        if answers[0] != answers[1] or MARK in answers[0].text or answers[0].status >= 500:
            wrong.append((method, path, *answers))

    changed = before != world.kept()
    tried(
        "rights",
        "objects of others named in a body or query",
        len(rows),
        wrong=len(wrong) + changed,
    )
    assert wrong == []
    assert not changed


#: Found, and not done: a rule that did not log first has nothing to block with, and the session is
#: somebody else's than the caller's.
NOT_FOUND: Final = frozenset({"/rules/{rule_id}/block", "/sessions/{session_id}/end"})


def test_the_same_calls_find_what_is_the_callers_own(world: World, tmp_path: Path) -> None:
    # Or all of the above would be answered with 404 for another reason.
    asked = [
        (row, send)
        for rows, send in ((CALLS, call_of_admin), (PAGES, visit_of_admin))
        for row in rows
        if not row.path.removeprefix("/zones/{zone_id}").startswith(tuple(NOT_FOUND))
    ]
    lost = []
    for number, (row, send) in enumerate(asked):
        own = world.neighbours.own(row.path)
        values = {one: own[kind_of(row.path, one)] for one in slots_of(row.path)}
        if row.method == "GET":
            answer = send(world, row, values)
        else:
            # Each on a store of its own: what one removes, the next one looks for.
            directory = tmp_path / str(number)
            directory.mkdir()
            with contextlib.closing(sqlite3.connect(world.directory / "authz.db")) as database:
                database.execute("VACUUM INTO ?", (str(directory / "authz.db"),))
            with opened(directory, world.neighbours, world.elsewhere) as one:
                answer = send(one, row, values)
        if answer.status_code in {403, 404} or answer.status_code >= 500:
            lost.append((row.method, row.path, answer.status_code))

    assert lost == []


def call_of_admin(world: World, row: Row, values: dict[str, str]) -> httpx.Response:
    """By a token that may do everything."""
    return call(world, world.api.token, row, values)


def visit_of_admin(world: World, row: Row, values: dict[str, str]) -> httpx.Response:
    """By somebody who may do everything."""
    return visit(world, Visitor(world.pages), row, values)
