# SPDX-License-Identifier: Apache-2.0
"""What counts while the store is away, or the rest of what it says cannot be enforced: what was
enforced last, with what is revoked, distrusted and fetched by now."""

from __future__ import annotations

from typing import TYPE_CHECKING

from authz.node.control.last_fetched import with_fetched
from authz.node.control.last_good import with_revocations
from authz.observability.log import get_logger
from authz.sources.fetched_trust import FetchedTrust

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from authz.services.model import StoreModel
    from authz.sources.fetched import FetchedFiles
    from authz.store.engine import Store


class Meanwhile:
    """Brings what was built last up to now, as far as it can.

    Args:
        fetched: the files of what was fetched; None: nothing was.
        clock: Unix time.
    """

    def __init__(self, fetched: FetchedFiles | None, clock: Callable[[], float]) -> None:
        self._fetched = FetchedTrust(fetched)
        self._clock = clock
        #: The revision whose lists were looked at last.
        self._looked_at: int | None = None

    def look_again(self) -> None:
        """What the store says is to be looked at again, whatever its revision is."""
        self._looked_at = None

    def of(self, store: Store | None, built: StoreModel, keys: Collection[str]) -> StoreModel:
        """What is to be enforced by now; the same object when nothing is new.

        Args:
            store: None while it is away.
            keys: those of the policy file, which `StoreModel.by_key` is wanted for.
        """
        # Each for itself: that one cannot be read is no reason to leave out the other.
        if store is not None:
            try:
                built = self._revoked(store, built, keys) or built
            except Exception as error:  # noqa: BLE001 - why the store is not followed is told already
                get_logger().error("what is revoked now cannot be read", reason=str(error))
        try:
            return with_fetched(built, self._fetched, self._clock()) or built
        except Exception as error:  # noqa: BLE001 - what was in force stays, whatever it is
            get_logger().error("what was fetched cannot be put in force", reason=str(error))
            return built

    def _revoked(self, store: Store, built: StoreModel, keys: Collection[str]) -> StoreModel | None:
        with store.read() as session:
            if session.revision == self._looked_at:
                return None
            newer = with_revocations(session, built, keys)
            self._looked_at = session.revision
        return newer
