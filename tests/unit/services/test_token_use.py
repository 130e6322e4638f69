# SPDX-License-Identifier: Apache-2.0
"""When tokens were last used; how it is noted beside the calls is tested in test_use_notes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from authz.services.permissions import EVERYTHING
from authz.services.token_use import TokenUse
from authz.services.tokens import create_token, get_token, update_token
from tests.factories.pki import AT

if TYPE_CHECKING:
    from authz.store.engine import Store
    from authz.store.records import Token
    from tests.unit.services.conftest import World


def token(world: World) -> Token:
    return create_token(world.store, "ci", EVERYTHING, actor="t", at=AT).token


def test_what_another_node_noted_counts_too(world: World) -> None:
    def nobody() -> Store:
        raise AssertionError

    one = token(world)
    elsewhere = TokenUse(lambda: world.store)
    elsewhere.used(one, AT)
    elsewhere.settle()

    use = TokenUse(nobody)
    use.used(get_token(world.store, one.id), AT + 30)
    use.settle()


def test_a_change_of_the_token_meanwhile_stays(world: World) -> None:
    """What notes the use writes that alone, and a change not what was noted."""
    one = token(world)
    use = TokenUse(lambda: world.store)
    use.used(one, AT)
    use.settle()
    update_token(world.store, one.id, name="new", granted=EVERYTHING, actor="t", at=AT)

    found = get_token(world.store, one.id)
    assert (found.name, found.last_used_at) == ("new", AT)
