# SPDX-License-Identifier: Apache-2.0
"""The settings of a zone."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from authz.dashboard.pages.zone_settings import CHOICES, HEADERS
from authz.policy.model import DefaultAction, Misdirected, PathMode, UpstreamHeaders
from authz.services.permissions import EVERY_ZONE, Grant, Level, Resource
from authz.services.zones import get_zone
from tests.factories.hostile import HOSTILE, shown_as_text

if TYPE_CHECKING:
    from tests.factories.dashboard import Visitor

_FIELDS = {
    "default_action": "block",
    "paths": "refuse",
    "misdirected": "ignore",
    "upstream_headers": ["cf-cert"],
}


def _basis(visitor: Visitor) -> dict[str, str]:
    page = visitor.get("/zones/{zone}/settings")
    return {"basis": re.findall(r'name="basis" value="([0-9a-f]{32})"', page)[0]}


def test_settings_are_saved(visitor: Visitor) -> None:
    page = visitor.get("/zones/{zone}/settings")
    assert 'value="allow" checked' in page

    visitor.post("/zones/{zone}/settings", _FIELDS | _basis(visitor))

    zone = get_zone(visitor.bench.store, "default")
    assert (zone.default_action, zone.paths, zone.misdirected) == ("block", "refuse", "ignore")
    assert zone.upstream_headers == ("cf-cert",)
    page = visitor.get("/zones/{zone}/settings")
    assert "The settings of the zone are saved." in page
    assert 'value="block" checked' in page


def test_what_somebody_else_changed_meanwhile_is_not_overwritten(visitor: Visitor) -> None:
    seen = _basis(visitor)
    visitor.post("/zones/{zone}/settings", _FIELDS | seen)
    mine = {**_FIELDS, "default_action": "allow", "paths": "compare"}

    for stale in (seen, {}):
        page = visitor.post("/zones/{zone}/settings", mine | stale, status=412).text
        assert "were changed meanwhile" in page
        assert 'value="block" checked' in page
        assert 'value="allow" checked' not in page
    assert get_zone(visitor.bench.store, "default").default_action == "block"
    again = {"basis": re.findall(r'name="basis" value="([0-9a-f]{32})"', page)[0]}
    visitor.post("/zones/{zone}/settings", mine | again)
    assert get_zone(visitor.bench.store, "default").default_action == "allow"


def test_every_value_there_is_can_be_chosen() -> None:
    kinds = {"default_action": DefaultAction, "paths": PathMode, "misdirected": Misdirected}

    assert {name: [one[0] for one in choice[1]] for name, choice in CHOICES.items()} == {
        name: list(kind) for name, kind in kinds.items()
    }
    assert [one[0] for one in HEADERS] == list(UpstreamHeaders)


def test_a_value_that_there_is_not_is_told(visitor: Visitor) -> None:
    page = visitor.post(
        "/zones/{zone}/settings", {**_FIELDS, "paths": HOSTILE, **_basis(visitor)}, status=400
    ).text

    assert "is no value of paths" in page
    assert shown_as_text(page)
    headers = {**_FIELDS, "upstream_headers": "x"}
    assert "no family" in visitor.post("/zones/{zone}/settings", headers, status=400).text


def test_whoever_may_only_read_sees_them(visitor: Visitor) -> None:
    grants = [Grant(resource=Resource.ZONES, level=Level.READ, place=EVERY_ZONE)]
    reader = visitor.with_grants(grants)

    page = reader.get("/zones/{zone}/settings")

    assert "Save" not in page
    assert "disabled" in page
    reader.post("/zones/{zone}/settings", _FIELDS, status=403)
