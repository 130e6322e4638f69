# SPDX-License-Identifier: Apache-2.0
"""Addresses to listen on: `host:port`, `[v6]:port` and `unix:PATH`.

Parsing only; opening sockets is for the transports. Names are not resolved here.
"""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from authz.errors import SettingsError

if TYPE_CHECKING:
    from pathlib import Path

#: An address as browsers have it; what it is called there is not asked.
_URL = re.compile(r"https?://([^/]+)(?:/.*)?")
_HOST_NAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9.-]{0,252}[A-Za-z0-9])?")

#: unix(7): `sun_path` holds 108 bytes with the final zero byte.
MAX_UNIX_PATH = 107


@dataclass(frozen=True, slots=True, kw_only=True)
class ListenAddress:
    """Where to listen: a TCP host and port, or the path of a Unix socket.

    `port` 0 lets the system choose. `host` has no brackets.
    """

    host: str = ""
    port: int = 0
    path: str = ""

    @property
    def is_unix(self) -> bool:
        """True for a Unix socket."""
        return bool(self.path)

    @property
    def is_local(self) -> bool:
        """True when only processes of this machine can connect: loopback or a Unix socket."""
        if self.path or self.host == "localhost":
            return True
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return False

    def resolved(self, base: Path) -> ListenAddress:
        """The same address, a relative socket path taken from `base`."""
        if not self.path:
            return self
        resolved = replace(self, path=str(base / self.path))
        _check_socket_path(resolved.path)
        return resolved

    def __str__(self) -> str:
        if self.path:
            return f"unix:{self.path}"
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"


def parse_address(text: str) -> ListenAddress:
    """Read `host:port`, `[v6]:port`, `unix:PATH` or `unix:///PATH`.

    Raises:
        SettingsError: anything else, with a hint that shows the right form.
    """
    if text.startswith("unix:"):
        path = text.removeprefix("unix:")
        path = path.removeprefix("//") if path.startswith("///") else path
        _check_socket_path(path)
        return ListenAddress(path=path)
    if url := _URL.match(text):
        raise SettingsError(f'"{text}" is a URL, not an address', hint=f'write "{url[1]}"')
    host, colon, port_text = text.rpartition(":")
    if not colon:
        example = f"127.0.0.1:{text}" if text.isdecimal() else f"{text or 'HOST'}:PORT"
        raise SettingsError(f'"{text}" is not an address', hint=f'write "{example}"')
    if not host:
        raise SettingsError(
            f'"{text}" names no host',
            hint=f'"127.0.0.1:{port_text}" for this machine alone, '
            f'"0.0.0.0:{port_text}" for everybody',
        )
    # int() alone would accept signs, spaces, underscores and other scripts' digits.
    if not (port_text.isascii() and port_text.isdecimal()) or int(port_text) > 65535:
        raise SettingsError(f'"{port_text}" is not a port', hint="a port is a number up to 65535")
    return ListenAddress(host=_host(host, text), port=int(port_text))


def _host(host: str, text: str) -> str:
    bracketed = host.startswith("[") and host.endswith("]")
    try:
        address = ipaddress.ip_address(host[1:-1] if bracketed else host)
    except ValueError:
        if bracketed or not _HOST_NAME.fullmatch(host) or host.replace(".", "").isdecimal():
            hint = 'write "host:port", "[v6]:port" or "unix:PATH"'
            raise SettingsError(f'"{text}" is not an address', hint=hint) from None
        return host
    if (address.version == 6) != bracketed:
        right = f"[{address}]" if address.version == 6 else str(address)
        hint = f'write "{right}:{text.rpartition(":")[2]}"'
        raise SettingsError(f'"{text}" is not an address', hint=hint)
    return str(address)


def _check_socket_path(path: str) -> None:
    if not path or "\0" in path or path.endswith("/"):
        raise SettingsError(
            f'"unix:{path}" names no socket', hint='write "unix:/run/authz/authz.sock"'
        )
    if len(path.encode()) > MAX_UNIX_PATH:
        raise SettingsError(
            f"the socket path is longer than {MAX_UNIX_PATH} bytes", hint="use a shorter directory"
        )
