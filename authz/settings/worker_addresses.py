# SPDX-License-Identifier: Apache-2.0
"""Which worker listens where.

With one port per worker, worker N listens on the configured port plus N (or on PATH.N for a Unix
socket): that is the arrangement whose restarts lose no request. With a shared port all of them
listen on the same one and the system spreads connections (SO_REUSEPORT).
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from authz.errors import TransportError

if TYPE_CHECKING:
    from authz.settings.addresses import ListenAddress


def worker_addresses(
    listen: ListenAddress, workers: int, *, port_per_worker: bool
) -> tuple[ListenAddress, ...]:
    """The address of each worker, in order. Port 0 stays 0.

    Raises:
        TransportError: a Unix socket cannot be shared, or the ports run out.
    """
    if workers == 1:
        return (listen,)
    if listen.is_unix:
        if not port_per_worker:
            raise TransportError(
                "several workers cannot listen on one Unix socket",
                where=str(listen),
                hint="set grpc.port_per_worker: true, and each gets PATH.0, PATH.1, …",
            )
        return tuple(replace(listen, path=f"{listen.path}.{index}") for index in range(workers))
    if not port_per_worker or listen.port == 0:
        return (listen,) * workers
    if listen.port + workers - 1 > 65535:
        raise TransportError(
            f"port {listen.port} and the {workers - 1} after it go beyond 65535",
            where=str(listen),
            hint="choose a lower port or fewer workers",
        )
    return tuple(replace(listen, port=listen.port + index) for index in range(workers))
