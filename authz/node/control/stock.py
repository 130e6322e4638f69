# SPDX-License-Identifier: Apache-2.0
"""The thread that looks what the store has, for the metrics; the last numbers stand while it is
down."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, Final

from authz.errors import StoreError
from authz.services.inventory import take_inventory

if TYPE_CHECKING:
    from collections.abc import Callable

    from authz.node.control.metrics import Samples
    from authz.services.inventory import Inventory
    from authz.store.engine import Store

LOOK_SECONDS: Final = 30.0


class StockTaker:
    """Looks until it is stopped."""

    def __init__(self, *, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self._store: Store | None = None
        self._found: Inventory | None = None
        self._woken = threading.Event()
        self._stopped = False

    def use(self, store: Store | None) -> None:
        """Look at this store, None while there is none."""
        self._store = store
        if store is not None:
            self._woken.set()

    def stop(self) -> None:
        """End."""
        self._stopped = True
        self._woken.set()

    def run(self) -> None:
        """The body of the thread."""
        while not self._stopped:
            self.look()
            self._woken.wait(LOOK_SECONDS)
            self._woken.clear()

    def look(self) -> None:
        """Look once."""
        store = self._store
        if store is None:
            return
        try:
            self._found = take_inventory(store, self._clock())
        except StoreError:
            # The publisher says so.
            return

    def samples(self) -> Samples:
        """What was found last."""
        found = self._found
        if found is None:
            return {}
        return {
            "authz_authority_not_after_timestamp_seconds": [
                ((name,), at) for name, at in found.authorities.items()
            ],
            "authz_client_certificates": [
                ((str(status),), float(count)) for status, count in found.certificates.items()
            ],
            "authz_client_certificates_expiring": [
                ((str(days),), float(count)) for days, count in found.expiring.items()
            ],
            "authz_client_certificates_unseen": [((), float(found.unseen))],
            "authz_store_committed_revision": [((), float(found.revision))],
        }
