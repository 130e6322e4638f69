# SPDX-License-Identifier: Apache-2.0
"""DER is written as others read it."""

from __future__ import annotations

import datetime

import pytest
from cryptography import x509

from authz.ca import encode
from authz.certs import der


@pytest.mark.parametrize("size", [0, 1, 127, 128, 255, 256, 65535, 65536])
def test_lengths_are_as_short_as_they_can_be(size: int) -> None:
    element, end = der.read(encode.octet_string(b"x" * size))

    assert len(element.content) == size
    assert end - size == (2 if size < 128 else 3 if size < 256 else 4 if size < 65536 else 5)


@pytest.mark.parametrize("value", [0, 1, 127, 128, 255, 256, -1, -128, -129, 2**159 - 1, 2**158])
def test_integers_are_twos_complement_without_padding(value: int) -> None:
    content = der.read(encode.integer(value))[0].content

    assert int.from_bytes(content, signed=True) == value
    assert len(content) == 1 or content[0] not in (0, 0xFF) or content[0] ^ content[1] >= 0x80


@pytest.mark.parametrize("text", ["2.5.4.3", "1.2.840.113549.1.1.11", "2.16.840.1.101.3.4.2.1"])
def test_object_identifiers(text: str) -> None:
    assert der.oid_text(der.read(encode.oid(text))[0].content) == text


def test_named_bits_have_no_trailing_zeros() -> None:
    assert encode.named_bits(0) == bytes.fromhex("03020780")
    assert encode.named_bits(5, 6) == bytes.fromhex("03020106")
    assert encode.named_bits(0, 8) == bytes.fromhex("0303078080")


def test_times_are_utctime_through_2049_and_generalizedtime_later() -> None:
    last = datetime.datetime(2049, 12, 31, 23, 59, 59, tzinfo=datetime.UTC).timestamp()

    assert encode.time(last + 0.9) == b"\x17\x0d491231235959Z"
    assert encode.time(last + 1) == b"\x18\x0f20500101000000Z"
    assert encode.generalized_time(0) == b"\x18\x0f19700101000000Z"
    assert encode.generalized_time(encode.LAST_MOMENT) == b"\x18\x0f99991231235959Z"


def test_the_rest_is_what_the_library_writes() -> None:
    name = encode.sequence(
        encode.tlv(encode.SET, encode.sequence(encode.oid("2.5.4.3"), encode.utf8_string("Zoë")))
    )
    attribute = x509.NameAttribute(x509.NameOID.COMMON_NAME, "Zoë")

    assert name == x509.Name([attribute]).public_bytes()
    assert encode.printable_string("DE") == b"\x13\x02DE"
    assert encode.enumerated(3) == b"\x0a\x01\x03"
    assert encode.explicit(3, encode.NULL) == b"\xa3\x02\x05\x00"
    assert encode.bit_string(b"\xff") == b"\x03\x02\x00\xff"
