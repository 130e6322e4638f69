# SPDX-License-Identifier: Apache-2.0
"""Where snapshots come from, as the process that serves them sees it: a policy file, or a store."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from authz.node import notify
from authz.node.http_server import Readiness
from authz.node.reloader import Reloader

if TYPE_CHECKING:
    from authz.node.control.keeper import ControlKeeper
    from authz.node.policy_source import PolicySource


class Feed(Protocol):
    """A source of snapshots."""

    @property
    def generation(self) -> int:
        """The number of the last one, 0 before the first."""

    @property
    def broken(self) -> str:
        """Why there will never be another one, `""` as long as there may be."""

    @property
    def remark(self) -> str:
        """What whoever asks for readiness should know although checks are answered."""

    def first(self) -> None:
        """Have the first one published, or see to it that it will be.

        Raises:
            AuthzError: there is none.
        """

    def start(self) -> None:
        """Publish what changes from now on."""

    def request(self) -> None:
        """Publish again, changed or not."""

    def stop(self) -> None:
        """Publish no more."""


def readiness_of(ready: bool, draining: bool, feed: Feed) -> Readiness:
    """What a process that serves the snapshots of this feed says of itself."""
    if draining:
        return Readiness(ready=False, why="draining")
    if feed.broken:
        return Readiness(ready=False, why=feed.broken)
    return Readiness(ready=ready, why=feed.remark or ("ready" if ready else "starting"))


class FileFeed:
    """A policy file: loaded by a process that ends, watched by a thread."""

    def __init__(self, source: PolicySource) -> None:
        self._source = source
        self._reloader = Reloader(
            changed=source.changed,
            reload=source.reload,
            failed=source.failed,
            settled=notify.reloaded,
        )

    @property
    def generation(self) -> int:
        return self._source.generation

    @property
    def broken(self) -> str:
        # Checks are answered, and no revocation will ever count again.
        return "" if self._reloader.alive else "changes of the policy go unseen; restart"

    @property
    def remark(self) -> str:
        return ""

    def first(self) -> None:
        self._source.load()

    def start(self) -> None:
        self._reloader.start()

    def request(self) -> None:
        # Whoever asked through a service manager (`systemctl reload`) sees how long it takes.
        notify.reloading()
        self._reloader.request()

    def stop(self) -> None:
        self._reloader.stop()


class StoreFeed:
    """A store, followed by the control process."""

    def __init__(self, keeper: ControlKeeper) -> None:
        self._keeper = keeper

    @property
    def generation(self) -> int:
        return self._keeper.generation

    @property
    def broken(self) -> str:
        # Checks are answered, and no revocation will ever count again.
        return "" if self._keeper.alive else "changes of the store go unseen; restart"

    @property
    def remark(self) -> str:
        # A dead store takes nobody out of service: what answers has everything it needs.
        why = self._keeper.trouble
        if why and not self._keeper.generation:
            return f"there is nothing to answer by yet: {why}"
        return f"answering by the last good snapshot: {why}" if why else ""

    def first(self) -> None:
        """Nothing to wait for: the workers are told when there is something to answer by."""

    def start(self) -> None:
        """It follows the store from its start."""

    def request(self) -> None:
        self._keeper.rebuild()

    def stop(self) -> None:
        """Its keeper ends it."""
