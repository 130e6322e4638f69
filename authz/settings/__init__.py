# SPDX-License-Identifier: Apache-2.0
"""authz.yaml and the command line's options as one immutable value.

    settings = load_settings(Path("authz.yaml"))
    settings.grpc.listen            "127.0.0.1:50051"

Also holds what the policy file's reader shares: YAML that knows its lines (`yaml_document`) and
pydantic's findings in our words (`problems`). The environment is never read.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from authz.settings.addresses import ListenAddress, parse_address

if TYPE_CHECKING:
    from authz.settings.loading import DEFAULT_FILE, Override, load_settings
    from authz.settings.model import AdminTls, GrpcTls, ServerTls, Settings
    from authz.settings.values import OFF

__all__ = [
    "DEFAULT_FILE",
    "OFF",
    "AdminTls",
    "GrpcTls",
    "ListenAddress",
    "Override",
    "ServerTls",
    "Settings",
    "load_settings",
    "parse_address",
]

# Read when asked for (PEP 562): pydantic and YAML would cost every worker, which only needs an
# address, 70 ms and several megabytes.
_MODULES = {
    "DEFAULT_FILE": "loading",
    "Override": "loading",
    "load_settings": "loading",
    "OFF": "values",
    "AdminTls": "model",
    "GrpcTls": "model",
    "ServerTls": "model",
    "Settings": "model",
}


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)
