# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from authz.errors import InvalidInputError
from authz.services.token_drafts import checked_policies
from authz.services.token_policies import PolicyDraft

if TYPE_CHECKING:
    from tests.unit.services.conftest import World

CERTIFICATES = "c03055bc037c4ea9afb9a9f104b7b721"
LISTS = "2edbf20661fd4661b0fe10e9e12f485c"
NOBODY = "e" * 32


def checked(world: World, groups: tuple[str, ...], resources: dict[str, Any]) -> Any:
    with world.store.read() as session:
        zone = session.zones.all()[0]

        def filled(value: Any) -> Any:
            if isinstance(value, dict):
                return {filled(key): filled(one) for key, one in value.items()}
            return value.replace("ZONE", zone.id).replace("ACCOUNT", zone.account_id)

        fine = PolicyDraft(groups=(LISTS,), resources={"com.cloudflare.api.account.*": "*"})
        return checked_policies(
            session, [fine, PolicyDraft(groups=groups, resources=filled(resources))]
        )[1]


@pytest.mark.parametrize(
    "resources",
    [
        {"com.cloudflare.api.account.zone.ZONE": "*"},
        {"com.cloudflare.api.account.zone.*": "*"},
        {"com.cloudflare.api.account.ACCOUNT": {"com.cloudflare.api.account.zone.*": "*"}},
        {"com.cloudflare.api.account.*": {"com.cloudflare.api.account.zone.ZONE": "*"}},
        {
            "com.cloudflare.api.account.zone.ZONE": "*",
            "com.cloudflare.api.account.ACCOUNT": "*",
            "com.cloudflare.api.user.ACCOUNT": "*",
        },
    ],
)
def test_resources_that_there_are(world: World, resources: dict[str, Any]) -> None:
    made = checked(world, (CERTIFICATES, CERTIFICATES), resources)

    assert made.groups == (CERTIFICATES,)
    assert len(made.id) == 32


@pytest.mark.parametrize(
    ("groups", "resources", "where", "message"),
    [
        ((CERTIFICATES,), {}, "resources", "no resource"),
        ((CERTIFICATES,), {"com.cloudflare.api.account.ACCOUNT": {}}, "resources", "no resource"),
        ((), {"com.cloudflare.api.account.zone.*": "*"}, "permission_groups", "no permission"),
        (
            (CERTIFICATES, NOBODY),
            {"com.cloudflare.api.account.zone.*": "*"},
            "permission_groups/1/id",
            "no permission group",
        ),
        (
            (LISTS,),
            {"com.cloudflare.api.account.zone.*": "*"},
            "permission_groups/0/id",
            "applies to none",
        ),
        (
            (CERTIFICATES,),
            {f"com.cloudflare.api.account.zone.{NOBODY}": "*"},
            f"resources/com.cloudflare.api.account.zone.{NOBODY}",
            "no zone",
        ),
        (
            (LISTS,),
            {f"com.cloudflare.api.account.{NOBODY}": "*"},
            f"resources/com.cloudflare.api.account.{NOBODY}",
            "no account",
        ),
        (
            (LISTS,),
            {f"com.cloudflare.api.user.{NOBODY}": "*"},
            f"resources/com.cloudflare.api.user.{NOBODY}",
            "no user",
        ),
        (
            (CERTIFICATES,),
            {f"com.cloudflare.api.account.{NOBODY}": {"com.cloudflare.api.account.zone.*": "*"}},
            f"resources/com.cloudflare.api.account.{NOBODY}/com.cloudflare.api.account.zone.*",
            "no account",
        ),
        ((LISTS,), {"com.cloudflare.edge.r2/~": "*"}, "resources/com.cloudflare.edge.r2~1~0", "no"),
        (
            (CERTIFICATES,),
            {"com.cloudflare.api.account.zone.*": "read"},
            "resources/com.cloudflare.api.account.zone.*",
            "value",
        ),
    ],
)
def test_what_would_allow_nothing_is_refused_with_its_place(
    world: World, groups: tuple[str, ...], resources: dict[str, Any], where: str, message: str
) -> None:
    with pytest.raises(InvalidInputError, match=message) as error:
        checked(world, groups, resources)
    assert error.value.where == f"/policies/1/{where}"
