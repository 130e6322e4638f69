# SPDX-License-Identifier: Apache-2.0
"""Literals that fingerprints, serial numbers and key identifiers are compared with."""

from __future__ import annotations

import pytest

from authz.rules.lint_hex import hex_fault

_TLS = "cf.tls_client_auth."
_SHA256, _SERIAL = _TLS + "cert_fingerprint_sha256", _TLS + "cert_serial"


def test_raw_bytes_of_a_fingerprint_are_recognised() -> None:
    fault = hex_fault(_SHA256, bytes(range(200, 232)))

    assert fault is not None
    assert fault.fixed == bytes(range(200, 232)).hex().encode()


@pytest.mark.parametrize(
    ("text", "fixed"),
    [
        (b"ABC", b"0ABC"),
        (b"0ABCD", b"ABCD"),
        (b"00ab", b"ab"),
        (b"00:AB:CD", b"ABCD"),
        (b"000", b"00"),
        (b"00" + b"A1" * 20, b"A1" * 20),
        (b"A1" * 20 + b"F", None),
    ],
)
def test_a_serial_number_is_whole_bytes_without_leading_zeros(
    text: bytes, fixed: bytes | None
) -> None:
    fault = hex_fault(_SERIAL, text)

    assert fault is not None
    assert fault.fixed == fixed
    assert fixed is None or hex_fault(_SERIAL, fixed) is None


@pytest.mark.parametrize("text", [b"", b"0A", b"0abc", b"AB", b"00", b"A1" * 20])
def test_other_serial_numbers_are_fine(text: bytes) -> None:
    assert hex_fault(_SERIAL, text) is None
    assert hex_fault(_TLS + "cert_issuer_serial", text) is None


def test_a_key_identifier_is_whole_bytes() -> None:
    fault = hex_fault(_TLS + "cert_issuer_ski", b"ABC")

    assert fault is not None
    assert fault.fixed is None
    assert hex_fault(_TLS + "cert_ski", b"00AB") is None
