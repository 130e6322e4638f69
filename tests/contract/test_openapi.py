# SPDX-License-Identifier: Apache-2.0
"""The API answers as its OpenAPI document says, whatever it is sent, on both databases.

Schemathesis makes requests that fit the document and requests that do not; no answer may be a 5xx,
have another status, content type or shape than the document says, and what does not fit must be
refused. Requests that fit may be refused, too: a document cannot say all that makes a name a name.
"""

from __future__ import annotations

import time
from contextlib import closing
from typing import TYPE_CHECKING, Any

import anyio
import httpx
import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis.strategies import integers
from schemathesis import GenerationMode
from schemathesis.checks import CHECKS, load_all_checks
from schemathesis.core.parameters import ParameterLocation

from authz.api.app import PREFIX, create_api
from authz.ca.keys import KeyEncryption
from authz.errors import StoreUnavailableError
from authz.services.activity import keep_activity
from authz.services.backend import Backend
from authz.services.permissions import EVERYTHING
from authz.services.tokens import create_token
from authz.services.zones import create_zone
from authz.store.engine import open_store
from tests.factories.events import blocked
from tests.factories.populated import World
from tests.factories.stored import identifier, list_item, named_list

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fastapi import FastAPI
    from schemathesis.schemas import APIOperation

    from authz.observability.events import Event
    from authz.store.engine import Store

PHASE = "http_request_firewall_custom"
MODES = (GenerationMode.POSITIVE, GenerationMode.NEGATIVE)

load_all_checks()
#: Valid where the document says so is not always valid; who may call is a test of its own.
_EXCLUDED = CHECKS.get_by_names(["positive_data_acceptance", "ignored_auth"])
#: In a query everything is text: what is no text for a document, `null` or `[1]`, arrives as one.
_OF_QUERIES = CHECKS.get_by_names(["negative_data_rejection"])


class Served:
    """The API over a store with some data, and its document."""

    def __init__(self, store: Store, *, is_sqlite: bool) -> None:
        self.is_sqlite = is_sqlite
        encryption = KeyEncryption.from_key_file(bytes(range(32)))
        self.app = create_api(Backend(store=lambda: store, encryption=lambda: encryption))
        self.schema = schemathesis.openapi.from_dict(self.app.openapi())
        # Of a version that is not the latest, the body is not looked at.
        self.schema.config.checks.negative_data_rejection.expected_statuses = ["4xx"]
        self.schema.app = self.app
        self.names = _fill(store)
        made = create_token(store, "all", EVERYTHING, actor="test", at=time.time())
        self.headers = {"Authorization": f"Bearer {made.secret}"}


def _fill(store: Store) -> dict[str, str]:
    """Some of everything; identifiers by the names that paths give them."""
    world, now = World(store), time.time()
    world.protect()
    issued = world.issue()
    world.revoke(world.issue("bob"))
    create_zone(store, "example.org", force=True, actor="test", at=now)
    other = create_token(store, "other", EVERYTHING, actor="test", at=now).token
    event = _event("the-decision", now)
    keep_activity(store, {issued.certificate.fingerprint_sha256: now}, [event, _event("b", now)])
    with store.write() as session:
        account = session.zones.accounts()[0]
        zone = session.zones.all()[0]
        one = named_list(account.id)
        session.lists.add(one)
        item = list_item(one.id, "192.0.2.1")
        session.lists.add_items(one.id, [item], now)
        authority = session.authorities.all()[0]
        ruleset = session.rulesets.entry_point(zone.id, PHASE)
        assert ruleset is not None
        version = session.rulesets.version(ruleset.id, ruleset.version)
        assert version is not None
    return {
        "account_id": account.id,
        "zone_id": zone.id,
        "event_id": event.id,
        "list_id": one.id,
        "item_id": item.id,
        "token_id": other.id,
        "certificate_id": issued.certificate.id,
        "authority_id": authority.id,
        "operation_id": identifier("operation"),
        "ruleset_phase": PHASE,
        "ruleset_id": ruleset.id,
        "ruleset_version": str(ruleset.version),
        "rule_id": version.rules[0]["id"],
    }


def _event(name: str, at: float) -> Event:
    return blocked(
        id=name,
        at=at,
        reason="rule_matched",
        site="default",
        host="API.example.com:443\0",
        path="/admin",
    )


def _nowhere() -> Any:
    raise StoreUnavailableError("there is no store")


def _operations() -> list[str]:
    document = create_api(Backend(store=_nowhere, encryption=_nowhere)).openapi()
    return [
        f"{method.upper()} {path}"
        for path, methods in document["paths"].items()
        for method in methods
    ]


OPERATIONS = _operations()


@pytest.fixture(
    scope="module", params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)]
)
def served(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Served]:
    """The API over each of the databases."""
    database, directory = "sqlite", tmp_path_factory.mktemp("served")
    if request.param != "sqlite":
        server = request.getfixturevalue("postgres")
        database = server.address(server.new_database())
    with closing(open_store(database, directory)) as store:
        yield Served(store, is_sqlite=request.param == "sqlite")


@pytest.mark.parametrize("operation", OPERATIONS)
@pytest.mark.parametrize("mode", MODES, ids=lambda mode: mode.value)
def test_answers_are_as_documented(served: Served, operation: str, mode: GenerationMode) -> None:
    _examine(served, operation, mode, examples=5 if served.is_sqlite else 3)


@pytest.mark.acceptance
@pytest.mark.parametrize("operation", OPERATIONS)
@pytest.mark.parametrize("mode", MODES, ids=lambda mode: mode.value)
def test_answers_are_as_documented_many_times(
    served: Served, operation: str, mode: GenerationMode
) -> None:
    _examine(served, operation, mode, examples=60)


def _examine(served: Served, label: str, mode: GenerationMode, *, examples: int) -> None:
    operation = _operation(served, label)

    @settings(
        max_examples=examples,
        derandomize=True,
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(case=operation.as_strategy(generation_mode=mode), known=integers(0, 3))
    def run(case: schemathesis.Case, known: int) -> None:
        # There are too few objects to find one by chance.
        if known:
            there = {
                name: value for name, value in served.names.items() if name in case.path_parameters
            }
            case.path_parameters = {**case.path_parameters, **there}
        query = case.meta and case.meta.components.get(ParameterLocation.QUERY)
        of_queries = _OF_QUERIES if query and query.mode is GenerationMode.NEGATIVE else []
        case.call_and_validate(headers=served.headers, excluded_checks=[*_EXCLUDED, *of_queries])

    run()


def _operation(served: Served, label: str) -> APIOperation[Any, Any, Any, Any]:
    method, path = label.split(" ")
    return served.schema[path][method]


@pytest.mark.parametrize("operation", OPERATIONS)
def test_nobody_calls_without_a_token(served: Served, operation: str) -> None:
    method, path = operation.split(" ")
    for name, value in served.names.items():
        path = path.replace(f"{{{name}}}", value)

    for headers in ({}, {"Authorization": f"Bearer {'x' * 43}"}, {"X-Auth-Key": "x" * 43}):
        answer = _call(served.app, method, path, headers)
        assert (answer.status_code, answer.json()["success"]) in ((401, False), (429, False))


def _call(app: FastAPI, method: str, path: str, headers: dict[str, str]) -> httpx.Response:
    async def call() -> httpx.Response:
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://api") as client:
            return await client.request(method, PREFIX + path, headers=headers)

    return anyio.run(call)
