# SPDX-License-Identifier: Apache-2.0
"""A snapshot file put in force in a process that answers checks meanwhile.

Mapped, compiled as far as it changed, swapped in by one assignment; then what it replaced is taken
apart piece by piece. Nothing here holds the interpreter for milliseconds at a time, and nothing
waits for a thread that answers checks. The same in a worker and in a process that does it all.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from authz.node.giving_way import keep
from authz.node.snapshot_file import read_snapshot
from authz.policy.snapshot import compile_snapshot

if TYPE_CHECKING:
    from collections.abc import Mapping

    from authz.node.endpoint import Endpoint
    from authz.packed import Section
    from authz.policy.geo import GeoLookup
    from authz.policy.snapshot import Snapshot


class Installer:
    """Puts snapshot files in force at `endpoint`. One thread at a time."""

    def __init__(self, endpoint: Endpoint) -> None:
        self._endpoint = endpoint
        # Of the snapshot in force: what the next one shares with it is not mapped again.
        self._sections: Mapping[bytes, Section] = {}

    def install(self, file: str, geoip_city: str | None, geoip_asn: str | None) -> Snapshot:
        """Answer by the snapshot in `file`, with these GeoIP databases, from the next check on.

        Raises:
            PolicyError, CertificateError, ExpressionError: it cannot be used; what answered
                goes on.
            SettingsError: a GeoIP database cannot be used.
        """
        with self._endpoint.span("authz.snapshot.load"):
            return self._install(file, geoip_city, geoip_asn)

    def _install(self, file: str, geoip_city: str | None, geoip_asn: str | None) -> Snapshot:
        content = read_snapshot(Path(file), self._sections)
        before = self._endpoint.snapshot
        snapshot = compile_snapshot(
            content.model,
            content.generation,
            content.created_at,
            _databases(geoip_city, geoip_asn),
            previous=before,
            lint=False,
        )
        self._endpoint.swap(snapshot)
        self._sections = content.sections
        keep()
        if before is not None:
            pieces = _pieces_of(before)
            del before
            while pieces:
                pieces.pop()
        return snapshot


def _databases(city: str | None, asn: str | None) -> GeoLookup | None:
    if city is None and asn is None:
        return None
    from authz.geo.database import open_databases

    return open_databases(*(None if name is None else Path(name) for name in (city, asn)))


def _pieces_of(snapshot: Snapshot) -> list[object]:
    """What a snapshot consists of, to be freed one by one.

    Freed as a whole, a thousand rules and some thousand remembered decisions would hold the
    interpreter for milliseconds. A check that began with the snapshot loses nothing: what it needs,
    it holds.
    """
    while snapshot.decided:
        snapshot.decided.popitem()
    return [*snapshot.sites, *snapshot.parts.release()]
