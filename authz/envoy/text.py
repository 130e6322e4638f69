# SPDX-License-Identifier: Apache-2.0
"""Small pieces of YAML text for `config` and `listener`."""

from __future__ import annotations

import json
import textwrap

from authz.settings.addresses import parse_address


def quoted(value: str) -> str:
    """A string as a YAML scalar that can be nothing but a string (JSON is a subset of YAML)."""
    return json.dumps(value)


def indented(text: str, spaces: int) -> str:
    """A block moved right; empty lines stay empty."""
    return textwrap.indent(text, " " * spaces)


def address(value: str, *, udp: bool = False) -> str:
    """`HOST:PORT` or `unix:PATH` as an Envoy `Address`; `udp` goes with the former alone.

    Raises:
        SettingsError: it is neither.
    """
    parsed = parse_address(value)
    if parsed.is_unix:
        return f"pipe: {{path: {quoted(parsed.path)}}}"
    protocol = "protocol: UDP, " if udp else ""
    host = quoted(parsed.host)
    return f"socket_address: {{{protocol}address: {host}, port_value: {parsed.port}}}"


def endpoint(value: str) -> str:
    """One load-balanced endpoint."""
    return f"""\
- endpoint:
    address:
      {address(value)}
"""
