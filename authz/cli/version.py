# SPDX-License-Identifier: Apache-2.0
"""`authz version`: this program, and the forms of what it keeps and reads."""

from __future__ import annotations

import platform
from importlib.metadata import PackageNotFoundError
from importlib.metadata import version as version_of
from typing import Final

from authz import __version__
from authz.cli import messages
from authz.cli.options import ConfigOption, JsonOption, settings_of

#: Transports of the gRPC port (grpc.transport), each by the package that it is.
_TRANSPORTS: Final = {"native": "pygrpc-native", "grpcio": "grpcio"}


def version(config: ConfigOption = None, json: JsonOption = False) -> None:
    """Print the version, and which tables, snapshots and files it works with.

    Compare the numbers of two releases before an upgrade, or a way back. A file named with --config
    is only checked.
    """
    if config is not None:
        settings_of(config)
    from authz.node.snapshot_layout import VERSION
    from authz.settings.file_version import FILE_VERSION
    from authz.store.schema import SCHEMA

    transports = {name: _installed(package) for name, package in _TRANSPORTS.items()}
    numbers = {
        "python": platform.python_version(),
        "store_schema": SCHEMA,
        "snapshot_format": VERSION,
        "settings_version": FILE_VERSION,
        "policy_version": FILE_VERSION,
    }
    if json:
        messages.result_json({"version": __version__, **numbers, "transports": transports})
        return
    messages.result(f"authz {__version__}")
    for name, value in numbers.items():
        messages.result(f"{name.replace('_', ' ')}: {value}")
    shown = (f"{name} {installed or '(not installed)'}" for name, installed in transports.items())
    messages.result(f"transports: {', '.join(shown)}")


def _installed(package: str) -> str | None:
    try:
        return version_of(package)
    except PackageNotFoundError:
        return None
