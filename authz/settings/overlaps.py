# SPDX-License-Identifier: Apache-2.0
"""Ports that two settings want, found before anything listens.

With a port per worker, workers take ports that nobody has written down; the system would then name
only the address that is in use, and whoever looks for a foreign process finds none. A port of
another program is not known here: binding it says so.
"""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from authz.settings.addresses import ListenAddress, parse_address
from authz.settings.worker_addresses import worker_addresses

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

#: What this name is everywhere; others are not resolved here.
_LOOPBACK = {"localhost": ("127.0.0.1", "::1")}


@dataclass(frozen=True, slots=True, kw_only=True)
class Overlap:
    """A port that is wanted twice: what to say of it, and the key where it is said."""

    key: tuple[str, str]
    message: str
    hint: str


def overlap_of(
    grpc: str, workers: int, port_per_worker: bool, *, others: Mapping[str, str]
) -> Overlap | None:
    """The first port that two of the listeners want.

    Args:
        grpc, workers, port_per_worker: of the section `grpc`.
        others: the addresses of the sections that listen as well (`sds`, `metrics`, …), without
            those that are off.
    """
    listen = parse_address(grpc)
    taken = list(_of_workers(listen, workers, port_per_worker=port_per_worker))
    last = max((address.port for _, address in taken), default=0)
    for section, text in others.items():
        wanted = parse_address(text)
        key = f"{section}.listen"
        for name, address in taken:
            if _same(address, wanted):
                free = _free(max(last, wanted.port), others)
                return Overlap(
                    key=(section, "listen"),
                    message=f"{name} and {key} both want port {wanted.port}",
                    hint=f"give {key} another port, {_with_port(wanted, free)} for instance"
                    + (f"; the workers take {listen.port} to {last}" if last > listen.port else ""),
                )
        taken.append((key, wanted))
    return None


def _of_workers(
    listen: ListenAddress, workers: int, *, port_per_worker: bool
) -> Iterator[tuple[str, ListenAddress]]:
    if listen.is_unix:
        return
    each = worker_addresses(listen, workers, port_per_worker=port_per_worker)
    for index, address in enumerate(dict.fromkeys(each)):
        name = f"worker {index} (grpc.listen plus {index})" if index else "grpc.listen"
        yield name, address


def _same(one: ListenAddress, other: ListenAddress) -> bool:
    """Whether only one of the two can be listened on. Port 0 is a free one each time."""
    if not one.port or one.port != other.port:
        return False
    if one.host == other.host:
        return True
    return any(
        mine == theirs
        or (mine.version == theirs.version and (mine.is_unspecified or theirs.is_unspecified))
        for mine in _numbers(one.host)
        for theirs in _numbers(other.host)
    )


def _numbers(host: str) -> list[ipaddress.IPv4Address | ipaddress.IPv6Address]:
    try:
        return [ipaddress.ip_address(number) for number in _LOOPBACK.get(host, (host,))]
    except ValueError:
        return []


def _free(after: int, others: Mapping[str, str]) -> int:
    """A port beyond `after` that no section has, or the first that needs no privilege."""
    written = {parse_address(text).port for text in others.values()}
    upwards = (port for port in range(after + 1, 65536) if port not in written)
    return next(upwards, 1024)


def _with_port(address: ListenAddress, port: int) -> str:
    return str(ListenAddress(host=address.host, port=port))
