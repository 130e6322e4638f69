# SPDX-License-Identifier: Apache-2.0
"""A publisher over a real SQLite store, one attempt at a time: nobody waits for a thread."""

from __future__ import annotations

import shutil
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from authz.node.control.config import ControlConfig
from authz.node.control.messages import NewSnapshot, StoreState
from authz.node.control.parts import FileParts
from authz.node.control.publisher import Publisher
from authz.node.snapshot_file import read_snapshot
from authz.policy.snapshot import compile_snapshot
from authz.sources.fetched import DIRECTORY
from authz.store.engine import open_store
from tests.factories.populated import World

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import msgspec

    from authz.node.snapshot_file import SnapshotContent
    from authz.policy.snapshot import Snapshot


class Bench:
    """A publisher and everything it said; `start` makes a new one, as a new process would."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.policy = directory / "policy.yaml"
        self.snapshots = directory / "snapshots"
        self.fetched = directory / DIRECTORY
        self.said: list[Any] = []
        self.failures: list[tuple[str, str]] = []
        self.opened: list[bool] = []
        self.now = time.time()
        self.elapsed = 100.0
        self.publisher: Publisher
        self.parts: FileParts

    @property
    def database(self) -> Path:
        return self.directory / "authz.db"

    def start(self, *, policy: bool = False, begin: bool = True) -> Publisher:
        """A publisher that knows nothing but what is on disk."""
        self.close()
        self.said.clear()
        config = ControlConfig(
            data_dir=str(self.directory),
            snapshots=str(self.snapshots),
            geo_directory=str(self.directory / "geoip"),
            geoip={},
            database="sqlite",
            policy=str(self.policy) if policy else None,
            log_format="json",
            log_level="error",
            fetched=str(self.fetched),
        )
        self.parts = FileParts(
            policy=self.policy if policy else None,
            geoip={},
            geo_directory=self.directory / "geoip",
            failed=lambda kind, error: self.failures.append((kind, str(error))),
            sleep=lambda _: None,
        )
        self.publisher = Publisher(
            config,
            self.parts,
            self._say,
            opened=lambda store: self.opened.append(store is not None),
            clock=lambda: self.now,
            monotonic=lambda: self.elapsed,
            watch_seconds=0.0,
        )
        if begin:
            self.publisher.begin()
        return self.publisher

    def _say(self, message: msgspec.Struct) -> None:
        # Lint speaks from a thread of its own, and is not what is asked for here.
        if isinstance(message, NewSnapshot | StoreState):
            self.said.append(message)

    def attempt(self) -> list[Any]:
        """What one attempt said."""
        before = len(self.said)
        self.publisher.attempt()
        return self.said[before:]

    def content(self) -> SnapshotContent:
        """The last snapshot that was told of."""
        told = [one for one in self.said if isinstance(one, NewSnapshot)]
        return read_snapshot(Path(told[-1].file))

    def compiled(self) -> Snapshot:
        """The same, as a worker has it."""
        content = self.content()
        return compile_snapshot(content.model, content.generation, content.created_at, lint=False)

    def revoked(self, authority: str = "Acme") -> set[int]:
        """The serial numbers that the last snapshot has as revoked (small lists are not packed)."""
        return {
            serial
            for site in self.content().model.sites
            for one in site.trust
            if one.name == authority
            for serial in one.revoked_serials
        }

    def close(self) -> None:
        """End the publisher, as the end of its process would."""
        if hasattr(self, "publisher"):
            self.publisher._close()


@pytest.fixture
def world(tmp_path: Path, empty_store: Path) -> Iterator[World]:
    """A store with a protected host of the authority Acme."""
    shutil.copy(empty_store, tmp_path)
    made = World(open_store("sqlite", tmp_path))
    made.protect()
    yield made
    made.store.close()


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    made = Bench(tmp_path)
    yield made
    made.close()


@pytest.fixture
def reopen(tmp_path: Path) -> Callable[[], World]:
    """The store again, after its file was put back."""
    return lambda: World(open_store("sqlite", tmp_path, create=False))
