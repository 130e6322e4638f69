# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import pytest

from authz.certs import der
from authz.errors import MalformedCertificateError
from tests.factories.pki import der as encode
from tests.factories.pki import root


def test_an_outline_gives_the_original_bytes() -> None:
    made = root().client("alice")

    outline = der.outline(made.der)

    assert outline.serial == made.serial
    assert outline.version == 3
    assert outline.subject == made.subject.public_bytes()
    assert outline.issuer == root().subject.public_bytes()
    assert outline.spki in made.der


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\x30",
        b"\x30\x05\x00",
        b"\x30\x80\x00\x00",
        b"\x30\x85\x00\x00\x00\x00\x01\x00",
        b"\x30\x82\x01",
        b"\x1f\x81\x01\x00",
        b"\x31\x00",
        b"\x30\x00",
        encode(0x30, b"\x30\x00\x30\x00\x30\x00"),
        encode(0x30, encode(0x30, b"\xa0\x00"), b"\x30\x00", b"\x03\x01\x00"),
    ],
)
def test_what_is_not_shaped_like_a_certificate_is_malformed(data: bytes) -> None:
    with pytest.raises(MalformedCertificateError):
        der.outline(data)


def test_bytes_after_the_certificate_are_malformed() -> None:
    with pytest.raises(MalformedCertificateError, match="followed by other bytes"):
        der.outline(root().der + b"\0")


@pytest.mark.parametrize(
    ("content", "text"),
    [
        ("550403", "2.5.4.3"),
        ("2a864886f70d010901", "1.2.840.113549.1.9.1"),
        ("8837", "2.999"),
        ("00", "0.0"),
        ("7f", "2.47"),
    ],
)
def test_object_identifiers_are_dotted(content: str, text: str) -> None:
    assert der.oid_text(bytes.fromhex(content)) == text


@pytest.mark.parametrize("content", ["", "5584", "55" * 65])
def test_a_broken_object_identifier_is_malformed(content: str) -> None:
    with pytest.raises(MalformedCertificateError):
        der.oid_text(bytes.fromhex(content))


def test_a_long_length_is_read() -> None:
    element, end = der.read(encode(0x04, b"x" * 70000))

    assert len(element.content) == 70000
    assert end == len(element.raw) == 70005
