# SPDX-License-Identifier: Apache-2.0
"""The policy file put in force: loaded, compiled, numbered, published; and watched.

Runs in a process of its own or in the supervisor, never in a worker. What publishing means is the
caller's: assigning a snapshot, or a file for the workers.
"""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING

from authz.errors import AuthzError, CertificateError, ExpressionError, PolicyError
from authz.node.memory import release_memory
from authz.observability.log import get_logger
from authz.policy.model import PolicyModel
from authz.policy.snapshot import compile_snapshot
from authz.sources.files import FileReader
from authz.sources.policy_file import large_parts, load_policy
from authz.sources.watch import ContentWatcher, contents_of

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from authz.observability.metrics import Metrics
    from authz.policy.geo import GeoLookup
    from authz.policy.snapshot import Snapshot
    from authz.sources.geoip import GeoFiles

#: Lint findings written to the log at a load; `authz policy validate` shows them all.
MAX_FINDINGS_LOGGED = 20

#: How long after a valid policy could not be handed over it is tried again.
RETRY_SECONDS = 10.0

#: How long files must stay as they were read before a reload puts them in force. A file that is
#: written in place is empty first and half there later, and half a policy may well be valid.
SETTLE_SECONDS = 0.2

#: How long Python lets a load run on while a check waits. Costs the load some per cent.
SWITCH_SECONDS = 0.0005

#: Reloads in a row that found files changing under them before somebody is told: about 7 s.
MAX_UNSETTLED = 10


class PolicySource:
    """A policy file and what was last seen of it.

    A load that fails changes nothing but what is compared with, so that the same content is not
    tried again.

    Args:
        publish: puts a valid snapshot in force; the last step of a load. What it returns is the
            model to compare the next one with, if it has a better one (with mapped sections).
        generation: the number of the first one.
        metrics: counts failed reloads.
        geoip: the GeoIP files, when any are configured. One that cannot be used does not keep the
            policy from being loaded: its last good copy stays.
        sleep: waits for files to settle.
    """

    def __init__(
        self,
        path: Path,
        *,
        publish: Callable[[PolicyModel, Snapshot], PolicyModel | None],
        metrics: Metrics,
        generation: int = 1,
        clock: Callable[[], float] = time.time,
        geoip: GeoFiles | None = None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._path = path
        self._publish = publish
        self._metrics = metrics
        self._next = generation
        self._clock = clock
        self._geoip = geoip
        self._watcher = ContentWatcher({}, clock)
        self._retry_at: float | None = None
        self._sleep = sleep
        self._unsettled = 0
        self._large = PolicyModel(sites=())

    @property
    def generation(self) -> int:
        """The number of the last generation that was published."""
        return self._next - 1

    def load(self, *, settled: bool = False) -> None:
        """Put the policy in force.

        Checks come first meanwhile: other threads wait for a fraction of a millisecond, not for
        the usual five.

        Args:
            settled: do nothing when a file changes while it is read or shortly after, and let
                `changed` ask for another load.

        Raises:
            PolicyError, ExpressionError, CertificateError: what was in force still is.
            SettingsError: a GeoIP file cannot be used and has no earlier copy.
        """
        interval = sys.getswitchinterval()
        sys.setswitchinterval(SWITCH_SECONDS)
        try:
            self._load(settled=settled)
        finally:
            sys.setswitchinterval(interval)
        if self._large.sites or self._large.lists:
            release_memory()

    def _load(self, *, settled: bool) -> None:
        reader = FileReader()
        geo = self._databases()
        stands = True
        try:
            try:
                loaded = load_policy(self._path, reader, self._large)
                snapshot = compile_snapshot(loaded.model, self._next, self._clock(), geo)
            finally:
                stands = not settled or self._has_settled(reader)
                if stands:
                    self._watcher.watch(reader.contents)
        except AuthzError:
            # What is wrong with half a file is no reason to alarm anybody.
            if stands:
                raise
        if not stands:
            return
        # If this fails (a full disk) the content is not at fault and deserves another try.
        self._retry_at = self._clock() + RETRY_SECONDS
        self._large = large_parts(self._publish(loaded.model, snapshot) or loaded.model)
        self._retry_at = None
        self._next += 1
        self._log(snapshot, len(loaded.files))

    def reload(self) -> None:
        """Put the policy in force once its files keep still; raises what `load` does."""
        self.load(settled=True)

    def changed(self) -> bool:
        """Whether a file differs from what the last `load` saw, or that could not be published."""
        if self._unsettled:
            return True
        if self._retry_at is not None and self._clock() >= self._retry_at:
            return True
        if self._geoip is not None and self._geoip.changed():
            return True
        return bool(self._watcher.poll_once())

    def failed(self, error: AuthzError) -> None:
        """Count and log a reload that failed."""
        self._metrics.reload_failed(kind_of(error))
        get_logger().error(
            "the policy cannot be used; the last good one stays",
            generation=self.generation,
            reason=str(error),
            hint=error.hint,
            further=len(error.others),
        )

    def _has_settled(self, reader: FileReader) -> bool:
        """Whether the files still are as they were read, a moment later."""
        self._sleep(SETTLE_SECONDS)
        if contents_of(reader.contents) == reader.contents:
            self._unsettled = 0
            return True
        self._unsettled += 1
        if self._unsettled % MAX_UNSETTLED == 0:
            raise PolicyError(
                "the policy or a file it names changes again and again while it is read",
                where=str(self._path),
                hint="write the new content to another file and rename it over the old one",
            )
        return False

    def _databases(self) -> GeoLookup | None:
        if self._geoip is None:
            return None
        for error in self._geoip.refresh():
            self._metrics.reload_failed("geoip")
            get_logger().error(
                "a GeoIP database cannot be used; the last good copy stays",
                reason=str(error),
                hint=error.hint,
            )
        return self._geoip.open()

    def _log(self, snapshot: Snapshot, files: int) -> None:
        log = get_logger().bind(policy=str(self._path), generation=snapshot.generation)
        log.info("policy loaded", sites=len(snapshot.sites), files=files)
        for found in snapshot.findings[:MAX_FINDINGS_LOGGED]:
            log.warning(
                "lint",
                where=found.where,
                rule=found.rule,
                code=found.code,
                finding=found.message,
                hint=found.hint,
            )
        if len(snapshot.findings) > MAX_FINDINGS_LOGGED:
            log.warning("more findings: authz policy validate", findings=len(snapshot.findings))


def kind_of(error: AuthzError) -> str:
    """The label of `authz_reload_failures_total`: whose content was wrong."""
    if isinstance(error, CertificateError):
        return "certificate"
    return "expression" if isinstance(error, ExpressionError) else "policy"
