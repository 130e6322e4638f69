# SPDX-License-Identifier: Apache-2.0
"""`addresses.json` in the data directory: where a running node listens, port 0 resolved.

For tests, the demo and scripts that let the system choose ports. Only there while the node serves.
"""

from __future__ import annotations

import json
import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from authz.observability.log import get_logger

if TYPE_CHECKING:
    from collections.abc import Sequence

NAME = "addresses.json"


def read_addresses(data_dir: Path) -> dict[str, Any]:
    """What the file of this data directory says; nothing when there is none, or none of ours."""
    try:
        found = json.loads((data_dir / NAME).read_bytes())
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def metrics_address(data_dir: Path) -> str | None:
    """Where the node of this data directory serves metrics; None when none says so there."""
    address = read_addresses(data_dir).get("metrics")
    return address if isinstance(address, str) else None


class AddressesFile:
    """The file of one node."""

    def __init__(self, data_dir: Path) -> None:
        self.path = data_dir / NAME
        self._written = False

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
        }
        try:
            self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            descriptor, temporary = tempfile.mkstemp(prefix=".", dir=self.path.parent)
            with os.fdopen(descriptor, "w", encoding="utf-8") as file:
                json.dump(content, file)
            Path(temporary).replace(self.path)
        except OSError as error:
            get_logger().warning("addresses.json is not written", reason=str(error))
            return
        self._written = True

    def remove(self) -> None:
        """Remove what was written; it would name addresses of others before long.

        Unless another node wrote it anew: during an upgrade, two share a data directory.
        """
        if self._written and read_addresses(self.path.parent).get("pid") == os.getpid():
            self.path.unlink(missing_ok=True)
