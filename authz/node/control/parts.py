# SPDX-License-Identifier: Apache-2.0
"""What is beside the store: a policy file, read-only, and the GeoIP files.

Both are watched by content. A file that cannot be used leaves what was read before in force: the
store's revocations count whatever somebody did to a file.
"""

from __future__ import annotations

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

#: How long a file must stay as it was read before it is put in force.
SETTLE_SECONDS: Final = 0.2

_NOTHING: Final = PolicyModel(sites=())


class FileParts:
    """The policy file beside the store, and the GeoIP databases.

    Args:
        policy: the policy file, None for none.
        geoip: GeoIP files by setting; their copies go to `geo_directory`.
        failed: told what is wrong with a file while an earlier reading of it stays.
    """

    def __init__(
        self,
        *,
        policy: Path | None,
        geoip: Mapping[str, str],
        geo_directory: Path,
        failed: Callable[[str, AuthzError], None],
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._policy = policy
        self._failed = failed
        self._sleep = sleep
        self._geo = GeoFiles(
            city=Path(geoip["city"]) if "city" in geoip else None,
            asn=Path(geoip["asn"]) if "asn" in geoip else None,
            directory=geo_directory,
        )
        self._model: PolicyModel | None = None
        self._contents: dict[Path, str | None] = {}
        self._watcher = ContentWatcher({})

    @property
    def copies(self) -> dict[str, str]:
        """The GeoIP databases in force, by setting."""
        return {kind: str(path) for kind, path in self._geo.copies.items()}

    def changed(self) -> bool:
        """Whether a file differs from what was last read of it."""
        return bool(self._watcher.poll_once())

    def databases(self) -> GeoDatabases | None:
        """The GeoIP databases in force, opened.

        Raises:
            SettingsError: one cannot be used, and there is no earlier copy.
        """
        for error in self._geo.refresh():
            self._failed("geoip", error)
        self._watch()
        return self._geo.open()

    def model(self) -> PolicyModel:
        """The policy file, as it was last fit to be used; an empty policy without one.

        Raises:
            PolicyError, CertificateError: it cannot be used and never could.
        """
        if self._policy is None:
            return _NOTHING
        if self._model is not None and not self.changed():
            return self._model
        try:
            read = self._read(self._policy)
        except AuthzError as error:
            if self._model is None:
                raise
            self._failed("policy", error)
        else:
            if read is not None:
                self._model = read
        finally:
            self._watch()
        return _NOTHING if self._model is None else self._model

    def _read(self, policy: Path) -> PolicyModel | None:
        """What the file says; None while somebody writes it, which the next look will see."""
        first = self._model is None
        earlier = None if self._model is None else large_parts(self._model)
        with FileReader(keep=not first) as reader:
            try:
                model = load_policy(policy, reader, earlier).model
            finally:
                self._contents = dict(reader.contents)
            if first:
                return model
            settled = reader.is_one_moment()
            if settled:
                self._sleep(SETTLE_SECONDS)
                settled = reader.is_whole()
            if not settled:
                get_logger().info("the policy is being written", policy=str(policy))
                # Compared with nothing, it counts as changed until it has been read whole.
                self._contents = dict.fromkeys(reader.contents, "")
                return None
        return model

    def _watch(self) -> None:
        self._watcher.watch({**self._contents, **self._geo.contents})
