# SPDX-License-Identifier: Apache-2.0
"""The pages about lists: which there are, a new one, its description, its end."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from authz.services.lists import all_lists
from authz.services.permissions import ACCOUNT_WIDE, Grant, Level, Resource
from tests.factories.hostile import HOSTILE, shown_as_text
from tests.factories.page_lists import account_of, make_list, use_list

if TYPE_CHECKING:
    from tests.factories.dashboard import Visitor


def _names(visitor: Visitor) -> list[str]:
    store = visitor.bench.store
    return [one.list.name for one in all_lists(store, account_of(store))]


def test_without_a_list_the_page_leads_to_the_first(visitor: Visitor) -> None:
    page = visitor.get("/lists")

    assert "There is no list yet" in page
    assert 'href="/lists/new"' in page


def test_whoever_may_only_read_is_offered_nothing_to_change(visitor: Visitor) -> None:
    list_id = make_list(visitor.bench.store, "192.0.2.1")
    reader = visitor.as_reader()

    pages = [reader.get("/lists"), reader.get(f"/lists/{list_id}")]

    assert all("/new" not in page and "Delete" not in page for page in pages)
    assert "192.0.2.1" in pages[1]
    assert all('method="post" action="/lists' not in page for page in pages)
    assert all("/add" not in page and "/replace" not in page for page in pages)
    for path in ("/lists/new", f"/lists/{list_id}/add", f"/lists/{list_id}/replace"):
        assert "you may not do this" in reader.get(path, 403).lower()
    for path in ("/lists", f"/lists/{list_id}/delete", f"/lists/{list_id}/description"):
        reader.post(path, {"name": "x"}, status=403)


def test_a_list_is_made_and_leads_to_its_page(visitor: Visitor) -> None:
    fields = {"name": "offices", "kind": "ip", "description": "Where we work"}
    answer = visitor.post("/lists", fields)

    page = visitor.get(answer.headers["Location"])

    assert "The list offices is there." in page
    assert "Where we work" in page
    assert "ip.src in $offices" in page
    assert "offices" in visitor.get("/lists")


@pytest.mark.parametrize(
    ("name", "kind", "told"),
    [
        ("Offices", "ip", "consists of a-z, 0-9 and _"),
        ("offices", "redirect", "bulk redirects"),
        ("offices", "", "no kind of list"),
        ("taken", "ip", "There is a list &#34;taken&#34; already"),
    ],
)
def test_what_is_wrong_with_a_new_list_is_told_in_its_form(
    visitor: Visitor, name: str, kind: str, told: str
) -> None:
    make_list(visitor.bench.store, name="taken")

    fields = {"name": name, "kind": kind, "description": "kept"}
    page = visitor.post("/lists", fields, status=400).text

    assert told in page
    assert 'value="kept"' in page
    assert _names(visitor) == ["taken"]


def test_the_description_is_changed(visitor: Visitor) -> None:
    list_id = make_list(visitor.bench.store)

    visitor.post(f"/lists/{list_id}/description", {"description": "new words"})

    assert "new words" in visitor.get(f"/lists/{list_id}")
    visitor.post(f"/lists/{list_id}/description", {"description": "x" * 501}, status=400)


def test_a_list_that_no_rule_uses_is_deleted(visitor: Visitor) -> None:
    list_id = make_list(visitor.bench.store)
    assert "Delete list" in visitor.get(f"/lists/{list_id}")

    visitor.post(f"/lists/{list_id}/delete")

    assert "The list offices is deleted." in visitor.get("/lists")
    assert _names(visitor) == []
    visitor.get(f"/lists/{list_id}", 404)


def test_a_list_that_a_rule_uses_stays_and_the_rule_is_linked(visitor: Visitor) -> None:
    list_id = make_list(visitor.bench.store)
    use_list(visitor.bench.store, visitor.bench.zone_id)

    page = visitor.get(f"/lists/{list_id}")

    assert "Delete list" not in page
    (rule,) = {*re.findall(r'href="([^"]*)">keep-out</a>', page)}
    assert rule.startswith(f"/zones/{visitor.bench.zone_id}/rules/")
    assert "keep-out" in visitor.get(rule)
    refused = visitor.post(f"/lists/{list_id}/delete", status=400).text
    assert "rules name the list" in refused.lower()
    assert _names(visitor) == ["offices"]


def test_rules_that_somebody_may_not_read_are_only_counted(visitor: Visitor) -> None:
    list_id = make_list(visitor.bench.store)
    use_list(visitor.bench.store, visitor.bench.zone_id)
    grants = [Grant(resource=Resource.LISTS, level=Level.READ, place=ACCOUNT_WIDE)]

    page = visitor.with_grants(grants).get(f"/lists/{list_id}")

    assert "keep-out" not in page
    assert "a rule that your token may not read" in page


def test_hostile_descriptions_are_text(visitor: Visitor) -> None:
    list_id = make_list(visitor.bench.store, description=HOSTILE)

    assert shown_as_text(visitor.get("/lists"))
    assert shown_as_text(visitor.get(f"/lists/{list_id}"))
    page = visitor.post("/lists", {"name": HOSTILE, "description": HOSTILE}, status=400).text
    assert shown_as_text(page)
