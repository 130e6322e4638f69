# SPDX-License-Identifier: Apache-2.0
"""Numbers out of the store: looked at now and then, and kept while it is down."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from authz.errors import StoreUnavailableError
from authz.node.control.stock import StockTaker
from tests.factories.pki import AT
from tests.unit.services.conftest import World, world

if TYPE_CHECKING:
    import pytest

__all__ = ["world"]


def _taker(world: World) -> StockTaker:
    taker = StockTaker(clock=lambda: AT)
    taker.use(world.store)
    return taker


def test_before_anything_was_seen_there_are_no_numbers(world: World) -> None:
    taker = StockTaker()
    taker.look()

    assert taker.samples() == {}


def test_the_last_numbers_stay_while_the_store_is_down(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    end = world.ca().certificates[0].not_after
    world.issue(days=20)
    taker = _taker(world)
    taker.look()
    before = taker.samples()
    with world.store.read() as session:
        revision = session.revision
    assert before == {
        "authz_authority_not_after_timestamp_seconds": [(("Acme",), end)],
        "authz_client_certificates": [(("active",), 1.0), (("revoked",), 0.0)],
        "authz_client_certificates_expiring": [(("1",), 0.0), (("7",), 0.0), (("30",), 1.0)],
        "authz_client_certificates_unseen": [((), 0.0)],
        "authz_store_committed_revision": [((), float(revision))],
    }

    def down() -> None:
        raise StoreUnavailableError("it is down")

    monkeypatch.setattr(world.store, "read", down)
    taker.look()
    taker.use(None)
    taker.look()
    assert taker.samples() == before


def test_the_thread_looks_when_a_store_comes_and_ends(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    taker = StockTaker(clock=lambda: AT)
    looked = threading.Semaphore(0)
    look = taker.look

    def counted() -> None:
        look()
        looked.release()

    monkeypatch.setattr(taker, "look", counted)
    thread = threading.Thread(target=taker.run)
    thread.start()
    try:
        assert looked.acquire(timeout=10)
        assert taker.samples() == {}
        taker.use(world.store)
        assert looked.acquire(timeout=10)
        assert taker.samples()
    finally:
        taker.stop()
        thread.join(10)
    assert not thread.is_alive()
