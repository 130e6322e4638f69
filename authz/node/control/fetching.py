# SPDX-License-Identifier: Apache-2.0
"""The thread that fetches CRLs and asks OCSP responders, for whatever is in force.

    what is in force, certificates that were seen → targets → a round → files → publish

What is in force it learns from the snapshot file that the workers are told to answer by, so it is
the same for a policy file and for the store. What it fetched are files (sources.fetched): the
publisher and the loader read them. Whatever fails leaves the last good in place, is counted, and
logged once for as long as it is the same.
"""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, Final

from authz.errors import AuthzError
from authz.node.control.known_certificates import KnownCertificates
from authz.node.snapshot_file import read_sources
from authz.observability.log import get_logger
from authz.sources.fetch_targets import AuthorityId, Targets, targets_of
from authz.sources.fetched import FetchedFiles
from authz.sources.fetching import FetchRounds, Round
from authz.sources.fetching_share import ALONE

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from authz.node.control.metrics import Samples
    from authz.node.control.sharing import Sharing
    from authz.node.control.wanted import Wanted
    from authz.observability.activity import Report
    from authz.observability.seen_certificates import SeenCertificate
    from authz.policy.model import PolicyModel
    from authz.sources.fetch import Fetcher
    from authz.sources.fetching_state import Fact

#: Files that nothing in force has named for this long, or a day more, are removed. An authority may
#: be without hosts for a while: what was revoked is to be there when it has some.
PRUNE_SECONDS: Final = 30 * 86_400.0
#: How often it is noted what is named, and looked for what is not. First when the process has run
#: for as long: who was away for a month has the time to say what is in force and who is seen.
LOOK_SECONDS: Final = 3600.0
#: The longest sleep, and the shortest when nobody wakes us: a clock may be set.
LONGEST_SLEEP: Final = 60.0
SHORTEST_SLEEP: Final = 0.2
#: Certificates that wait: to be asked about (they are told again), and for when they were seen.
MAX_UNANSWERED: Final = 1024
MAX_SEEN: Final = 50_000

_Label = tuple[str, str, str]


class Fetching:
    """Fetches until it is stopped.

    Args:
        directory: of the files.
        fetcher: makes the one that asks; called when there is something to ask for.
        changed: told when something new is there.
        sharing: what is fetched for several nodes; None where this one is alone.
    """

    def __init__(
        self,
        directory: Path,
        fetcher: Callable[[], Fetcher],
        *,
        changed: Callable[[], None] | None = None,
        sharing: Sharing | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._files = FetchedFiles(directory)
        self._directory = directory
        self._fetcher = fetcher
        self._tell_changed = changed
        self._sharing = sharing
        self._clock = clock
        self._woken = threading.Event()
        self._stopped = threading.Event()
        self._file: Path | None = None
        self._lock = threading.Lock()
        self._unanswered: list[SeenCertificate] = []
        self._seen: dict[str, float] = {}
        self._seen_here: set[str] = set()
        self._model: PolicyModel | None = None
        self._known: KnownCertificates | None = None
        self._rounds: FetchRounds | None = None
        self._named: dict[AuthorityId, tuple[str, ...]] = {}
        self._facts: tuple[Fact, ...] = ()
        self._failures: dict[_Label, int] = {}
        self._told: dict[tuple[AuthorityId, str, str], tuple[int, str]] = {}
        self._wanted: tuple[set[str], set[AuthorityId]] = (set(), set())
        self._look_at = clock() + LOOK_SECONDS

    # --- other threads ---------------------------------------------------------------------------

    def in_force(self, file: Path) -> None:
        """The workers are told to answer by this snapshot file."""
        self._file = file
        self._woken.set()

    def take(self, report: Report) -> None:
        """Take in what a worker tells of certificates."""
        with self._lock:
            room = MAX_UNANSWERED - len(self._unanswered)
            self._unanswered += report.unanswered[:room]
            # When they are seen matters of those alone that are asked about.
            if self._known and len(self._seen) < MAX_SEEN:
                self._seen.update(report.seen)
        if report.unanswered:
            self._woken.set()

    def wake(self) -> None:
        """There is something to do."""
        self._woken.set()

    def stop(self) -> None:
        """Stop; a question under way is not waited for."""
        self._stopped.set()
        self._woken.set()

    def samples(self) -> Samples:
        """What there is to tell in metrics, by authority and kind; of several URLs the worst."""
        success: dict[_Label, float] = {}
        update: dict[_Label, float] = {}
        for fact in self._facts:
            label = _label(fact)
            at = fact.last_success or 0.0
            success[label] = min(at, success.get(label, at))
            if fact.next_update is not None:
                update[label] = min(fact.next_update, update.get(label, fact.next_update))
        counts: Mapping[_Label, float] = {
            label: float(self._failures.get(label, 0)) for label in success
        }
        return {
            "authz_fetch_success_timestamp_seconds": list(success.items()),
            "authz_fetch_failures_total": list(counts.items()),
            "authz_fetch_next_update_timestamp_seconds": list(update.items()),
            "authz_fetch_certificates": (
                [((), float(len(self._known)))] if self._known is not None else []
            ),
        }

    # --- the thread ------------------------------------------------------------------------------

    def run(self) -> None:
        """The body of the thread."""
        seconds = 0.0
        while not self._stopped.is_set():
            self._woken.wait(seconds)
            seconds = min(max(self.step() - self._clock(), SHORTEST_SLEEP), LONGEST_SLEEP)

    def step(self) -> float:
        """Do what is due; when (Unix seconds) there is more to do."""
        # Before anything is looked at: what comes from here on ends the round.
        self._woken.clear()
        self._files.begin()
        self._read_in_force()
        if self._model is None:
            return self._clock() + LONGEST_SLEEP
        if self._known is None:
            self._known = KnownCertificates(self._directory, self._clock)
        with self._lock:
            seen, self._seen = self._seen, {}
            unanswered, self._unanswered = self._unanswered, []
        if self._sharing is not None:
            self._sharing.send_again()
            wanted = self._sharing.certificates
            unanswered += self._with_others(wanted, self._known, seen, unanswered)
        self._known.take(seen, unanswered)
        targets = targets_of(self._model, self._known.all)
        self._known.save()
        changed = self._keep_named(targets)
        done = self._round(targets)
        if self._sharing is not None:
            self._sharing.round_ended()
        self._facts = done.facts
        self._tell_failures()
        if self._tell_changed is not None and (changed or done.changed):
            self._tell_changed()
        self._prune(targets)
        return done.next_at

    def _with_others(
        self,
        wanted: Wanted,
        known: KnownCertificates,
        seen: Mapping[str, float],
        unanswered: Sequence[SeenCertificate],
    ) -> list[SeenCertificate]:
        """Tell other nodes which certificates were seen; those that they have seen."""
        wanted.want(unanswered)
        self._seen_here |= seen.keys()
        if wanted.is_still_due():
            wanted.still(known.of(self._seen_here))
            self._seen_here = set()
        return wanted.wanted()

    def _read_in_force(self) -> None:
        file, self._file = self._file, None
        if file is None:
            return
        try:
            self._model = read_sources(file)
        except AuthzError as error:
            # What was named before is fetched until another one is in force.
            get_logger().error("what there is to fetch cannot be read", reason=str(error))

    def _round(self, targets: Targets) -> Round:
        if self._rounds is not None and self._is_a_file_gone():
            # Somebody removed it: what is remembered of it does not hold.
            self._rounds = None
        if self._rounds is None:
            if not targets.all:
                return Round(next_at=self._clock() + LONGEST_SLEEP, changed=False, facts=())
            share = ALONE if self._sharing is None else self._sharing
            self._rounds = FetchRounds(self._fetcher(), self._files, share=share)
        return self._rounds.run(targets.all, self._clock(), enough=self._is_enough)

    def _is_a_file_gone(self) -> bool:
        return any(
            fact.kind != "ocsp"
            and fact.last_success is not None
            and not self._files.crl_file(fact.url).exists()
            for fact in self._facts
        )

    def _is_enough(self) -> bool:
        return self._woken.is_set() or self._stopped.is_set()

    def _keep_named(self, targets: Targets) -> bool:
        """Write down which URLs certificates name; True when there are others than before."""
        changed = False
        for identity, urls in targets.named.items():
            if self._named.get(identity) == urls:
                continue
            try:
                if self._files.urls(identity) != urls:
                    self._files.store_urls(identity, urls)
                    changed = True
                self._named[identity] = urls
            except OSError as error:
                get_logger().error(
                    "the URLs that certificates name cannot be kept",
                    authority=identity.authority,
                    reason=error.strerror or str(error),
                )
        return changed

    def _tell_failures(self) -> None:
        """Count failures, and log each once for as long as it is the same."""
        told: dict[tuple[AuthorityId, str, str], tuple[int, str]] = {}
        for fact in self._facts:
            key = fact.authority, fact.kind, fact.url
            failures, error = self._told.get(key, (0, ""))
            # Since its last success: fewer than before means that there was one in between.
            more = fact.failures - (failures if fact.failures >= failures else 0)
            label = _label(fact)
            self._failures[label] = self._failures.get(label, 0) + more
            now = "" if fact.error is None else str(fact.error)
            told[key] = fact.failures, now
            if now == error:
                continue
            where = {"authority": fact.authority.authority, "kind": fact.kind, "url": fact.url}
            if fact.authority.site:
                where["site"] = fact.authority.site
            if fact.error is None:
                get_logger().info("fetched again", **where)
            else:
                get_logger().warning(
                    "cannot be fetched; the last good one stays",
                    **where,
                    reason=now,
                    hint=fact.error.hint,
                )
        self._told = told
        labels = set(map(_label, self._facts))
        self._failures = {one: count for one, count in self._failures.items() if one in labels}

    def _prune(self, targets: Targets) -> None:
        """Now and then, note what was named since the last time, and remove what long was not."""
        urls, authorities = self._wanted
        urls.update(one.url for one in targets.crls)
        urls.update(fact.url for fact in self._facts)
        authorities |= targets.authorities
        at = self._clock()
        # A clock that was set back must not keep anybody waiting.
        self._look_at = min(self._look_at, at + LOOK_SECONDS)
        if at < self._look_at:
            return
        self._files.prune(urls, authorities, at, PRUNE_SECONDS)
        self._wanted = set(), set()
        self._look_at = at + LOOK_SECONDS


def _label(fact: Fact) -> _Label:
    return fact.authority.site, fact.authority.authority, fact.kind
