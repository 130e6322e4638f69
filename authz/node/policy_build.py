# SPDX-License-Identifier: Apache-2.0
"""From a policy file to a snapshot file: read, judged, packed, written. In the loader only.

Everything that takes seconds, or the memory of a million items, happens here, in a process that
ends afterwards (ADR-0014): those that answer checks read the file it wrote.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from authz.errors import AuthzError, PolicyError
from authz.node.faults import Fault, fault_of
from authz.node.loader_messages import (
    Built,
    Findings,
    GeoState,
    LoadPolicy,
    Refused,
    Unsettled,
    findings_of,
)
from authz.node.snapshot_file import next_generation, read_snapshot, write_snapshot
from authz.policy.snapshot import compile_snapshot
from authz.sds.material import material_of
from authz.sources.fetch_targets import fetches
from authz.sources.files import FileReader
from authz.sources.geoip import GeoFiles
from authz.sources.policy_file import large_parts, load_policy

if TYPE_CHECKING:
    from collections.abc import Callable

    from authz.policy.model import PolicyModel
    from authz.policy.snapshot import Snapshot

    Say = Callable[[Built | Refused | Unsettled | Findings], None]

#: How long a file must stay as it was read before a reload puts it in force (sources.files).
SETTLE_SECONDS = 0.2


class Build:
    """One order: answered by `run`."""

    def __init__(
        self,
        order: LoadPolicy,
        say: Say,
        *,
        clock: Callable[[], float] = time.time,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._order = order
        self._say = say
        self._clock = clock
        self._sleep = sleep
        self._geo = GeoFiles(
            city=_path(order.geoip.get("city")),
            asn=_path(order.geoip.get("asn")),
            directory=Path(order.geo_directory),
            copies={kind: Path(copy) for kind, copy in order.geo.copies.items()},
            seen=order.geo.seen,
        )
        self._geo_faults: tuple[Fault, ...] = ()
        self._looked: dict[str, Any] = {}
        self._read_at = 0.0
        self._mixed = False

    def run(self) -> None:
        """Load, write, and say what came of it."""
        with FileReader(keep=self._order.settled) as reader:
            loaded: tuple[PolicyModel, Snapshot] | AuthzError
            try:
                loaded = self._load(reader)
            except AuthzError as error:
                loaded = error
            whole = self._is_whole(reader)
            self._looked = {
                "contents": {str(path): digest for path, digest in self._contents(reader).items()},
                "geo": GeoState(
                    copies={kind: str(copy) for kind, copy in self._geo.copies.items()},
                    seen=self._geo.seen,
                ),
                "geo_faults": self._geo_faults,
            }
        if not whole:
            # What is wrong with half a file is no reason to alarm anybody.
            self._say(Unsettled(**self._looked))
        elif isinstance(loaded, AuthzError):
            self._say(Refused(**self._looked, fault=fault_of(loaded)))
        else:
            self._hand_over(*loaded)

    def _load(self, reader: FileReader) -> tuple[PolicyModel, Snapshot]:
        try:
            self._geo_faults = tuple(map(fault_of, self._geo.refresh()))
            model = load_policy(
                Path(self._order.policy), reader, self._earlier(), _path(self._order.fetched)
            ).model
        finally:
            self._read_at = time.monotonic()
            self._mixed = self._order.settled and not reader.is_one_moment()
        # Compiled to find what is wrong with it.
        return model, compile_snapshot(model, 0, 0.0, self._geo.open(), lint=False)

    def _is_whole(self, reader: FileReader) -> bool:
        if not self._order.settled:
            return True
        if self._mixed:
            return False
        self._sleep(max(0.0, self._read_at + SETTLE_SECONDS - time.monotonic()))
        return reader.is_whole()

    def _contents(self, reader: FileReader) -> dict[Path, str | None]:
        return {**reader.contents, **self._geo.contents}

    def _earlier(self) -> PolicyModel | None:
        """What was loaded before: large sets that are the same are not packed again."""
        if self._order.earlier is None:
            return None
        try:
            return large_parts(read_snapshot(Path(self._order.earlier)).model)
        except PolicyError:
            return None  # it costs time, no more

    def _hand_over(self, model: PolicyModel, snapshot: Snapshot) -> None:
        directory = Path(self._order.snapshots)
        generation = max(self._order.generation, next_generation(directory))
        try:
            trust = material_of(model, crls=self._order.sds_crls).encode()
            file = write_snapshot(directory, model, generation, self._clock(), trust=trust)
        except PolicyError as error:
            self._say(Refused(**self._looked, fault=fault_of(error), retry=True))
            return
        self._say(
            Built(
                **self._looked,
                generation=generation,
                file=str(file),
                sites=len(snapshot.sites),
                fetches=fetches(model),
            )
        )
        # The policy is in force from now on; what is odd about it may take a while to find.
        linted = compile_snapshot(model, 0, 0.0, snapshot.geo, previous=snapshot)
        self._say(findings_of(linted.findings))


def _path(name: str | None) -> Path | None:
    return None if name is None else Path(name)
