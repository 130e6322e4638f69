# SPDX-License-Identifier: Apache-2.0
"""Zones, the account and the audit log as Cloudflare's own SDK reads them, to the last page."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import anyio
import cloudflare
import httpx
import pytest

from authz.api.app import PREFIX, create_api
from authz.ca.keys import KeyEncryption
from authz.services.backend import Backend
from authz.services.permissions import EVERYTHING
from authz.services.tokens import create_token
from authz.services.zones import create_zone

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from authz.store.engine import Store

ZONES = 7


class Calls:
    """A client of the API over a store, and what the store has."""

    def __init__(self, store: Store) -> None:
        encryption = KeyEncryption.from_key_file(bytes(range(32)))
        self._app = create_api(Backend(store=lambda: store, encryption=lambda: encryption))
        self._token = create_token(store, "sdk", EVERYTHING, actor="test", at=time.time()).secret
        self.since = datetime.now(UTC) - timedelta(days=1)
        for number in range(ZONES):
            create_zone(store, f"zone-{number}.example", actor="cli:bob", at=time.time())
        with store.read() as session:
            self.account_id = session.zones.accounts()[0].id

    def run(self, use: Callable[[cloudflare.AsyncCloudflare], Awaitable[Any]]) -> Any:
        """What `use` makes of a client."""

        async def run() -> Any:
            transport = httpx.ASGITransport(self._app)
            async with cloudflare.AsyncCloudflare(
                api_token=self._token,
                base_url=f"http://api{PREFIX}",
                http_client=httpx.AsyncClient(transport=transport),
            ) as client:
                return await use(client)

        return anyio.run(run)


@pytest.fixture
def calls(store: Store) -> Calls:
    return Calls(store)


async def _all(pages: AsyncIterator[Any]) -> list[Any]:
    return [one async for one in pages]


def test_zones_are_listed_page_by_page(calls: Calls) -> None:
    async def use(client: cloudflare.AsyncCloudflare) -> tuple[list[Any], list[Any], Any]:
        everything = await _all(
            client.zones.list(account={"id": calls.account_id}, per_page=3, order="name")
        )
        some = await _all(client.zones.list(name="contains:-1.", match="all", status="active"))
        return everything, some, await client.zones.get(zone_id=some[0].id)

    everything, some, one = calls.run(use)

    names = [f"zone-{number}.example" for number in range(ZONES)]
    assert [one.name for one in everything] == ["default", *names]
    assert [one.name for one in some] == ["zone-1.example"]
    assert (one.id, one.account.id, one.status) == (some[0].id, calls.account_id, "active")
    assert one.created_on.tzinfo is not None


def test_a_zone_is_made_once_and_cannot_be_paused(calls: Calls) -> None:
    async def use(client: cloudflare.AsyncCloudflare) -> tuple[Any, list[Any]]:
        made = await client.zones.create(
            account={"id": calls.account_id}, name="example.com", type="full"
        )
        errors = []
        for refused in (
            client.zones.edit(zone_id=made.id, paused=True),
            client.zones.create(account={"id": calls.account_id}, name="example.com"),
        ):
            with pytest.raises(cloudflare.BadRequestError) as raised:
                await refused
            errors.append(raised.value.errors[0])
        return made, errors

    made, errors = calls.run(use)

    assert made is not None
    assert [None if one.source is None else one.source.pointer for one in errors] == [
        "/paused",
        "/name",
    ]


def test_the_account_is_found_and_renamed(calls: Calls) -> None:
    async def use(client: cloudflare.AsyncCloudflare) -> tuple[list[Any], Any, Any]:
        listed = await _all(client.accounts.list(direction="desc", per_page=5))
        changed = await client.accounts.update(
            account_id=calls.account_id, id=calls.account_id, name="Acme", type="standard"
        )
        return listed, changed, await client.accounts.get(account_id=calls.account_id)

    listed, changed, read = calls.run(use)

    assert [one.id for one in listed] == [calls.account_id]
    assert (changed.name, read.name, read.type) == ("Acme", "Acme", "standard")


def test_the_audit_log_is_read_to_the_end_by_both_calls(calls: Calls) -> None:
    async def use(client: cloudflare.AsyncCloudflare) -> tuple[list[Any], list[Any], list[Any]]:
        first = await _all(
            client.audit_logs.list(
                account_id=calls.account_id,
                action={"type": "zone.create"},
                actor={"email": "cli:bob"},
                since=calls.since,
                before=datetime.now(UTC) + timedelta(days=1),
                direction="asc",
                per_page=3,
            )
        )
        second = await _all(
            client.accounts.logs.audit.list(
                account_id=calls.account_id,
                since=calls.since.date(),
                before="2999-01-01",
                action_type={"not": ["delete"]},
                resource_type={"not": ["token"]},
                direction="asc",
                limit=3,
            )
        )
        mine = await _all(client.user.audit_logs.list(zone={"name": "zone-3.example"}))
        return first, second, mine

    first, second, mine = calls.run(use)

    assert [one.action.type for one in first] == ["zone.create"] * ZONES
    assert [one.id for one in second] == [one.id for one in first]
    assert [one.zone.name for one in second] == [
        f"zone-{number}.example" for number in range(ZONES)
    ]
    assert {(one.actor.email, one.action.type) for one in second} == {("cli:bob", "create")}
    assert all(one.when <= other.when for one, other in pairwise(first))
    assert [one.id for one in mine] == [first[3].id]
