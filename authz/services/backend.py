# SPDX-License-Identifier: Apache-2.0
"""What the management API and the dashboard need of the node that serves them."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from authz.services.explanation import CheckReading
from authz.services.judging import Judge
from authz.services.live_policy import LivePolicy
from authz.store.engine import open_store

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from authz.ca.keys import KeyEncryption
    from authz.policy.geo import GeoLookup
    from authz.sources.fetched import FetchedFiles
    from authz.store.engine import Store


class LateStore:
    """The store, opened when it is first asked for, and again when that failed.

    Args:
        database, data_dir: as `open_store` takes them.
    """

    def __init__(self, database: str, data_dir: Path) -> None:
        self._database = database
        self._data_dir = data_dir
        self._lock = threading.Lock()
        self._store: Store | None = None

    def __call__(self) -> Store:
        """The store.

        Raises:
            StoreUnavailableError: it cannot be opened.
        """
        store = self._store
        if store is None:
            with self._lock:
                store = self._store
                if store is None:
                    # Whoever publishes makes it: one that is gone must not come back empty.
                    store = open_store(self._database, self._data_dir, create=False)
                    self._store = store
        return store

    def close(self) -> None:
        """Close every connection."""
        with self._lock:
            if self._store is not None:
                self._store.close()
            self._store = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Backend:
    """What calls and pages work with.

    Args:
        store: raises StoreUnavailableError while it cannot be opened.
        encryption: what private keys are encrypted with; raises KeyUnavailableError, SettingsError.
        publication_url: where CRLs and OCSP are (`publication.url`).
        geo: GeoIP databases, to compile rules that read them.
        clock: Unix seconds.
        reading: how checks are read here.
        live: the policy in force, for whoever asks what it would decide.
        judge: decides recorded requests again, by the rules of the store or by others.
        fetched: what was fetched for authorities; None where nothing is.
    """

    store: Callable[[], Store]
    encryption: Callable[[], KeyEncryption]
    publication_url: str | None = None
    geo: GeoLookup | None = None
    clock: Callable[[], float] = field(default=time.time)
    reading: CheckReading = field(default_factory=CheckReading)
    live: LivePolicy = field(default_factory=LivePolicy)
    judge: Judge = field(default_factory=Judge)
    fetched: FetchedFiles | None = None
