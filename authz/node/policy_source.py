# SPDX-License-Identifier: Apache-2.0
"""The policy in force and its files: loaded by a process of its own, published, watched.

Runs in a process that answers checks alone, or in the supervisor, never in a worker. Neither reads
a policy: node.loader does. What publishing means is the caller's: swapping a snapshot in, or
telling the workers.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from authz.errors import (
    AuthzError,
    CertificateError,
    ExpressionError,
    LoaderError,
    PolicyError,
)
from authz.node.faults import error_of
from authz.node.findings_log import log_findings
from authz.node.loader_messages import GeoState, LoadPolicy, Refused, Unsettled
from authz.node.loader_process import start_loader
from authz.observability.log import get_logger
from authz.sources.watch import ContentWatcher, contents_of
from authz.whole_files import hold

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from io import FileIO

    from authz.node.loader_messages import Built, Findings
    from authz.node.loader_process import LoaderProcess
    from authz.observability.metrics import Metrics

#: How long after something else than its content kept a policy out of force it is tried again.
RETRY_SECONDS: Final = 10.0

#: Reloads in a row that found files being written before somebody is told: some 7 s.
MAX_UNSETTLED: Final = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyFiles:
    """Where everything is.

    Args:
        policy: the policy file.
        snapshots: the directory of snapshot files.
        geoip: GeoIP files by setting (`city`, `asn`), copied to `geo_directory`.
        fetched: the directory of what is fetched from the policy's URLs, None when nobody fetches.
    """

    policy: Path
    snapshots: Path
    geoip: Mapping[str, Path]
    geo_directory: Path
    fetched: Path | None = None


class PolicySource:
    """A policy file and what was last seen of it.

    A load that fails changes nothing but what is compared with, so that the same content is not
    tried again.

    Args:
        publish: puts what was built in force; the last step of a load.
        metrics: counts failed reloads.
        log_format, log_level: of the loader's own lines.
        sds_crls: whether Envoy's trust bundles have CRLs.
        start: starts a loader.

    Attributes:
        generation: the number of the last generation that was published, 0 before the first.
    """

    def __init__(
        self,
        files: PolicyFiles,
        *,
        publish: Callable[[Built], None],
        metrics: Metrics,
        log_format: str = "json",
        log_level: str = "info",
        sds_crls: bool = False,
        clock: Callable[[], float] = time.time,
        start: Callable[[], LoaderProcess] = start_loader,
    ) -> None:
        self.generation = 0
        self._loader: LoaderProcess | None = None
        self._stopped = False
        self._files = files
        self._publish = publish
        self._metrics = metrics
        self._log = (log_format, log_level)
        self._sds_crls = sds_crls
        self._clock = clock
        self._start = start
        self._geo = GeoState()
        self._earlier: str | None = None
        self._held: FileIO | None = None
        self._watcher = ContentWatcher({}, clock)
        self._watched: tuple[Path, ...] = ()
        self._retry_at: float | None = None
        self._unsettled = 0

    def begin(self, loader: LoaderProcess | None = None, *, settled: bool = False) -> None:
        """Have the policy loaded; `load` waits for it.

        Args:
            loader: one that was started before, and was not asked yet.
            settled: do nothing when a file is being written, and let `changed` ask for another
                load.

        Raises:
            LoaderError: no loader can be started.
        """
        # If anything but the content is at fault (a full disk), that deserves another try.
        self._retry_at = self._clock() + RETRY_SECONDS
        self._loader = loader or self._start()
        if settled:
            self._loader.give_way()
        self._loader.on_findings = self._log_findings
        self._loader.ask(self._order(settled=settled))

    def load(self, *, settled: bool = False) -> None:
        """Put the policy in force.

        Raises:
            PolicyError, ExpressionError, CertificateError: what was in force still is.
            SettingsError: a GeoIP file cannot be used and has no earlier copy.
            LoaderError: the loader came to no end.
        """
        try:
            if self._loader is None:
                self.begin(settled=settled)
            assert self._loader is not None
            answer = self._loader.answer()
        except LoaderError:
            # What it read is not known: what is there now counts as tried.
            self._watch(contents_of(self._watched))
            raise
        finally:
            self._loader = None
        self._geo = answer.geo
        for fault in answer.geo_faults:
            self._metrics.reload_failed("geoip")
            get_logger().error(
                "a GeoIP database cannot be used; the last good copy stays",
                reason=str(error_of(fault)),
                hint=fault.hint,
            )
        if isinstance(answer, Unsettled):
            self._not_settled()
            return
        self._unsettled = 0
        self._watch({Path(path): digest for path, digest in answer.contents.items()})
        if isinstance(answer, Refused):
            if not answer.retry:
                self._retry_at = None
            raise error_of(answer.fault)
        self._put_in_force(answer)
        self._retry_at = None
        self._metrics.reload_failing = False
        self.generation = answer.generation
        self._earlier = answer.file
        get_logger().info(
            "policy loaded",
            policy=str(self._files.policy),
            generation=answer.generation,
            sites=answer.sites,
            files=len(answer.contents) - len(self._files.geoip),
        )

    def reload(self) -> None:
        """Put the policy in force unless its files are being written; raises what `load` does."""
        self.load(settled=True)

    def changed(self) -> bool:
        """Whether a file differs from what the last `load` saw, or that could not be published."""
        if self._stopped:
            return False
        if self._unsettled:
            return True
        # Not so long ago that it was set that the clock must have been put back since.
        retry_at = self._retry_at
        if retry_at is not None and not retry_at - RETRY_SECONDS <= self._clock() < retry_at:
            return True
        return bool(self._watcher.poll_once())

    def failed(self, error: AuthzError) -> None:
        """Count and log a reload that failed."""
        if self._stopped:
            return  # it was ended, by `stop`
        self._metrics.reload_failed(kind_of(error))
        self._metrics.reload_failing = True
        get_logger().error(
            "the policy cannot be used; the last good one stays",
            generation=self.generation,
            reason=str(error),
            hint=error.hint,
            further=len(error.others),
        )

    def stop(self) -> None:
        """End a loader that is at work: whatever it loads is not wanted any more."""
        self._stopped = True
        loader = self._loader
        if loader is not None:
            loader.kill()

    def release(self) -> None:
        """Let go of the snapshot file in force: nobody answers by it any more."""
        if self._held is not None:
            self._held.close()

    def _put_in_force(self, built: Built) -> None:
        # A worker that starts again reads it, whatever another supervisor has written since. Held
        # before anybody is told, and the one before until this one is in force.
        try:
            held = hold(Path(built.file))
        except OSError as error:
            raise PolicyError(
                f"cannot use the snapshot: {error.strerror or error}",
                where=built.file,
                hint="the supervisor writes a new one on SIGHUP or when the policy changes",
            ) from error
        try:
            self._publish(built)
        except BaseException:
            held.close()
            raise
        self.release()
        self._held = held

    def _order(self, *, settled: bool) -> LoadPolicy:
        log_format, log_level = self._log
        return LoadPolicy(
            policy=str(self._files.policy),
            snapshots=str(self._files.snapshots),
            generation=self.generation + 1,
            earlier=self._earlier,
            settled=settled,
            sds_crls=self._sds_crls,
            geoip={kind: str(path) for kind, path in self._files.geoip.items()},
            geo_directory=str(self._files.geo_directory),
            geo=self._geo,
            fetched=None if self._files.fetched is None else str(self._files.fetched),
            log_format=log_format,
            log_level=log_level,
        )

    def _watch(self, contents: Mapping[Path, str | None]) -> None:
        self._watched = tuple(contents)
        self._watcher.watch(contents)

    def _not_settled(self) -> None:
        self._retry_at = None
        self._unsettled += 1
        if self._unsettled % MAX_UNSETTLED == 0:
            raise PolicyError(
                "the policy or a file it names changes again and again while it is read",
                where=str(self._files.policy),
                hint="write the new content to another file and rename it over the old one",
            )

    def _log_findings(self, found: Findings) -> None:
        log_findings(
            found,
            get_logger().bind(policy=str(self._files.policy), generation=self.generation),
            all_of_them="authz policy validate",
        )


def kind_of(error: AuthzError) -> str:
    """The label of `authz_reload_failures_total`: whose content was wrong, or `loader`."""
    if isinstance(error, LoaderError):
        return "loader"
    if isinstance(error, CertificateError):
        return "certificate"
    return "expression" if isinstance(error, ExpressionError) else "policy"
