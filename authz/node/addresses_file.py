# SPDX-License-Identifier: Apache-2.0
"""`addresses.json` in the data directory: where a running node listens, port 0 resolved.

For tests, the demo and scripts that let the system choose ports. Only there while the node serves;
one that a killed node left behind is told by its lock (`authz.whole_files.hold_alone`): the number
of the process says nothing, for in containers it is 1 for everybody, the next container on the same
volume included.
"""

from __future__ import annotations

import json
import os
import tempfile
from contextlib import suppress
from io import FileIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

from authz.observability.log import get_logger
from authz.settings import parse_address
from authz.whole_files import held_alone, hold_alone

if TYPE_CHECKING:
    from collections.abc import Sequence

NAME = "addresses.json"


def read_addresses(data_dir: Path) -> dict[str, Any]:
    """What the file of this data directory says.

    Nothing when there is none, none of ours, or the node that wrote it is gone without removing it.
    Where a file system has no locks, nobody can tell the last.
    """
    try:
        with (data_dir / NAME).open("rb", buffering=0) as file:
            found = json.loads(file.readall())
            # One that does not say so is an earlier release's.
            if isinstance(found, dict) and found.get("locked") and not held_alone(file):
                return {}
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def metrics_address(data_dir: Path) -> str | None:
    """Where the node of this data directory serves metrics; None when none says so there."""
    address = read_addresses(data_dir).get("metrics")
    return address if isinstance(address, str) else None


def asked_address(listen: str, data_dir: Path) -> str | None:
    """Where to ask a node that serves its metrics at `listen`; None when none is running there.

    Of port 0 the system chose another one, which only the running node knows.
    """
    return metrics_address(data_dir) if parse_address(listen).port == 0 else listen


class AddressesFile:
    """The file of one node."""

    def __init__(self, data_dir: Path) -> None:
        self.path = data_dir / NAME
        self._held: FileIO | None = None

    def write(
        self,
        *,
        grpc: Sequence[str],
        metrics: str | None,
        sds: str | None = None,
        publication: str | None = None,
        admin: str | None = None,
    ) -> None:
        """Write it, whole. Checks do not need it: a read-only disk is worth a log line only."""
        content = {
            "pid": os.getpid(),
            "grpc": list(grpc),
            "metrics": metrics,
            "sds": sds,
            "publication": publication,
            "admin": admin,
            "locked": True,
        }
        try:
            self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            descriptor, temporary = tempfile.mkstemp(prefix=".", dir=self.path.parent)
            file = FileIO(descriptor, "r+")
            try:
                hold_alone(file)
                file.write(json.dumps(content).encode())
                Path(temporary).replace(self.path)
            except BaseException:
                file.close()
                Path(temporary).unlink(missing_ok=True)
                raise
        except OSError as error:
            get_logger().warning("addresses.json is not written", reason=str(error))
            return
        # Open, and so locked, until the node ends, however that happens.
        self._held = file

    def remove(self) -> None:
        """Remove what was written; it would name addresses of others before long.

        Unless another node wrote it anew: during an upgrade, two share a data directory.
        """
        held, self._held = self._held, None
        if held is None:
            return
        with held as ours, suppress(FileNotFoundError):
            if os.path.samestat(os.fstat(ours.fileno()), self.path.stat()):
                self.path.unlink(missing_ok=True)
