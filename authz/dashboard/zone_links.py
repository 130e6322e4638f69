# SPDX-License-Identifier: Apache-2.0
"""Where something is done about a zone: pages, by what they are for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from authz.services.zone_problems import Place

if TYPE_CHECKING:
    from authz.services.zone_problems import ZoneProblem


def place_url(zone_id: str, place: Place, object_id: str = "") -> str:
    """The page of a zone where something is done."""
    zone = f"/zones/{zone_id}"
    return {
        Place.AUTHORITY: f"{zone}/authorities/{object_id}",
        Place.CERTIFICATES: f"{zone}/client-certificates",
        Place.HOSTS: f"{zone}/client-certificates/hosts",
        Place.RULES: f"{zone}/rules/mtls",
        Place.SETTINGS: f"{zone}/settings",
        Place.ENVOY: f"{zone}/start#envoy",
    }[place]


def problem_url(zone_id: str, problem: ZoneProblem) -> str:
    """Where something is done about a problem."""
    return place_url(zone_id, problem.place, problem.object_id)


def rule_url(zone_id: str | None, rule_id: str) -> str:
    """The page of a rule of a zone, or of the account."""
    rules = "/rules" if zone_id is None else f"/zones/{zone_id}/rules"
    return f"{rules}/{rule_id}"
