# SPDX-License-Identifier: Apache-2.0
"""What a process has in its memory, its environment, its arguments and its open files (Linux).

    found_in(process.pid, {"the key": key}) == {"memory of …: the key"}

It reads /proc, which root may, and whoever started the process.
"""

from __future__ import annotations

import contextlib
import re
from pathlib import Path
from typing import TYPE_CHECKING

from cryptography.hazmat.primitives import serialization

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey

#: Read at once; a needle across the border is found because chunks overlap.
_CHUNK = 16 << 20
_OVERLAP = 4096

_REGION = re.compile(r"([0-9a-f]+)-([0-9a-f]+) r\S* \S+ \S+ \S+\s*(.*)")
#: Of the kernel, and not to be read.
_KERNELS = frozenset({"[vvar]", "[vvar_vclock]", "[vsyscall]"})


def found_in(pid: int, needles: Mapping[str, bytes]) -> set[str]:
    """Names of the needles that are anywhere in a process.

    Raises:
        PermissionError: it may not be looked at.
    """
    found = set()
    for part in (*_memory(pid), *(_file(pid, name) for name in ("environ", "cmdline"))):
        found |= {name for name, needle in needles.items() if needle in part}
    return found


def open_files(pid: int) -> set[str]:
    """The paths of what a process has open."""
    found = set()
    for one in Path(f"/proc/{pid}/fd").iterdir():
        # Closed meanwhile.
        with contextlib.suppress(FileNotFoundError):
            found.add(str(one.readlink()))
    return found


def forms_of(key: EllipticCurvePrivateKey) -> dict[str, bytes]:
    """A private key as it may lie in memory: encoded, and its number in both orders."""
    number = key.private_numbers().private_value
    size = (key.curve.key_size + 7) // 8
    plain = serialization.NoEncryption()
    forms = {
        "number": number.to_bytes(size, "big"),
        # As OpenSSL has large numbers on this processor.
        "number, little-endian": number.to_bytes(size, "little"),
        "number in hexadecimal": f"{number:x}".encode(),
    }
    for name, form in (
        ("PKCS #8", serialization.PrivateFormat.PKCS8),
        ("SEC 1", serialization.PrivateFormat.TraditionalOpenSSL),
    ):
        forms[f"DER {name}"] = key.private_bytes(serialization.Encoding.DER, form, plain)
        pem = key.private_bytes(serialization.Encoding.PEM, form, plain)
        forms[f"PEM {name}"] = pem.splitlines()[1]
    return forms


def _memory(pid: int) -> Iterator[bytes]:
    maps = Path(f"/proc/{pid}/maps").read_text(encoding="utf-8", errors="replace")
    with Path(f"/proc/{pid}/mem").open("rb", buffering=0) as memory:
        for line in maps.splitlines():
            region = _REGION.match(line)
            if region is None or region[3] in _KERNELS:
                continue
            start, end = int(region[1], 16), int(region[2], 16)
            for at in range(start, end, _CHUNK):
                # What was given back meanwhile, or belongs to a device.
                with contextlib.suppress(OSError, OverflowError):
                    memory.seek(at)
                    yield memory.read(min(end - at, _CHUNK + _OVERLAP))


def _file(pid: int, name: str) -> bytes:
    return Path(f"/proc/{pid}/{name}").read_bytes()
