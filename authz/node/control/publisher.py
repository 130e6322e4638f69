# SPDX-License-Identifier: Apache-2.0
"""The thread that sees commits and publishes: from the store to a snapshot file.

    look → read one moment of the store → compile → write the file → say so

Nobody tells it what changed: it looks whether anybody committed, and at the revision, so that no
commit is missed and notes that nobody enforces (last seen, events) cost a look. Whatever fails
leaves what is in force in force, is counted, and is tried again: the store when it is down, a full
disk, and content that cannot be enforced, which no service lets in. Meanwhile the files beside the
store go on counting, with what it said last; so does what was fetched since, and, as long as the
store can be read, what was revoked and distrusted there.
"""

from __future__ import annotations

import threading
import time
from contextlib import nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final

from authz.errors import AuthzError, PolicyError, StoreUnavailableError
from authz.node.control.meanwhile import Meanwhile
from authz.node.control.messages import NewSnapshot, StoreState
from authz.node.control.takeover import position_of, revoked_of, store_part
from authz.node.loader_messages import findings_of
from authz.node.snapshot_file import latest_snapshot, next_generation, write_snapshot
from authz.observability.log import get_logger
from authz.policy.snapshot import compile_snapshot
from authz.sds.material import material_of
from authz.services.beside import beside
from authz.services.model import StoreModels
from authz.services.same_key import BesideKeys
from authz.sources.fetched import UnchangedFiles
from authz.store.addresses import digest_of
from authz.store.engine import open_store

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager

    import msgspec

    from authz.node.control.config import ControlConfig
    from authz.node.control.parts import FileParts
    from authz.node.snapshot_file import SnapshotContent
    from authz.policy.model import PolicyModel
    from authz.policy.snapshot import Snapshot
    from authz.services.model import StoreModel
    from authz.store.engine import Store, Watcher

#: How long a look for commits lasts; whether there is anything else to do is asked in between.
WATCH_SECONDS: Final = 0.25

#: The revision is asked for this often whatever the watcher says: a pooler between us and
#: PostgreSQL may swallow every notification.
ASK_SECONDS: Final = 1.0

#: Hosts that are named in one line of the log.
_MAX_NAMED: Final = 20

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
        span: what is done in it is a span of that name (observability.tracing).
        clock: Unix time; `monotonic` for what is due.
        watch_seconds: how long one look for commits lasts.
    """

    def __init__(
        self,
        config: ControlConfig,
        parts: FileParts,
        say: Callable[[msgspec.Struct], None],
        *,
        opened: Callable[[Store | None], None] = lambda _: None,
        published: Callable[[int], None] = lambda _: None,
        span: Callable[[str], AbstractContextManager[object]] = nullcontext,
        clock: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic,
        watch_seconds: float = WATCH_SECONDS,
    ) -> None:
        assert config.database is not None
        self.state = Published()
        self._database = config.database
        self._data_dir = Path(config.data_dir)
        self._where = digest_of(config.database, self._data_dir)
        self._snapshots = Path(config.snapshots)
        fetched = config.fetched
        self._fetched = None if fetched is None else UnchangedFiles(Path(fetched))
        self._meanwhile = Meanwhile(self._fetched, clock)
        self._sds_crls = config.sds_crls
        self._parts = parts
        self._by_key = BesideKeys()
        self._may_create = True
        #: What was wrong when something was put in force meanwhile, said once.
        self._told = ""
        self._say = say
        self._opened = opened
        self._published = published
        self._span = span
        self._clock = clock
        self._monotonic = monotonic
        self._watch_seconds = watch_seconds
        self._store: Store | None = None
        self._watcher: Watcher | None = None
        self._models: StoreModels | None = None
        #: What the store said last, at first as the last good snapshot has it.
        self._built: StoreModel | None = None
        self._last_good: tuple[Path, SnapshotContent] | None = None
        self._compiled: Snapshot | None = None
        self._shadowed: tuple[str, ...] = ()
        self._asked = threading.Event()
        self._asked_at = float("-inf")
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
        self.begin()
        try:
            while not self._stopped.is_set():
                pause = self.attempt()
                if pause:
                    self._stopped.wait(pause)
        finally:
            self._close()

    def begin(self) -> None:
        """Read the files beside the store and the last good snapshot; raises what `run` does."""
        # Before anything else: what is wrong with a file is told while nobody relies on us yet.
        self._parts.first()
        last = latest_snapshot(self._snapshots, of_store=True)
        if last is None or last[1].position is None:
            return
        database = last[1].position.database
        if database == self._where:
            self._last_good, self._built = last, store_part(last[1])
        else:
            # What another store allowed says nothing about this one. Where a snapshot does not
            # say which it is of, ours may be one that was there and is gone.
            self._may_create = bool(database)
            get_logger().warning(
                "the last snapshot is not known to be of this database, and does not count",
                generation=last[1].generation,
            )

    def attempt(self) -> float:
        """Look once, and publish if there is anything to; seconds to wait before the next time."""
        try:
            self._step()
        except AuthzError as error:
            self._failed(error)
        except Exception as error:  # noqa: BLE001 - what was in force stays, whatever it is
            get_logger().error("a publication failed", exc_info=error)
            self._failed(
                PolicyError(
                    f"what the store says cannot be read: {type(error).__name__}: {error}",
                    hint="authz db check says more; this is a defect to report",
                )
            )
        else:
            self._retry = FIRST_RETRY_SECONDS
            return 0.0
        pause, self._retry = self._retry, min(2 * self._retry, LONGEST_RETRY_SECONDS)
        return pause

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
        if self._parts.take_fresh() or asked or self.state.count == 0:
            self._publish(store, lint=True)
        elif self.state.why:
            # After a failure it is not known what was missed.
            self._publish(store)
        elif watcher.wait(self._watch_seconds) or self._is_due():
            self._publish(store, only_changes=True)

    def _is_due(self) -> bool:
        return self._monotonic() - self._asked_at >= ASK_SECONDS

    def _connected(self) -> tuple[Store, Watcher]:
        if self._store is None or self._watcher is None:
            self._close()
            # A store that is gone is not one that is empty: what it said last goes on counting.
            is_new = self._may_create and self._built is None
            self._store = open_store(self._database, self._data_dir, create=is_new)
            # Before the first reading: a commit between the two must not go unseen.
            self._watcher = self._store.watcher()
            self._opened(self._store)
            self._asked.set()
        return self._store, self._watcher

    def _publish(self, store: Store, *, only_changes: bool = False, lint: bool = False) -> None:
        began = self._monotonic()
        if self._models is None:
            self._models = StoreModels(revoked_of(self._built), self._fetched)
        with store.read() as session:
            self._asked_at = began
            if only_changes and session.revision == self.state.revision:
                return
            built = self._models.build(session, self._by_key.keys(self._parts.model))
        with self._span("authz.publish"):
            self._write(built, began, lint=lint)
        self._meanwhile.look_again()
        self._told = ""
        self._tell_state("")

    def _write(
        self, built: StoreModel, began: float, *, lint: bool, last_good: bool = False
    ) -> None:
        parts = self._parts
        together = beside(self._by_key.add(parts.model, built.by_key), built.model)
        model, geo, copies = together.model, parts.databases, parts.copies
        snapshot = compile_snapshot(model, 0, 0.0, geo, previous=self._compiled, lint=False)
        generation = max(self.state.generation + 1, next_generation(self._snapshots))
        file = write_snapshot(
            self._snapshots,
            model,
            generation,
            self._clock(),
            position_of(built, self._where),
            material_of(model, crls=self._sds_crls).encode(),
        )
        self._compiled, self._built, self._last_good = snapshot, built, None
        state = self.state
        # In this order: whoever reads the revision first then knows its snapshot, or a later one.
        state.generation, state.revision, state.at = generation, built.revision, self._clock()
        state.seconds = self._monotonic() - began
        state.count += 1
        self._published(built.revision)
        self._say(
            NewSnapshot(
                generation=generation,
                file=str(file),
                sites=len(model.sites),
                geoip_city=copies.get("city"),
                geoip_asn=copies.get("asn"),
                last_good=last_good,
            )
        )
        get_logger().info(
            "published",
            generation=generation,
            revision=built.revision,
            sites=len(model.sites),
            seconds=round(state.seconds, 4),
        )
        self._tell_shadowed(together.shadowed)
        if lint:
            # What is odd about it may take a while to find, and no revocation waits for that.
            threading.Thread(
                target=self._lint, args=(model, snapshot), name="lint", daemon=True
            ).start()

    def _tell_shadowed(self, hosts: tuple[str, ...]) -> None:
        if hosts and hosts != self._shadowed:
            get_logger().warning(
                "hosts of the store are answered for by the policy file",
                hosts=list(hosts[:_MAX_NAMED]),
                count=len(hosts),
            )
        self._shadowed = hosts

    def _lint(self, model: PolicyModel, snapshot: Snapshot) -> None:
        linted = compile_snapshot(model, 0, 0.0, snapshot.geo, previous=snapshot)
        self._say(findings_of(linted.findings))

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
        self._go_on()

    def _go_on(self) -> None:
        """What the store said last, with a file that changed, what was fetched since, and what is
        revoked and distrusted now."""
        if self._built is None:
            return
        began = self._monotonic()
        keys = self._by_key.keys(self._parts.model)
        built = self._meanwhile.of(self._store, self._built, keys)
        fresh = self._parts.take_fresh()
        if fresh or built is not self._built:
            try:
                self._write(built, began, lint=fresh, last_good=True)
            except AuthzError as error:
                self._meanwhile.look_again()
                if fresh or str(error) != self._told:
                    self.count_failure("policy", error)
                self._told = str(error)

    def _fall_back(self) -> None:
        """Answer by what the store said last, until it says something again."""
        if self._last_good is None:
            return
        file, content = self._last_good
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
