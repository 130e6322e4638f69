# SPDX-License-Identifier: Apache-2.0
"""Cloudflare's lists here: kinds, items, comments, and lists that are there already."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from authz.errors import ConflictError
from authz.services.cloudflare_lists import TranslatedList, put_list, translate_list
from authz.services.cloudflare_report import Verdict
from authz.services.context import account_of, new_id
from authz.services.list_values import NewItem
from authz.sources.cloudflare_document import ListObject
from authz.store.records import List
from tests.factories.cloudflare import fake_list
from tests.factories.pki import AT

if TYPE_CHECKING:
    from authz.services.cloudflare_lists import PutList
    from tests.unit.services.conftest import World


def list_of(kind: str, *items: dict[str, Any], **changes: Any) -> ListObject:
    return ListObject.model_validate({**fake_list("mine", kind, *items), **changes})


def kept(one: ListObject) -> TranslatedList:
    found, item = translate_list(one)
    assert found is not None, item
    return found


def put(world: World, one: ListObject) -> PutList:
    with world.store.write() as session:
        return put_list(session, kept(one), actor="t", at=AT)


@pytest.mark.parametrize(
    ("kind", "item", "value"),
    [
        ("ip", {"ip": "2001:db8::/64"}, "2001:db8::/64"),
        ("asn", {"asn": 64512}, "64512"),
        ("hostname", {"hostname": {"url_hostname": "*.example.com"}}, "*.example.com"),
        ("string", {"string": "word"}, "word"),
        ("integer", {"integer": -5}, "-5"),
    ],
)
def test_items_of_every_kind(kind: str, item: dict[str, Any], value: str) -> None:
    found, told = translate_list(list_of(kind, {**item, "comment": "why"}))

    assert found is not None
    exact = True if value.startswith("*.") else None
    assert found.items == (NewItem(value=value, comment="why", exclude_exact=exact),)
    assert told.verdict is Verdict.CARRIES_OVER


def test_a_wildcard_may_have_its_name_as_well(world: World) -> None:
    def with_name(exclude: bool | None) -> ListObject:
        host = {"url_hostname": "*.example.com", "exclude_exact_hostname": exclude}
        return list_of("hostname", {"hostname": host})

    assert put(world, with_name(False)).change == "list mine: 1 items"
    with world.store.read() as session:
        (mine,) = session.lists.all()
        assert list(session.lists.values(mine.id)) == ["*.example.com", "example.com"]
    assert put(world, with_name(False)).change == ""
    assert put(world, with_name(None)).change == "list mine: 0 items come, 1 go"
    assert put(world, with_name(True)).change == ""


def test_an_item_without_a_value_is_none() -> None:
    found, _ = translate_list(list_of("ip", {"comment": "nothing"}, {"ip": "192.0.2.1"}))

    assert found is not None
    assert [one.value for one in found.items] == ["192.0.2.1"]


@pytest.mark.parametrize(
    ("one", "code"),
    [
        (list_of("redirect", {"redirect": {"source_url": "a"}}), "list_kind"),
        (list_of("novel"), "list_kind"),
    ],
)
def test_kinds_that_are_not_here(one: ListObject, code: str) -> None:
    found, told = translate_list(one)

    assert (found, told.verdict) == (None, Verdict.CANNOT)
    assert [note.code for note in told.notes] == [code]


def test_an_item_that_is_none_is_said() -> None:
    found, told = translate_list(list_of("ip", {"ip": "nonsense"}))

    assert (found, told.verdict) == (None, Verdict.CANNOT)
    assert "nonsense" in str(told.error)


def test_a_list_is_kept_changed_and_left(world: World) -> None:
    one = list_of("ip", {"ip": "192.0.2.1"}, {"ip": "192.0.2.2"})

    assert put(world, one).change == "list mine: 2 items"
    assert put(world, one).change == ""
    other = list_of("ip", {"ip": "192.0.2.2"}, {"ip": "192.0.2.3"}, description="new")
    assert put(world, other).change == "list mine: 1 items come, 1 go"
    row = world.last()
    assert row.before == {"items": 2, "description": "", "values": [{"value": "192.0.2.1"}]}
    assert row.after is not None
    assert row.after["values"] == [{"value": "192.0.2.3"}]
    commented = list_of("ip", {"ip": "192.0.2.2", "comment": "c"}, description="new")
    put(world, commented)
    only_described = list_of("ip", {"ip": "192.0.2.2", "comment": "c"}, description="newer")
    assert put(world, only_described).change == "list mine: 0 items come, 0 go"


def test_an_empty_list_is_kept(world: World) -> None:
    assert put(world, list_of("ip")).change == "list mine: 0 items"
    assert put(world, list_of("ip")).change == ""


def test_another_list_of_the_name_stays(world: World) -> None:
    put(world, list_of("ip", {"ip": "192.0.2.1"}))

    with pytest.raises(ConflictError, match="of the kind ip already"):
        put(world, list_of("asn", {"asn": 1}))


def test_a_list_of_a_policy_file_stays_as_it_is(world: World) -> None:
    with world.store.write() as session:
        zone = session.zones.all()[0]
        theirs = List(
            id=new_id(),
            account_id=account_of(session).id,
            zone_id=zone.id,
            name="mine",
            kind="ip",
            description="",
            items=0,
            revision=0,
            created_at=AT - 1,
            modified_at=AT - 1,
        )
        session.lists.add(theirs)

    assert put(world, list_of("ip")).change == ""
    with pytest.raises(ConflictError, match="came with the policy file"):
        put(world, list_of("ip", {"ip": "192.0.2.1"}))
