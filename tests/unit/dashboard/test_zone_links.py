# SPDX-License-Identifier: Apache-2.0
"""Where something is done about a zone."""

from __future__ import annotations

from authz.dashboard.zone_links import place_url, problem_url, rule_url
from authz.services.permissions import Resource
from authz.services.zone_problems import Place, ZoneProblem


def test_every_place_has_a_page_of_the_zone() -> None:
    urls = [place_url("z", one, "a") for one in Place]

    assert all(url.startswith("/zones/z/") for url in urls)
    assert len({*urls}) == len(Place)
    assert "/zones/z/authorities/a" in urls


def test_a_problem_leads_to_what_it_is_about() -> None:
    problem = ZoneProblem(
        id="x",
        is_grave=True,
        what="What.",
        do="Do.",
        place=Place.AUTHORITY,
        resources=(Resource.CERTIFICATES,),
        object_id="a",
    )

    assert problem_url("z", problem) == "/zones/z/authorities/a"


def test_rules_of_a_zone_and_of_the_account() -> None:
    assert rule_url("z", "r") == "/zones/z/rules/r"
    assert rule_url(None, "r") == "/rules/r"
