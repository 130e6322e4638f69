# SPDX-License-Identifier: Apache-2.0
"""One certificate and everything a rule or the verification asks about it.

The text formats are Cloudflare's, which are OpenSSL's and nginx's (`$ssl_client_*`): upper-case hex
serials, lower-case hex fingerprints, `Mar  1 12:00:00 2026 GMT`. Values are computed at their first
use and kept. Reading never trusts: what a certificate says about its issuer is its own claim.
Whether it is good is decided elsewhere (profile.py, verification.py). RFC 5280 §4.
"""

from __future__ import annotations

import hashlib
import warnings
from ipaddress import IPv4Address, IPv6Address
from typing import TypeVar

from cryptography import x509

from authz.certs import der as der_reader
from authz.certs import names
from authz.certs.keys import KeyDescription, describe_key
from authz.certs.lazy import lazy
from authz.errors import MalformedCertificateError, UnsupportedCertificateError

E = TypeVar("E", bound=x509.ExtensionType)

_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")

#: RFC 5758 §3.2: parameters are absent with ECDSA. cryptography warns about a NULL there, and a
#: hostile certificate must not be able to make it warn.
_ECDSA_WITH_NULL = bytes.fromhex("2a8648ce3d0403"), der_reader.NULL

# What stays when a certificate is shed: small, and asked for on many checks.
_KEPT = frozenset({"der", "serial_number", "fingerprint_sha256", "not_before_at", "not_after_at"})


class Certificate:
    """A certificate that could be read. Make one with `from_der`.

    Equal to another one when their DER is. Everything else is read out of the DER when it is first
    asked for, and kept; `shed` drops what is large.

    Attributes:
        der: the certificate.
        serial_number: the serial number, positive.
    """

    def __init__(self, der: bytes, serial_number: int) -> None:
        self.der = der
        self.serial_number = serial_number

    @classmethod
    def from_der(cls, data: bytes, *, allow_zero_serial: bool = False) -> Certificate:
        """Read one certificate that fills `data`.

        `allow_zero_serial` is for CA certificates of operators: old ones exist that have it.

        Raises:
            MalformedCertificateError: these bytes are not a certificate.
            UnsupportedCertificateError: they are one with an extension that cannot be read.
        """
        outline = der_reader.outline(data)
        # RFC 5280 §4.1.2.2: positive. cryptography would only warn.
        zero = outline.serial == 0 and allow_zero_serial
        if outline.serial <= 0 and not zero:
            raise MalformedCertificateError("the certificate's serial number is not positive")
        oid, null = _ECDSA_WITH_NULL
        if oid in outline.signature_algorithm and outline.signature_algorithm.endswith(null):
            raise MalformedCertificateError("the certificate's signature algorithm is not DER")
        certificate = cls(data, outline.serial)
        certificate.__dict__["outline"] = outline
        try:
            parsed = certificate.parsed
            parsed.not_valid_before_utc, parsed.not_valid_after_utc  # noqa: B018  # may raise
        except (ValueError, TypeError, x509.InvalidVersion) as error:
            raise MalformedCertificateError("the bytes are not a certificate") from error
        # Everything that may fail fails here: no property of a Certificate does.
        try:
            certificate.extensions  # noqa: B018
        except x509.UnsupportedGeneralNameType as error:
            raise UnsupportedCertificateError(
                "the certificate has a kind of general name that is not supported"
            ) from error
        except (ValueError, TypeError, x509.DuplicateExtension) as error:
            raise MalformedCertificateError("an extension cannot be read") from error
        certificate.subject_attributes, certificate.issuer_attributes, certificate.key  # noqa: B018
        return certificate

    def shed(self) -> None:
        """Drop what can be read again: for a certificate that is kept for long."""
        kept = self.__dict__
        if len(kept) > len(_KEPT):
            for name in kept.keys() - _KEPT:
                del kept[name]

    @lazy
    def outline(self) -> der_reader.Outline:
        """The parts of the certificate, in DER."""
        return der_reader.outline(self.der)

    @lazy
    def parsed(self) -> x509.Certificate:
        """The certificate as cryptography reads it."""
        if self.serial_number == 0:
            return _load_silently(self.der)
        return x509.load_der_x509_certificate(self.der)

    @lazy
    def extensions(self) -> x509.Extensions:
        """The extensions."""
        return self.parsed.extensions

    @lazy
    def subject_attributes(self) -> tuple[names.Attribute, ...]:
        """The attributes of the subject, in certificate order."""
        return names.parse_name(self.outline.subject)

    @lazy
    def issuer_attributes(self) -> tuple[names.Attribute, ...]:
        """The attributes of the issuer name, in certificate order."""
        return names.parse_name(self.outline.issuer)

    @lazy
    def key(self) -> KeyDescription:
        """What kind of public key it holds."""
        return describe_key(self.outline.spki)

    def __eq__(self, other: object) -> bool:
        return self.der == other.der if isinstance(other, Certificate) else NotImplemented

    def __hash__(self) -> int:
        return hash(self.der)

    def __repr__(self) -> str:
        return f"<Certificate {self.subject_dn!r} {self.fingerprint_sha256[:16]}>"

    @property
    def subject_raw(self) -> bytes:
        """The subject in DER."""
        return self.outline.subject

    @property
    def issuer_raw(self) -> bytes:
        """The issuer name in DER."""
        return self.outline.issuer

    @property
    def spki(self) -> bytes:
        """The SubjectPublicKeyInfo in DER: what identifies a CA across its certificates."""
        return self.outline.spki

    @lazy
    def subject_dn_rfc2253(self) -> str:
        """The subject in RFC 2253 form."""
        return names.rfc2253(self.subject_attributes)

    @lazy
    def issuer_dn_rfc2253(self) -> str:
        """The issuer name in RFC 2253 form."""
        return names.rfc2253(self.issuer_attributes)

    @lazy
    def subject_dn_legacy(self) -> str:
        """The subject in OpenSSL's one-line form."""
        return names.one_line(self.subject_attributes)

    @lazy
    def issuer_dn_legacy(self) -> str:
        """The issuer name in OpenSSL's one-line form."""
        return names.one_line(self.issuer_attributes)

    @property
    def subject_dn(self) -> str:
        """The subject; Cloudflare: the same form as the rfc2253 field."""
        return self.subject_dn_rfc2253

    @property
    def issuer_dn(self) -> str:
        """The issuer name; Cloudflare: the same form as the rfc2253 field."""
        return self.issuer_dn_rfc2253

    @lazy
    def serial(self) -> str:
        """The serial number in upper-case hex, whole bytes."""
        digits = f"{self.serial_number:X}"
        return f"0{digits}" if len(digits) % 2 else digits

    @lazy
    def fingerprint_sha256(self) -> str:
        """SHA-256 of the DER in lower-case hex."""
        return hashlib.sha256(self.der).hexdigest()

    @lazy
    def fingerprint_sha1(self) -> str:
        """SHA-1 of the DER in lower-case hex: a field of Cloudflare's, not a proof of anything."""
        return hashlib.sha1(self.der, usedforsecurity=False).hexdigest()

    @lazy
    def spki_sha256(self) -> str:
        """SHA-256 of the SubjectPublicKeyInfo in lower-case hex (RFC 7469 pins the same bytes)."""
        return hashlib.sha256(self.outline.spki).hexdigest()

    @lazy
    def not_before(self) -> str:
        """The start of validity as `Mar  1 12:00:00 2026 GMT`."""
        return _openssl_time(self.parsed.not_valid_before_utc.timetuple()[:6])

    @lazy
    def not_after(self) -> str:
        """The end of validity as `Mar  1 12:00:00 2026 GMT`."""
        return _openssl_time(self.parsed.not_valid_after_utc.timetuple()[:6])

    @lazy
    def not_before_at(self) -> float:
        """The start of validity in Unix seconds."""
        return self.parsed.not_valid_before_utc.timestamp()

    @lazy
    def not_after_at(self) -> float:
        """The last second of validity in Unix seconds; the certificate is good during it."""
        return self.parsed.not_valid_after_utc.timestamp()

    @lazy
    def ski(self) -> str:
        """The subject key identifier in upper-case hex, `""` without one."""
        extension = self.extension(x509.SubjectKeyIdentifier)
        return "" if extension is None else extension.digest.hex().upper()

    @lazy
    def authority_key_id(self) -> str:
        """What the certificate claims its issuer's key identifier is, as `ski`; never proof."""
        extension = self.extension(x509.AuthorityKeyIdentifier)
        identifier = extension.key_identifier if extension else None
        return "" if identifier is None else identifier.hex().upper()

    @lazy
    def san_dns(self) -> tuple[str, ...]:
        """The host names among the subject alternative names, as they are."""
        return self._alternative_names(x509.DNSName)

    @lazy
    def san_uri(self) -> tuple[str, ...]:
        """The URIs among the subject alternative names, as they are."""
        return self._alternative_names(x509.UniformResourceIdentifier)

    @lazy
    def san_email(self) -> tuple[str, ...]:
        """The mail addresses among the subject alternative names, as they are."""
        return self._alternative_names(x509.RFC822Name)

    @lazy
    def san_ip(self) -> tuple[IPv4Address | IPv6Address, ...]:
        """The IP addresses among the subject alternative names."""
        extension = self.extension(x509.SubjectAlternativeName)
        # 8 or 32 bytes are a network: allowed in name constraints only (RFC 5280 §4.2.1.6).
        return tuple(
            name.value
            for name in extension or ()
            if isinstance(name, x509.IPAddress)
            and isinstance(name.value, (IPv4Address, IPv6Address))
        )

    def _alternative_names(
        self, kind: type[x509.DNSName | x509.UniformResourceIdentifier | x509.RFC822Name]
    ) -> tuple[str, ...]:
        extension = self.extension(x509.SubjectAlternativeName)
        return tuple(name.value for name in extension or () if isinstance(name, kind))

    @property
    def is_self_issued(self) -> bool:
        """True when subject and issuer name are the same."""
        return self.outline.subject == self.outline.issuer

    @lazy
    def is_ca(self) -> bool:
        """True when the basic constraints say so."""
        constraints = self.extension(x509.BasicConstraints)
        return constraints is not None and constraints.ca

    def extension(self, kind: type[E]) -> E | None:
        """The extension of this kind, or None."""
        for extension in self.extensions:
            if isinstance(extension.value, kind):
                return extension.value
        return None

    def is_critical(self, kind: type[x509.ExtensionType]) -> bool:
        """True when there is an extension of this kind and it is critical."""
        return any(one.critical for one in self.extensions if isinstance(one.value, kind))


def _load_silently(data: bytes) -> x509.Certificate:
    # Changes the process's warning filters for a moment; only ever for an operator's certificate.
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return x509.load_der_x509_certificate(data)


def _openssl_time(moment: tuple[int, ...]) -> str:
    year, month, day, hour, minute, second = moment
    return f"{_MONTHS[month - 1]} {day:2d} {hour:02d}:{minute:02d}:{second:02d} {year} GMT"
