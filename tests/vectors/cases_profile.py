# SPDX-License-Identifier: Apache-2.0
"""Certificate vectors about what a certificate must be: usage, key, version, extensions."""

from __future__ import annotations

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from authz.certs import der as der_reader
from authz.demo.pki import ANY_USAGE, CLIENT_AUTH, SERVER_AUTH, key_usage
from tests.factories.pki import KeyKind, der, fixed_key, sign_tbs, slow_key
from tests.vectors.certificate_cases import Case, Pki, case

_UNKNOWN = x509.UnrecognizedExtension(x509.ObjectIdentifier("1.3.6.1.4.1.99999.1"), b"\x05\x00")
_LENIENT = "OpenSSL's default security level allows it"
_ANY_EXPONENT = "OpenSSL bounds the exponent only where the modulus has more than 3072 bits"


@case("RFC 5280 §4.2.1.12")
def eku__absent(pki: Pki) -> Case:
    """Without an extended key usage every use is allowed."""
    return pki.case(pki.client(eku=None))


@case("RFC 5280 §4.2.1.12")
def eku__client_auth(pki: Pki) -> Case:
    """clientAuth among others."""
    return pki.case(pki.client(eku=[SERVER_AUTH, CLIENT_AUTH]))


@case("RFC 5280 §4.2.1.12")
def eku__any(pki: Pki) -> Case:
    """anyExtendedKeyUsage includes clientAuth."""
    return pki.case(
        pki.client(eku=[ANY_USAGE]), differs="OpenSSL's sslclient purpose wants clientAuth itself"
    )


@case("RFC 5280 §4.2.1.12")
def eku__server_only(pki: Pki) -> Case:
    """A certificate for servers only is not a client certificate."""
    return pki.case(pki.client(eku=[SERVER_AUTH]), failure="wrong_usage")


@case("RFC 5280 §4.2.1.12")
def eku__unknown_only(pki: Pki) -> Case:
    """A usage that nobody here knows."""
    oid = x509.ObjectIdentifier("1.3.6.1.4.1.99999.2")
    return pki.case(pki.client(eku=[oid]), failure="wrong_usage")


@case("RFC 5280 §4.2.1.12")
def eku__intermediate_client_auth(pki: Pki) -> Case:
    """An intermediate that is limited to clients."""
    ca = pki.intermediate(eku=[CLIENT_AUTH])
    return pki.case(pki.client(ca), ca)


@case("RFC 5280 §4.2.1.12")
def eku__intermediate_server_only(pki: Pki) -> Case:
    """An intermediate that is limited to servers may not issue a client certificate."""
    ca = pki.intermediate(eku=[SERVER_AUTH])
    return pki.case(pki.client(ca), ca, failure="wrong_usage")


@case("RFC 5280 §4.2.1.12")
def eku__anchor_server_only(pki: Pki) -> Case:
    """An anchor that is limited to servers is refused when it is loaded."""
    root = pki.make_root(eku=[SERVER_AUTH])
    return pki.case(pki.client(root), trusted=[root], load_error="CertificateError", openssl=False)


@case("RFC 8446 §4.4.2.4")
def ku__absent(pki: Pki) -> Case:
    """Without a key usage every use is allowed."""
    return pki.case(pki.client(key_usage=None))


@case("RFC 8446 §4.4.2.4")
def ku__encipherment_only(pki: Pki) -> Case:
    """A client signs to prove its key; this key may not."""
    return pki.case(pki.client(key_usage=key_usage("key_encipherment")), failure="wrong_usage")


@case("RFC 5280 §4.2.1.3")
def ku__intermediate_without_cert_sign(pki: Pki) -> Case:
    """A CA whose key usage lacks keyCertSign."""
    ca = pki.intermediate(key_usage=key_usage("digital_signature", "crl_sign"))
    return pki.case(pki.client(ca), ca, failure="wrong_usage")


@case("RFC 5280 §4.2.1.3")
def ku__intermediate_absent(pki: Pki) -> Case:
    """A CA without a key usage may sign."""
    ca = pki.intermediate(key_usage=None)
    return pki.case(pki.client(ca), ca)


@case("RFC 5280 §4.2.1.3")
def ku__anchor_without_cert_sign(pki: Pki) -> Case:
    """An anchor that may not sign certificates is refused when it is loaded."""
    root = pki.make_root(key_usage=key_usage("crl_sign"))
    return pki.case(pki.client(root), trusted=[root], load_error="CertificateError", openssl=False)


@case("RFC 5280 §4.2.1.9")
def ca__as_client(pki: Pki) -> Case:
    """A CA certificate used as a client certificate."""
    return pki.case(
        pki.intermediate(eku=[CLIENT_AUTH]),
        failure="wrong_usage",
        differs="OpenSSL's purpose check does not mind a CA",
    )


@case("RFC 5280 §4.2.1.9")
def ca__anchor_as_client(pki: Pki) -> Case:
    """The anchor used as a client certificate."""
    return pki.case(
        pki.root,
        failure="wrong_usage",
        differs="OpenSSL's purpose check does not mind a CA",
    )


@case("RFC 5280 §4.2.1.9")
def ca__bundle_intermediate_as_client(pki: Pki) -> Case:
    """An intermediate of the bundle used as a client certificate."""
    return pki.case(
        pki.ca,
        trusted=[pki.root, pki.ca],
        failure="wrong_usage",
        differs="OpenSSL's purpose check does not mind a CA",
    )


@case("RFC 5280 §4.2.1.9")
def ca__client_as_issuer(pki: Pki) -> Case:
    """A client certificate used to issue another one."""
    alice = pki.client(pki.root, key_usage=key_usage("digital_signature", "key_cert_sign"))
    return pki.case(pki.client(alice), alice, failure="wrong_usage")


@case("RFC 5280 §4.2.1.9")
def ca__false_as_issuer(pki: Pki) -> Case:
    """Basic constraints that say it is no CA."""
    no_ca = pki.intermediate(basic_constraints=x509.BasicConstraints(ca=False, path_length=None))
    return pki.case(pki.client(no_ca), no_ca, failure="wrong_usage")


@case("RFC 5280 §4.2.1.9")
def ca__without_basic_constraints(pki: Pki) -> Case:
    """An intermediate without basic constraints."""
    no_ca = pki.intermediate(basic_constraints=None)
    return pki.case(pki.client(no_ca), no_ca, failure="wrong_usage")


@case("RFC 5280 §4.2.1.9")
def ca__end_entity_in_bundle(pki: Pki) -> Case:
    """Trust names authorities: a client certificate in it is refused when it is loaded."""
    alice = pki.client()
    return pki.case(alice, trusted=[alice], load_error="CertificateError", openssl=False)


@case("RFC 5280 §4.1.2.1")
def version__one_as_client(pki: Pki) -> Case:
    """A version 1 certificate cannot say what it is for."""
    return pki.case(
        _version_one(pki.client().certificate, pki.root.key),
        failure="unsupported",
        differs="OpenSSL takes version 1",
    )


@case("RFC 5280 §6.1.4 (k)")
def version__one_as_anchor(pki: Pki) -> Case:
    """A version 1 anchor is refused when it is loaded."""
    old = _version_one(pki.root.certificate, pki.root.key)
    return pki.case(
        pki.client(), trusted=[old], load_error="UnsupportedCertificateError", openssl=False
    )


@case("architecture 4.12")
def key__p384(pki: Pki) -> Case:
    """P-384 everywhere."""
    root = pki.make_root(key=fixed_key("a", KeyKind.P384))
    return pki.case(pki.client(root, key=fixed_key("b", KeyKind.P384)), trusted=[root])


@case("architecture 4.12")
def key__p521(pki: Pki) -> Case:
    """P-521 everywhere."""
    root = pki.make_root(key=fixed_key("a", KeyKind.P521))
    return pki.case(pki.client(root, key=fixed_key("b", KeyKind.P521)), trusted=[root])


@case("architecture 4.12")
def key__rsa_2048(pki: Pki) -> Case:
    """RSA with 2048 and 4096 bits."""
    root = pki.make_root(key=fixed_key("a", KeyKind.RSA4096))
    return pki.case(pki.client(root, key=fixed_key("b", KeyKind.RSA2048)), trusted=[root])


@case("architecture 4.12")
def key__rsa_1024(pki: Pki) -> Case:
    """An end-entity RSA key of 1024 bits."""
    weak = fixed_key("a", KeyKind.RSA1024)
    return pki.case(pki.client(key=weak), failure="unsupported", differs=_LENIENT)


@case("architecture 4.12")
def key__rsa_1024_intermediate(pki: Pki) -> Case:
    """An intermediate with an RSA key of 1024 bits."""
    ca = pki.intermediate(key=fixed_key("a", KeyKind.RSA1024))
    return pki.case(pki.client(ca), ca, failure="unsupported", differs=_LENIENT)


@case("architecture 4.12")
def key__rsa_1024_anchor(pki: Pki) -> Case:
    """An anchor with an RSA key of 1024 bits is refused when it is loaded."""
    root = pki.make_root(key=fixed_key("a", KeyKind.RSA1024))
    return pki.case(
        pki.client(root),
        trusted=[root],
        load_error="UnsupportedCertificateError",
        openssl=False,
    )


@case("architecture 4.12")
def key__rsa_exponent_of_32_bits(pki: Pki) -> Case:
    """An RSA exponent that is unusual and not too large."""
    root = pki.make_root(key=slow_key(32))
    return pki.case(pki.client(root), trusted=[root])


@case("architecture 4.12")
def key__rsa_exponent_of_33_bits_intermediate(pki: Pki) -> Case:
    """An intermediate with an RSA exponent that is too large: its signatures take long to check."""
    ca = pki.intermediate(key=slow_key(33))
    return pki.case(pki.client(ca), ca, failure="unsupported", differs=_ANY_EXPONENT)


@case("architecture 4.12")
def key__rsa_exponent_of_2047_bits_anchor(pki: Pki) -> Case:
    """An anchor with an RSA exponent as long as the modulus is loaded, and verifies nobody."""
    root = pki.make_root(key=slow_key(2047))
    return pki.case(pki.client(root), trusted=[root], failure="unsupported", differs=_ANY_EXPONENT)


@case("architecture 4.12")
def key__rsa_exponent_of_2047_bits_above_an_intermediate(pki: Pki) -> Case:
    """Below an anchor whose key is too slow, an intermediate of the bundle is no anchor."""
    root = pki.make_root(key=slow_key(2047))
    ca = pki.intermediate(root)
    return pki.case(
        pki.client(ca), trusted=[root, ca], failure="unsupported", differs=_ANY_EXPONENT
    )


@case("architecture 4.12")
def key__ed25519(pki: Pki) -> Case:
    """Edwards curves are not supported."""
    return pki.case(
        pki.client(key=fixed_key("a", KeyKind.ED25519)),
        failure="unsupported",
        differs="OpenSSL supports Ed25519",
    )


@case("architecture 4.12")
def key__secp256k1(pki: Pki) -> Case:
    """A curve that is not one of the three."""
    return pki.case(
        pki.client(key=fixed_key("a", KeyKind.SECP256K1)),
        failure="unsupported",
        differs="OpenSSL supports the curve",
    )


@case("architecture 4.12")
def key__ed25519_intermediate(pki: Pki) -> Case:
    """An intermediate with an Edwards key."""
    ca = pki.intermediate(key=fixed_key("a", KeyKind.ED25519))
    return pki.case(pki.client(ca), ca, failure="unsupported", differs="OpenSSL supports Ed25519")


@case("RFC 9155")
def key__sha1_signature(pki: Pki) -> Case:
    """A certificate that is signed with SHA-1."""
    root = pki.make_root(key=fixed_key("a", KeyKind.RSA2048))
    made = pki.client(root)
    return pki.case(
        _sha1(made.certificate, root.key),
        trusted=[root],
        failure="unsupported",
        differs=_LENIENT,
    )


@case("RFC 5280 §4.2")
def critical__unknown(pki: Pki) -> Case:
    """A critical extension that nobody here knows."""
    return pki.case(pki.client(extensions=[(_UNKNOWN, True)]), failure="unsupported")


@case("RFC 5280 §4.2")
def critical__unknown_not_critical(pki: Pki) -> Case:
    """The same one, not critical."""
    return pki.case(pki.client(extensions=[(_UNKNOWN, False)]))


@case("RFC 5280 §4.2")
def critical__unknown_on_intermediate(pki: Pki) -> Case:
    """A critical extension that nobody here knows, on an intermediate."""
    ca = pki.intermediate(extensions=[(_UNKNOWN, True)])
    return pki.case(pki.client(ca), ca, failure="unsupported")


@case("RFC 5280 §4.2")
def critical__policies(pki: Pki) -> Case:
    """Critical certificate policies, which the library does not process."""
    policy = x509.PolicyInformation(x509.ObjectIdentifier("1.3.6.1.4.1.99999.3"), None)
    extension = x509.CertificatePolicies([policy])
    return pki.case(
        pki.client(extensions=[(extension, True)]),
        failure="unsupported",
        differs="a documented limit: OpenSSL processes certificate policies",
    )


@case("RFC 5280 §4.2")
def critical__alternative_name(pki: Pki) -> Case:
    """A critical subject alternative name is processed."""
    names = x509.SubjectAlternativeName([x509.DNSName("client.test")])
    return pki.case(pki.client(extensions=[(names, True)]))


@case("RFC 5280 §4.2")
def malformed__duplicate_extension(pki: Pki) -> Case:
    """An extension that is there twice."""
    made = pki.client(
        san=[x509.DNSName("a.test")],
        extensions=[(x509.IssuerAlternativeName([x509.DNSName("b.test")]), False)],
    )
    # 2.5.29.18 becomes 2.5.29.17.
    tbs = made.certificate.tbs_certificate_bytes.replace(
        b"\x06\x03\x55\x1d\x12", b"\x06\x03\x55\x1d\x11"
    )
    return pki.case(sign_tbs(tbs, made.certificate, pki.root.key), failure="malformed")


@case("RFC 5280 §4.2.1.3")
def malformed__key_usage(pki: Pki) -> Case:
    """An extension whose value is cut short; the library alone would not look at it."""
    broken = x509.UnrecognizedExtension(x509.ObjectIdentifier("2.5.29.15"), b"\x30\x03\x82\x01")
    made = pki.client(key_usage=None, extensions=[(broken, False)])
    return pki.case(made, failure="malformed")


def _version_one(certificate: x509.Certificate, key: object) -> bytes:
    """The certificate without version and extensions, signed again."""
    tbs, _ = der_reader.read(certificate.tbs_certificate_bytes)
    version, *parts = der_reader.children(tbs.content)
    assert version.tag == 0xA0
    assert parts.pop().tag == 0xA3
    return sign_tbs(der(0x30, *(part.raw for part in parts)), certificate, key)  # type: ignore[arg-type]


def _sha1(certificate: x509.Certificate, key: object) -> bytes:
    """The RSA certificate signed again with SHA-1."""
    assert isinstance(key, rsa.RSAPrivateKey)
    sha256, sha1 = bytes.fromhex("2a864886f70d01010b"), bytes.fromhex("2a864886f70d010105")
    tbs = certificate.tbs_certificate_bytes.replace(sha256, sha1)
    signature = key.sign(tbs, padding.PKCS1v15(), hashes.SHA1())
    return der(0x30, tbs, der(0x30, b"\x06\x09", sha1, b"\x05\x00"), der(0x03, b"\0", signature))
