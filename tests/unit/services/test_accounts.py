# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from authz.errors import InvalidInputError
from authz.services.accounts import get_account, rename_account
from tests.factories.pki import AT

if TYPE_CHECKING:
    from tests.unit.services.conftest import World


def test_the_account_gets_another_name(world: World) -> None:
    before = get_account(world.store)

    after = rename_account(world.store, " Acme ", actor="bob", at=AT)

    assert (after.id, after.name) == (before.id, "Acme")
    assert get_account(world.store) == after
    entry = world.last()
    assert (entry.action, entry.actor, entry.at) == ("account.rename", "bob", AT)


def test_a_name_that_is_none_changes_nothing(world: World) -> None:
    with pytest.raises(InvalidInputError):
        rename_account(world.store, "", actor="bob", at=AT)

    assert get_account(world.store).name == "default"
