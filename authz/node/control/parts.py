# SPDX-License-Identifier: Apache-2.0
"""What is beside the store: a policy file, read-only, and the GeoIP files.

Both are watched by content, by a thread of their own: a file of a million lines takes seconds, and
no revocation in the store waits for it. A file that cannot be used leaves what was read before in
force: the store's revocations count whatever somebody did to a file.
"""

from __future__ import annotations

import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Final

from authz.errors import AuthzError
from authz.observability.log import get_logger
from authz.policy.model import PolicyModel
from authz.sources.files import FileReader
from authz.sources.geoip import GeoFiles
from authz.sources.policy_file import large_parts, load_policy
from authz.sources.watch import ContentWatcher

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from authz.geo.database import GeoDatabases

#: How often the files are looked at: one stat a file.
LOOK_SECONDS: Final = 0.25

#: How long a file must stay as it was read before it is put in force.
SETTLE_SECONDS: Final = 0.2

_NOTHING: Final = PolicyModel(sites=())


class FileParts:
    """The policy file beside the store, and the GeoIP databases.

    Args:
        policy: the policy file, None for none.
        fetched: the directory of what was fetched from the policy's URLs.
        geoip: GeoIP files by setting; their copies go to `geo_directory`.
        failed: told what is wrong with a file while an earlier reading of it stays.
        earlier: what the file said when it was last put in force, for a process that takes over
            from another one: a file that was broken meanwhile does not stop it.

    Attributes:
        model: the policy file, as it was last fit to be used; an empty policy without one.
        databases: the GeoIP databases in force, opened.
        copies: where they are, by setting.
    """

    def __init__(
        self,
        *,
        policy: Path | None,
        fetched: Path | None = None,
        geoip: Mapping[str, str],
        geo_directory: Path,
        failed: Callable[[str, AuthzError], None],
        earlier: PolicyModel | None = None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.model = _NOTHING
        self.databases: GeoDatabases | None = None
        self.copies: dict[str, str] = {}
        self._policy = policy
        self._fetched = fetched
        self._failed = failed
        self._earlier = earlier
        self._sleep = sleep
        self._geo = GeoFiles(
            city=Path(geoip["city"]) if "city" in geoip else None,
            asn=Path(geoip["asn"]) if "asn" in geoip else None,
            directory=geo_directory,
        )
        self._contents: dict[Path, str | None] = {}
        self._watcher = ContentWatcher({})
        self._read_once = threading.Event()
        self._fresh = threading.Event()
        self._stopped = threading.Event()

    def first(self) -> None:
        """Read everything for the first time.

        Raises:
            PolicyError, CertificateError, SettingsError: a file cannot be used, and never could.
        """
        self._look_at_databases()
        if self._policy is not None:
            try:
                self._take(self._read(self._policy, settled=False))
            except AuthzError as error:
                if self._earlier is None:
                    raise
                self.model = self._earlier
                self._failed("policy", error)
        self._watch()
        self._read_once.set()

    def take_fresh(self) -> bool:
        """Whether anything is new since the last time this was asked."""
        if not self._fresh.is_set():
            return False
        self._fresh.clear()
        return True

    def run(self) -> None:
        """The body of the thread: looks from the first reading on, until it is stopped."""
        self._read_once.wait()
        while not self._stopped.wait(LOOK_SECONDS):
            self.look()

    def stop(self) -> None:
        """Look no more."""
        self._stopped.set()
        self._read_once.set()

    def look(self) -> None:
        """Read what changed."""
        changed = self._watcher.poll_once()
        if not changed:
            return
        if changed & self._geo.contents.keys():
            try:
                self._look_at_databases()
            except AuthzError as error:
                self._failed("geoip", error)
            else:
                self._fresh.set()
        if self._policy is not None and changed & self._contents.keys():
            try:
                self._take(self._read(self._policy, settled=True))
            except AuthzError as error:
                self._failed("policy", error)
        self._watch()

    def _look_at_databases(self) -> None:
        for error in self._geo.refresh():
            self._failed("geoip", error)
        self.databases = self._geo.open()
        self.copies = {kind: str(path) for kind, path in self._geo.copies.items()}

    def _take(self, model: PolicyModel | None) -> None:
        if model is not None:
            self.model = model
            self._fresh.set()

    def _read(self, policy: Path, *, settled: bool) -> PolicyModel | None:
        """What the file says; None while somebody writes it, which the next look will see."""
        with FileReader(keep=settled) as reader:
            try:
                earlier = large_parts(self.model)
                model = load_policy(policy, reader, earlier, self._fetched).model
            finally:
                self._contents = dict(reader.contents)
            if settled and not self._is_settled(reader):
                get_logger().info("the policy is being written", policy=str(policy))
                # Compared with nothing, it counts as changed until it has been read whole.
                self._contents = dict.fromkeys(reader.contents, "")
                return None
        return model

    def _is_settled(self, reader: FileReader) -> bool:
        if not reader.is_one_moment():
            return False
        self._sleep(SETTLE_SECONDS)
        return reader.is_whole()

    def _watch(self) -> None:
        self._watcher.watch({**self._contents, **self._geo.contents})
