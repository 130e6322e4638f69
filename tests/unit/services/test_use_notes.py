# SPDX-License-Identifier: Apache-2.0
"""Notes beside the calls, which neither wait for them nor fail with them."""

from __future__ import annotations

import sqlite3
import threading
import time
from typing import TYPE_CHECKING

from authz.errors import StoreUnavailableError
from authz.services.permissions import EVERYTHING
from authz.services.token_use import TokenUse
from authz.services.tokens import create_token, get_token
from tests.factories.pki import AT

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

    from authz.store.engine import Store
    from authz.store.records import Token
    from tests.unit.services.conftest import World


def token(world: World) -> Token:
    return create_token(world.store, "ci", EVERYTHING, actor="t", at=AT).token


def test_use_is_noted_once_a_minute(world: World) -> None:
    one = token(world)
    asked = []
    use = TokenUse(lambda: asked.append(1) or world.store)  # type: ignore[func-returns-value]  # None

    noted = []
    for after in (0, 30, 59, 60, 90):
        use.used(one, AT + after)
        use.settle()
        noted.append(get_token(world.store, one.id).last_used_at)

    assert noted == [AT, AT, AT, AT + 60, AT + 60]
    assert len(asked) == 2


def test_a_store_that_is_away_makes_nothing_fail(world: World) -> None:
    def away() -> Store:
        raise StoreUnavailableError("away")

    one = token(world)
    use = TokenUse(away)
    use.used(one, AT)
    use.settle()

    assert get_token(world.store, one.id).last_used_at is None


def test_a_store_that_is_being_written_to_makes_nobody_wait(world: World, tmp_path: Path) -> None:
    one = token(world)
    use = TokenUse(lambda: world.store)
    other = sqlite3.connect(tmp_path / "authz.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")

    begin = time.monotonic()
    use.used(one, AT)
    took = time.monotonic() - begin
    other.execute("ROLLBACK")
    other.close()
    use.settle()

    assert took < 1
    assert get_token(world.store, one.id).last_used_at == AT


def test_without_threads_calls_go_on(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    def no(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    one = token(world)
    use = TokenUse(lambda: world.store)
    with monkeypatch.context() as patched:
        patched.setattr(threading.Thread, "start", no)
        use.used(one, AT)
    use.settle()
    assert get_token(world.store, one.id).last_used_at is None

    use.used(one, AT + 61)
    use.settle()
    assert get_token(world.store, one.id).last_used_at == AT + 61


def test_a_clock_that_was_put_back_ends_no_notes(world: World) -> None:
    one = token(world)
    asked = []
    use = TokenUse(lambda: asked.append(1) or world.store)  # type: ignore[func-returns-value]  # None
    for at in (AT + 86400, AT, AT + 61):
        use.used(one, at)
        use.settle()

    # Of two moments the store keeps the later one.
    assert len(asked) == 3
    assert get_token(world.store, one.id).last_used_at == AT + 86400
