# SPDX-License-Identifier: Apache-2.0
"""Complete and delta CRLs, written by hand: linear, a million entries in seconds.

A builder that copies its list with every entry is quadratic. What is written is looked at before it
is signed, as with certificates. RFC 5280 §5.
"""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING, Final

from authz.ca import encode
from authz.ca.key_kinds import algorithm_of
from authz.ca.lints import lint_crl, refuse_errors, view
from authz.ca.lints.crl import CRL_NUMBER, DELTA_INDICATOR, DISTRIBUTION_POINT, FRESHEST_CRL
from authz.ca.names import http_url
from authz.ca.reasons import RevocationReason
from authz.ca.signing import draft, key_id_of, sign
from authz.ca.tbs import (
    authority_key_id,
    distribution_point_name,
    distribution_points,
    extension,
)
from authz.errors import KeyUnavailableError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from authz.ca.keys import Signer
    from authz.certs.certificate import Certificate

_VERSION_2: Final = encode.integer(1)
_REASON: Final = "2.5.29.21"


def build_crl(
    issuer: Certificate,
    signer: Signer,
    revoked: Iterable[tuple[int, float, RevocationReason | None]],
    *,
    number: int,
    this_update: float,
    next_update: float,
    delta_base: int | None = None,
    removed: Iterable[tuple[int, float]] = (),
    delta_urls: Sequence[str] = (),
    scope_urls: Sequence[str] = (),
) -> bytes:
    """A signed CRL in DER: complete, or with `delta_base` a delta to the complete CRL so numbered.

    Args:
        revoked: serial number, when it was revoked (Unix seconds), and why.
        removed: in a delta: serial number and when it was restored (removeFromCRL).
        delta_urls: where deltas are; written into complete CRLs (freshestCRL).
        scope_urls: the distribution points this CRL is for; none: all that the issuer issued.

    Raises:
        KeyUnavailableError: the key is not the issuer's, or cannot be used.
        InvalidRequestError: an address is not an http URL.
        LintFailedError: what would be signed breaks a rule: a serial number is there twice, the
            next update is not after this one, something is removed from a complete CRL, ...
        WeakKeyError: the issuer's key is not supported.
    """
    if signer.spki != issuer.spki:
        raise KeyUnavailableError(
            "the private key is not that of the CRL's issuer",
            hint="sign with the key of the certificate that issued what is revoked",
        )
    entries = b"".join(
        _entries(
            chain(revoked, ((one, at, RevocationReason.REMOVE_FROM_CRL) for one, at in removed))
        )
    )
    tbs = encode.sequence(
        _VERSION_2,
        algorithm_of(issuer.spki).identifier,
        issuer.subject_raw,
        encode.time(this_update),
        encode.time(next_update),
        # RFC 5280 §5.1.2.6: without entries the list must be absent.
        encode.sequence(entries) if entries else b"",
        encode.explicit(
            0,
            encode.sequence(*_extensions(issuer, number, delta_base, delta_urls, scope_urls)),
        ),
    )
    refuse_errors(lint_crl(draft(tbs, issuer.spki), issuer.der))
    return sign(tbs, signer)


def _entries(
    revoked: Iterable[tuple[int, float, RevocationReason | None]],
) -> Iterator[bytes]:
    # Each is put together from few parts: times and reasons are the same ones again and again.
    times: dict[int, bytes] = {}
    reasons = {reason: _reason_extension(reason) for reason in (None, *RevocationReason)}
    for serial, at, reason in revoked:
        second = int(at)
        when = times.get(second)
        if when is None:
            when = times[second] = encode.time(second)
        rest = when + reasons[reason]
        size = serial.bit_length() // 8 + 1
        # Never 128 bytes: 22 of serial number, 17 of time, 14 of reason.
        yield (
            bytes((0x30, 2 + size + len(rest), 0x02, size))
            + serial.to_bytes(size, signed=True)
            + rest
        )


def _reason_extension(reason: RevocationReason | None) -> bytes:
    # RFC 5280 §5.3.1: unspecified is said by leaving it out.
    if not reason:
        return b""
    return encode.sequence(extension(_REASON, encode.enumerated(reason)))


def _extensions(
    issuer: Certificate,
    number: int,
    delta_base: int | None,
    delta_urls: Sequence[str],
    scope_urls: Sequence[str],
) -> Iterator[bytes]:
    yield extension(view.AUTHORITY_KEY_ID, authority_key_id(key_id_of(issuer)))
    yield extension(CRL_NUMBER, encode.integer(number))
    if scope_urls:
        point = encode.sequence(distribution_point_name(map(http_url, scope_urls)))
        yield extension(DISTRIBUTION_POINT, point, critical=True)
    if delta_base is not None:
        yield extension(DELTA_INDICATOR, encode.integer(delta_base), critical=True)
    elif delta_urls:
        # RFC 5280 §5.2.6: of complete CRLs only.
        yield extension(FRESHEST_CRL, distribution_points(map(http_url, delta_urls)))
