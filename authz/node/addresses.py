# SPDX-License-Identifier: Apache-2.0
"""Holding the addresses of workers (settings.worker_addresses) while these come and go."""

from __future__ import annotations

import errno
import socket
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from authz.errors import TransportError
from authz.settings import parse_address

if TYPE_CHECKING:
    from collections.abc import Sequence

    from authz.settings.addresses import ListenAddress


@dataclass(frozen=True, slots=True)
class Reservation:
    """Addresses that are ours until `close`: port 0 is resolved, and nobody else gets them."""

    addresses: tuple[ListenAddress, ...]
    sockets: tuple[socket.socket, ...]

    def close(self) -> None:
        """Give them back."""
        for held in self.sockets:
            held.close()


def reserve(addresses: Sequence[ListenAddress], *, shared: bool) -> Reservation:
    """Bind each TCP address without listening, so that workers can share or reopen it.

    A bound socket that does not listen gets no connections, but with SO_REUSEPORT it lets our
    workers (same user) bind next to it, keeps a port free across a worker's restart, and finds out
    here, once and early, that an address is taken. `shared`: all are one and the same.

    Raises:
        TransportError: an address is taken, not ours, or not allowed.
    """
    resolved: list[ListenAddress] = []
    sockets: list[socket.socket] = []
    try:
        for address in addresses:
            if address.is_unix:
                resolved.append(address)
                continue
            if not (shared and sockets):
                sockets.append(_bind(address))
            resolved.append(replace(address, port=sockets[-1].getsockname()[1]))
    except BaseException:
        for bound in sockets:
            bound.close()
        raise
    return Reservation(tuple(resolved), tuple(sockets))


def settle(address: str, *, what: str, option: str) -> str:
    """An address for another process to listen on, port 0 resolved once and for all its lives.

    Args:
        what: what is served there, and `option`, how to choose another address: for errors.

    Raises:
        TransportError: the address is taken, not ours, or not allowed.
    """
    wanted = parse_address(address)
    bound = _bind(wanted, what=what, option=option, reopened=True)
    try:
        return str(replace(wanted, port=bound.getsockname()[1]))
    finally:
        bound.close()


def _bind(
    address: ListenAddress,
    *,
    what: str = "checks",
    option: str = "--grpc or grpc.listen",
    reopened: bool = False,
) -> socket.socket:
    try:
        family, kind, protocol, _, target = socket.getaddrinfo(
            address.host, address.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        if address.port:
            # With SO_REUSEPORT another instance of the same user would let us in and share its
            # connections with us. Without it, anybody who listens there is noticed.
            with socket.socket(family, kind, protocol) as probe:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                probe.bind(target)
        bound = socket.socket(family, kind, protocol)
        try:
            bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
            if reopened:
                # A server that closes its connections leaves the port in TIME_WAIT for a minute.
                bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            bound.bind(target)
        except BaseException:
            bound.close()
            raise
    except OSError as error:
        hint = f"choose another address with {option}"
        if error.errno == errno.EADDRINUSE:
            hint = f"stop what listens there (ss -ltnp 'sport = :{address.port}'), or {hint}"
        raise TransportError(
            f"cannot listen for {what}: {error.strerror or error}", where=str(address), hint=hint
        ) from error
    return bound
