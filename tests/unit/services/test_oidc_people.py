# SPDX-License-Identifier: Apache-2.0
"""Names and groups as providers say them."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from authz.errors import ForbiddenError
from authz.services.oidc_people import PeopleRules, claim, person_of, subject_under
from authz.services.permissions import EVERYTHING, READING

RULES = PeopleRules(
    name_claim="email",
    roles_claim="groups",
    admins=frozenset({"ops"}),
    readers=frozenset({"staff", "audit"}),
)
ISSUER = "https://id.example.com"


def rules(**changes: Any) -> PeopleRules:
    names = {one: getattr(RULES, one) for one in PeopleRules.__slots__}
    return PeopleRules(**{**names, **changes})


def name(claims: dict[str, Any], by: str = "email") -> str:
    given = {"sub": "s1", "groups": ["staff"], **claims}
    return person_of(ISSUER, given, rules(name_claim=by)).name


@pytest.mark.parametrize(
    ("claims", "by", "found"),
    [
        ({"email": "a@example.com"}, "email", "a@example.com"),
        ({"email": "a@example.com", "email_verified": True}, "email", "a@example.com"),
        ({"email": "a@example.com", "email_verified": False}, "email", "s1"),
        ({"email": "a@example.com", "email_verified": "false"}, "email", "s1"),
        ({"preferred_username": "alice", "email_verified": False}, "preferred_username", "alice"),
        ({}, "email", "s1"),
        ({"email": ["a"]}, "email", "s1"),
        ({"email": " "}, "email", "s1"),
        ({"email": "a\nb\u202ec  d"}, "email", "a b c d"),
        ({"email": "x" * 300}, "email", "x" * 200),
        ({"sub": "\x00"}, "sub", "nameless"),
        ({"user": {"name": "alice"}}, "user.name", "alice"),
    ],
)
def test_people_are_known_by_a_claim(claims: dict[str, Any], by: str, found: str) -> None:
    assert name(claims, by) == found


def test_a_name_is_not_who_somebody_is() -> None:
    one, other = (
        person_of(ISSUER, {"sub": sub, "email": "a@example.com", "groups": "ops"}, RULES)
        for sub in ("1", "2")
    )
    assert one.name == other.name
    assert one.subject == subject_under(ISSUER, "1", RULES) != other.subject


@pytest.mark.parametrize(
    "groups", [["staff"], "staff", ["audit", 5, None, {"staff": 1}], ["x"] * 10_000 + ["staff"]]
)
def test_groups_as_a_list_or_as_one(groups: Any) -> None:
    assert person_of(ISSUER, {"sub": "1", "groups": groups}, RULES).grants == READING


@pytest.mark.parametrize(
    "groups",
    [None, [], {}, {"staff": True}, "staff audit", "Staff", ["staff "], 5, True, [["ops"]]],
)
def test_what_is_none_of_the_groups(groups: Any) -> None:
    with pytest.raises(ForbiddenError):
        person_of(ISSUER, {"sub": "1", "groups": groups}, RULES)


def test_groups_of_any_claim() -> None:
    by = rules(roles_claim="realm_access.roles")

    assert (
        person_of(ISSUER, {"sub": "1", "realm_access": {"roles": ["ops"]}}, by).grants >= EVERYTHING
    )
    url = "https://example.com/groups"
    assert person_of(ISSUER, {"sub": "1", url: ["staff"]}, rules(roles_claim=url)).grants == READING


@pytest.mark.parametrize(
    ("path", "found"),
    [
        ("a", 1),
        ("b.c", 2),
        ("d.e", 3),
        ("b", {"c": 2}),
        ("b.d", None),
        ("a.b", None),
        ("b.c.d", None),
        ("", None),
        (".", None),
    ],
)
def test_a_claim_in_a_claim(path: str, found: Any) -> None:
    assert claim({"a": 1, "b": {"c": 2}, "d.e": 3, "d": {"e": 4}}, path) == found


@given(st.dictionaries(st.sampled_from(["email", "groups", "email_verified"]), st.from_type(type)))
def test_whatever_the_claims_are_nobody_is_let_in_by_accident(odd: dict[str, Any]) -> None:
    with pytest.raises(ForbiddenError):
        person_of(ISSUER, {"sub": "1", **odd}, RULES)
