# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import time

import pytest

from authz.certs.pem import read_peer_pem, split_crls, split_pem, without_private_keys, write_pem
from authz.errors import AuthzError, CertificateError, MalformedCertificateError
from tests.factories.pki import intermediate, root

_ROOT, _CA = root(), intermediate()


def test_blocks_come_in_order() -> None:
    text = _CA.pem + b"\n\n" + _ROOT.pem

    assert read_peer_pem(text) == split_pem(text) == (_CA.der, _ROOT.der)


@pytest.mark.parametrize("pem", [_CA.pem.replace(b"\n", b"\r\n"), _CA.pem.rstrip(b"\n")])
def test_line_ends_do_not_matter(pem: bytes) -> None:
    assert read_peer_pem(pem) == (_CA.der,)


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"junk",
        b"junk " + _CA.pem,
        _CA.pem + b"junk",
        _CA.pem + b"junk" + _ROOT.pem,
        _CA.pem[:-10],
        _CA.pem.replace(b"END CERTIFICATE", b"END CERTIFICATES"),
        _CA.pem.replace(b"CERTIFICATE", b"X509 CRL"),
        b"-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----\n",
        b"-----BEGIN CERTIFICATE-----\n!!!!\n-----END CERTIFICATE-----\n",
        b"-----BEGIN CERTIFICATE-----\nAAA\n-----END CERTIFICATE-----\n",
        _CA.pem + _CA.key_pem,
    ],
)
def test_a_peer_may_send_nothing_but_certificates(text: bytes) -> None:
    with pytest.raises(MalformedCertificateError):
        read_peer_pem(text)


def test_an_operator_may_write_notes_between_the_blocks() -> None:
    text = b"subject=CN = Test Root CA\n" + _ROOT.pem + b"# the next one\n" + _CA.pem

    assert split_pem(text) == (_ROOT.der, _CA.der)


def test_one_der_certificate_is_taken_as_it_is() -> None:
    assert split_pem(_ROOT.der) == (_ROOT.der,)
    assert split_crls(_ROOT.crl().der)


def test_crls_are_split() -> None:
    first, second = _ROOT.crl([1]), _CA.crl([2])

    assert split_crls(first.pem + second.pem) == (first.der, second.der)


_ENCRYPTED = b"""-----BEGIN RSA PRIVATE KEY-----
Proc-Type: 4,ENCRYPTED
DEK-Info: AES-256-CBC,00

AAAA
-----END RSA PRIVATE KEY-----
"""


@pytest.mark.parametrize("split", [split_pem, split_crls])
@pytest.mark.parametrize("key", [_ROOT.key_pem, _ENCRYPTED])
def test_a_private_key_is_refused(split: object, key: bytes) -> None:
    assert callable(split)
    with pytest.raises(CertificateError, match="private key") as raised:
        split(_ROOT.pem + key, where="policy.yaml:3")

    assert raised.value.hint
    assert raised.value.where == "policy.yaml:3"


@pytest.mark.parametrize("key", [_ROOT.key_pem, _ENCRYPTED])
def test_private_keys_can_be_taken_out_of_a_file(key: bytes) -> None:
    assert split_pem(without_private_keys(key + _ROOT.pem + key)) == split_pem(_ROOT.pem)
    # One that does not end is still there, and is refused.
    with pytest.raises(CertificateError, match="private key"):
        split_pem(without_private_keys(_ROOT.pem + key[:60]))


@pytest.mark.parametrize(
    ("split", "text", "message"),
    [
        (split_pem, b"", "no certificate in the file"),
        (split_pem, b"hello", "no certificate in the file"),
        (split_pem, _ROOT.crl().pem, "a CRL is among the certificates"),
        (split_pem, _ROOT.pem.replace(b"CERT", b"TRUSTED CERT"), "is no certificate"),
        (split_pem, _ROOT.pem.replace(b"CERTIFICATE", b"PUBLIC KEY"), "is no certificate"),
        (split_pem, _ROOT.pem + _ROOT.pem[:60], "does not end"),
        (split_pem, _ROOT.pem.replace(b"MII", b"M!I"), "not base64"),
        (split_crls, b"", "no CRL in the file"),
        (split_crls, _ROOT.pem, "is no CRL"),
        (split_crls, _ROOT.crl().pem[:-5], "does not end"),
    ],
)
def test_a_wrong_file_is_explained(split: object, text: bytes, message: str) -> None:
    assert callable(split)
    with pytest.raises(AuthzError, match=message) as raised:
        split(text, where="here")

    assert raised.value.where == "here"
    assert raised.value.hint


def test_blocks_that_never_end_cost_linear_time() -> None:
    text = b"-----BEGIN CERTIFICATE-----\n" * 40_000
    started = time.process_time()

    with pytest.raises(MalformedCertificateError):
        read_peer_pem(text)

    assert time.process_time() - started < 2


@pytest.mark.parametrize("size", [1, 47, 48, 49, 96])
def test_what_is_written_is_read_again(size: int) -> None:
    text = write_pem(b"\x30" * size, "CERTIFICATE")

    assert split_pem(text.encode()) == (b"\x30" * size,)
    assert max(map(len, text.splitlines()[1:-1])) <= 64
    assert "\n\n" not in text
