# SPDX-License-Identifier: Apache-2.0
"""The policy in force, compiled for whoever asks about it and answers no checks.

What is in force is decided by whoever publishes (node); here the same parts are put together in the
same way: the store's model, beside a policy file where there is one. It is made when it is first
asked for, kept, and made anew when the store changed, or some time has passed: what was fetched
since (CRLs) and a changed policy file are in no revision of the store.
"""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from authz.policy.model import PolicyModel
from authz.policy.snapshot import compile_snapshot
from authz.services.beside import beside
from authz.services.model import SCOPE, StoreModels, hosts_of
from authz.services.same_key import BesideKeys
from authz.sources.fetched import DIRECTORY, UnchangedFiles
from authz.sources.policy_file import load_policy

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from authz.policy.geo import GeoLookup
    from authz.policy.model import SiteModel
    from authz.policy.snapshot import Site, Snapshot
    from authz.store.engine import Store
    from authz.store.records import Zone
    from authz.store.session import Session

#: How old a policy may be although the store did not change.
MAX_AGE_SECONDS: Final = 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Live:
    """The policy of one moment.

    Args:
        revision: of the store.
    """

    model: PolicyModel
    snapshot: Snapshot
    store_id: str
    revision: int


class LivePolicy:
    """The policy in force, kept from one question to the next. For many threads.

    Args:
        data_dir: where what was fetched is (`data_dir` of the settings); None: nothing was.
        policy: the policy file beside the store.
        monotonic: seconds.
    """

    def __init__(
        self,
        data_dir: Path | None = None,
        policy: Path | None = None,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._fetched = None if data_dir is None else data_dir / DIRECTORY
        self._policy = policy
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._models: StoreModels | None = None
        self._live: Live | None = None
        self._made_at = 0.0

    def now(self, store: Store, at: float, geo: GeoLookup | None = None) -> Live:
        """The policy of this moment.

        Args:
            at: Unix seconds.

        Raises:
            StoreUnavailableError: the store cannot be read.
            AuthzError: what is there cannot be enforced.
        """
        # One at a time: whoever waits for the same policy needs not make it, too.
        with self._lock:
            try:
                return self._now(store, at, geo)
            except BaseException:
                # Read anew from where it is known to be whole.
                self._models = None
                raise

    def _now(self, store: Store, at: float, geo: GeoLookup | None) -> Live:
        live, began = self._live, self._monotonic()
        if self._models is None:
            fetched = None if self._fetched is None else UnchangedFiles(self._fetched)
            self._models = StoreModels(fetched=fetched)
        with store.read() as session:
            if (
                live is not None
                and (live.store_id, live.revision) == (session.store_id, session.revision)
                and live.snapshot.geo is geo
                and began - self._made_at < MAX_AGE_SECONDS
            ):
                return live
            file = PolicyModel(sites=())
            if self._policy is not None:
                file = load_policy(self._policy, fetched=self._fetched).model
            keys = BesideKeys()
            built = self._models.build(session, keys.keys(file))
        model = beside(keys.add(file, built.by_key), built.model).model
        earlier = None if live is None else live.snapshot
        snapshot = compile_snapshot(model, built.revision, at, geo, previous=earlier, lint=False)
        self._live = Live(
            model=model, snapshot=snapshot, store_id=built.store_id, revision=built.revision
        )
        self._made_at = began
        return self._live


def sites_of(session: Session, zone: Zone, model: PolicyModel) -> tuple[SiteModel, ...]:
    """The sites of a model that are a zone's: those of its hosts, and that for all its others."""
    hosts = {one.hostname for one in session.hosts.all(zone.id)} | set(hosts_of(zone))
    return tuple(
        site for site in model.sites if site.scope == SCOPE and not hosts.isdisjoint(site.hosts)
    )


def site_named(snapshot: Snapshot, name: str) -> Site:
    """The compiled site of this name; names are unique."""
    return next(one for one in snapshot.sites if one.name == name)
