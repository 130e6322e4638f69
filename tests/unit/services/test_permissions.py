# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import re

import pytest

from authz.services.permissions import (
    ACCOUNT_WIDE,
    EDITING,
    EVERY_ZONE,
    EVERYTHING,
    PERMISSION_GROUPS,
    READING,
    Grant,
    Level,
    Principal,
    Resource,
    Scope,
    exceeding,
    grants_of_group,
    group_for,
)

ZONE = "a" * 32


def grant(resource: Resource, level: Level, place: str) -> Grant:
    return Grant(resource=resource, level=level, place=place)


def principal(*grants: Grant, name: str = "ci") -> Principal:
    return Principal(token_id="f" * 32, name=name, grants=frozenset(grants))


@pytest.mark.parametrize(
    ("has", "may"),
    [
        ((Level.WRITE, ZONE), {(Level.READ, ZONE), (Level.WRITE, ZONE)}),
        ((Level.READ, ZONE), {(Level.READ, ZONE)}),
        (
            (Level.WRITE, EVERY_ZONE),
            {(level, place) for level in Level for place in (ZONE, EVERY_ZONE)},
        ),
        ((Level.READ, ACCOUNT_WIDE), {(Level.READ, ACCOUNT_WIDE)}),
    ],
)
def test_write_includes_read_and_every_zone_each_zone(
    has: tuple[Level, str], may: set[tuple[Level, str]]
) -> None:
    one = principal(grant(Resource.RULES, *has))

    assert {
        (level, place)
        for level in Level
        for place in (ZONE, EVERY_ZONE, ACCOUNT_WIDE)
        if one.may(Resource.RULES, level, place)
    } == may
    assert not any(
        one.may(resource, Level.READ, place)
        for resource in Resource
        if resource is not Resource.RULES
        for place in (ZONE, EVERY_ZONE, ACCOUNT_WIDE)
    )


def test_the_actor_fits_in_the_audit_log() -> None:
    assert principal().actor == "token ci (ffffffff)"
    assert len(principal(name="x" * 255).actor) <= 255


def test_groups_can_be_told_apart_by_identifier_and_by_name_with_scope() -> None:
    ids = [one.id for one in PERMISSION_GROUPS]

    assert len(set(ids)) == len(ids)
    assert all(re.fullmatch(r"[0-9a-f]{32}", one) for one in ids)
    assert len({(one.name, one.scope) for one in PERMISSION_GROUPS}) == len(ids)
    assert all(one.permits for one in PERMISSION_GROUPS)


def test_identifiers_are_cloudflares() -> None:
    """So that what names groups by them works here: a sample that scripts have."""
    known = {(one.name, one.scope): one.id for one in PERMISSION_GROUPS}

    assert (
        known["SSL and Certificates Write", Scope.ZONE],
        known["Zone Read", Scope.ZONE],
        known["Account Rule Lists Write", Scope.ACCOUNT],
        known["API Tokens Write", Scope.USER],
    ) == (
        "c03055bc037c4ea9afb9a9f104b7b721",
        "c8fed203ed3043cba015a93ad1616f1f",
        "2edbf20661fd4661b0fe10e9e12f485c",
        "686d18d5ac6c441c867cbf6771e58a0a",
    )


def test_every_resource_is_in_everything_and_making_zones_too() -> None:
    assert {one.resource for one in EVERYTHING} == set(Resource)
    assert principal(*EVERYTHING).may(Resource.ZONES, Level.WRITE, ACCOUNT_WIDE)


def test_zone_write_makes_zones_only_for_every_zone() -> None:
    group = next(one for one in PERMISSION_GROUPS if one.name == "Zone Write")

    assert not principal(*grants_of_group(group, ZONE)).may(Resource.ZONES, Level.WRITE)
    assert principal(*grants_of_group(group, EVERY_ZONE)).may(Resource.ZONES, Level.WRITE)


def test_what_goes_further() -> None:
    mine = frozenset({grant(Resource.RULES, Level.WRITE, ZONE)})
    read = grant(Resource.RULES, Level.READ, ZONE)
    everywhere = grant(Resource.RULES, Level.READ, EVERY_ZONE)

    assert exceeding(mine, [read, everywhere]) == [everywhere]
    assert exceeding(EVERYTHING, EVERYTHING) == []


def test_what_is_missing_has_the_name_of_a_group() -> None:
    def name(resource: Resource, level: Level, place: str) -> str:
        return group_for(grant(resource, level, place)).name

    assert name(Resource.RULES, Level.WRITE, ZONE) == "Zone WAF Write"
    assert name(Resource.RULES, Level.READ, EVERY_ZONE) == "Zone WAF Read"
    assert name(Resource.RULES, Level.READ, ACCOUNT_WIDE) == "Account Rulesets Read"
    assert name(Resource.ZONES, Level.WRITE, ACCOUNT_WIDE) == "Zone Write"
    assert name(Resource.AUDIT, Level.READ, ACCOUNT_WIDE) == "Account Settings Read"
    assert all(group_for(one) for one in EVERYTHING)
    with pytest.raises(AssertionError):
        name(Resource.AUDIT, Level.WRITE, ACCOUNT_WIDE)


def test_who_may_read_everything_may_change_nothing() -> None:
    reader = principal(*READING)

    assert reader.is_read_only
    for one in EVERYTHING:
        assert reader.may(one.resource, Level.READ, one.place)
        assert not reader.may(one.resource, Level.WRITE, one.place)
    assert principal().is_read_only


def test_the_daily_work_changes_no_zones_and_no_tokens() -> None:
    editor = principal(*EDITING)

    assert not editor.is_read_only
    assert editor.may(Resource.RULES, Level.WRITE, ZONE)
    assert editor.may(Resource.CERTIFICATES, Level.WRITE)
    assert editor.may(Resource.LISTS, Level.WRITE)
    assert not any(
        editor.may(one, Level.WRITE, place)
        for one in (Resource.ZONES, Resource.TOKENS, Resource.ACCOUNT)
        for place in (ZONE, EVERY_ZONE, ACCOUNT_WIDE)
    )
    assert exceeding(EVERYTHING, EDITING) == exceeding(EDITING, READING) == []


def test_somebody_whom_a_provider_knows_is_no_token() -> None:
    alice = Principal(token_id="", name="alice", subject="5" * 64, grants=READING)

    assert alice.actor == "user alice (55555555)"
