# SPDX-License-Identifier: Apache-2.0
"""The peer certificate as it reached us, still encoded.

`Presented` is what extauthz.decode hands on: the encoded certificate and, from XFCC, the encoded
chain. Reading it (PEM, limits) is `read_presented`, so that a remembered certificate is never
parsed twice. Who may be believed is decided by the caller (`certificate_source`).
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from urllib.parse import unquote_to_bytes

from authz.certs.failure import VerifyFailure
from authz.certs.pem import read_peer_pem
from authz.errors import MalformedCertificateError


class CertificateSource(StrEnum):
    """Where the peer certificate is taken from (architecture 4.5)."""

    ENVOY = "envoy"
    XFCC = "xfcc"


@dataclass(frozen=True, slots=True)
class Presented:
    """A peer certificate in transit form.

    `certificate` is URL-encoded PEM: one block, or the certificate followed by intermediates;
    `chain` is XFCC's `Chain` value in the same encoding (it repeats the certificate first), or
    `""`. `defect` is set when the source itself is wrong (an XFCC hash that does not match, an
    element that cannot be parsed): the certificate then counts as presented and malformed.
    Hashable: (certificate, chain) is what a remembered judgement is keyed by.
    """

    source: CertificateSource = CertificateSource.ENVOY
    certificate: str = ""
    chain: str = ""
    defect: str = ""

    @property
    def is_absent(self) -> bool:
        """True when nothing was presented at all."""
        return not (self.certificate or self.chain or self.defect)


#: No certificate was presented.
ABSENT = Presented()


@dataclass(frozen=True, slots=True, kw_only=True)
class CertificateLimits:
    """How much of a peer is looked at; over it the failure is `too_large`.

    `certificate_bytes` bounds each certificate's DER, `chain_length` the intermediates: those sent
    along and those of a path (the end-entity certificate and the anchor are not counted).
    """

    certificate_bytes: int = 65536
    chain_length: int = 8


#: The defaults of `limits` in authz.yaml.
DEFAULT_LIMITS = CertificateLimits()

#: Base64 and Envoy's percent-encoding make at most this much of DER that is as bad as it gets.
_ENCODED_PER_DER_BYTE = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Peer:
    """What was presented, decoded: DER that has not been parsed.

    `failure` is set instead of `certificate` when it could not be decoded; `detail` says why.
    """

    certificate: bytes = b""
    intermediates: tuple[bytes, ...] = ()
    failure: VerifyFailure | None = None
    detail: str = ""


def read_presented(presented: Presented, limits: CertificateLimits) -> Peer:
    """The DER of a peer certificate and of the intermediates sent with it.

    The first PEM block is the certificate, the others are intermediates, in `certificate` as in
    `chain`. Never raises: what cannot be read is a `failure`.
    """
    if presented.is_absent:
        return Peer(failure=VerifyFailure.ABSENT, detail="no certificate was presented")
    if presented.defect:
        return Peer(failure=VerifyFailure.MALFORMED, detail=presented.defect)
    # Before anything is decoded, so that the work is bounded as well as the result.
    most = _ENCODED_PER_DER_BYTE * limits.certificate_bytes * (limits.chain_length + 1)
    if len(presented.certificate) > most or len(presented.chain) > most:
        return _too_large("what was presented is larger than any certificate and chain may be")
    try:
        sent = read_peer_pem(_decoded(presented.certificate)) if presented.certificate else ()
        chain = read_peer_pem(_decoded(presented.chain)) if presented.chain else ()
    except MalformedCertificateError as error:
        return Peer(failure=VerifyFailure.MALFORMED, detail=error.message)
    if sent and chain and sent[0] != chain[0]:
        # Envoy: Chain begins with the certificate itself. Two answers to "who is it" are none.
        return Peer(
            failure=VerifyFailure.MALFORMED, detail="Chain does not begin with the certificate"
        )
    blocks = (*sent, *chain[1:]) if sent else chain
    if len(blocks) - 1 > limits.chain_length:
        return _too_large(f"{len(blocks) - 1} intermediates were sent")
    if any(len(block) > limits.certificate_bytes for block in blocks):
        return _too_large("a certificate is larger than limits.certificate_bytes")
    return Peer(certificate=blocks[0], intermediates=blocks[1:])


def _decoded(text: str) -> bytes:
    # Percent-decoding, not form decoding: "+" is a character of base64 and stays one.
    return unquote_to_bytes(text.encode("utf-8", "surrogatepass"))


def _too_large(detail: str) -> Peer:
    return Peer(failure=VerifyFailure.TOO_LARGE, detail=detail)
