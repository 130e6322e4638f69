# SPDX-License-Identifier: Apache-2.0
"""What was built last, with the lists of now."""

from __future__ import annotations

from typing import TYPE_CHECKING

from authz.node.control.last_good import with_revocations
from authz.services.model import StoreModel, StoreModels
from authz.services.same_key import KeysOf

if TYPE_CHECKING:
    from tests.factories.populated import World


def _now(world: World, built: StoreModel, *keys: str) -> StoreModel | None:
    with world.store.read() as session:
        return with_revocations(session, built, keys)


def test_lists_are_those_of_now_and_the_moment_is_the_one_before(world: World) -> None:
    world.revoke_serial(6)
    with world.store.read() as session:
        built = StoreModels().build(session)
    assert _now(world, built) is None

    world.revoke_serial(7)
    newer = _now(world, built)

    assert newer is not None
    (trust,) = [one.trust for one in newer.model.sites if one.trust]
    assert set(trust[0].revoked_serials) == {6, 7}
    assert (newer.revision, newer.mark) == (built.revision, built.mark)
    assert _now(world, newer) is None


def test_keys_of_the_file_have_their_lists(world: World) -> None:
    with world.store.read() as session:
        (der,) = [one.der for one in session.authorities.certificates()]
        (key,) = KeysOf().of([der])
        built = StoreModels().build(session, [key])

    world.revoke_serial(7)
    newer = _now(world, built, key, "another")

    assert newer is not None
    assert [one.added for one in newer.by_key[key]] == [(7,)]
    assert list(newer.by_key) == [key]
