# SPDX-License-Identifier: Apache-2.0
"""Every call of `client.rules.lists` of the official SDK, with nothing but its address changed."""

from __future__ import annotations

import asyncio
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import cloudflare
import pytest

from authz.services.rulesets import replace_rules
from tests.contract.sdk_server import SdkServer, serving_store

if TYPE_CHECKING:
    from collections.abc import Iterator

    from authz.store.engine import Store


@pytest.fixture
def served(store: Store) -> Iterator[SdkServer]:
    with serving_store(store) as server:
        yield server


def _offices(served: SdkServer, kind: Any = "ip") -> str:
    with served.client(max_retries=0) as client:
        lists = client.rules.lists
        return lists.create(account_id=served.account_id, kind=kind, name="offices").id


def test_lists(served: SdkServer) -> None:
    here = {"account_id": served.account_id}
    with served.client(max_retries=0) as client:
        lists = client.rules.lists
        made = lists.create(**here, kind="ip", name="offices", description="places")
        assert (made.kind, made.name, made.description) == ("ip", "offices", "places")
        assert (made.num_items, made.num_referencing_filters) == (0, 0)

        assert lists.get(made.id, **here).model_dump() == made.model_dump()
        assert [one.model_dump() for one in lists.list(**here)] == [made.model_dump()]
        assert lists.update(made.id, **here, description="new").description == "new"

        rule = {"ref": "a", "expression": "ip.src in $offices", "action": "block"}
        replace_rules(served.store, "default", [rule], actor="t", at=time.time())
        assert lists.get(made.id, **here).num_referencing_filters == 1
        with pytest.raises(cloudflare.BadRequestError, match="rules name the list"):
            lists.delete(made.id, **here)
        replace_rules(served.store, "default", [], actor="t", at=time.time())
        assert lists.delete(made.id, **here).id == made.id
        with pytest.raises(cloudflare.NotFoundError):
            lists.get(made.id, **here)


def test_lists_asynchronously(served: SdkServer) -> None:
    async def calls() -> None:
        here = {"account_id": served.account_id}
        async with served.async_client(max_retries=0) as client:
            lists = client.rules.lists
            made = await lists.create(**here, kind="hostname", name="names")
            assert made.description is None
            assert (await lists.get(made.id, **here)).model_dump() == made.model_dump()
            assert [one.id async for one in lists.list(**here)] == [made.id]
            assert (await lists.update(made.id, **here, description="d")).description == "d"
            assert (await lists.delete(made.id, **here)).id == made.id

    asyncio.run(calls())


def test_errors_have_their_place(served: SdkServer) -> None:
    here = {"account_id": served.account_id}
    with served.client(max_retries=0) as client:
        with pytest.raises(cloudflare.BadRequestError) as caught:
            client.rules.lists.create(**here, kind="redirect", name="offices")
        assert caught.value.errors[0].message is not None
        assert "bulk redirects" in caught.value.errors[0].message
        list_id = _offices(served)
        with pytest.raises(cloudflare.BadRequestError) as caught:
            client.rules.lists.items.create(
                list_id, **here, body=[{"ip": "192.0.2.1"}, {"ip": "office"}]
            )
        body: Any = caught.value.body
        assert [one["source"]["pointer"] for one in body["errors"]] == ["/1/ip"]


def test_items(served: SdkServer) -> None:
    list_id = _offices(served)
    here = {"account_id": served.account_id}
    with served.client(max_retries=0) as client:
        items = client.rules.lists.items
        items.create(list_id, **here, body=[{"ip": "192.0.2.1", "comment": "door"}])
        items.create(list_id, **here, body=[{"ip": "192.0.2.1"}, {"ip": "2001:DB8::/32"}])
        first, second = items.list(list_id, **here)
        assert (first.ip, first.comment, second.ip) == ("192.0.2.1", None, "2001:db8::/32")  # type: ignore[union-attr]  # of a list of addresses
        assert items.get(first.id, **here, list_id=list_id).to_dict() == first.to_dict()

        items.delete(list_id, **here, items=[{"id": first.id}])
        assert [one.id for one in items.list(list_id, **here)] == [second.id]
        items.update(list_id, **here, body=[])
        assert list(items.list(list_id, **here)) == []


@pytest.mark.parametrize(
    ("kind", "item"),
    [
        ("hostname", {"hostname": {"url_hostname": "a.example"}}),
        (
            "hostname",
            {"hostname": {"url_hostname": "*.a.example", "exclude_exact_hostname": False}},
        ),
        ("asn", {"asn": 64496}),
    ],
)
def test_items_of_other_kinds(served: SdkServer, kind: str, item: dict[str, Any]) -> None:
    list_id = _offices(served, kind)
    with served.client(max_retries=0) as client:
        items = client.rules.lists.items
        items.create(list_id, account_id=served.account_id, body=[item])  # type: ignore[list-item]  # one of them
        (found,) = items.list(list_id, account_id=served.account_id)

    kept = found.to_dict()
    assert {
        name: kept[name] for name in kept if name not in ("id", "created_on", "modified_on")
    } == item


@pytest.mark.parametrize("per_page", [1, 2, 500])
def test_items_are_read_to_the_end(served: SdkServer, per_page: int) -> None:
    list_id = _offices(served)
    here: dict[str, Any] = {"account_id": served.account_id}
    values = [f"192.0.2.{n}" for n in range(5)]

    async def read() -> list[str]:
        async with served.async_client(max_retries=0) as client:
            items = client.rules.lists.items.list(list_id, **here, per_page=per_page)
            return [one.ip async for one in items]  # type: ignore[union-attr]  # of a list of addresses

    with served.client(max_retries=0) as client:
        items = client.rules.lists.items
        items.create(list_id, **here, body=[{"ip": one} for one in values])
        found = [one.ip for one in items.list(list_id, **here, per_page=per_page)]  # type: ignore[union-attr]  # the same
        searched = items.list(list_id, **here, per_page=per_page, search="192.0.2.4")
        assert [one.ip for one in searched] == ["192.0.2.4"]  # type: ignore[union-attr]  # the same
    assert found == asyncio.run(read()) == values


def test_items_asynchronously(served: SdkServer) -> None:
    list_id = _offices(served)

    async def calls() -> None:
        here = {"account_id": served.account_id}
        async with served.async_client(max_retries=0) as client:
            items = client.rules.lists.items
            done = await items.update(list_id, **here, body=[{"ip": "192.0.2.1"}])
            operations = client.rules.lists.bulk_operations
            assert (await operations.get(done.operation_id, **here)).status == "completed"
            await items.create(list_id, **here, body=[{"ip": "192.0.2.2"}])
            first, _ = [one async for one in items.list(list_id, **here)]
            again = await items.get(first.id, **here, list_id=list_id)
            assert again.to_dict() == first.to_dict()
            await items.delete(list_id, **here, items=[{"id": first.id}])
            assert [one.ip async for one in items.list(list_id, **here)] == ["192.0.2.2"]  # type: ignore[union-attr]  # of a list of addresses

    asyncio.run(calls())


def test_what_terraform_does_with_a_list(served: SdkServer) -> None:
    """`cloudflare_list` 5.22: replace, ask until it is done, read with an empty search; twice."""
    here: dict[str, Any] = {"account_id": served.account_id}
    planned = [{"ip": f"10.{n >> 8}.{n & 255}.0/24"} for n in range(1_200)]
    with served.client(max_retries=0) as client:
        lists = client.rules.lists
        made = lists.create(**here, kind="ip", name="offices", description="")
        for _ in range(2):
            done = lists.items.update(made.id, **here, body=planned)
            operation = lists.bulk_operations.get(done.operation_id, **here)
            assert operation.status == "completed"
            assert operation.completed
            found = lists.items.list(made.id, **here, per_page=500, search="")
            read = [one.to_dict() for one in found]
            assert [{"ip": one["ip"]} for one in read] == planned
            # Others would be objects beside the plan's null.
            assert {name for one in read for name in one} == {
                "id",
                "ip",
                "created_on",
                "modified_on",
            }
        lists.delete(made.id, **here)


def test_what_terraform_does_with_an_item(served: SdkServer) -> None:
    """`cloudflare_list_item` 5.22: add one, and take the first that a search for it finds."""
    list_id = _offices(served)
    here: dict[str, Any] = {"account_id": served.account_id}
    with served.client(max_retries=0) as client:
        items = client.rules.lists.items
        for value in ("192.0.2.10", "192.0.2.1", "192.0.2.100"):
            items.create(list_id, **here, body=[{"ip": value}])
            first = next(iter(items.list(list_id, **here, search=value)))
            found = items.get(first.id, **here, list_id=list_id)
            assert found.ip == value  # type: ignore[union-attr]  # of a list of addresses
            items.delete(list_id, **here, items=[{"id": first.id}])
            with pytest.raises(cloudflare.NotFoundError):
                items.get(first.id, **here, list_id=list_id)
            items.create(list_id, **here, body=[{"ip": value}])


def test_an_operation_is_known_to_another_node(served: SdkServer) -> None:
    list_id = _offices(served)
    with served.client(max_retries=0) as client:
        done = client.rules.lists.items.create(
            list_id, account_id=served.account_id, body=[{"ip": "192.0.2.1"}]
        )
    with (
        serving_store(served.store, token=served.token) as elsewhere,
        elsewhere.client() as other,
    ):
        operations = other.rules.lists.bulk_operations
        assert operations.get(done.operation_id, account_id=served.account_id).status == "completed"


def test_thirty_who_add_items_at_the_same_time_lose_none(served: SdkServer) -> None:
    list_id = _offices(served)
    here: dict[str, Any] = {"account_id": served.account_id}

    with served.client(max_retries=0) as client:
        items = client.rules.lists.items

        def add(number: int) -> None:
            for n in range(3):
                items.create(
                    list_id, **here, body=[{"ip": f"10.{number}.{n}.1"}, {"ip": "10.0.0.0"}]
                )

        with ThreadPoolExecutor(30) as threads:
            list(threads.map(add, range(30)))
        found = [one.ip for one in items.list(list_id, **here)]  # type: ignore[union-attr]  # of a list of addresses
        assert client.rules.lists.get(list_id, **here).num_items == 91

    wanted = [f"10.{number}.{n}.1" for number in range(30) for n in range(3)]
    assert sorted(map(str, found)) == sorted(["10.0.0.0", *wanted])
