# SPDX-License-Identifier: Apache-2.0
"""The menu has what somebody may read, and says where they are."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from authz.dashboard import navigation
from authz.dashboard.navigation import Entry
from authz.services.permissions import Grant, Level, Resource
from authz.services.zones import create_zone

if TYPE_CHECKING:
    from tests.factories.dashboard import Visitor


def links(page: str) -> dict[str, bool]:
    """The links of the menu, and whether each is the page itself."""
    menu = re.findall(r'<nav id="menu".*?</nav>', page, re.DOTALL)[0]
    found = re.findall(r'<a href="([^"]*)"( aria-current="page")?>', menu)
    return {url: bool(current) for url, current in found}


@pytest.fixture(autouse=True)
def _entries(monkeypatch: pytest.MonkeyPatch) -> None:
    of_zone = (
        Entry("Overview", "", Resource.ZONES),
        Entry("Rules", "/rules", Resource.RULES),
    )
    monkeypatch.setattr(navigation, "OF_ZONE", of_zone)
    monkeypatch.setattr(navigation, "OF_ACCOUNT", (Entry("Lists", "/lists", Resource.LISTS),))


def test_the_page_is_the_current_one(visitor: Visitor) -> None:
    base = f"/zones/{visitor.bench.zone_id}"
    found = links(visitor.get("/zones/{zone}"))

    assert found == {base: True, f"{base}/rules": False, "/lists": False}


def test_what_somebody_may_not_read_is_not_there(visitor: Visitor) -> None:
    grant = Grant(resource=Resource.ZONES, level=Level.READ, place=visitor.bench.zone_id)
    found = links(visitor.with_grants({grant}).get("/zones/{zone}"))

    assert found == {f"/zones/{visitor.bench.zone_id}": True}


def test_an_account_page_has_the_first_zone_with_it(visitor: Visitor) -> None:
    found = links(visitor.get("/sessions"))

    assert found == {
        f"/zones/{visitor.bench.zone_id}": False,
        f"/zones/{visitor.bench.zone_id}/rules": False,
        "/lists": False,
    }


def test_other_zones_are_below(visitor: Visitor) -> None:
    made = create_zone(visitor.bench.store, "example.com", actor="t", at=0.0).zone
    page = visitor.get("/zones/{zone}")

    assert f'<a href="/zones/{made.id}">example.com</a>' in page


def test_a_page_below_another_one_is_its(visitor: Visitor) -> None:
    from authz.dashboard.navigation import _link

    entry = Entry("Rules", "/rules", Resource.RULES)
    url = "/zones/a/rules"
    assert _link(entry, url, f"{url}/1", exact=False).is_current
    assert not _link(entry, url, f"{url}x", exact=False).is_current
    assert not _link(entry, url, f"{url}/1", exact=True).is_current
