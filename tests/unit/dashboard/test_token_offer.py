# SPDX-License-Identifier: Apache-2.0
"""What somebody may give to a token: nothing that they may not do."""

from __future__ import annotations

from authz.dashboard.token_offer import PRESETS, offered
from authz.services.permissions import (
    EVERY_ZONE,
    EVERYTHING,
    GROUP_OF,
    Grant,
    Level,
    Scope,
    allows,
    grants_of_group,
)


def _grants(preset: str) -> frozenset[Grant]:
    return frozenset(
        grant
        for one in PRESETS[preset][2]
        for grant in grants_of_group(
            GROUP_OF[one], EVERY_ZONE if GROUP_OF[one].scope is Scope.ZONE else "account"
        )
    )


def test_every_preset_is_of_groups_that_there_are() -> None:
    for name, about, groups in PRESETS.values():
        assert groups, name
        assert about.endswith(".")
        assert all(one in GROUP_OF for one in groups)


def test_read_only_changes_nothing_and_everything_leaves_nothing_out() -> None:
    read = _grants("read")
    assert {one.level for one in read} == {Level.READ}
    assert {one.resource for one in read} == {one.resource for one in EVERYTHING}
    everything = _grants("everything")
    assert all(allows(everything, one) for one in EVERYTHING)


def test_of_two_groups_that_allow_the_same_the_form_has_one() -> None:
    names = [GROUP_OF[one].name for one in offered(GROUP_OF)]

    assert "Account Rulesets Read" in names
    assert "Account WAF Read" not in names
