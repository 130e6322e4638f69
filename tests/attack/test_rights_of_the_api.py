# SPDX-License-Identifier: Apache-2.0
"""Every call of the API by every kind of token: done where the table says so, else refused."""

from __future__ import annotations

import contextlib
import shutil
from typing import TYPE_CHECKING, Any

import pytest

from authz.api.app import PREFIX, create_api
from authz.api.privileges import calls
from authz.services.backend import Backend
from authz.services.permissions import EVERYTHING
from authz.services.privileges import Row
from authz.services.tokens import create_token, revoke_token, update_token
from authz.services.zones import create_zone
from authz.store.engine import open_store
from tests.attack.report import tried
from tests.factories.rights import KINDS, filled, may, placed
from tests.unit.api.conftest import Bench

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.attack

#: For whoever has no token: what there is to call, and nothing of anybody's.
OPEN = frozenset({("GET", "/openapi.json")})

#: For every valid token: they are about the token, or answer with what it may see.
ANY_TOKEN = frozenset(
    {("GET", "/accounts"), ("GET", "/zones"), ("GET", "/user"), ("GET", "/user/tokens/verify")}
)


def _nothing() -> Any:
    raise AssertionError("nothing is called")


ROWS = tuple(calls(create_api(Backend(store=_nothing, encryption=_nothing))))
CLOSED = tuple(one for one in ROWS if one.needs is not None)


@pytest.fixture(scope="module")
def bench(
    tmp_path_factory: pytest.TempPathFactory, empty_store: Path
) -> Iterator[tuple[Bench, str]]:
    """An API, and another zone than the one that is asked for."""
    directory = tmp_path_factory.mktemp("rights")
    shutil.copy(empty_store, directory)
    with contextlib.closing(open_store("sqlite", directory, create=False)) as store:
        made = Bench(store)
        other = create_zone(store, "elsewhere.example", actor="test", at=made.now).zone
        yield made, other.id
        made.close()


def status_of(bench: Bench, row: Row, headers: dict[str, str]) -> int:
    """What a call with nothing in it is answered."""
    path = filled(row.path).replace("{zone}", bench.zone_id)
    path = path.replace("{account}", bench.account_id)
    more = {"json": {}} if row.method in {"POST", "PUT", "PATCH"} else {}
    call = bench._client.request(row.method, PREFIX + path, headers=headers, **more)
    status: int = bench._runner.run(call).status_code
    return status


def test_the_table_has_every_call_of_the_document(bench: tuple[Bench, str]) -> None:
    document = bench[0].app.openapi()["paths"]
    described = {(method.upper(), path) for path, one in document.items() for method in one}

    assert {(one.method, one.path) for one in ROWS} == described | OPEN
    assert len(described) > 90


def test_what_needs_no_permission_is_named_here() -> None:
    assert {(one.method, one.path) for one in ROWS if one.needs is None} == OPEN
    assert {(one.method, one.path) for one in ROWS if one.needs == ()} == ANY_TOKEN


@pytest.mark.parametrize("kind", KINDS)
def test_a_token_does_what_the_table_says_and_no_more(kind: str, bench: tuple[Bench, str]) -> None:
    api, other = bench
    token = api.token_for(placed(KINDS[kind], api.zone_id, other))
    headers = {"Authorization": f"Bearer {token}"}

    wrong = []
    for row in CLOSED:
        status = status_of(api, row, headers)
        allowed = may(row, KINDS[kind])
        if status >= 500 or status == 401 or (status == 403) == allowed:
            wrong.append((row.method, row.path, status, "allowed" if allowed else "refused"))

    tried("rights", "calls of the API by every kind of token", len(CLOSED), wrong=len(wrong))
    assert wrong == []


@pytest.mark.parametrize(
    "kind", ["none", "malformed", "wrong", "expired", "revoked", "disabled", "not valid yet"]
)
def test_what_is_no_valid_token_does_nothing(kind: str, bench: tuple[Bench, str]) -> None:
    api, _ = bench
    made = create_token(
        api.store,
        kind,
        EVERYTHING,
        actor="test",
        at=api.now,
        expires_at=api.now + 1 if kind == "expired" else None,
        not_before=api.now + 1e8 if kind == "not valid yet" else None,
    )
    if kind == "revoked":
        revoke_token(api.store, made.token.id, actor="test", at=api.now)
    if kind == "disabled":
        update_token(
            api.store,
            made.token.id,
            name=kind,
            granted=EVERYTHING,
            not_before=None,
            expires_at=None,
            disabled=True,
            actor="test",
            at=api.now,
        )
    secret = {"malformed": "Bearer not one", "wrong": f"Bearer {'x' * 43}"}.get(
        kind, f"Bearer {made.secret}"
    )
    headers = {} if kind == "none" else {"Authorization": secret}
    refused = 400 if kind == "malformed" else 401

    wrong = []
    for row in CLOSED:
        # Or so many attempts would be answered with 429.
        api.now += 60
        status = status_of(api, row, headers)
        if status != refused:
            wrong.append((row.method, row.path, status))

    tried("rights", "calls of the API without a valid token", len(CLOSED), wrong=len(wrong))
    assert wrong == []


def test_whoever_may_not_read_a_zone_does_not_learn_whether_it_is_there(
    bench: tuple[Bench, str],
) -> None:
    api, other = bench
    token = api.token_for(placed(KINDS["everything of this zone"], api.zone_id, other))
    headers = {"Authorization": f"Bearer {token}"}
    rows = [one for one in CLOSED if "{zone_id}" in one.path]

    wrong = []
    for row in rows:
        for zone in (other, "0" * 32):
            path = row.path.replace("{zone_id}", zone)
            status = status_of(api, Row(method=row.method, path=path, needs=()), headers)
            if status != 403:
                wrong.append((row.method, path, status))

    tried("rights", "calls of the API about another zone, or none", 2 * len(rows), wrong=len(wrong))
    assert wrong == []
