# SPDX-License-Identifier: Apache-2.0
"""What the process that serves the API needs of the settings, as plain data."""

from __future__ import annotations

from typing import Any

import msgspec

from authz.node.messages import Message


class AdminConfig(Message, frozen=True, kw_only=True):
    """The first message: what is served, and how (architecture 6).

    Args:
        listen: the address of the socket that it is given, port 0 resolved.
        hosts: under which names it is reached, besides those of this machine.
        certificate, key, client_ca: of TLS; None for none.
        database: of the store.
        key_file, passphrase_file: what private keys are encrypted with; None for the default.
        settings: all of them, as `Settings` takes them, for the pages that tell how a node runs.
    """

    listen: str
    hosts: tuple[str, ...] = ()
    certificate: str | None = None
    key: str | None = None
    client_ca: str | None = None
    database: str
    data_dir: str
    publication_url: str | None = None
    key_file: str | None = None
    passphrase_file: str | None = None
    log_format: str
    log_level: str
    settings: dict[str, Any] = msgspec.field(default_factory=dict)
