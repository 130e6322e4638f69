# SPDX-License-Identifier: Apache-2.0
"""A writer of MaxMind DB files, just enough for tests (MaxMind DB format, version 2.0).

    city_file(path, {"198.51.100.0/24": {"country": {"iso_code": "GB"}}})

No pointers and no deduplication: the files are small.
"""

from __future__ import annotations

import struct
from ipaddress import ip_network
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

_MARKER = b"\xab\xcd\xefMaxMind.com"
_TEXT, _DOUBLE, _UINT16, _UINT32, _MAP, _UINT64, _ARRAY, _BOOL = 2, 3, 5, 6, 7, 9, 11, 14


def city_file(path: Path, records: Mapping[str, Any], kind: str = "GeoLite2-City") -> Path:
    """A database of places."""
    return write_mmdb(path, records, kind=kind)


def asn_file(path: Path, numbers: Mapping[str, int], kind: str = "GeoLite2-ASN") -> Path:
    """A database of networks."""
    records = {network: {"autonomous_system_number": number} for network, number in numbers.items()}
    return write_mmdb(path, records, kind=kind)


def write_mmdb(path: Path, records: Mapping[str, Any], *, kind: str, ip_version: int = 6) -> Path:
    """Write a database that maps networks to records; `ip_version` 4 knows no IPv6."""
    path.write_bytes(mmdb(records, kind=kind, ip_version=ip_version))
    return path


def mmdb(records: Mapping[str, Any], *, kind: str, ip_version: int = 6) -> bytes:
    """The bytes of such a file."""
    bits = 128 if ip_version == 6 else 32
    nodes: list[list[int | None]] = [[None, None]]
    leaves: dict[tuple[int, int], int] = {}
    data = b""
    for text, record in records.items():
        network = ip_network(text)
        # IPv4 is in ::/96 of a database of both versions.
        length = network.prefixlen + (bits - network.max_prefixlen)
        number = int(network.network_address)
        path = [number >> (bits - 1 - position) & 1 for position in range(length)]
        node = 0
        for bit in path[:-1]:
            below = nodes[node][bit]
            if below is None:
                below = nodes[node][bit] = len(nodes)
                nodes.append([None, None])
            node = below
        leaves[node, path[-1]] = len(data)
        data += _encode(record)
    count = len(nodes)
    tree = b"".join(
        _record(nodes[node][bit], leaves.get((node, bit)), count)
        for node in range(count)
        for bit in (0, 1)
    )
    # The reader in C insists on the width of each number.
    metadata = {
        "binary_format_major_version": _number(_UINT16, 2),
        "binary_format_minor_version": _number(_UINT16, 0),
        "build_epoch": _number(_UINT64, 1772366400),
        "database_type": _encode(kind),
        "description": _encode({"en": "for tests"}),
        "ip_version": _number(_UINT16, ip_version),
        "languages": _encode(["en"]),
        "node_count": _number(_UINT32, count),
        "record_size": _number(_UINT16, 32),
    }
    return (
        tree
        + bytes(16)
        + data
        + _MARKER
        + _control(_MAP, len(metadata))
        + b"".join(_encode(key) + item for key, item in metadata.items())
    )


def _record(below: int | None, leaf: int | None, count: int) -> bytes:
    if below is None:
        below = count if leaf is None else count + 16 + leaf
    return below.to_bytes(4, "big")


def _encode(value: Any) -> bytes:
    if isinstance(value, bool):
        return _control(_BOOL, int(value))
    if isinstance(value, int):
        return _number(_UINT32, value)
    if isinstance(value, float):
        return _control(_DOUBLE, 8) + struct.pack(">d", value)
    if isinstance(value, str):
        text = value.encode()
        return _control(_TEXT, len(text)) + text
    if isinstance(value, list):
        return _control(_ARRAY, len(value)) + b"".join(map(_encode, value))
    return _control(_MAP, len(value)) + b"".join(
        _encode(key) + _encode(item) for key, item in value.items()
    )


def _number(kind: int, value: int) -> bytes:
    size = (value.bit_length() + 7) // 8
    return _control(kind, size) + value.to_bytes(size, "big")


def _control(kind: int, size: int) -> bytes:
    """The control byte, extended kinds and sizes included (up to 284: tests need no more)."""
    assert size < 285
    short = min(size, 29)
    start = bytes([kind << 5 | short]) if kind < 8 else bytes([short, kind - 7])
    return start + (bytes([size - 29]) if size >= 29 else b"")
