# SPDX-License-Identifier: Apache-2.0
"""The thread that sees commits and publishes: from the store to a snapshot file.

    look → read one moment of the store → compile → write the file → say so

What was fetched for authorities is read with it, and whoever fetches asks for a publication.
Nobody tells it what changed: it looks whether anybody committed, and at the revision, so that no
commit is missed and notes that nobody enforces (last seen, events) cost a look. Whatever fails
leaves what is in force in force, is counted, and is tried again: the store when it is down, a full
disk, and content that cannot be enforced, which no service lets in.
"""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final

from authz.errors import AuthzError, StoreUnavailableError
from authz.node.control.messages import NewSnapshot, StoreState
from authz.node.loader_messages import findings_of
from authz.node.snapshot_file import Position, latest_snapshot, next_generation, write_snapshot
from authz.observability.log import get_logger
from authz.policy.snapshot import compile_snapshot
from authz.sds.material import material_of
from authz.services.model import StoreModels, beside
from authz.services.revoked import Listed, RevokedSerials
from authz.sources.fetched import UnchangedFiles
from authz.store.engine import open_store

if TYPE_CHECKING:
    from collections.abc import Callable

    import msgspec

    from authz.node.control.config import ControlConfig
    from authz.node.control.parts import FileParts
    from authz.policy.model import PolicyModel
    from authz.policy.snapshot import Snapshot
    from authz.services.model import StoreModel
    from authz.store.engine import Store, Watcher

#: How long a look for commits lasts; the files beside the store are looked at in between.
WATCH_SECONDS: Final = 0.25

#: From one attempt to the next when the store is down or a snapshot cannot be written.
FIRST_RETRY_SECONDS: Final = 0.2
LONGEST_RETRY_SECONDS: Final = 3.0


@dataclass(slots=True, kw_only=True)
class Published:
    """What was published last, and what went wrong since the process began; for the metrics."""

    revision: int = 0
    generation: int = 0
    at: float = 0.0
    seconds: float = 0.0
    count: int = 0
    failures: dict[str, int] = field(default_factory=dict)
    #: Why the store is not followed, "" while it is.
    why: str = ""


class Publisher:
    """Publishes until it is stopped.

    Args:
        config: the settings.
        parts: the files beside the store.
        say: tells the supervisor.
        opened: told of the store whenever it was opened, and None when it was lost.
        published: told of every revision that was published.
    """

    def __init__(
        self,
        config: ControlConfig,
        parts: FileParts,
        say: Callable[[msgspec.Struct], None],
        *,
        opened: Callable[[Store | None], None] = lambda _: None,
        published: Callable[[int], None] = lambda _: None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        assert config.database is not None
        self.state = Published()
        self._database = config.database
        self._data_dir = Path(config.data_dir)
        self._snapshots = Path(config.snapshots)
        fetched = config.fetched
        self._fetched = None if fetched is None else UnchangedFiles(Path(fetched))
        self._sds_crls = config.sds_crls
        self._parts = parts
        self._say = say
        self._opened = opened
        self._published = published
        self._clock = clock
        self._store: Store | None = None
        self._watcher: Watcher | None = None
        self._models: StoreModels | None = None
        self._compiled: Snapshot | None = None
        self._asked = threading.Event()
        self._stopped = threading.Event()
        self._retry = FIRST_RETRY_SECONDS

    def request(self) -> None:
        """Publish again, changed or not."""
        self._asked.set()

    def stop(self) -> None:
        """Stop; a publication under way is finished."""
        self._stopped.set()

    def run(self) -> None:
        """The body of the thread.

        Raises:
            AuthzError: the policy file or a GeoIP file cannot be used, and nothing was ever
                published: an operator has to mend it.
        """
        # Before anything else: what is wrong with a file is told while nobody relies on us yet.
        self._parts.model()
        self._parts.databases()
        try:
            while not self._stopped.is_set():
                try:
                    self._step()
                    self._retry = FIRST_RETRY_SECONDS
                except AuthzError as error:
                    self._failed(error)
                    self._stopped.wait(self._retry)
                    self._retry = min(2 * self._retry, LONGEST_RETRY_SECONDS)
        finally:
            self._close()

    def count_failure(self, kind: str, error: AuthzError) -> None:
        """Count and log something that leaves in force what is in force."""
        self.state.failures[kind] = self.state.failures.get(kind, 0) + 1
        get_logger().error(
            "a change cannot be put in force; what was in force stays",
            kind=kind,
            generation=self.state.generation,
            reason=str(error),
            hint=error.hint,
        )

    # --- one step --------------------------------------------------------------------------------

    def _step(self) -> None:
        store, watcher = self._connected()
        asked = self._asked.is_set()
        self._asked.clear()
        if asked or self.state.count == 0 or self._parts.changed():
            self._publish(store, forced=True)
        elif self.state.why:
            # After a failure it is not known what was missed.
            self._publish(store, forced=False)
        elif watcher.wait(WATCH_SECONDS):
            self._publish(store, forced=False)

    def _connected(self) -> tuple[Store, Watcher]:
        if self._store is None or self._watcher is None:
            self._close()
            self._store = open_store(self._database, self._data_dir)
            # Before the first reading: a commit between the two must not go unseen.
            self._watcher = self._store.watcher()
            self._opened(self._store)
            self._asked.set()
        return self._store, self._watcher

    def _publish(self, store: Store, *, forced: bool) -> None:
        began = time.monotonic()
        if self._models is None:
            self._models = StoreModels(self._known(), self._fetched)
        with store.read() as session:
            if not forced and session.revision == self.state.revision and not self.state.why:
                return
            built = self._models.build(session)
        model = beside(self._parts.model(), built.model)
        geo = self._parts.databases()
        snapshot = compile_snapshot(model, 0, 0.0, geo, previous=self._compiled, lint=False)
        generation = max(self.state.generation + 1, next_generation(self._snapshots))
        file = write_snapshot(
            self._snapshots,
            model,
            generation,
            self._clock(),
            _position(built),
            material_of(model, crls=self._sds_crls).encode(),
        )
        self._compiled = snapshot
        copies = self._parts.copies
        self._say(
            NewSnapshot(
                generation=generation,
                file=str(file),
                sites=len(model.sites),
                geoip_city=copies.get("city"),
                geoip_asn=copies.get("asn"),
            )
        )
        self._tell_state("")
        state = self.state
        state.revision, state.generation = built.revision, generation
        state.at, state.seconds = self._clock(), time.monotonic() - began
        state.count += 1
        self._published(built.revision)
        get_logger().info(
            "published",
            generation=generation,
            revision=built.revision,
            sites=len(model.sites),
            seconds=round(state.seconds, 4),
        )
        if forced:
            # What is odd about it may take a while to find, and no revocation waits for that.
            threading.Thread(
                target=self._lint, args=(model, snapshot), name="lint", daemon=True
            ).start()

    def _lint(self, model: PolicyModel, snapshot: Snapshot) -> None:
        linted = compile_snapshot(model, 0, 0.0, snapshot.geo, previous=snapshot)
        self._say(findings_of(linted.findings))

    def _known(self) -> RevokedSerials:
        """The revoked serial numbers of the last snapshot: only what changed since is read."""
        found = latest_snapshot(self._snapshots, of_store=True)
        if found is None or found[1].position is None:
            return RevokedSerials()
        content, position = found[1], found[1].position
        listed: dict[str, Listed] = {}
        for site in content.model.sites:
            for authority in site.trust:
                identifier = position.authorities.get(authority.name)
                if identifier is not None:
                    listed[identifier] = Listed(
                        base=authority.revoked_base,
                        added=authority.revoked_serials,
                        restored=authority.restored_serials,
                    )
        return RevokedSerials(store_id=position.store_id, revision=position.revision, listed=listed)

    # --- when it fails ---------------------------------------------------------------------------

    def _failed(self, error: AuthzError) -> None:
        unavailable = isinstance(error, StoreUnavailableError)
        if unavailable:
            self._close()
        # Where it stands is tried again with everything read anew.
        self._models = None
        if str(error) != self.state.why:
            self.count_failure("store" if unavailable else "content", error)
        self._tell_state(str(error))
        if self.state.generation == 0:
            self._fall_back()

    def _fall_back(self) -> None:
        """Answer by what the store said last, until it says something again."""
        found = latest_snapshot(self._snapshots, of_store=True)
        if found is None:
            return
        file, content = found
        self.state.generation = content.generation
        get_logger().warning(
            "answering by the last good snapshot",
            generation=content.generation,
            created_at=content.created_at,
        )
        copies = self._parts.copies
        self._say(
            NewSnapshot(
                generation=content.generation,
                file=str(file),
                sites=len(content.model.sites),
                geoip_city=copies.get("city"),
                geoip_asn=copies.get("asn"),
                last_good=True,
            )
        )

    def _tell_state(self, why: str) -> None:
        if why != self.state.why:
            self.state.why = why
            self._say(StoreState(why=why))

    def _close(self) -> None:
        if self._watcher is not None:
            self._watcher.close()
        if self._store is not None:
            self._opened(None)
            self._store.close()
        self._watcher = self._store = None


def _position(built: StoreModel) -> Position:
    return Position(
        store_id=built.store_id, revision=built.revision, authorities=dict(built.authorities)
    )
