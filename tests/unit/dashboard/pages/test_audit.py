# SPDX-License-Identifier: Apache-2.0
"""The pages about the audit log: filtered, paged through, and an entry opened."""

from __future__ import annotations

import html
import json
import re
from typing import TYPE_CHECKING

import pytest

from authz.dashboard.pages import audit as module
from authz.services.accounts import rename_account
from authz.services.audit_log import get_entry, latest_entries
from authz.services.lists import describe_list
from authz.services.permissions import ACCOUNT_WIDE, Grant, Level, Resource
from authz.services.zones import change_zone
from tests.factories.hostile import HOSTILE, shown_as_text
from tests.factories.page_lists import account_of, make_list

if TYPE_CHECKING:
    from tests.factories.dashboard import Visitor


def _actions(page: str) -> list[str]:
    return re.findall(r'<a href="/audit/[0-9a-f]{32}">([^<]*)</a>', page)


def _link(page: str, rel: str) -> str | None:
    found = re.search(rf'rel="{rel}" href="([^"]*)"', page)
    return None if found is None else html.unescape(found[1])


def _renamed(visitor: Visitor, *names: str, actor: str = "bob") -> None:
    for number, name in enumerate(names):
        rename_account(visitor.bench.store, name, actor=actor, at=visitor.bench.now + number)


def _latest(visitor: Visitor) -> str:
    return latest_entries(visitor.bench.store, most=1)[0].id


def test_entries_are_told_the_latest_first(visitor: Visitor) -> None:
    make_list(visitor.bench.store)
    _renamed(visitor, "Acme")

    page = visitor.get("/audit")

    assert _actions(page)[-1] == "token.create"
    assert {"account.rename", "list.create", "token.create", "sign in"} <= set(_actions(page))
    assert "<bdi>bob</bdi>" in page
    assert "<bdi>offices</bdi>" in page


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("actor=bob", {"account.rename"}),
        ("action=account.rename", {"account.rename"}),
        ("action=create&object=list", {"list.create"}),
        ("object=account", {"account.rename"}),
        ("zone={zone}", {"zone.change"}),
        ("since=2099-01-01T00:00", set()),
        ("until=2099-01-01T00:00&object=zone", {"zone.change"}),
    ],
)
def test_entries_are_filtered(visitor: Visitor, query: str, expected: set[str]) -> None:
    make_list(visitor.bench.store)
    _renamed(visitor, "Acme")
    change_zone(visitor.bench.store, "default", paths="refuse", actor="eve", at=visitor.bench.now)

    page = visitor.get(f"/audit?{query}")

    assert set(_actions(page)) == expected
    assert ("No entry fits." in page) == (not expected)
    assert "Show all" in page


def test_the_history_of_an_object_and_of_a_person(visitor: Visitor) -> None:
    store = visitor.bench.store
    list_id = make_list(store)
    describe_list(store, account_of(store), list_id, "new", actor="a&b <c>", at=visitor.bench.now)

    entry = visitor.get(f"/audit/{_latest(visitor)}")

    assert f'href="/lists/{list_id}"' in entry
    for name in ("object_id", "actor"):
        link = re.search(rf'href="(/audit\?{name}=[^"]*)"', entry)
        assert link is not None
        assert "list.describe" in _actions(visitor.get(html.unescape(link[1])))


def test_pages_lead_back_and_forth(visitor: Visitor, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PER_PAGE", 2)
    _renamed(visitor, *(f"name {number}" for number in range(5)))
    first = visitor.get("/audit?actor=bob")
    assert _link(first, "prev") is None

    second = visitor.get(str(_link(first, "next")))
    third = visitor.get(str(_link(second, "next")))

    ids = [re.findall(r"/audit/([0-9a-f]{32})", page) for page in (first, second, third)]
    assert [len(one) for one in ids] == [2, 2, 1]
    assert _link(third, "next") is None
    back = visitor.get(str(_link(third, "prev")))
    assert re.findall(r"/audit/([0-9a-f]{32})", back) == ids[1]
    front = visitor.get(str(_link(back, "prev")))
    assert re.findall(r"/audit/([0-9a-f]{32})", front) == ids[0]
    assert _link(front, "prev") is None
    assert "To the latest" in third


@pytest.mark.parametrize(
    ("query", "told"),
    [
        ("since=yesterday", "is no moment"),
        ("older=none", "the cursor is none"),
        ("newer=none", "the cursor is none"),
    ],
)
def test_what_is_wrong_with_a_filter_is_told_in_its_form(
    visitor: Visitor, query: str, told: str
) -> None:
    page = visitor.get(f"/audit?{query}", 400)

    assert told.lower() in page.lower()
    assert "Filter</button>" in page


def test_an_entry_says_what_changed(visitor: Visitor) -> None:
    change_zone(visitor.bench.store, "default", paths="refuse", actor="eve", at=visitor.bench.now)

    page = visitor.get(f"/audit/{_latest(visitor)}")

    row = page[page.index(">paths</th>") :].partition("</tr>")[0]
    assert "changed" in row
    assert "<del>compare</del>" in row
    assert "<ins>refuse</ins>" in row
    assert "stayed the same" in page
    assert f'href="/zones/{visitor.bench.zone_id}/settings"' in page


def test_an_entry_is_downloaded_whole(visitor: Visitor) -> None:
    _renamed(visitor, "Acme")
    entry_id = _latest(visitor)

    answer = visitor.send("GET", f"/audit/{entry_id}/entry.json")

    assert json.loads(answer.text)["after"]["name"] == "Acme"
    number = get_entry(visitor.bench.store, entry_id).number
    disposition = f'attachment; filename="audit-{number}.json"'
    assert answer.headers["Content-Disposition"] == disposition


def test_an_entry_that_is_not_there(visitor: Visitor) -> None:
    assert "there is no such entry" in visitor.get(f"/audit/{'0' * 32}", 404).lower()
    visitor.get("/audit/x/entry.json", 404)


def test_whoever_may_not_read_it_is_told(visitor: Visitor) -> None:
    grants = [Grant(resource=Resource.LISTS, level=Level.READ, place=ACCOUNT_WIDE)]
    other = visitor.with_grants(grants)

    assert "Account Settings Read" in other.get("/audit", 403)
    other.get(f"/audit/{_latest(visitor)}", 403)
    other.get(f"/audit/{_latest(visitor)}/entry.json", 403)
    assert "/audit" not in other.get("/lists")


def test_an_object_that_somebody_may_not_see_has_no_link(visitor: Visitor) -> None:
    list_id = make_list(visitor.bench.store)
    grants = [Grant(resource=Resource.AUDIT, level=Level.READ, place=ACCOUNT_WIDE)]

    entry = latest_entries(visitor.bench.store, of=list_id)[0]
    assert "/lists/" not in visitor.with_grants(grants).get(f"/audit/{entry.id}")


def test_a_token_leads_to_its_page(visitor: Visitor) -> None:
    made = next(one for one in latest_entries(visitor.bench.store) if one.action == "token.create")

    assert f'href="/tokens/{made.object_id}"' in visitor.get(f"/audit/{made.id}")


def test_hostile_texts_are_text(visitor: Visitor) -> None:
    _renamed(visitor, HOSTILE, actor=HOSTILE)
    _renamed(visitor, f"{HOSTILE} again", actor=HOSTILE)

    assert shown_as_text(visitor.get("/audit"))
    page = visitor.get(f"/audit/{_latest(visitor)}")
    assert shown_as_text(page)
    assert "<ins> again</ins>" in page
    answer = visitor.send("GET", "/audit", params={"actor": HOSTILE, "since": HOSTILE})
    assert shown_as_text(answer.text)


def test_a_long_name_is_cut(visitor: Visitor) -> None:
    _renamed(visitor, "x" * 255)

    assert f"<bdi>{'x' * 100}…</bdi>" in visitor.get("/audit")
