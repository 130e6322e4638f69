# SPDX-License-Identifier: Apache-2.0
"""Under which names the API answers: against DNS rebinding.

A web page of somebody else's can have its own name point to 127.0.0.1, and then talk to what
listens there as to its own server; the Host header still says the name. So a listener that only
this machine reaches answers under the names of this machine and those of `admin.hosts`, any other
one under all names unless `admin.hosts` has some.
"""

from __future__ import annotations

import ipaddress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable


class Hosts:
    """Which Host headers are ours.

    Args:
        names: host names and addresses without ports (`admin.hosts`).
        local: whether only this machine reaches the listener.
    """

    def __init__(self, names: Iterable[str] = (), *, local: bool) -> None:
        self._names = frozenset(_name(one) for one in names)
        self._local = local

    def accepts(self, header: str | None) -> bool:
        """Whether to answer a request with this Host header; None for none."""
        if not (self._local or self._names):
            return True
        if header is None:
            return False
        name = _name(_without_port(header))
        if name in self._names:
            return True
        try:
            address = ipaddress.ip_address(name)
        except ValueError:
            return self._local and name == "localhost"
        # Nobody can have the address of this machine mean another one.
        return address.is_loopback if self._local else True


def _without_port(header: str) -> str:
    host, colon, port = header.strip().rpartition(":")
    if colon and port.isascii() and (port.isdigit() or not port) and not host.endswith(":"):
        return host
    return header.strip()


def _name(text: str) -> str:
    return text.lower().removesuffix(".").removeprefix("[").removesuffix("]")
