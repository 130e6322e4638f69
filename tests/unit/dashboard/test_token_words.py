# SPDX-License-Identifier: Apache-2.0
"""What a token may do, in words."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from authz.dashboard.token_words import may_do_everything, words_of
from authz.services.permissions import EVERYTHING, PERMISSION_GROUPS
from authz.services.token_policies import drafts_for
from tests.factories.stored import token

if TYPE_CHECKING:
    from authz.store.records import Token

_ACCOUNT = "a" * 32
_ZONE = "b" * 32
_IDS = {(one.scope.name, one.name): one.id for one in PERMISSION_GROUPS}


def _token(*policies: tuple[list[str], dict[str, Any]]) -> Token:
    return token(
        scopes=tuple(
            {"id": str(number), "permission_groups": groups, "resources": resources}
            for number, (groups, resources) in enumerate(policies)
        )
    )


def _said(one: Token) -> list[tuple[str, list[str]]]:
    names = {_ZONE: "example.com"}
    return [(each.where, [name for name, _ in each.groups]) for each in words_of(one, names)]


def test_each_place_has_its_permissions() -> None:
    one = _token(
        (
            [_IDS["ZONE", "Zone WAF Write"], _IDS["ACCOUNT", "Account WAF Read"]],
            {
                f"com.cloudflare.api.account.zone.{_ZONE}": "*",
                f"com.cloudflare.api.account.{_ACCOUNT}": "*",
            },
        ),
        (
            [_IDS["ZONE", "Zone Read"]],
            {f"com.cloudflare.api.account.{_ACCOUNT}": {"com.cloudflare.api.account.zone.*": "*"}},
        ),
        ([_IDS["USER", "API Tokens Read"]], {f"com.cloudflare.api.user.{_ACCOUNT}": "*"}),
    )

    assert _said(one) == [
        ("the zone example.com", ["Zone WAF Write"]),
        ("the account", ["Account WAF Read"]),
        ("every zone", ["Zone Read"]),
        ("API tokens", ["API Tokens Read"]),
    ]
    assert not may_do_everything(one)


def test_a_zone_that_is_not_known_is_called_by_its_identifier() -> None:
    one = _token(
        ([_IDS["ZONE", "Zone Read"]], {f"com.cloudflare.api.account.zone.{'c' * 32}": "*"})
    )

    assert _said(one) == [(f"the zone {'c' * 32}", ["Zone Read"])]


def test_what_allows_nothing_is_not_told() -> None:
    one = _token(
        (["f" * 32], {f"com.cloudflare.api.account.{_ACCOUNT}": "*"}),
        ([_IDS["ZONE", "Zone Read"]], {"something": "else"}),
    )

    assert _said(one) == []


def test_everything_is_known_as_such() -> None:
    drafts = drafts_for(EVERYTHING, _ACCOUNT)

    assert may_do_everything(_token(*((list(one.groups), dict(one.resources)) for one in drafts)))
