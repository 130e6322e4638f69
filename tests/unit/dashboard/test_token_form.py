# SPDX-License-Identifier: Apache-2.0
"""What is filled in about a token, as policies and moments, and back."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from authz.dashboard.forms import Form
from authz.dashboard.token_form import Values, read_values, values_of
from authz.errors import InvalidInputError
from authz.services.permissions import GROUP_OF, PERMISSION_GROUPS, Scope
from authz.services.token_policies import Policy, stored
from tests.factories.stored import token

if TYPE_CHECKING:
    from authz.store.records import Token

_ACCOUNT = "a" * 32
_ZONES = ("b" * 32, "c" * 32)
_IDS = {(one.scope.name, one.name): one.id for one in PERMISSION_GROUPS}
_WAF = _IDS["ZONE", "Zone WAF Write"]
_READ = _IDS["ZONE", "Zone Read"]
_LISTS = _IDS["ACCOUNT", "Account Rule Lists Write"]
_TOKENS = _IDS["USER", "API Tokens Read"]
_DAY = 86_400.0


def _kept(values: Values) -> Token:
    """A token that was made of it."""
    policies = [
        Policy(id="1", groups=one.groups, resources=one.resources)
        for one in values.policies(_ACCOUNT)
    ]
    return token(name=values.name, scopes=stored(policies))


def _scopes(groups: list[str], resources: dict[str, Any]) -> dict[str, Any]:
    return {"id": "1", "permission_groups": groups, "resources": resources}


@pytest.mark.parametrize("reach", ["every", "some"])
def test_a_token_is_filled_into_the_form_that_it_was_made_with(reach: str) -> None:
    values = Values(
        name="pipeline",
        groups=frozenset({_WAF, _READ, _LISTS, _TOKENS}),
        reach=reach,
        zones=frozenset() if reach == "every" else frozenset(_ZONES),
        lasts="keep",
    )

    assert values_of(_kept(values)) == values


def test_each_scope_becomes_a_policy_with_what_is_of_it() -> None:
    values = Values(groups=frozenset({_WAF, _LISTS, _TOKENS}), reach="every")

    drafts = values.policies(_ACCOUNT)

    assert [one.groups for one in drafts] == [(_WAF,), (_LISTS,), (_TOKENS,)]
    assert drafts[0].resources == {f"{Scope.ACCOUNT}.{_ACCOUNT}": {f"{Scope.ZONE}.*": "*"}}
    assert drafts[2].resources == {f"{Scope.USER}.{_ACCOUNT}": "*"}


def test_permissions_for_zones_need_one() -> None:
    with pytest.raises(InvalidInputError, match="no zone is chosen"):
        Values(groups=frozenset({_WAF}), reach="some").policies(_ACCOUNT)
    assert Values(groups=frozenset({_LISTS}), reach="some").policies(_ACCOUNT)


def test_a_permission_that_there_is_not_is_refused() -> None:
    with pytest.raises(InvalidInputError, match='no permission "<b>"'):
        Values(groups=frozenset({"<b>"})).policies(_ACCOUNT)


@pytest.mark.parametrize(
    "scopes",
    [
        # Another permission in each zone.
        (
            _scopes([_WAF], {f"{Scope.ZONE}.{_ZONES[0]}": "*"}),
            _scopes([_READ], {f"{Scope.ZONE}.{_ZONES[1]}": "*"}),
        ),
        # Every zone, and one of them besides.
        (
            _scopes([_WAF], {f"{Scope.ZONE}.{_ZONES[0]}": "*"}),
            _scopes([_WAF], {f"{Scope.ZONE}.*": "*"}),
        ),
        # What this program does not know.
        (_scopes(["f" * 32], {f"{Scope.ZONE}.{_ZONES[0]}": "*"}),),
        (_scopes([_WAF], {"else": "*"}),),
    ],
)
def test_what_the_form_cannot_say_is_not_filled_in(scopes: tuple[dict[str, Any], ...]) -> None:
    assert values_of(token(scopes=scopes)) is None


@pytest.mark.parametrize(
    ("lasts", "expires_on", "expected"),
    [
        ("7", "", 1000 + 7 * _DAY),
        ("never", "", None),
        ("until", "", 5.0),
        ("keep", "", 6.0),
        # The end of that day.
        ("date", "1970-01-03", 3 * _DAY),
    ],
)
def test_when_a_token_ends(lasts: str, expires_on: str, expected: float | None) -> None:
    values = Values(lasts=lasts, expires_on=expires_on)

    assert values.expires_at(1000.0, until=5.0, now=6.0) == expected


@pytest.mark.parametrize("day", ["", "yesterday", "2027-02-30"])
def test_a_day_that_there_is_not_is_refused(day: str) -> None:
    with pytest.raises(InvalidInputError, match="is no day"):
        Values(lasts="date", expires_on=day).expires_at(0.0, until=None, now=None)


def test_when_a_token_begins() -> None:
    values = Values(starts_on="1970-01-02")

    assert values.not_before(None) == _DAY
    # The moment of the day stays, where the day does.
    assert values.not_before(_DAY + 5) == _DAY + 5
    assert values.not_before(9 * _DAY + 5) == _DAY
    assert Values().not_before(5.0) is None


def test_a_form_is_read() -> None:
    form = Form(
        [("name", " x "), ("group", ""), ("group", _WAF), ("zone", _ZONES[0]), ("lasts", "7")]
    )

    expected = Values(
        name="x", groups=frozenset({_WAF}), reach="some", zones=frozenset({_ZONES[0]}), lasts="7"
    )
    assert read_values(form) == expected
    assert set(expected.groups) <= GROUP_OF.keys()


def test_a_beginning_is_filled_in_as_a_day() -> None:
    made = replace(_kept(Values(groups=frozenset({_LISTS}))), not_before=_DAY + 7)

    found = values_of(made)

    assert found is not None
    assert found.starts_on == "1970-01-02"
