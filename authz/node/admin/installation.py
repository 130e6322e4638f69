# SPDX-License-Identifier: Apache-2.0
"""What the pages of the dashboard may know of the node that serves them: settings without secrets,
and the addresses that the supervisor wrote down."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from authz.dashboard.installation import Addresses, Installation
from authz.node.addresses_file import read_addresses
from authz.settings import Settings
from authz.store.addresses import without_password

if TYPE_CHECKING:
    from authz.node.admin.config import AdminConfig


def installation_of(config: AdminConfig) -> Installation:
    """The installation that a process was started for."""
    database = without_password(config.database)
    return Installation(
        settings=Settings.model_validate({**config.settings, "database": database}),
        addresses=partial(running_addresses, Path(config.data_dir)),
    )


def running_addresses(data_dir: Path) -> Addresses | None:
    """Where the node of a data directory listens, None before it has said so."""
    found = read_addresses(data_dir)
    grpc = found.get("grpc")
    if not isinstance(grpc, list) or not grpc:
        return None
    return Addresses(
        grpc=tuple(map(str, grpc)),
        sds=_text(found.get("sds")),
        metrics=_text(found.get("metrics")),
        publication=_text(found.get("publication")),
        admin=_text(found.get("admin")),
    )


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) else None
