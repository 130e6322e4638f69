# SPDX-License-Identifier: Apache-2.0
"""What the last good snapshot of a store refuses: for whoever restores a backup of before.

Apart from `takeover`, which the control process imports: restoring brings migrations along.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from authz.certs.serials import Serials
from authz.node.control.takeover import lists_of, store_part
from authz.node.data_directory import SNAPSHOTS
from authz.node.snapshot_file import latest_snapshot
from authz.services.restoring import Enforced

if TYPE_CHECKING:
    from pathlib import Path


def enforced_in(data_dir: Path) -> Enforced | None:
    """The serial numbers of the store that the last snapshot refuses; None without one."""
    found = latest_snapshot(data_dir / SNAPSHOTS, of_store=True)
    built = None if found is None else store_part(found[1])
    if built is None:
        return None
    serials = {
        identifier: Serials(listed.base, listed.added, listed.restored)
        for identifier, listed in lists_of(built).items()
    }
    return Enforced(revision=built.revision, serials=serials)
