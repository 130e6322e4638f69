# SPDX-License-Identifier: Apache-2.0
"""An OCSP responder without HTTP: a request in DER in, an answer in DER out. RFC 6960, RFC 9654.

It never raises over a request: what is wrong with one is said in the answer's status. Answers are
signed by delegated responders (§4.2.2.2): short-lived certificates with a key of their own, so
that the CA's key is not needed to answer. Signatures on requests are not looked at (§4.1.2:
anybody may ask), and requests about several certificates of one issuer are answered.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from enum import IntEnum
from typing import TYPE_CHECKING, Final

from authz.ca import encode
from authz.ca.issuance import CertificateRequest, issue, prepare
from authz.ca.key_kinds import DEFAULT_KEY_KIND
from authz.ca.keys import LocalSigner, generate_key
from authz.ca.names import Subject
from authz.ca.profiles import OCSP
from authz.ca.signing import key_bits, key_id, signature_of
from authz.ca.tbs import extension
from authz.certs import der as der_reader
from authz.errors import MalformedCertificateError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from authz.ca.key_kinds import KeyKind
    from authz.ca.keys import Signer
    from authz.ca.reasons import RevocationReason
    from authz.certs.certificate import Certificate

#: Far more than a request about MAX_CERTIFICATES takes.
MAX_REQUEST_BYTES: Final = 16 * 1024
#: Answers grow with it, and clients ask about one.
MAX_CERTIFICATES: Final = 16
#: RFC 9654 §2.1: others are malformed.
MAX_NONCE_BYTES: Final = 128

_BASIC: Final = encode.oid("1.3.6.1.5.5.7.48.1.1")
_NONCE: Final = "1.3.6.1.5.5.7.48.1.2"
_HASHES: Final = {
    "1.3.14.3.2.26": "sha1",
    "2.16.840.1.101.3.4.2.1": "sha256",
    "2.16.840.1.101.3.4.2.2": "sha384",
    "2.16.840.1.101.3.4.2.3": "sha512",
}
_GOOD: Final = b"\x80\x00"
_UNKNOWN: Final = b"\x82\x00"


class ResponseStatus(IntEnum):
    """OCSPResponseStatus (§4.2.1)."""

    SUCCESSFUL = 0
    MALFORMED_REQUEST = 1
    TRY_LATER = 3
    UNAUTHORIZED = 6


@dataclass(frozen=True, slots=True, kw_only=True)
class CertificateStatus:
    """What is known of a certificate that was issued: good, or when it was revoked, and why."""

    revoked_at: float | None = None
    reason: RevocationReason | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Responder:
    """Who answers for an issuer: `certificate` is a delegated one, or the issuer's own."""

    issuer: Certificate
    certificate: Certificate
    signer: Signer


@dataclass(frozen=True, slots=True, kw_only=True)
class _Asked:
    """One CertID of a request, and its bytes, which the answer repeats."""

    raw: bytes
    hash_oid: str
    name_hash: bytes
    key_hash: bytes
    serial: int


def issue_responder(
    issuer: Certificate,
    issuer_signer: Signer,
    *,
    at: float,
    kind: KeyKind = DEFAULT_KEY_KIND,
    days: int | None = None,
) -> tuple[Responder, LocalSigner]:
    """A delegated responder with a new key, and that key for safe keeping.

    Raises:
        IssuanceError: as `prepare` and `issue`.
    """
    signer = generate_key(kind)
    request = CertificateRequest(subject=Subject.of("OCSP responder"), spki=signer.spki, days=days)
    certificate = issue(prepare(request, profile=OCSP, issuer=issuer, at=at), issuer_signer)
    return Responder(issuer=issuer, certificate=certificate, signer=signer), signer


def answer(
    request: bytes,
    responders: Sequence[Responder],
    find: Callable[[Certificate, int], CertificateStatus | None],
    *,
    at: float,
    validity_seconds: int,
) -> bytes:
    """The answer to a request, both DER.

    Args:
        find: what is known of a serial number of this issuer; None: it was never issued, and the
            answer says unknown.
        validity_seconds: from thisUpdate to nextUpdate; never beyond the responder's certificate.

    Raises:
        KeyUnavailableError: the responder's key cannot be used.
    """
    # 1. What is asked?
    try:
        asked, nonce = _read(request)
    except (MalformedCertificateError, ValueError, IndexError):
        return refusal(ResponseStatus.MALFORMED_REQUEST)
    # 2. Is it for us to answer? Each responder answers for one issuer.
    responder = next((one for one in responders if _is_about(asked[0], one.issuer)), None)
    if responder is None or not all(_is_about(one, responder.issuer) for one in asked):
        return refusal(ResponseStatus.UNAUTHORIZED)
    # 3. Can we, now?
    certificate = responder.certificate
    if not certificate.not_before_at <= at < certificate.not_after_at + 1:
        return refusal(ResponseStatus.TRY_LATER)
    # 4. The answer, valid as long as it can be verified.
    until = min(at + validity_seconds, certificate.not_after_at)
    updates = encode.generalized_time(at) + encode.explicit(0, encode.generalized_time(until))
    data = encode.sequence(
        encode.explicit(2, encode.octet_string(key_id(certificate.spki))),
        encode.generalized_time(at),
        encode.sequence(
            *(
                encode.sequence(one.raw, _status(find(responder.issuer, one.serial)), updates)
                for one in asked
            )
        ),
        b"" if nonce is None else encode.explicit(1, encode.sequence(extension(_NONCE, nonce))),
    )
    # 5. Signed; a delegated responder's certificate comes along.
    identifier, signature = signature_of(data, responder.signer)
    delegated = certificate != responder.issuer
    basic = encode.sequence(
        data,
        identifier,
        signature,
        encode.explicit(0, encode.sequence(certificate.der)) if delegated else b"",
    )
    return encode.sequence(
        encode.enumerated(ResponseStatus.SUCCESSFUL),
        encode.explicit(0, encode.sequence(_BASIC, encode.octet_string(basic))),
    )


def refusal(status: ResponseStatus) -> bytes:
    """An answer that only says why there is none (§4.2.1); nobody signs it."""
    return encode.sequence(encode.enumerated(status))


def _status(status: CertificateStatus | None) -> bytes:
    if status is None:
        return _UNKNOWN
    if status.revoked_at is None:
        return _GOOD
    # As in CRLs, unspecified is said by leaving it out.
    reason = encode.explicit(0, encode.enumerated(status.reason)) if status.reason else b""
    return encode.explicit(1, encode.generalized_time(status.revoked_at), reason)


def _is_about(asked: _Asked, issuer: Certificate) -> bool:
    name = _HASHES.get(asked.hash_oid)
    if name is None:
        return False

    def digest(data: bytes) -> bytes:
        return hashlib.new(name, data, usedforsecurity=False).digest()

    return (asked.name_hash, asked.key_hash) == (
        digest(issuer.subject_raw),
        digest(key_bits(issuer.spki)),
    )


def _read(request: bytes) -> tuple[list[_Asked], bytes | None]:
    """What is asked about, and the nonce's extension value.

    Raises:
        MalformedCertificateError, ValueError, IndexError: it is not an OCSPRequest.
    """
    whole, end = der_reader.read(request)
    if end != len(request) or len(request) > MAX_REQUEST_BYTES:
        raise ValueError("not one request of an acceptable size")
    der_reader.expect(whole, der_reader.SEQUENCE)
    tbs = der_reader.expect(der_reader.children(whole.content)[0], der_reader.SEQUENCE)
    parts = der_reader.children(tbs.content)
    # [0] version, [1] requestorName and [2] requestExtensions are optional.
    listed = [part for part in parts if part.tag == der_reader.SEQUENCE]
    asked = [_cert_id(one) for one in der_reader.children(listed[0].content)]
    if not 1 <= len(asked) <= MAX_CERTIFICATES:
        raise ValueError("about none or too many")
    extensions = [part for part in parts if part.tag == 0xA2]
    return asked, _nonce(extensions[0].content) if extensions else None


def _cert_id(request: der_reader.Element) -> _Asked:
    identifier = der_reader.children(request.content)[0]
    algorithm, name, key, serial = der_reader.children(identifier.content)
    oid, *parameters = der_reader.children(algorithm.content)
    asked = _Asked(
        raw=identifier.raw,
        hash_oid=der_reader.oid_text(oid.content),
        name_hash=name.content,
        key_hash=key.content,
        serial=int.from_bytes(serial.content, signed=True),
    )
    # The answer repeats it: one in other bytes than DER's would make an answer that nobody reads.
    if identifier.raw != encode.sequence(
        encode.sequence(encode.oid(asked.hash_oid), encode.NULL if parameters else b""),
        encode.octet_string(asked.name_hash),
        encode.octet_string(asked.key_hash),
        encode.integer(asked.serial),
    ):
        raise ValueError("a CertID that is not DER")
    return asked


def _nonce(content: bytes) -> bytes | None:
    """The value of the nonce's extension; others are passed over (§4.4) unless critical."""
    found = None
    for one in der_reader.children(der_reader.read(content)[0].content):
        oid, *critical, value = der_reader.children(one.content)
        if der_reader.oid_text(oid.content) != _NONCE:
            if critical and critical[0].content != b"\x00":
                raise ValueError("a critical extension that is not known")
            continue
        nonce = der_reader.expect(der_reader.read(value.content)[0], 0x04).content
        if not 1 <= len(nonce) <= MAX_NONCE_BYTES:
            raise ValueError("a nonce of a length that RFC 9654 refuses")
        found = encode.octet_string(nonce)
    return found
