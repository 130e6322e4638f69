# SPDX-License-Identifier: Apache-2.0
"""A certificate builder: everything is valid by default, the caller changes one thing.

Roots, intermediates, client and server certificates, CRLs and their keys, for the demo and the
tests (tests/factories/pki.py adds fixed keys). It can make wrong certificates on purpose, so it
issues nothing for production: that is `authz.ca`. Specification: RFC 5280.

    root = make_root("Acme Root", at=now)
    ca = root.intermediate("Acme Issuing CA")
    alice = ca.client("alice")                                  # valid
    expired = ca.client("old", not_after=now - 1)               # one thing wrong
    crl = ca.crl(revoked=[alice.serial])
"""

from __future__ import annotations

import datetime
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypedDict

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from authz.demo.keys import KeyKind, PrivateKey, deterministic, digest_for, key_pem, make_key

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from typing import Unpack

DAY = 86400.0
CLIENT_AUTH = ExtendedKeyUsageOID.CLIENT_AUTH
SERVER_AUTH = ExtendedKeyUsageOID.SERVER_AUTH
ANY_USAGE = ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE


class Changes(TypedDict, total=False):
    """What can be changed about a certificate; everything left out is valid.

    `not_before` and `not_after` are Unix seconds. None leaves an extension out. `extensions` are
    added after the usual ones, as `(extension, critical)`.
    """

    key: PrivateKey
    kind: KeyKind
    subject: x509.Name
    issuer_name: x509.Name
    signed_by: PrivateKey
    at: float
    not_before: float
    not_after: float
    serial: int
    san: Sequence[x509.GeneralName] | None
    eku: Sequence[x509.ObjectIdentifier] | None
    key_usage: x509.KeyUsage | None
    basic_constraints: x509.BasicConstraints | None
    path_length: int | None
    name_constraints: x509.NameConstraints | None
    subject_key_id: bytes | None
    authority_key_id: x509.AuthorityKeyIdentifier | None
    extensions: Sequence[tuple[x509.ExtensionType, bool]]
    hash_algorithm: hashes.SHA256 | hashes.SHA384 | hashes.SHA512 | None


def common_name(text: str) -> x509.Name:
    """A name of a single CN, or the empty name for an empty text."""
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)] if text else [])


def key_usage(*names: str) -> x509.KeyUsage:
    """A KeyUsage with exactly these bits, by their names in `x509.KeyUsage`."""
    bits = dict.fromkeys(
        (
            "digital_signature",
            "content_commitment",
            "key_encipherment",
            "data_encipherment",
            "key_agreement",
            "key_cert_sign",
            "crl_sign",
            "encipher_only",
            "decipher_only",
        ),
        False,
    )
    for name in names:
        bits[name] = True
    return x509.KeyUsage(**bits)


_CA_USAGE = key_usage("key_cert_sign", "crl_sign", "digital_signature")
_END_ENTITY_USAGE = key_usage("digital_signature")


@dataclass(frozen=True, slots=True, kw_only=True)
class Crl:
    """A signed CRL."""

    crl: x509.CertificateRevocationList

    @property
    def der(self) -> bytes:
        """The CRL in DER."""
        return self.crl.public_bytes(serialization.Encoding.DER)

    @property
    def pem(self) -> bytes:
        """The CRL in PEM."""
        return self.crl.public_bytes(serialization.Encoding.PEM)


@dataclass(frozen=True, slots=True, kw_only=True)
class Issued:
    """A certificate with its private key and the certificate that issued it (None: itself)."""

    certificate: x509.Certificate
    key: PrivateKey
    at: float
    issuer: Issued | None = None

    @property
    def der(self) -> bytes:
        """The certificate in DER."""
        return self.certificate.public_bytes(serialization.Encoding.DER)

    @property
    def pem(self) -> bytes:
        """The certificate in PEM."""
        return self.certificate.public_bytes(serialization.Encoding.PEM)

    @property
    def key_pem(self) -> bytes:
        """The private key in PEM, not encrypted."""
        return key_pem(self.key)

    @property
    def chain_pem(self) -> bytes:
        """The certificate and its intermediates in PEM, without the root, as a client sends it."""
        return self.pem + b"".join(issuer.pem for issuer in self.intermediates)

    @property
    def intermediates(self) -> tuple[Issued, ...]:
        """The issuers from the nearest up, without the root."""
        chain: list[Issued] = []
        issuer = self.issuer
        while issuer is not None and issuer.issuer is not None:
            chain.append(issuer)
            issuer = issuer.issuer
        return tuple(chain)

    @property
    def serial(self) -> int:
        """The serial number."""
        return self.certificate.serial_number

    @property
    def subject(self) -> x509.Name:
        """The subject name."""
        return self.certificate.subject

    @property
    def fingerprint(self) -> str:
        """SHA-256 of the DER in lower-case hex, as rules compare it."""
        return self.certificate.fingerprint(hashes.SHA256()).hex()

    def intermediate(self, name: str = "Test Issuing CA", **changes: Unpack[Changes]) -> Issued:
        """A CA certificate issued by this one."""
        return _issue(name, self, _ca_defaults(changes), days=1825)

    def client(self, name: str = "client", **changes: Unpack[Changes]) -> Issued:
        """An end-entity certificate for client authentication, without a SAN."""
        defaults: Changes = {"eku": [CLIENT_AUTH], "key_usage": _END_ENTITY_USAGE}
        return _issue(name, self, {**defaults, **changes}, days=90)

    def server(self, *names: str, **changes: Unpack[Changes]) -> Issued:
        """An end-entity certificate for TLS servers with these DNS names."""
        defaults: Changes = {
            "eku": [SERVER_AUTH],
            "key_usage": _END_ENTITY_USAGE,
            "san": [x509.DNSName(name) for name in names],
        }
        return _issue(names[0] if names else "", self, {**defaults, **changes}, days=90)

    def crl(
        self,
        revoked: Iterable[int] = (),
        *,
        removed: Iterable[int] = (),
        reason: x509.ReasonFlags | None = None,
        number: int | None = 1,
        base_number: int | None = None,
        this_update: float | None = None,
        next_update: float | None = None,
        scope: x509.IssuingDistributionPoint | None = None,
        issuer_name: x509.Name | None = None,
        signed_by: PrivateKey | None = None,
        extensions: Sequence[tuple[x509.ExtensionType, bool]] = (),
        entry_extensions: Sequence[tuple[x509.ExtensionType, bool]] = (),
    ) -> Crl:
        """A CRL of this CA: complete, or with `base_number` a delta to that complete one.

        `removed` are serials with the reason removeFromCRL; `scope` the issuing distribution
        point; valid from an hour before `at` for a week unless said otherwise.
        """
        start = self.at - 3600 if this_update is None else this_update
        builder = (
            x509.CertificateRevocationListBuilder()
            .issuer_name(issuer_name or self.subject)
            .last_update(_utc(start))
            .next_update(_utc(start + 7 * DAY if next_update is None else next_update))
        )
        if number is not None:
            builder = builder.add_extension(x509.CRLNumber(number), critical=False)
        if base_number is not None:
            builder = builder.add_extension(x509.DeltaCRLIndicator(base_number), critical=True)
        if scope is not None:
            builder = builder.add_extension(scope, critical=True)
        for extension, critical in extensions:
            builder = builder.add_extension(extension, critical=critical)
        entries = [(serial, reason) for serial in revoked]
        entries += [(serial, x509.ReasonFlags.remove_from_crl) for serial in removed]
        for serial, why in entries:
            entry = x509.RevokedCertificateBuilder(serial, _utc(start))
            if why is not None:
                entry = entry.add_extension(x509.CRLReason(why), critical=False)
            for extension, critical in entry_extensions:
                entry = entry.add_extension(extension, critical=critical)
            builder = builder.add_revoked_certificate(entry.build())
        key = signed_by or self.key
        return Crl(
            crl=builder.sign(key, digest_for(key), ecdsa_deterministic=deterministic(key)),
        )


def make_root(name: str = "Test Root CA", **changes: Unpack[Changes]) -> Issued:
    """A self-signed CA certificate. `at` (default: now) is the time everything is valid at."""
    defaults: Changes = {"at": time.time()}
    return _issue(name, None, _ca_defaults({**defaults, **changes}), days=3650)


def make_self_signed(name: str = "self-signed", **changes: Unpack[Changes]) -> Issued:
    """An end-entity certificate that signed itself: nobody vouches for it."""
    defaults: Changes = {
        "eku": [CLIENT_AUTH],
        "key_usage": _END_ENTITY_USAGE,
        "at": time.time(),
    }
    return _issue(name, None, {**defaults, **changes}, days=90)


def signing_request(name: str, key: PrivateKey) -> bytes:
    """A signing request (PKCS#10, RFC 2986) for a key, in PEM."""
    builder = x509.CertificateSigningRequestBuilder().subject_name(common_name(name))
    request = builder.sign(key, digest_for(key), ecdsa_deterministic=deterministic(key))
    return request.public_bytes(serialization.Encoding.PEM)


def _ca_defaults(changes: Changes) -> Changes:
    constraints = x509.BasicConstraints(ca=True, path_length=changes.get("path_length"))
    defaults: Changes = {"basic_constraints": constraints, "key_usage": _CA_USAGE}
    return {**defaults, **changes}


def _issue(name: str, issuer: Issued | None, given: Changes, *, days: int) -> Issued:
    at = given.get("at", issuer.at if issuer else 0.0)
    key = given.get("key") or make_key(given.get("kind", KeyKind.P256))
    subject = given["subject"] if "subject" in given else common_name(name)
    signer = given.get("signed_by") or (issuer.key if issuer else key)
    ski = x509.SubjectKeyIdentifier.from_public_key(key.public_key())
    aki = _authority_key_id(issuer, ski)
    not_before, not_after = _validity(given, at, days)
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(given.get("issuer_name") or (issuer.subject if issuer else subject))
        .public_key(key.public_key())
        .serial_number(given.get("serial") or x509.random_serial_number())
        .not_valid_before(_utc(not_before))
        .not_valid_after(_utc(not_after))
    )
    for extension, critical in _extensions(given, ski, aki):
        builder = builder.add_extension(extension, critical=critical)
    certificate = builder.sign(
        signer,
        given["hash_algorithm"] if "hash_algorithm" in given else digest_for(signer),
        ecdsa_deterministic=deterministic(signer),
    )
    return Issued(certificate=certificate, key=key, at=at, issuer=issuer)


def _validity(given: Changes, at: float, days: int) -> tuple[float, float]:
    """From an hour before `at` for `days`; a changed end moves the other one if it must."""
    not_before, not_after = at - 3600, at + days * DAY
    if "not_after" in given:
        not_after = given["not_after"]
        not_before = min(not_before, not_after - DAY)
    if "not_before" in given:
        not_before = given["not_before"]
        not_after = max(not_after, not_before + DAY) if "not_after" not in given else not_after
    return not_before, not_after


def _extensions(
    given: Changes, ski: x509.SubjectKeyIdentifier, aki: x509.AuthorityKeyIdentifier
) -> Iterable[tuple[x509.ExtensionType, bool]]:
    if (constraints := given.get("basic_constraints")) is not None:
        yield constraints, True
    if (usage := given.get("key_usage")) is not None:
        yield usage, True
    if eku := given.get("eku"):
        yield x509.ExtendedKeyUsage(eku), False
    if san := given.get("san"):
        yield x509.SubjectAlternativeName(san), False
    if (names := given.get("name_constraints")) is not None:
        yield names, True
    digest = given.get("subject_key_id", ski.digest)
    if digest is not None:
        yield x509.SubjectKeyIdentifier(digest), False
    authority = given.get("authority_key_id", aki)
    if authority is not None:
        yield authority, False
    yield from given.get("extensions", ())


def _authority_key_id(
    issuer: Issued | None, own: x509.SubjectKeyIdentifier
) -> x509.AuthorityKeyIdentifier:
    if issuer is None:
        return x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(own)
    try:
        extension = issuer.certificate.extensions.get_extension_for_class(x509.SubjectKeyIdentifier)
    except x509.ExtensionNotFound:
        return x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer.key.public_key())
    return x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(extension.value)


def _utc(seconds: float) -> datetime.datetime:
    return datetime.datetime.fromtimestamp(int(seconds), datetime.UTC)
