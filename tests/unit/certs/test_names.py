# SPDX-License-Identifier: Apache-2.0
"""What no certificate of tests/vectors/fields can hold; those are in test_certificate.py."""

from __future__ import annotations

import re
import shutil
import subprocess

import pytest

from authz.certs import names
from authz.certs.attribute_names import SHORT_NAMES
from authz.errors import MalformedCertificateError
from tests.factories.pki import der

_CN = bytes.fromhex("0603550403")


def _name(value: bytes, oid: bytes = _CN) -> bytes:
    return der(0x30, der(0x31, der(0x30, oid, value)))


@pytest.mark.parametrize(
    ("value", "rfc2253", "one_line"),
    [
        (der(0x0C, b"x\xffz"), "CN=#0C0378FF7A", r"/CN=x\xFFz"),
        (der(0x1E, b"abc"), "CN=#1E03616263", "/CN=abc"),
        (der(0x1E, b"\xd8\x00"), "CN=#1E02D800", r"/CN=\xD8\x00"),
        (der(0x1C, b"\x00\x11\x00\x00"), "CN=#1C0400110000", r"/CN=\x00\x11\x00\x00"),
        (der(0x1C, b"\xff\xff\xff\xff"), "CN=#1C04FFFFFFFF", r"/CN=\xFF\xFF\xFF\xFF"),
        (der(0x05), "CN=#0500", "/CN="),
        (der(0x1B, b"\0\0\0a\0\0\0b"), "CN=#1B080000006100000062", "/CN=ab"),
        (der(0x1B, b"\0\1\0a"), "CN=#1B0400010061", r"/CN=\x00\x01\x00a"),
        (der(0x03, b"\0a"), "CN=#03020061", "/CN=a"),
        (der(0x13, b"a\r\nx: y"), r"CN=a\0D\0Ax: y", r"/CN=a\x0D\x0Ax: y"),
    ],
)
def test_any_value_has_a_text(value: bytes, rfc2253: str, one_line: str) -> None:
    attributes = names.parse_name(_name(value))

    assert names.rfc2253(attributes) == rfc2253
    assert names.one_line(attributes) == one_line


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"\x31\x00",
        der(0x30, b"\x30\x00"),
        der(0x30, der(0x31, b"\x31\x00")),
        der(0x30, der(0x31, der(0x30, _CN))),
        _name(b"\x0c\x00", oid=b"\x02\x01\x05"),
    ],
)
def test_what_is_not_a_name_is_malformed(raw: bytes) -> None:
    with pytest.raises(MalformedCertificateError):
        names.parse_name(raw)


@pytest.mark.skipif(shutil.which("openssl") is None, reason="needs the openssl command")
def test_short_names_are_those_of_openssl() -> None:
    listed = subprocess.run(["openssl", "list", "-objects"], capture_output=True, check=True)
    known = {
        found[2]: found[1]
        for line in listed.stdout.decode().splitlines()
        if (found := re.fullmatch(r"(\S+) = (?:.*, )?([0-9.]+)", line))
    }

    assert {oid: known.get(oid) for oid in SHORT_NAMES} == dict(SHORT_NAMES)


def test_a_value_is_text_when_it_can_be_read() -> None:
    def value(tag: int, content: bytes) -> str | None:
        attribute = names.Attribute(rdn=0, oid="2.5.4.3", tag=tag, content=content, raw=b"")
        return names.value_text(attribute)

    assert value(0x0C, "Zoë".encode()) == "Zoë"
    assert value(0x14, b"Zo\xeb") == "Zoë"
    assert value(0x0C, b"\xff") is None
    assert value(0x02, b"\x01") is None
