# SPDX-License-Identifier: Apache-2.0
"""Asking about one certificate by OCSP, and reading the answer. RFC 6960, RFC 5019, RFC 9654.

    question = build_request(certificate, issuer)
    answer = read_answer(der, certificate, issuer, at=now, where=url)

An answer is believed when it is about this certificate, in time, and signed by the issuer's key or
by a responder that this key certified for it. Whatever is wrong is a CertificateError: an answer
that cannot be used is no answer. Nothing is sent here.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from cryptography import exceptions, x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import ocsp
from cryptography.x509.oid import ExtendedKeyUsageOID

from authz.certs import der as der_reader
from authz.certs.authority import OcspStatus
from authz.certs.certificate import Certificate
from authz.certs.signature import Signed, signed_by
from authz.errors import CertificateError, MalformedCertificateError, UnsupportedCertificateError

if TYPE_CHECKING:
    from collections.abc import Iterator

#: How far a responder's clock may be ahead, in seconds.
CLOCK_SKEW: Final = 300.0
#: How long an answer without nextUpdate is used, in seconds: the responder has always a newer one
#: (RFC 6960 §4.2.2.1), and we do not ask on every request.
DEFAULT_LIFETIME: Final = 3600.0

#: Certificates that are looked at for the responder's: each costs a signature.
MAX_ENCLOSED: Final = 8

_DER: Final = Encoding.DER
_DIGESTS: Final = (hashes.SHA256, hashes.SHA384, hashes.SHA512)
#: Of CertID: it names an issuer and proves nothing.
_NAMES: Final = {"sha1": hashlib.sha1, "sha256": hashlib.sha256}


class OcspHash(StrEnum):
    """With what a request names the issuer. SHA-1 is what every responder knows (RFC 5019)."""

    SHA1 = "sha1"
    SHA256 = "sha256"


class CertStatus(StrEnum):
    """What a responder says. RFC 6960 §2.2."""

    GOOD = "good"
    REVOKED = "revoked"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class OcspAnswer:
    """An answer that can be believed. Times are Unix seconds."""

    status: CertStatus
    this_update: float
    next_update: float

    def about(self, certificate: Certificate, issuer: Certificate) -> OcspStatus | None:
        """The answer for an authority; None when the responder does not know."""
        if self.status is CertStatus.UNKNOWN:
            return None
        serial = certificate.serial_number
        return OcspStatus(
            issuer=hashlib.sha256(issuer.spki).digest(),
            serial=serial.to_bytes((serial.bit_length() + 7) // 8),
            revoked=self.status is CertStatus.REVOKED,
            this_update=self.this_update,
            until=self.next_update,
        )


def build_request(
    certificate: Certificate,
    issuer: Certificate,
    *,
    named_with: OcspHash = OcspHash.SHA1,
    nonce: bytes | None = None,
) -> bytes:
    """The request about one certificate, in DER, not signed.

    Args:
        nonce: 1 to 128 bytes that the answer must repeat (RFC 9654); many responders do not.
    """
    digest = hashes.SHA1() if named_with is OcspHash.SHA1 else hashes.SHA256()  # noqa: S303 - a name
    builder = ocsp.OCSPRequestBuilder().add_certificate(certificate.parsed, issuer.parsed, digest)
    if nonce is not None:
        builder = builder.add_extension(x509.OCSPNonce(nonce), critical=False)
    return builder.build().public_bytes(_DER)


def read_answer(
    data: bytes,
    certificate: Certificate,
    issuer: Certificate,
    *,
    at: float,
    where: str,
    nonce: bytes | None = None,
) -> OcspAnswer:
    """Read and verify the answer to a request about `certificate`, at Unix time `at`.

    Raises:
        MalformedCertificateError: the bytes are no OCSP response.
        UnsupportedCertificateError: its signature algorithm or a critical extension is not known.
        CertificateError: the responder has no answer, or it is about another certificate, out of
            time, or signed by nobody who may.
    """
    try:
        return _read(data, certificate, issuer, at, nonce)
    except CertificateError as error:
        error.where = error.where or where
        raise


def _read(
    data: bytes, certificate: Certificate, issuer: Certificate, at: float, nonce: bytes | None
) -> OcspAnswer:
    try:
        response = ocsp.load_der_ocsp_response(data)
        if response.response_status is not ocsp.OCSPResponseStatus.SUCCESSFUL:
            name = response.response_status.name.lower()
            raise CertificateError(
                f"the responder answered {name}",
                hint="it has no answer: is it the responder of this CA?",
            )
        found = _about(response, certificate, issuer)
        extensions = list(response.extensions)
        if sum(1 for _ in response.responses) == 1:  # of several, the library shows none
            extensions += response.single_extensions
        times = found.this_update_utc, found.next_update_utc
    except CertificateError:
        raise
    except (ValueError, TypeError, x509.DuplicateExtension, exceptions.UnsupportedAlgorithm) as why:
        raise MalformedCertificateError(
            "the bytes are no OCSP response that can be read",
            hint="openssl ocsp -respin FILE -text shows what is in it",
        ) from why
    _check_extensions(extensions, nonce)
    _check_signature(response, issuer, at)
    this_update = times[0].timestamp()
    lifetime = this_update + DEFAULT_LIFETIME
    next_update = lifetime if times[1] is None else times[1].timestamp()
    if this_update > at + CLOCK_SKEW:
        raise CertificateError(
            "the answer is dated ahead", hint="is the clock of this machine right?"
        )
    if next_update < at:
        raise CertificateError(
            "the answer is past its nextUpdate", hint="the responder has to make newer ones"
        )
    return OcspAnswer(
        status=CertStatus[found.certificate_status.name],
        this_update=this_update,
        next_update=next_update,
    )


def _about(
    response: ocsp.OCSPResponse, certificate: Certificate, issuer: Certificate
) -> ocsp.OCSPSingleResponse:
    """The answer about this certificate; the newest of several, and of those of one moment one that
    revokes. RFC 6960 §3.2 (1)."""
    answers = [one for one in response.responses if _is_about(one, certificate, issuer)]
    if not answers:
        raise CertificateError(
            f"the answer is not about serial {certificate.serial}",
            hint="the responder, or a cache before it, mixes up its answers",
        )
    return max(
        answers,
        key=lambda one: (
            one.this_update_utc,
            one.certificate_status is ocsp.OCSPCertStatus.REVOKED,
        ),
    )


def _is_about(one: ocsp.OCSPSingleResponse, certificate: Certificate, issuer: Certificate) -> bool:
    hash_of = _NAMES.get(one.hash_algorithm.name)
    return (
        hash_of is not None
        and one.serial_number == certificate.serial_number
        and one.issuer_name_hash == hash_of(certificate.issuer_raw).digest()
        and one.issuer_key_hash == hash_of(_key_bits(issuer)).digest()
    )


def _key_bits(certificate: Certificate) -> bytes:
    """The public key without its algorithm and the number of unused bits. RFC 6960 §4.1.1."""
    whole, _ = der_reader.read(certificate.spki)
    _, key = der_reader.children(whole.content)
    return key.content[1:]


def _check_extensions(
    extensions: list[x509.Extension[x509.ExtensionType]], nonce: bytes | None
) -> None:
    sent_back = None
    for extension in extensions:
        if isinstance(extension.value, x509.OCSPNonce):
            sent_back = extension.value.nonce
        elif extension.critical:
            raise UnsupportedCertificateError(
                f"the answer has an unknown critical extension {extension.oid.dotted_string}",
                hint="RFC 6960 §4.4: such an answer must not be used",
            )
    if nonce is not None and sent_back != nonce:
        raise CertificateError(
            "the answer does not repeat the nonce of the request",
            hint="it is an old answer, or the responder knows no nonces: ask without",
        )


def _check_signature(response: ocsp.OCSPResponse, issuer: Certificate, at: float) -> None:
    """RFC 6960 §3.2 (2) to (4) and §4.2.2.2: by the issuer, or by whom its key certified."""
    try:
        supported = isinstance(response.signature_hash_algorithm, _DIGESTS)
    except exceptions.UnsupportedAlgorithm:
        supported = False
    if not supported:
        raise UnsupportedCertificateError(
            "the answer's signature algorithm is not supported",
            hint="RSA or ECDSA with SHA-256 or more is",
        )
    if _signed(response, issuer):
        return
    refused = "the answer is signed neither by the issuer nor by a responder that it certified"
    for responder in _enclosed(response):
        if not _signed(response, responder):
            continue
        refused = _why_not(responder, issuer, at)
        if not refused:
            return
    raise CertificateError(
        refused,
        hint="the responder's certificate needs the issuer's own signature and OCSPSigning",
    )


def _enclosed(response: ocsp.OCSPResponse) -> Iterator[Certificate]:
    for one in response.certificates[:MAX_ENCLOSED]:
        try:
            yield Certificate.from_der(one.public_bytes(_DER))
        except CertificateError:
            continue


def _why_not(responder: Certificate, issuer: Certificate, at: float) -> str:
    """Why somebody may not answer for the issuer, `""` if he may."""
    name = f"the responder {responder.subject_dn[:200]!r}"
    if signed_by(responder, issuer) is not Signed.YES:
        return f"{name} was not certified by the issuer"
    usage = responder.extension(x509.ExtendedKeyUsage)
    if usage is None or ExtendedKeyUsageOID.OCSP_SIGNING not in usage:
        return f"{name} lacks OCSPSigning"
    key_usage = responder.extension(x509.KeyUsage)
    if key_usage is not None and not key_usage.digital_signature:
        return f"{name} may not sign (its key usage lacks digitalSignature)"
    if not responder.not_before_at <= at < responder.not_after_at + 1:
        return f"{name} is not valid now"
    return ""


def _signed(response: ocsp.OCSPResponse, signer: Certificate) -> bool:
    if not signer.key.supported:
        return False
    digest = response.signature_hash_algorithm
    assert digest is not None
    try:
        # Of an enclosed certificate, which anybody may have made: its key need not be one.
        key = signer.parsed.public_key()
        if isinstance(key, rsa.RSAPublicKey):
            key.verify(response.signature, response.tbs_response_bytes, padding.PKCS1v15(), digest)
        else:
            assert isinstance(key, ec.EllipticCurvePublicKey)  # no other kind is supported
            key.verify(response.signature, response.tbs_response_bytes, ec.ECDSA(digest))
    except (exceptions.InvalidSignature, exceptions.UnsupportedAlgorithm, ValueError, TypeError):
        return False
    return True
