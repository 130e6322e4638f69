# SPDX-License-Identifier: Apache-2.0
"""Certificate signing requests: what is taken over, and what is refused."""

from __future__ import annotations

import base64
import ipaddress

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from authz.ca import encode
from authz.ca.csr import MAX_CSR_BYTES, read_csr
from authz.ca.keys import generate_key, load_key
from authz.ca.signing import sign
from authz.demo.keys import KeyKind, key_pem
from authz.demo.pki import key_usage
from authz.errors import InvalidCsrError, WeakKeyError
from tests.factories.issuing import csr, openssl
from tests.factories.pki import fixed_key

FULL = (
    (NameOID.COUNTRY_NAME, "DE"),
    (NameOID.STATE_OR_PROVINCE_NAME, "NRW"),
    (NameOID.LOCALITY_NAME, "Bonn"),
    (NameOID.ORGANIZATION_NAME, "Acme"),
    (NameOID.ORGANIZATIONAL_UNIT_NAME, "Ops"),
    (NameOID.ORGANIZATIONAL_UNIT_NAME, "Night"),
    (NameOID.COMMON_NAME, "alice"),
    (NameOID.SERIAL_NUMBER, "7"),
)


def _der(pem: bytes) -> bytes:
    return base64.b64decode(b"".join(pem.splitlines()[1:-1]))


def test_a_request_is_read() -> None:
    facts = read_csr(csr(*FULL))

    assert facts.subject.dn == "serialNumber=7,CN=alice,OU=Night,OU=Ops,O=Acme,L=Bonn,ST=NRW,C=DE"
    assert (facts.common_name, facts.country, facts.state) == ("alice", "DE", "NRW")
    assert (facts.location, facts.organization) == ("Bonn", "Acme")
    assert facts.organizational_unit == "Ops"
    assert facts.key.name == "P-256"
    assert facts.spki == load_key(key_pem(fixed_key("csr"))).spki
    assert facts.ignored == ()
    assert not len(facts.names)


@pytest.mark.parametrize("kind", [KeyKind.P384, KeyKind.P521, KeyKind.RSA2048])
def test_other_keys_are_accepted(kind: KeyKind) -> None:
    assert read_csr(csr("alice", key=fixed_key("x", kind))).common_name == "alice"


@pytest.mark.parametrize(
    "change",
    [
        lambda pem: pem,
        lambda pem: pem.decode(),
        lambda pem: pem.replace(b"\n", rb"\n"),
        lambda pem: pem.replace(b"\n", rb"\r\n"),
        lambda pem: pem.replace(b"\n", b"\r\n"),
        lambda pem: pem.replace(b"CERTIFICATE REQUEST", b"NEW CERTIFICATE REQUEST"),
        lambda pem: b"Certificate Request:\n    Data:\n" + pem,
        _der,
    ],
    ids=["pem", "text", "escaped", "escaped-crlf", "crlf", "new", "with-text", "der"],
)
def test_every_way_to_send_one_is_read_alike(change: object) -> None:
    pem = csr("alice")
    assert callable(change)
    facts = read_csr(change(pem))

    assert facts.pem == pem.decode()


def test_openssl_reads_the_normalized_request() -> None:
    facts = read_csr(csr("alice"))

    assert "verify OK" in openssl("req", "-verify", "-noout", stdin=facts.pem.encode())


def test_requests_of_openssl_are_read(tmp_path: object) -> None:
    path = f"{tmp_path}/key.pem"
    text = openssl(
        "req", "-new", "-newkey", "rsa:2048", "-nodes", "-keyout", path, "-subj", "/C=DE/CN=bob"
    )

    assert read_csr(text[text.index("-----BEGIN") :]).subject.dn == "CN=bob,C=DE"


def test_alternative_names_are_taken_over_once() -> None:
    names = x509.SubjectAlternativeName(
        [
            x509.DNSName("a.example"),
            x509.DNSName("a.example"),
            x509.UniformResourceIdentifier("spiffe://example/a"),
            x509.RFC822Name("alice@example.com"),
            x509.IPAddress(ipaddress.ip_address("192.0.2.1")),
            x509.OtherName(x509.ObjectIdentifier("1.3.6.1.4.1.311.20.2.3"), b"\x0c\x01a"),
        ]
    )
    facts = read_csr(csr("alice", extensions=[(names, False)]))

    assert facts.names.dns == ("a.example",)
    assert facts.names.uri == ("spiffe://example/a",)
    assert facts.names.email == ("alice@example.com",)
    assert facts.names.ip == ("192.0.2.1",)
    assert facts.ignored == ("alternative name OtherName",)


def test_a_mail_address_in_the_subject_becomes_an_alternative_name() -> None:
    facts = read_csr(csr("alice", (NameOID.EMAIL_ADDRESS, "alice@example.com")))

    assert facts.subject.dn == "CN=alice"
    assert facts.names.email == ("alice@example.com",)


def test_other_attributes_and_extensions_are_left_out_and_told() -> None:
    attributes = ("alice", (NameOID.DOMAIN_COMPONENT, "example"), (NameOID.TITLE, "Dr."))
    tls_feature = x509.TLSFeature([x509.TLSFeatureType.status_request])
    facts = read_csr(csr(*attributes, extensions=[(tls_feature, False)]))

    assert facts.subject.dn == "CN=alice"
    assert facts.ignored == ("DC", "title", "extension 1.3.6.1.5.5.7.1.24")


def test_what_a_client_may_ask_for_is_no_reason_to_refuse() -> None:
    extensions = [
        (x509.BasicConstraints(ca=False, path_length=None), True),
        (key_usage("digital_signature"), True),
        (
            x509.ExtendedKeyUsage(
                [ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH]
            ),
            True,
        ),
        (x509.SubjectKeyIdentifier(b"x"), False),
    ]

    assert read_csr(csr("alice", extensions=extensions)).ignored == ()


@pytest.mark.parametrize(
    ("extension", "message"),
    [
        (x509.BasicConstraints(ca=True, path_length=None), "a CA certificate"),
        (key_usage("key_cert_sign"), "the usage of a CA"),
        (key_usage("crl_sign"), "the usage of a CA"),
        (x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), "not for clients"),
        (x509.PolicyConstraints(0, None), "a critical extension 2.5.29.36"),
    ],
)
def test_what_is_not_issued_here_is_refused(extension: x509.ExtensionType, message: str) -> None:
    with pytest.raises(InvalidCsrError, match=message) as error:
        read_csr(csr("alice", extensions=[(extension, True)]))

    assert error.value.hint


@pytest.mark.parametrize(
    ("kind", "message"),
    [
        (KeyKind.RSA1024, "RSA 1024"),
        (KeyKind.SECP256K1, "1.3.132.0.10"),
        (KeyKind.ED25519, "Ed25519"),
    ],
)
def test_weak_keys_are_refused(kind: KeyKind, message: str) -> None:
    with pytest.raises(WeakKeyError, match=message):
        read_csr(csr("alice", key=fixed_key("x", kind)))


def test_a_request_that_was_changed_is_refused() -> None:
    changed = _der(csr("alice")).replace(b"alice", b"mally")

    with pytest.raises(InvalidCsrError, match="not signed by its own key"):
        read_csr(changed)


def _request(*, subject: bytes, algorithm: str | None = None, attributes: bytes = b"") -> bytes:
    """A request that no builder makes, signed by its own key."""
    signer = generate_key()
    info = encode.sequence(encode.integer(0), subject, signer.spki, attributes or encode.tlv(0xA0))
    signed = sign(info, signer)
    if algorithm is None:
        return signed
    old = encode.sequence(encode.oid("1.2.840.10045.4.3.2"))
    return encode.sequence(
        *(part.replace(old, encode.sequence(encode.oid(algorithm))) for part in _parts(signed))
    )


def _parts(signed: bytes) -> list[bytes]:
    from authz.certs import der

    return [one.raw for one in der.children(der.read(signed)[0].content)]


def _name(value: bytes, oid: str = "2.5.4.3") -> bytes:
    pair = encode.sequence(encode.oid(oid), value)
    return encode.sequence(encode.tlv(encode.SET, pair))


@pytest.mark.parametrize("oid", ["1.2.840.10045.4.1", "1.2.840.10045.4.3.1"])
def test_broken_and_old_hashes_are_refused(oid: str) -> None:
    with pytest.raises(InvalidCsrError, match="is signed with sha") as error:
        read_csr(_request(subject=_name(encode.utf8_string("alice")), algorithm=oid))

    assert "SHA-256" in str(error.value.hint)


def test_sha1_and_md5_of_rsa_are_refused() -> None:
    key = fixed_key("x", KeyKind.RSA2048)
    for oid in ("1.2.840.113549.1.1.4", "1.2.840.113549.1.1.5"):
        der = _der(csr("alice", key=key))
        old = encode.sequence(encode.oid("1.2.840.113549.1.1.11"), encode.NULL)
        with pytest.raises(InvalidCsrError, match=r"is signed with (md5|sha1)"):
            read_csr(der.replace(old, encode.sequence(encode.oid(oid), encode.NULL)))


def test_an_algorithm_that_nobody_knows_is_refused() -> None:
    with pytest.raises(InvalidCsrError, match="cannot be read"):
        read_csr(_request(subject=_name(encode.utf8_string("a")), algorithm="1.2.3.4"))


@pytest.mark.parametrize(
    ("subject", "message"),
    [
        (_name(encode.integer(1)), "the subject's CN is no text"),
        (_name(encode.tlv(0x0C, b"\xff")), "the subject's CN is no text"),
        (
            _name(encode.utf8_string("a\nb")),
            "the common name has control characters, or such as cannot be seen in the request",
        ),
        (_name(encode.utf8_string(" admin ")), "the common name begins or ends with a blank"),
        (_name(encode.utf8_string("")), "the common name is empty"),
        (_name(encode.utf8_string("a\0b")), "the common name has control characters"),
        (_name(encode.utf8_string("a\u202eb"), "2.5.4.10"), "the organization has control"),
        (_name(encode.utf8_string("a\u202eb"), "2.5.4.12"), "the title has control characters"),
        (_name(encode.utf8_string("a\0b"), "1.2.3.4"), "the 1.2.3.4 has control characters"),
        (_name(encode.utf8_string("a@b.example\0"), "1.2.840.113549.1.9.1"), "not a mail address"),
        (_name(encode.utf8_string("x" * 65)), "the common name has 65 characters"),
        (_name(encode.printable_string("Germany"), "2.5.4.6"), "the country"),
        (_name(encode.utf8_string("no mail"), "1.2.840.113549.1.9.1"), "not a mail address"),
        (encode.sequence(b"\x04\x00"), "not a certificate signing request"),
    ],
)
def test_a_subject_that_a_certificate_cannot_have_is_refused(subject: bytes, message: str) -> None:
    with pytest.raises(InvalidCsrError, match=message):
        read_csr(_request(subject=subject))


def _asks(*extensions: bytes) -> bytes:
    request = encode.sequence(
        encode.oid("1.2.840.113549.1.9.14"),
        encode.tlv(encode.SET, encode.sequence(*extensions)),
    )
    return encode.tlv(0xA0, request)


@pytest.mark.parametrize(
    "extensions",
    [
        # The same twice, one that is not DER, and a kind of name that nobody reads.
        [encode.sequence(encode.oid("2.5.29.19"), encode.octet_string(encode.sequence()))] * 2,
        [encode.sequence(encode.oid("2.5.29.19"), encode.octet_string(b"\xff"))],
        [
            encode.sequence(
                encode.oid("2.5.29.17"),
                encode.octet_string(encode.sequence(encode.tlv(0xA3, b""))),
            )
        ],
    ],
)
def test_extensions_that_cannot_be_read_are_refused(extensions: list[bytes]) -> None:
    der = _request(subject=_name(encode.utf8_string("a")), attributes=_asks(*extensions))

    with pytest.raises(InvalidCsrError, match="cannot be read"):
        read_csr(der)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ("", "no certificate signing request"),
        ("\ud800", "no certificate signing request"),
        ("hello", "no certificate signing request"),
        (csr("a") + csr("b"), "more than one block"),
        (b"0" * (MAX_CSR_BYTES + 1), "the request has 65537 bytes"),
        (key_pem(fixed_key("x")), "a private key beside the request"),
        (csr("a") + key_pem(fixed_key("x")), "a private key beside the request"),
        (csr("a").replace(b"MI", b"M*", 1), "not base64"),
        (b"\x30\x00", "not a certificate signing request"),
        (b"\x30", "not a certificate signing request"),
        (_der(csr("a")) + b"\x00", "not a certificate signing request"),
        (encode.sequence(encode.sequence(), b"", b""), "not a certificate signing request"),
    ],
)
def test_what_is_no_request_is_refused(data: str | bytes, message: str) -> None:
    with pytest.raises(InvalidCsrError, match=message) as error:
        read_csr(data)

    assert error.value.hint


def test_a_request_signed_with_pss_is_read() -> None:
    key = fixed_key("x", KeyKind.RSA2048)
    assert isinstance(key, rsa.RSAPrivateKey)
    pss = padding.PSS(mgf=padding.MGF1(hashes.SHA256()), salt_length=32)
    request = (
        x509.CertificateSigningRequestBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "alice")]))
        .sign(key, hashes.SHA256(), rsa_padding=pss)
    )

    assert read_csr(request.public_bytes(Encoding.PEM)).common_name == "alice"


def test_a_request_signed_with_sha512_is_read() -> None:
    assert read_csr(csr("alice", digest=hashes.SHA512())).common_name == "alice"
