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


def address(value: str) -> str:
    """`HOST:PORT` or `unix:PATH` as an Envoy `Address`.

    Raises:
        SettingsError: it is neither.
    """
    parsed = parse_address(value)
    if parsed.is_unix:
        return f"pipe: {{path: {quoted(parsed.path)}}}"
    return f"socket_address: {{address: {quoted(parsed.host)}, port_value: {parsed.port}}}"


def endpoint(value: str) -> str:
    """One load-balanced endpoint."""
    return f"""\
- endpoint:
    address:
      {address(value)}
"""
