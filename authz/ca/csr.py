# SPDX-License-Identifier: Apache-2.0
"""A certificate signing request, read and reduced to what a client certificate takes over.

What is asked for is a proposal: the profile decides usage and validity. A request for something
that is not issued here (a CA, a server certificate) is refused rather than answered with another
thing. RFC 2986, RFC 2985 §5.4.2 (extensionRequest), RFC 7468 §7.
"""

from __future__ import annotations

import base64
import binascii
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.x509.oid import ExtendedKeyUsageOID

from authz.ca.key_kinds import check_public_key
from authz.ca.names import ATTRIBUTES, AlternativeNames, Subject, check_visible
from authz.certs import der as der_reader
from authz.certs.attribute_names import SHORT_NAMES
from authz.certs.keys import MAXIMUM_RSA_BITS
from authz.certs.names import parse_name, value_text
from authz.certs.pem import write_pem
from authz.errors import InvalidCsrError, InvalidRequestError, MalformedCertificateError

if TYPE_CHECKING:
    from authz.certs.keys import KeyDescription

#: Larger than any request that ends in a certificate of at most 64 KiB.
MAX_CSR_BYTES: Final = 64 * 1024

_BLOCK: Final = re.compile(
    rb"-----BEGIN ((?:NEW )?CERTIFICATE REQUEST)-----\s([^-]*)-----END \1-----"
)
_EMAIL: Final = "1.2.840.113549.1.9.1"
_NAMES: Final = {oid: name for name, (oid, _) in ATTRIBUTES.items()}
_DIGESTS: Final = (hashes.SHA256, hashes.SHA384, hashes.SHA512)
_CLIENT: Final = frozenset(
    {ExtendedKeyUsageOID.CLIENT_AUTH, ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE}
)
_HINT: Final = "openssl req -new -key client.key -subj /CN=NAME makes one"


@dataclass(frozen=True, slots=True, kw_only=True)
class CsrFacts:
    """What a verified request says.

    Attributes:
        subject, names: what is taken over; a mail address in the subject is among the names.
        spki: the public key, which the request proves to hold the private key of.
        pem: the request as PEM of 64 columns.
        ignored: what was asked for and is not taken over, for people: `DC`, `UPN`, ...
    """

    subject: Subject
    names: AlternativeNames
    spki: bytes
    key: KeyDescription
    pem: str
    ignored: tuple[str, ...] = ()

    @property
    def common_name(self) -> str:
        """The common name, "" without one."""
        return self.subject.common_name

    @property
    def country(self) -> str:
        """The country, "" without one."""
        return self.subject.value("country")

    @property
    def state(self) -> str:
        """The state or province, "" without one."""
        return self.subject.value("state")

    @property
    def location(self) -> str:
        """The locality, "" without one."""
        return self.subject.value("location")

    @property
    def organization(self) -> str:
        """The organization, "" without one."""
        return self.subject.value("organization")

    @property
    def organizational_unit(self) -> str:
        """The first organizational unit, "" without one."""
        return self.subject.value("organizational_unit")


def read_csr(data: str | bytes, *, max_rsa_bits: int = MAXIMUM_RSA_BITS) -> CsrFacts:
    """Read and verify a request: PEM, PEM with its line ends written as `\\n`, or DER.

    Args:
        max_rsa_bits: larger keys are refused before anything is computed with them.

    Raises:
        InvalidCsrError: it is no request, is not signed by its own key, is signed with a broken
            hash, or asks for what a client certificate cannot be.
        WeakKeyError: its key is too weak, or of a kind that is not supported.
    """
    # 1. The bytes.
    der = _der(data.encode(errors="replace") if isinstance(data, str) else data)
    subject, spki = _outline(der)
    # 2. The key, before anything is computed with it.
    key = check_public_key(spki, max_rsa_bits=max_rsa_bits)
    # 3. Its proof of possession.
    csr = _verified(der)
    # 4. What it asks for.
    ignored: list[str] = []
    emails: list[str] = []
    try:
        attributes = _attributes(subject, emails, ignored)
    except InvalidRequestError as error:
        raise _of_request(error) from None
    try:
        extensions = list(csr.extensions)
    except (ValueError, TypeError, x509.DuplicateExtension, x509.UnsupportedGeneralNameType):
        raise InvalidCsrError("an extension of the request cannot be read", hint=_HINT) from None
    asked = _Asked(emails=emails, ignored=ignored)
    for extension in extensions:
        asked.take(extension)
    try:
        return CsrFacts(
            subject=Subject(tuple(attributes)),
            names=AlternativeNames(
                dns=_unique(asked.dns),
                uri=_unique(asked.uri),
                email=_unique(asked.emails),
                ip=_unique(asked.ip),
            ),
            spki=spki,
            key=key,
            pem=write_pem(der, "CERTIFICATE REQUEST"),
            ignored=_unique(ignored),
        )
    except InvalidRequestError as error:
        raise _of_request(error) from None


def _der(data: bytes) -> bytes:
    if len(data) > MAX_CSR_BYTES:
        raise InvalidCsrError(
            f"the request has {len(data)} bytes", hint=f"at most {MAX_CSR_BYTES} are read"
        )
    if data[:1] == b"\x30" and b"-----BEGIN " not in data:
        return data
    # Cloudflare: the API takes the request with its line ends written as two characters.
    text = data.replace(rb"\r", b"").replace(rb"\n", b"\n")
    if b"PRIVATE KEY-----" in text:
        raise InvalidCsrError(
            "there is a private key beside the request",
            hint="send the request alone, and consider the key known to others",
        )
    blocks = _BLOCK.findall(text)
    if len(blocks) != 1 or text.count(b"-----BEGIN ") != 1:
        found = "no certificate signing request" if not blocks else "more than one block"
        raise InvalidCsrError(
            f"there is {found} in the text",
            hint="expected one -----BEGIN CERTIFICATE REQUEST----- block",
        )
    try:
        return base64.b64decode(b"".join(blocks[0][1].split()), validate=True)
    except (binascii.Error, ValueError):
        raise InvalidCsrError("the request is not base64", hint="it is damaged") from None


def _outline(der: bytes) -> tuple[bytes, bytes]:
    """The subject and the public key, in their own bytes."""
    try:
        request, end = der_reader.read(der)
        outer = der_reader.children(der_reader.expect(request, der_reader.SEQUENCE).content)
        _, subject, spki, *_ = der_reader.children(outer[0].content)
        if end != len(der) or len(outer) != 3:
            raise ValueError
        parse_name(subject.raw)
    except (MalformedCertificateError, ValueError, IndexError):
        raise InvalidCsrError("the bytes are not a certificate signing request", hint=_HINT) from (
            None
        )
    return subject.raw, spki.raw


def _verified(der: bytes) -> x509.CertificateSigningRequest:
    try:
        csr = x509.load_der_x509_csr(der)
        digest = csr.signature_hash_algorithm
        valid = isinstance(digest, _DIGESTS) and csr.is_signature_valid
    except (ValueError, TypeError, UnsupportedAlgorithm, x509.InvalidVersion):
        raise InvalidCsrError("the request cannot be read", hint=_HINT) from None
    if not isinstance(digest, _DIGESTS):
        raise InvalidCsrError(
            f"the request is signed with {digest.name if digest else 'an unknown hash'}",
            hint="SHA-256, SHA-384 and SHA-512 are accepted: openssl req -sha256",
        )
    if not valid:
        raise InvalidCsrError(
            "the request is not signed by its own key",
            hint="it is damaged, or was changed after it was made",
        )
    return csr


def _attributes(subject: bytes, emails: list[str], ignored: list[str]) -> list[tuple[str, str]]:
    """The attributes that are taken over; mail addresses go to `emails`."""
    taken: list[tuple[str, str]] = []
    for attribute in parse_name(subject):
        name = _NAMES.get(attribute.oid)
        text = value_text(attribute)
        if name is None and attribute.oid != _EMAIL:
            shown = SHORT_NAMES.get(attribute.oid, attribute.oid)
            # Not taken over, but whoever hides something there means to deceive somebody.
            check_visible(shown, text or "")
            ignored.append(shown)
            continue
        if text is None:
            raise InvalidCsrError(
                f"the subject's {SHORT_NAMES[attribute.oid]} is no text", hint=_HINT
            )
        if name is not None:
            taken.append((name, text))
        else:
            # RFC 5280 §4.1.2.6: new certificates have mail addresses among the alternative names.
            emails.append(text)
    return taken


class _Asked:
    """What the extensions of a request ask for."""

    def __init__(self, *, emails: list[str], ignored: list[str]) -> None:
        self.dns: list[str] = []
        self.uri: list[str] = []
        self.ip: list[str] = []
        self.emails = emails
        self.ignored = ignored

    def take(self, extension: x509.Extension[x509.ExtensionType]) -> None:
        """Take one over, or refuse it."""
        value = extension.value
        if isinstance(value, x509.BasicConstraints):
            if value.ca:
                raise _not_issued("a CA certificate (CA:TRUE)", "authz ca create makes a CA")
        elif isinstance(value, x509.KeyUsage):
            if value.key_cert_sign or value.crl_sign:
                raise _not_issued("the usage of a CA certificate", "authz ca create makes a CA")
        elif isinstance(value, x509.ExtendedKeyUsage):
            if _CLIENT.isdisjoint(value):
                raise _not_issued(
                    "a certificate that is not for clients (extended key usage)",
                    "ask for clientAuth, or for no usage",
                )
        elif isinstance(value, x509.SubjectAlternativeName):
            for name in value:
                self._name(name)
        elif isinstance(value, x509.SubjectKeyIdentifier):
            pass  # It is computed from the key.
        elif extension.critical:
            raise _not_issued(f"a critical extension {extension.oid.dotted_string}", "leave it out")
        else:
            self.ignored.append(f"extension {extension.oid.dotted_string}")

    def _name(self, name: x509.GeneralName) -> None:
        if isinstance(name, x509.DNSName):
            self.dns.append(name.value)
        elif isinstance(name, x509.UniformResourceIdentifier):
            self.uri.append(name.value)
        elif isinstance(name, x509.RFC822Name):
            self.emails.append(name.value)
        elif isinstance(name, x509.IPAddress):
            self.ip.append(str(name.value))
        else:
            self.ignored.append(f"alternative name {type(name).__name__}")


def _of_request(error: InvalidRequestError) -> InvalidCsrError:
    return InvalidCsrError(f"{error.message} in the request", hint=error.hint)


def _not_issued(what: str, hint: str) -> InvalidCsrError:
    return InvalidCsrError(f"the request asks for {what}", hint=hint)


def _unique(values: list[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(values))
