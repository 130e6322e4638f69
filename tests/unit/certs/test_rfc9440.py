# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import base64

import pytest

from authz.certs.rfc9440 import client_cert, client_cert_chain, encode


def test_a_certificate_is_base64_between_colons() -> None:
    assert encode(b"\xfb\xff") == ":+/8=:"
    assert client_cert(b"abc") == ":YWJj:"


def test_a_chain_is_a_list_in_the_order_sent() -> None:
    assert client_cert_chain([b"abc", b"\0"]) == ":YWJj:, :AA==:"
    assert client_cert_chain([]) == ""


# 7677 bytes are 10238 characters with the colons; a byte more begins a group of four: 10242.
@pytest.mark.parametrize(("size", "fits"), [(7677, True), (7678, False)])
def test_a_certificate_of_more_than_10_kibibytes_is_too_large(size: int, fits: bool) -> None:
    value = client_cert(bytes(size))

    assert (value is not None) is fits
    if value is not None:
        assert base64.b64decode(value[1:-1]) == bytes(size)


def test_a_chain_of_more_than_16_kibibytes_is_too_large() -> None:
    # Two values of 8190 characters and ", " between them are 16382; one byte more is 16386.
    assert client_cert_chain([bytes(6141), bytes(6141)]) is not None
    assert client_cert_chain([bytes(6141), bytes(6142)]) is None
