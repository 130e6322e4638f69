# SPDX-License-Identifier: Apache-2.0
"""authz.yaml and the command line's options as one immutable value.

    settings = load_settings(Path("authz.yaml"))
    settings.grpc.listen            "127.0.0.1:50051"

Also holds what the policy file's reader shares: YAML that knows its lines (`yaml_document`) and
pydantic's findings in our words (`problems`). The environment is never read.
"""

from __future__ import annotations

from authz.settings.addresses import ListenAddress, parse_address
from authz.settings.loading import DEFAULT_FILE, Override, load_settings
from authz.settings.model import NOT_BUILT_YET, OFF, GrpcTls, ServerTls, Settings

__all__ = [
    "DEFAULT_FILE",
    "NOT_BUILT_YET",
    "OFF",
    "GrpcTls",
    "ListenAddress",
    "Override",
    "ServerTls",
    "Settings",
    "load_settings",
    "parse_address",
]
