# SPDX-License-Identifier: Apache-2.0
"""The items of a list on pages: searched, paged through, added, replaced, removed."""

from __future__ import annotations

import html
import json
import re
from typing import TYPE_CHECKING

import pytest

from authz.dashboard.pages import list_items as module
from tests.factories.hostile import HOSTILE, shown_as_text
from tests.factories.page_lists import account_of, make_list, read_list, values_in
from tests.factories.stored import named_list

if TYPE_CHECKING:
    from authz.store.records import List
    from tests.factories.dashboard import Visitor


def _shown(page: str) -> list[str]:
    found = re.findall(r'<td class="mono wrap">([^<]*)', page)
    return [html.unescape(one).strip() for one in found]


def _link(page: str, rel: str) -> str | None:
    found = re.search(rf'rel="{rel}" href="([^"]*)"', page)
    return None if found is None else html.unescape(found[1])


def _list(visitor: Visitor, list_id: str) -> List:
    return read_list(visitor.bench.store, list_id)


def test_lines_are_added_with_their_comments(visitor: Visitor) -> None:
    list_id = make_list(visitor.bench.store)
    assert "The list is empty" in visitor.get(f"/lists/{list_id}")

    visitor.post(f"/lists/{list_id}/items", {"items": "192.0.2.1 # desk\r\n\r\n10.0.0.0/8"})

    page = visitor.get(f"/lists/{list_id}")
    assert "2 read and added: the list has 2 items now." in page
    assert _shown(page) == ["192.0.2.1", "10.0.0.0/8"]
    assert "desk" in page


def test_what_is_wrong_is_told_line_by_line_and_the_text_is_kept(visitor: Visitor) -> None:
    list_id = make_list(visitor.bench.store)

    fields = {"items": f"192.0.2.1\r\n{HOSTILE}\r\n192.0.2.1"}
    page = visitor.post(f"/lists/{list_id}/items", fields, status=400).text

    assert "Nothing was changed." in page
    assert 'data-line="2"' in page
    assert "this value is in line 1 already" in page
    assert shown_as_text(page)
    assert values_in(visitor.bench.store, list_id) == []


def test_no_line_at_all_is_told(visitor: Visitor) -> None:
    list_id = make_list(visitor.bench.store)

    page = visitor.post(f"/lists/{list_id}/items", {"items": "# nothing\r\n"}, status=400).text

    assert "There is no item" in page


def test_all_items_are_replaced(visitor: Visitor) -> None:
    list_id = make_list(visitor.bench.store, "192.0.2.1 # desk", "192.0.2.2")
    form = visitor.get(f"/lists/{list_id}/replace")
    assert "192.0.2.1  # desk\n192.0.2.2\n" in form
    revision = str(_list(visitor, list_id).revision)

    fields = {"mode": "replace", "items": "192.0.2.2\r\n192.0.2.3", "revision": revision}
    visitor.post(f"/lists/{list_id}/items", fields)

    assert values_in(visitor.bench.store, list_id) == ["192.0.2.2", "192.0.2.3"]
    assert "The items are replaced: the list has 2 items now." in visitor.get(f"/lists/{list_id}")


def test_a_list_can_be_emptied(visitor: Visitor) -> None:
    list_id = make_list(visitor.bench.store, "192.0.2.1")
    revision = str(_list(visitor, list_id).revision)

    visitor.post(f"/lists/{list_id}/items", {"mode": "replace", "items": "", "revision": revision})

    assert values_in(visitor.bench.store, list_id) == []


def test_nobody_replaces_what_they_have_not_seen(visitor: Visitor) -> None:
    list_id = make_list(visitor.bench.store, "192.0.2.1")
    revision = str(_list(visitor, list_id).revision)
    visitor.post(f"/lists/{list_id}/items", {"items": "192.0.2.2"})

    fields = {"mode": "replace", "items": "192.0.2.9", "revision": revision}
    page = visitor.post(f"/lists/{list_id}/items", fields, status=412).text

    assert "Somebody changed them".lower() in page.lower()
    assert "192.0.2.9" in page
    assert values_in(visitor.bench.store, list_id) == ["192.0.2.1", "192.0.2.2"]


def test_too_many_items_for_a_form_are_not_written_into_it(
    visitor: Visitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MOST_WRITTEN", 1)
    list_id = make_list(visitor.bench.store, "192.0.2.1", "192.0.2.2")

    page = visitor.get(f"/lists/{list_id}/replace")

    assert "192.0.2.2" not in page
    assert "download them" in page


def test_pages_lead_forwards_and_back(visitor: Visitor, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PER_PAGE", 2)
    list_id = make_list(visitor.bench.store, *(f"10.0.0.{number}" for number in range(1, 6)))
    where = f"/lists/{list_id}"
    first = visitor.get(where)
    assert _link(first, "prev") is None

    second = visitor.get(where + str(_link(first, "next")))
    third = visitor.get(where + str(_link(second, "next")))

    assert _shown(second) == ["10.0.0.3", "10.0.0.4"]
    assert _shown(third) == ["10.0.0.5"]
    assert _link(third, "next") is None
    assert "To the first page" in third
    assert _shown(visitor.get(where + str(_link(third, "prev")))) == ["10.0.0.3", "10.0.0.4"]


def test_a_search_finds_and_stays_on_every_page(
    visitor: Visitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "PER_PAGE", 1)
    list_id = make_list(visitor.bench.store, "a&b 1", "other", "a&b 2", kind="string")
    where = f"/lists/{list_id}"

    page = visitor.get(f"{where}?search=a%26b")

    assert _shown(page) == ["a&b 1"]
    assert _shown(visitor.get(where + str(_link(page, "next")))) == ["a&b 2"]
    assert "No item fits." in visitor.get(f"{where}?search=nobody")


@pytest.mark.parametrize("query", ["after=x", "before=-1", "after=99999999999999999999"])
def test_a_place_that_is_none_is_refused(visitor: Visitor, query: str) -> None:
    list_id = make_list(visitor.bench.store, "192.0.2.1")

    assert "not valid" in visitor.get(f"/lists/{list_id}?{query}", 400)


def test_a_place_of_before_the_items_were_replaced_is_refused(visitor: Visitor) -> None:
    list_id = make_list(visitor.bench.store, "192.0.2.1")

    assert "replaced since" in visitor.get(f"/lists/{list_id}?after=1&of=77", 400)


def test_chosen_items_are_removed(visitor: Visitor) -> None:
    list_id = make_list(visitor.bench.store, "192.0.2.1", "192.0.2.2", "192.0.2.3")
    page = visitor.get(f"/lists/{list_id}")
    first, _, third = re.findall(r'name="item" value="([0-9a-f]{32})"', page)

    answer = visitor.post(
        f"/lists/{list_id}/items/remove", {"item": [first, third], "search": "192"}
    )

    assert answer.headers["Location"] == f"/lists/{list_id}?search=192"
    assert "2 items removed." in visitor.get(f"/lists/{list_id}")
    assert values_in(visitor.bench.store, list_id) == ["192.0.2.2"]
    visitor.post(f"/lists/{list_id}/items/remove")
    assert "No item was chosen" in visitor.get(f"/lists/{list_id}")


def test_every_item_is_downloaded_as_it_is_written(
    visitor: Visitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_AT_ONCE", 1)
    list_id = make_list(visitor.bench.store, "*.example.com +itself # x", "b.test", kind="hostname")

    answer = visitor.send("GET", f"/lists/{list_id}/items.txt")

    assert answer.text == "*.example.com +itself  # x\nb.test\n"
    assert answer.headers["Content-Disposition"] == 'attachment; filename="offices.txt"'
    assert answer.headers["Content-Type"].startswith("text/plain")
    assert "and the name itself" in visitor.get(f"/lists/{list_id}")


def test_hostile_values_and_comments_are_text(visitor: Visitor) -> None:
    list_id = make_list(visitor.bench.store, f"{json.dumps(HOSTILE)} # {HOSTILE}", kind="string")

    page = visitor.get(f"/lists/{list_id}")

    assert shown_as_text(page)
    assert shown_as_text(visitor.get(f"/lists/{list_id}/replace"))
    assert page.count("&lt;script&gt;") >= 3


def test_a_list_of_a_policy_file_is_only_read(visitor: Visitor) -> None:
    store = visitor.bench.store
    with store.write() as session:
        one = named_list(account_of(store), zone_id=visitor.bench.zone_id)
        session.lists.add(one)

    page = visitor.get(f"/lists/{one.id}")

    assert "came with the policy file of the zone <strong>default</strong>" in page
    assert "Delete list" not in page
    assert f"/lists/{one.id}/add" not in page
    assert "change the file" in visitor.get(f"/lists/{one.id}/add", 400)
    visitor.post(f"/lists/{one.id}/items", {"items": "192.0.2.1"}, status=400)
    assert "policy file" in visitor.get("/lists")


def test_a_list_that_is_full_says_so(visitor: Visitor, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("authz.services.list_items.MAX_OF_A_LIST", 1)
    list_id = make_list(visitor.bench.store, "192.0.2.1")

    page = visitor.post(f"/lists/{list_id}/items", {"items": "192.0.2.2"}, status=400).text

    assert "would have 2 items" in page
    assert "192.0.2.2" in page
