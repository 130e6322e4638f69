# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import hashlib
import json
import warnings
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509

from authz.certs.certificate import Certificate
from authz.certs.pem import split_pem
from authz.errors import MalformedCertificateError, UnsupportedCertificateError
from tests.factories.pki import AT, der, fixed_key, resign, root, sign_tbs
from tests.vectors import build_fields

_VECTORS: list[dict[str, Any]] = json.loads(
    (Path(__file__).parents[2] / "vectors" / "fields" / "certificates.json").read_text()
)["cases"]


@pytest.mark.parametrize("vector", _VECTORS, ids=lambda vector: str(vector["id"]))
def test_values_are_what_openssl_prints(vector: dict[str, Any]) -> None:
    (data,) = split_pem(vector["pem"].encode())
    certificate = Certificate.from_der(data)

    assert {name: getattr(certificate, name) for name in vector["expect"]} == vector["expect"]
    assert certificate.subject_dn == certificate.subject_dn_rfc2253
    assert certificate.issuer_dn == certificate.issuer_dn_rfc2253


def test_the_vectors_are_what_the_builder_makes() -> None:
    made = {name: build_fields._pem(data) for name, _, data in build_fields.certificates()}

    assert made == {vector["id"]: vector["pem"] for vector in _VECTORS}


def test_times_are_unix_seconds() -> None:
    certificate = Certificate.from_der(root().client("a", not_before=AT, not_after=AT + 60).der)

    assert (certificate.not_before_at, certificate.not_after_at) == (AT, AT + 60)


def test_certificates_are_equal_by_their_bytes() -> None:
    made = root().client("alice").der

    first, second = Certificate.from_der(made), Certificate.from_der(made)

    assert first == second
    assert len({first, second, Certificate.from_der(root().der)}) == 2


def test_a_certificate_is_never_printed_raw() -> None:
    made = root().client("a\nb")

    assert "\n" not in repr(Certificate.from_der(made.der))


@pytest.mark.parametrize("data", [b"", b"\x30\x00", b"junk", root().der[:-1], root().der + b"\0"])
def test_other_bytes_are_malformed(data: bytes) -> None:
    with pytest.raises(MalformedCertificateError):
        Certificate.from_der(data)


@pytest.mark.parametrize("serial", ["00", "91"])
def test_a_serial_number_that_is_not_positive_is_malformed_without_a_warning(serial: str) -> None:
    made = root().client("a", serial=0x33)
    edit = (bytes.fromhex("020133"), bytes.fromhex(f"0201{serial}"))
    data = resign(made.certificate, root().key, edit)

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(MalformedCertificateError, match="not positive"):
            Certificate.from_der(data)


def test_an_operator_may_have_a_root_with_serial_number_zero() -> None:
    key = fixed_key("zero")
    made = root().intermediate("zero", key=key, serial=0x33)
    data = resign(made.certificate, root().key, (bytes.fromhex("020133"), bytes.fromhex("020100")))

    assert Certificate.from_der(data, allow_zero_serial=True).serial == "00"


def test_ecdsa_with_null_parameters_is_malformed_without_a_warning() -> None:
    made = root().client("a").certificate
    plain = bytes.fromhex("300a06082a8648ce3d040302")
    with_null = bytes.fromhex("300c06082a8648ce3d0403020500")
    tbs = made.tbs_certificate_bytes
    content = tbs[4:] if tbs[1] == 0x82 else tbs[3:]
    signed = sign_tbs(der(0x30, content.replace(plain, with_null)), made, root().key)
    inner = signed[4:] if signed[1] == 0x82 else signed[3:]
    data = der(0x30, inner.replace(plain, with_null))

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(MalformedCertificateError, match="signature algorithm"):
            Certificate.from_der(data)


def test_a_general_name_nobody_reads_is_unsupported() -> None:
    # x400Address [3]
    value = der(0x30, bytes.fromhex("a3023000"))
    names = x509.UnrecognizedExtension(x509.ObjectIdentifier("2.5.29.17"), value)
    made = root().client("a", extensions=[(names, False)])

    with pytest.raises(UnsupportedCertificateError):
        Certificate.from_der(made.der)


def test_extensions_are_found_by_kind() -> None:
    certificate = Certificate.from_der(root().der)

    assert certificate.is_ca
    assert certificate.is_self_issued
    assert certificate.is_critical(x509.BasicConstraints)
    assert not certificate.is_critical(x509.SubjectKeyIdentifier)
    assert certificate.extension(x509.NameConstraints) is None


def _with_names(value: bytes) -> Certificate:
    """A certificate with these bytes as its subject alternative names."""
    names = x509.UnrecognizedExtension(x509.ObjectIdentifier("2.5.29.17"), value)
    return Certificate.from_der(root().client("a", extensions=[(names, False)]).der)


def test_alternative_names_by_kind() -> None:
    san: list[x509.GeneralName] = [
        x509.DNSName("b.example.com"),
        x509.OtherName(x509.ObjectIdentifier("1.2.3"), b"\x05\x00"),
        x509.DNSName("A.example.com"),
        x509.RegisteredID(x509.ObjectIdentifier("1.2.3")),
        x509.UniformResourceIdentifier("spiffe://example.com/a"),
        x509.RFC822Name("a@example.com"),
        x509.IPAddress(ip_address("2001:db8::1")),
    ]
    certificate = Certificate.from_der(root().client("a", san=san).der)

    assert certificate.san_dns == ("b.example.com", "A.example.com")
    assert certificate.san_uri == ("spiffe://example.com/a",)
    assert certificate.san_email == ("a@example.com",)
    assert certificate.san_ip == (ip_address("2001:db8::1"),)


def test_without_alternative_names_there_are_none() -> None:
    certificate = Certificate.from_der(root().der)

    assert (certificate.san_dns, certificate.san_uri, certificate.san_email) == ((), (), ())
    assert certificate.san_ip == ()


def test_a_name_keeps_its_odd_characters() -> None:
    certificate = _with_names(der(0x30, der(0x82, b"a\x00.example"), der(0x82, b"")))

    assert certificate.san_dns == ("a\0.example", "")


def test_a_network_is_no_address() -> None:
    certificate = _with_names(der(0x30, der(0x87, bytes(8)), der(0x87, b"\xc0\x00\x02\x01")))

    assert certificate.san_ip == (ip_address("192.0.2.1"),)


@pytest.mark.parametrize("name", [der(0x87, bytes(5)), der(0x82, b"\xff"), b"\x82\x05a"])
def test_names_that_cannot_be_read_are_malformed(name: bytes) -> None:
    with pytest.raises(MalformedCertificateError):
        _with_names(der(0x30, name))


def test_the_key_has_a_digest() -> None:
    certificate = Certificate.from_der(root().der)

    assert certificate.spki_sha256 == hashlib.sha256(certificate.spki).hexdigest()
