# SPDX-License-Identifier: Apache-2.0
"""Literals that fingerprints, serial numbers and key identifiers are compared with.

Such fields hold whole bytes as hexadecimal digits, and `eq`, `ne`, `in` and lists take either case
of the letters (architecture 4.13): colons, another length or a leading zero byte are never equal.
"""

from __future__ import annotations

import re
from typing import Final

from authz.rules.lint_fault import Fault

_HEX: Final = re.compile(rb"[0-9A-Fa-f]+")
_DIGITS: Final = {"cert_fingerprint_sha256": 64, "cert_fingerprint_sha1": 40, "spki_sha256": 64}
# RFC 5280 section 4.1.2.2: a serial number has at most 20 octets.
_SERIAL_DIGITS: Final = 40


def hex_fault(name: str, text: bytes) -> Fault | None:
    """What is wrong with a literal that a hex field is compared with, or None."""
    kind = name.rpartition(".")[2]
    digits = _DIGITS.get(kind)
    if not text:
        # The empty text is what the field holds without a verified certificate.
        return None
    if not _HEX.fullmatch(text):
        if not text.isascii() and len(text) in (20, 32):
            why = "it is raw bytes; write the hex digits in quotes, without colons"
            return Fault(why=why, fixed=text.hex().encode())
        bare = re.sub(rb"[:\s-]", b"", text)
        if not _HEX.fullmatch(bare):
            return Fault(why="it is not hexadecimal")
        fixed = bare if digits in (None, len(bare)) else None
        if fixed is not None and _is_serial(kind):
            fixed = _serial(fixed)
        return Fault(why="the value has no colons or spaces", fixed=fixed)
    if digits is not None and len(text) != digits:
        return Fault(why=f"it has {len(text)} digits, the value has {digits}")
    if _is_serial(kind):
        return _serial_fault(text)
    if len(text) % 2:
        return Fault(why="the value is whole bytes, two digits each")
    return None


def _serial_fault(text: bytes) -> Fault | None:
    # cryptography and OpenSSL print a serial number as a number, other programs as its bytes.
    fixed = _serial(text)
    if len(fixed) > _SERIAL_DIGITS:
        return Fault(why=f"it has more than {_SERIAL_DIGITS} digits")
    if fixed == text:
        return None
    if len(text) % 2:
        return Fault(why="a serial number is whole bytes, two digits each", fixed=fixed)
    return Fault(why="a serial number has no leading zero bytes", fixed=fixed)


def _is_serial(kind: str) -> bool:
    return "serial" in kind


def _serial(digits: bytes) -> bytes:
    """A serial number as the field has it: whole bytes, the first of them not zero."""
    number = digits.lstrip(b"0") or b"0"
    return number.rjust(len(number) + len(number) % 2, b"0")
