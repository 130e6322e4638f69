# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import random
from typing import Any

import pytest

from authz.errors import InvalidInputError
from authz.services.permissions import (
    ACCOUNT_WIDE,
    EVERY_ZONE,
    EVERYTHING,
    GROUP_OF,
    Grant,
    Level,
    Resource,
    exceeding,
)
from authz.services.token_policies import (
    Policy,
    drafts_for,
    grants_of,
    policies_of,
    policy_object,
    stored,
)

ACCOUNT, ZONE = "b" * 32, "a" * 32
CERTIFICATES = "c03055bc037c4ea9afb9a9f104b7b721"
LISTS = "2edbf20661fd4661b0fe10e9e12f485c"
TOKENS = "686d18d5ac6c441c867cbf6771e58a0a"


def policy(resources: dict[str, Any], *groups: str) -> Policy:
    return Policy(id="1" * 32, groups=groups or (CERTIFICATES, LISTS, TOKENS), resources=resources)


@pytest.mark.parametrize(
    ("resources", "expected"),
    [
        ({f"com.cloudflare.api.account.zone.{ZONE}": "*"}, {("ssl_and_certificates", ZONE)}),
        ({"com.cloudflare.api.account.zone.*": "*"}, {("ssl_and_certificates", EVERY_ZONE)}),
        (
            {f"com.cloudflare.api.account.{ACCOUNT}": {"com.cloudflare.api.account.zone.*": "*"}},
            {("ssl_and_certificates", EVERY_ZONE)},
        ),
        ({f"com.cloudflare.api.account.{ACCOUNT}": "*"}, {("filter_lists", ACCOUNT_WIDE)}),
        ({"com.cloudflare.api.account.*": "*"}, {("filter_lists", ACCOUNT_WIDE)}),
        ({f"com.cloudflare.api.user.{ACCOUNT}": "*"}, {("api_tokens", ACCOUNT_WIDE)}),
        ({f"com.cloudflare.api.account.zone.{ZONE}": "read"}, set()),
        ({f"com.cloudflare.api.account.zone.{ZONE.upper()}": "*"}, set()),
        ({"com.cloudflare.edge.r2.bucket.x": "*"}, set()),
        ({f"com.cloudflare.api.user.{ACCOUNT}": {"com.cloudflare.api.account.zone.*": "*"}}, set()),
        ({f"com.cloudflare.api.account.{ACCOUNT}": {"com.cloudflare.api.user.*": "*"}}, set()),
        ({f"com.cloudflare.api.account.{ACCOUNT}": 1}, set()),
        ({}, set()),
    ],
)
def test_a_group_counts_for_the_resources_of_its_scope(
    resources: dict[str, Any], expected: set[tuple[str, str]]
) -> None:
    found = grants_of([policy(resources)])

    assert {(one.resource, one.place) for one in found} == expected


def test_a_group_that_is_not_known_allows_nothing() -> None:
    everywhere = {"com.cloudflare.api.account.zone.*": "*"}

    assert grants_of([policy(everywhere, "e" * 32)]) == frozenset()
    assert policy_object(policy(everywhere, "e" * 32))["permission_groups"] == [{"id": "e" * 32}]


@pytest.mark.parametrize("scope", [{}, {"permission_groups": "x", "resources": {}}, {"zone": "x"}])
def test_what_the_store_has_and_nobody_can_read_allows_nothing(scope: dict[str, Any]) -> None:
    assert policies_of([scope]) == ()


def test_policies_go_into_the_store_and_back() -> None:
    made = policy({"com.cloudflare.api.account.zone.*": "*"})

    assert policies_of(stored([made])) == (made,)
    assert policy_object(made) == {
        "id": "1" * 32,
        "effect": "allow",
        "permission_groups": [
            {"id": CERTIFICATES, "name": "SSL and Certificates Write"},
            {"id": LISTS, "name": "Account Rule Lists Write"},
            {"id": TOKENS, "name": "API Tokens Write"},
        ],
        "resources": {"com.cloudflare.api.account.zone.*": "*"},
    }


def _granted(grants: Any) -> frozenset[Grant]:
    return grants_of(
        Policy(id="", groups=one.groups, resources=one.resources)
        for one in drafts_for(grants, ACCOUNT)
    )


def test_the_policies_for_everything_allow_everything_with_few_groups() -> None:
    drafts = drafts_for(EVERYTHING, ACCOUNT)

    assert not exceeding(_granted(EVERYTHING), EVERYTHING)
    assert len(drafts) == 3
    names = [GROUP_OF[one].name for draft in drafts for one in draft.groups]
    assert not {"Account WAF Write", "Zone Read", "SSL and Certificates Read"} & set(names)


def test_policies_for_grants_allow_them_whichever_they_are() -> None:
    rng = random.Random(1)
    all_of_them = sorted(EVERYTHING, key=repr) + [
        Grant(resource=resource, level=level, place=ZONE)
        for resource in (Resource.CERTIFICATES, Resource.RULES, Resource.ZONES)
        for level in Level
    ]
    for _ in range(200):
        some = rng.sample(all_of_them, rng.randint(1, 6))
        assert not exceeding(_granted(some), some)


def test_policies_for_one_grant_allow_little_besides() -> None:
    one = Grant(resource=Resource.RULES, level=Level.READ, place=ZONE)
    audit = Grant(resource=Resource.AUDIT, level=Level.READ, place=ACCOUNT_WIDE)

    assert _granted([one]) == {one}
    assert _granted([audit]) == {
        audit,
        Grant(resource=Resource.ACCOUNT, level=Level.READ, place=ACCOUNT_WIDE),
    }


@pytest.mark.parametrize(
    "wanted",
    [
        Grant(resource=Resource.AUDIT, level=Level.WRITE, place=ACCOUNT_WIDE),
        Grant(resource=Resource.LISTS, level=Level.READ, place=ZONE),
    ],
)
def test_what_no_group_allows_cannot_be_given(wanted: Grant) -> None:
    with pytest.raises(InvalidInputError, match="no permission group"):
        drafts_for([wanted], ACCOUNT)
