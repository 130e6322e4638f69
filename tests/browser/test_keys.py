# SPDX-License-Identifier: Apache-2.0
"""Keys, requests and PKCS #12 files that the browser makes, read by others: OpenSSL and ours."""

from __future__ import annotations

import base64
import contextlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import pkcs12

from authz.ca.bundle import pem_bundle
from authz.ca.csr import read_csr
from authz.ca.issuance import CertificateRequest, issue, prepare
from authz.ca.profiles import CLIENT
from tests.factories.issuing import issuing, openssl, root
from tests.factories.pki import AT

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Browser, Page, Route

STATIC = Path(__file__).resolve().parents[2] / "authz" / "dashboard" / "static"

#: Every name that a certificate may have, as a person writes it, and as it comes out.
NAMES = "api.example, bücher.example\nspiffe://example/a me@mail.example 10.0.0.1 ::1 fe80::1"
NAMES_READ = {
    "dns": ("api.example", "xn--bcher-kva.example"),
    "uri": ("spiffe://example/a",),
    "email": ("me@mail.example",),
    "ip": ("10.0.0.1", "::1", "fe80::1"),
}
ODD = "Zoë \N{FOX FACE} <b>&amp;</b> 客"

MAKE = """
async ({kind, commonName, names, chain, password}) => {
  const at = "/static/keys/";
  const {makeKeyPair} = await import(at + "key_pair.js");
  const {makeCsr} = await import(at + "csr.js");
  const {readNames} = await import(at + "alternative_names.js");
  const pair = await makeKeyPair(kind);
  window.pair = pair;
  return {
    csr: await makeCsr(pair, {commonName, names: readNames(names)}),
    key: await pair.privateKeyPem(),
  };
}
"""
PACK = """
async ({bundle, name, password}) => {
  const {makePkcs12} = await import("/static/keys/pkcs12.js");
  const {readPem} = await import("/static/keys/pem.js");
  const file = await makePkcs12({
    privateKey: await window.pair.privateKey(),
    certificates: readPem(bundle, "CERTIFICATE"),
    name,
    password,
  });
  return btoa(String.fromCharCode(...file));
}
"""


def _answer(route: Route) -> None:
    path = route.request.url.partition("/static/")[2]
    if path:
        route.fulfill(path=STATIC / path, content_type="text/javascript")
    else:
        route.fulfill(body="<!doctype html><title>keys</title>", content_type="text/html")


@pytest.fixture(scope="module")
def page(chromium: Browser) -> Iterator[Page]:
    """A page of an origin that keys can be made at; its modules come from the source tree."""
    with contextlib.closing(chromium.new_context()) as context:
        opened = context.new_page()
        opened.route("**/*", _answer)
        opened.goto("https://dashboard.example/")
        yield opened


def made(page: Page, kind: str = "ecdsa-p256", name: str = "alice", names: str = "") -> Any:
    """A request and its key, in PEM."""
    return page.evaluate(MAKE, {"kind": kind, "commonName": name, "names": names})


def issued(csr: str) -> str:
    """A certificate for a request, with its chain, as the service makes it."""
    facts = read_csr(csr)
    request = CertificateRequest(subject=facts.subject, spki=facts.spki, names=facts.names)
    authority = issuing()
    prepared = prepare(request, profile=CLIENT, issuer=authority.certificate, at=AT)
    return pem_bundle(
        issue(prepared, authority.signer), (authority.certificate, root().certificate)
    )


@pytest.mark.parametrize("kind", ["ecdsa-p256", "rsa-2048"])
def test_a_request_is_signed_by_its_own_key_and_read_by_openssl(
    page: Page, tmp_path: Path, kind: str
) -> None:
    found = made(page, kind, names=NAMES)
    file = tmp_path / "client.csr"
    file.write_text(found["csr"])

    said = openssl("req", "-verify", "-noout", "-text", "-in", file)

    assert "verify OK" in said
    assert "URI:spiffe://example/a" in said


@pytest.mark.parametrize("kind", ["ecdsa-p256", "rsa-2048"])
def test_the_service_reads_a_request_as_it_was_meant(page: Page, kind: str) -> None:
    found = made(page, kind, name=ODD, names=NAMES)

    facts = read_csr(found["csr"])

    key = serialization.load_pem_private_key(found["key"].encode(), None)
    assert facts.common_name == ODD
    assert {name: getattr(facts.names, name) for name in NAMES_READ} == NAMES_READ
    assert facts.ignored == ()
    assert facts.spki == key.public_key().public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )


def test_keys_are_of_the_kinds_they_are_said_to_be(page: Page) -> None:
    curve = serialization.load_pem_private_key(made(page)["key"].encode(), None)
    numbers = serialization.load_pem_private_key(made(page, "rsa-2048")["key"].encode(), None)

    assert isinstance(curve, ec.EllipticCurvePrivateKey)
    assert isinstance(curve.curve, ec.SECP256R1)
    assert isinstance(numbers, rsa.RSAPrivateKey)
    assert (numbers.key_size, numbers.public_key().public_numbers().e) == (2048, 65537)


def test_signatures_whose_numbers_are_short_or_begin_with_a_bit_are_der(page: Page) -> None:
    """r and s have 32 bytes each in WebCrypto, and 30 to 33 in DER."""
    requests = page.evaluate(
        """async () => {
          const {makeKeyPair} = await import("/static/keys/key_pair.js");
          const {makeCsr} = await import("/static/keys/csr.js");
          const pair = await makeKeyPair("ecdsa-p256");
          const one = () => makeCsr(pair, {commonName: "a"});
          return Promise.all(Array.from({length: 600}, one));
        }"""
    )

    lengths = set()
    for text in requests:
        request = x509.load_pem_x509_csr(text.encode())
        assert request.is_signature_valid
        lengths.add(len(request.signature))
    assert len(lengths) >= 3


@pytest.mark.parametrize("kind", ["ecdsa-p256", "rsa-2048"])
@pytest.mark.parametrize("password", ["secret", "pä$$ 'wörd\" \N{FOX FACE} 客", "x" * 200])
def test_a_pkcs12_file_is_opened_by_openssl_and_has_key_certificate_and_chain(
    page: Page, tmp_path: Path, kind: str, password: str
) -> None:
    found = made(page, kind)
    bundle = issued(found["csr"])
    packed = page.evaluate(PACK, {"bundle": bundle, "name": "alice", "password": password})
    file = tmp_path / "client.p12"
    file.write_bytes(base64.b64decode(packed))

    said = openssl("pkcs12", "-in", file, "-noenc", "-info", "-passin", f"pass:{password}")
    opened = pkcs12.load_pkcs12(file.read_bytes(), password.encode())

    assert "MAC: sha256, Iteration 10000" in said
    assert said.count("PBES2, PBKDF2, AES-256-CBC, Iteration 100000, PRF hmacWithSHA256") == 2
    own, *chain = x509.load_pem_x509_certificates(bundle.encode())
    assert opened.cert is not None
    assert opened.cert.certificate == own
    assert [one.certificate for one in opened.additional_certs] == chain
    assert opened.key is not None
    assert opened.key.public_key() == own.public_key()


def test_another_password_opens_nothing(page: Page) -> None:
    bundle = issued(made(page)["csr"])
    packed = page.evaluate(PACK, {"bundle": bundle, "name": "a", "password": "right"})

    with pytest.raises(ValueError, match="password"):
        pkcs12.load_pkcs12(base64.b64decode(packed), b"wrong")
    with pytest.raises(ValueError, match="password"):
        pkcs12.load_pkcs12(base64.b64decode(packed), b"")


@pytest.mark.parametrize(
    ("name", "shown"),
    [("Zoë & <b>", "Zoë & <b>"), ("a \N{FOX FACE}", "a \N{REPLACEMENT CHARACTER}")],
)
def test_importers_show_the_name(page: Page, name: str, shown: str) -> None:
    bundle = issued(made(page)["csr"])
    packed = page.evaluate(PACK, {"bundle": bundle, "name": name, "password": "right"})

    opened = pkcs12.load_pkcs12(base64.b64decode(packed), b"right")

    assert opened.cert is not None
    assert opened.cert.friendly_name == shown.encode()


def test_no_two_files_are_encrypted_alike(page: Page) -> None:
    bundle = issued(made(page)["csr"])
    asked = {"bundle": bundle, "name": "a", "password": "right"}

    assert page.evaluate(PACK, asked) != page.evaluate(PACK, asked)


def test_without_a_password_there_is_no_file(page: Page) -> None:
    bundle = issued(made(page)["csr"])

    said = page.evaluate(
        "(asked) => (" + PACK + ")(asked).catch(String)",
        {"bundle": bundle, "name": "a", "password": ""},
    )

    assert said == "RangeError: the password is empty"


@pytest.mark.parametrize(
    ("names", "kinds"),
    [
        ("2001:db8::5:0:0:1", ["ip 20010db8000000000005000000000001"]),
        ("::ffff:192.0.2.1", ["ip 00000000000000000000ffffc0000201"]),
        ("1:2:3:4:5:6:7:8", ["ip 00010002000300040005000600070008"]),
        ("2001:db8::", ["ip 20010db8000000000000000000000000"]),
        ("256.1.1.1", ["dns 256.1.1.1"]),
        ("1.2.3", ["dns 1.2.3"]),
        ("urn:uuid:f81d4fae", ["uri urn:uuid:f81d4fae"]),
        ("a:1", ["uri a:1"]),
        (" a.example,,b.example;c\n\n", ["dns a.example", "dns b.example;c"]),
        ("", []),
    ],
)
def test_what_kind_of_name_a_text_is(page: Page, names: str, kinds: list[str]) -> None:
    found = page.evaluate(
        """async (text) => {
          const {readNames} = await import("/static/keys/alternative_names.js");
          return readNames(text).map(({kind, bytes}) => [kind, [...bytes]]);
        }""",
        names,
    )

    shown = [
        f"{kind} {bytes(data).hex() if kind == 'ip' else bytes(data).decode()}"
        for kind, data in found
    ]
    assert shown == kinds


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("zoë@mail.example", "has characters that a certificate cannot have there."),
        ("https://bücher.example/", "has characters that a certificate cannot have there."),
        ("bücher%.example", "is no host name."),
        ("bücher.example/path", "is no host name."),
    ],
)
def test_a_name_that_no_certificate_can_have_is_said(page: Page, name: str, message: str) -> None:
    said = page.evaluate(
        """async (text) => {
          const {NameError, readNames} = await import("/static/keys/alternative_names.js");
          try { return readNames(text); } catch (error) {
            return error instanceof NameError ? error.message : "another error";
          }
        }""",
        name,
    )

    assert said == f'"{name}" {message}'


@pytest.mark.parametrize(
    ("written", "der"),
    [
        ("integer(0)", "020100"),
        ("integer(127)", "02017f"),
        ("integer(128)", "02020080"),
        ("integer(65537)", "0203010001"),
        ("integer(Uint8Array.of(0, 0, 128))", "02020080"),
        ("integer(Uint8Array.of(0, 0))", "020100"),
        ("octetString(new Uint8Array(127)).slice(0, 3)", "047f00"),
        ("octetString(new Uint8Array(128)).slice(0, 3)", "048180"),
        ("octetString(new Uint8Array(256)).slice(0, 4)", "04820100"),
        ("octetString(new Uint8Array(65536)).slice(0, 5)", "0483010000"),
        ("oid('1.2.840.113549.1.9.14')", "06092a864886f70d01090e"),
        ("oid('2.16.840.1.101.3.4.2.1')", "0609608648016503040201"),
        ("oid('2.999.3')", "0603883703"),
        ("setOf(integer(2), octetString(), integer(1))", "31080201010201020400"),
        ("setOf(integer(1), element(2, Uint8Array.of(1, 0)))", "310702010102020100"),
        ("bmpString('é客')", "1e0400e95ba2"),
        ("utf8String('é')", "0c02c3a9"),
        ("explicit(0, nothing())", "a0020500"),
        ("bitString(Uint8Array.of(5))", "03020005"),
    ],
)
def test_der_is_written_as_x690_says(page: Page, written: str, der: str) -> None:
    found = page.evaluate(
        f"""async () => {{
          const {{ascii, bitString, bmpString, element, explicit, integer, nothing, octetString,
            oid, setOf, utf8String}} = await import("/static/keys/der.js");
          return [...{written}];
        }}"""
    )

    assert bytes(found) == bytes.fromhex(der)


def test_pem_is_read_as_it_is_written_and_other_blocks_are_left_out(page: Page) -> None:
    found = page.evaluate(
        """async () => {
          const {readPem, writePem} = await import("/static/keys/pem.js");
          const bytes = Uint8Array.from({length: 100}, (_, place) => place);
          const text = "words\\n" + writePem(bytes, "CERTIFICATE") + writePem(bytes, "X509 CRL");
          return {text, read: readPem(text, "CERTIFICATE").map((one) => [...one])};
        }"""
    )

    assert found["read"] == [list(range(100))]
    assert max(map(len, found["text"].splitlines())) == 64


def test_the_key_of_a_mac_is_that_of_the_standard(page: Page) -> None:
    """Two hundred rounds of RFC 7292 appendix B, worked out here step by step."""
    password, salt = "pä\N{FOX FACE}", bytes(range(16))
    secret = password.encode("utf-16-be") + b"\0\0"
    filled = [(one * 64)[: 64 * -(-len(one) // 64)] for one in (salt, secret)]
    digest = b"\3" * 64 + b"".join(filled)
    for _ in range(200):
        hasher = hashes.Hash(hashes.SHA256())
        hasher.update(digest)
        digest = hasher.finalize()

    found = page.evaluate(
        """async ({password, salt}) => {
          const {MAC_KEY, pkcs12Key} = await import("/static/keys/pkcs12_key.js");
          return [...await pkcs12Key(password, Uint8Array.from(salt), MAC_KEY, 200)];
        }""",
        {"password": password, "salt": list(salt)},
    )

    assert bytes(found) == digest
