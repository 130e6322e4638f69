# SPDX-License-Identifier: Apache-2.0
"""Every page and form by everybody who can sign in: shown or done where the table says so."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from authz.dashboard.csrf import SAFE, token_of
from authz.dashboard.privileges import pages
from authz.services.tokens import create_token, revoke_token
from authz.services.zones import create_zone
from tests.attack.report import tried
from tests.factories.dashboard import visiting
from tests.factories.dashboard_routes import OPEN
from tests.factories.rights import KINDS, filled, may, placed

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import httpx

    from authz.services.privileges import Row
    from tests.factories.dashboard import Visitor

pytestmark = pytest.mark.attack

ROWS = tuple(pages())
CLOSED = tuple(one for one in ROWS if one.needs is not None)

#: For everybody who is signed in: their own sessions, and pages that show what they may see.
ANYBODY = frozenset(
    {
        ("GET", "/"),
        ("GET", "/settings"),
        ("GET", "/start"),
        ("GET", "/sessions"),
        ("POST", "/sessions/end-others"),
        ("POST", "/sessions/{session_id}/end"),
        ("POST", "/sign-out"),
        ("POST", "/sign-out-everywhere"),
    }
)
#: After these nobody is signed in any more.
_LAST = frozenset({"/sign-out", "/sign-out-everywhere"})


@pytest.fixture(scope="module")
def world(
    tmp_path_factory: pytest.TempPathFactory, empty_store: Path
) -> Iterator[tuple[Visitor, str]]:
    """Somebody who may do everything, and another zone than the one that is asked for."""
    with visiting(tmp_path_factory.mktemp("rights"), empty_store) as one:
        bench = one.bench
        other = create_zone(bench.store, "elsewhere.example", actor="test", at=bench.now).zone
        yield one, other.id


def ask(visitor: Visitor, row: Row, path: str = "") -> httpx.Response:
    """A request with nothing in it, from a page of theirs."""
    more = {} if row.method in SAFE else {"data": {"csrf": visitor.csrf}}
    return visitor.send(row.method, path or filled(row.path), **more)


def is_sent_away(answer: httpx.Response) -> bool:
    """Whether somebody was told to sign in."""
    return answer.status_code == 401 or (
        answer.status_code == 303
        and answer.headers["location"].startswith("/sign-in")
        and not answer.request.url.path.startswith("/sign-out")
    )


def test_what_needs_no_permission_is_named() -> None:
    assert {(one.method, one.path) for one in ROWS if one.needs is None} == OPEN
    assert {(one.method, one.path) for one in ROWS if one.needs == ()} == ANYBODY
    assert len(ROWS) > 120


# Those of every zone are compared as in the API, and are in the roles and presets.
@pytest.mark.parametrize("kind", [one for one in KINDS if not one.endswith(" of *")])
def test_somebody_sees_and_does_what_the_table_says_and_no_more(
    kind: str, world: tuple[Visitor, str]
) -> None:
    visitor, other = world
    one = visitor.with_grants(placed(KINDS[kind], visitor.bench.zone_id, other))

    wrong = []
    for row in sorted(CLOSED, key=lambda one: one.path in _LAST):
        if row.path == "/sign-out-everywhere":
            one = visitor.with_grants(placed(KINDS[kind], visitor.bench.zone_id, other))
        answer = ask(one, row)
        allowed = may(row, KINDS[kind])
        status = answer.status_code
        if status >= 500 or is_sent_away(answer) or (status == 403) == allowed:
            wrong.append((row.method, row.path, status, "allowed" if allowed else "refused"))

    tried("rights", "pages and forms by everybody who signs in", len(CLOSED), wrong=len(wrong))
    assert wrong == []


@pytest.mark.parametrize(
    "kind", ["nobody", "a made-up session", "signed out", "token revoked", "token expired"]
)
def test_who_is_not_signed_in_sees_and_does_nothing(kind: str, world: tuple[Visitor, str]) -> None:
    visitor, _ = world
    bench = visitor.bench
    made = create_token(
        bench.store,
        kind,
        KINDS["role admin"],
        expires_at=bench.now + 60 if kind == "token expired" else None,
        actor="test",
        at=bench.now,
    )
    client = bench.client()
    bench.run(client.post("/sign-in", data={"token": made.secret, "next": "/"}))
    assert bench.run(client.get("/sessions")).status_code == 200
    secret = str(client.cookies["authz-session"])
    if kind == "signed out":
        bench.run(client.post("/sign-out", data={"csrf": token_of(secret)}))
    if kind == "a made-up session":
        secret = "x" * len(secret)
    if kind == "token revoked":
        revoke_token(bench.store, made.token.id, actor="test", at=bench.now)
    if kind == "token expired":
        bench.now += 120

    wrong = []
    for row in CLOSED:
        more = {} if row.method in SAFE else {"data": {"csrf": token_of(secret)}}
        # What an answer takes away is sent again.
        client.cookies.clear()
        headers = {} if kind == "nobody" else {"Cookie": f"authz-session={secret}"}
        path = bench.path(filled(row.path))
        answer = bench.run(client.request(row.method, path, headers=headers, **more))
        if not (answer.status_code == 401 or is_sent_away(answer)):
            wrong.append((row.method, row.path, answer.status_code))

    tried("rights", "pages and forms by nobody who is signed in", len(CLOSED), wrong=len(wrong))
    assert wrong == []


def test_whoever_may_not_read_a_zone_does_not_learn_whether_it_is_there(
    world: tuple[Visitor, str],
) -> None:
    visitor, other = world
    one = visitor.with_grants(
        placed(KINDS["everything of this zone"], visitor.bench.zone_id, other)
    )
    rows = [row for row in CLOSED if "{zone_id}" in row.path]

    wrong = []
    for row in rows:
        for zone in (other, "0" * 32):
            answer = ask(one, row, filled(row.path.replace("{zone_id}", zone)))
            if answer.status_code != 403:
                wrong.append((row.method, row.path, answer.status_code))

    tried("rights", "pages and forms of another zone, or none", 2 * len(rows), wrong=len(wrong))
    assert wrong == []
