# SPDX-License-Identifier: Apache-2.0
"""The judgement of one peer certificate by one trust bundle: pure, and worth remembering.

Everything about a certificate that does not change from request to request, with the span of time
in which it holds. Revocation is not part of it (revocation.py): it is looked up on every check.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from authz.certs.certificate import Certificate
from authz.certs.failure import VerifyFailure
from authz.certs.presented import DEFAULT_LIMITS, read_presented
from authz.certs.verification import verify
from authz.errors import MalformedCertificateError, UnsupportedCertificateError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from authz.certs.paths import Path
    from authz.certs.presented import CertificateLimits, Presented
    from authz.certs.trust import TrustBundle


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Judgement:
    """What was found out about a peer certificate.

    `failure` is None exactly when `paths` has a path to an anchor, the likeliest first; `path`
    (leaf first, anchor last) and `authority` are those of the first. `certificate` is there
    whenever the leaf could be read, verified or not; `sent_chain` is the DER of the intermediates
    as sent. `detail` is one sentence for people. The judgement holds for
    `valid_from <= at < valid_until`.
    """

    presented: bool
    certificate: Certificate | None = None
    sent_chain: tuple[bytes, ...] = ()
    failure: VerifyFailure | None = None
    paths: tuple[Path, ...] = ()
    detail: str = ""
    valid_from: float = -math.inf
    valid_until: float = math.inf

    @property
    def path(self) -> tuple[Certificate, ...]:
        """The certificates of the likeliest path, empty unless verified."""
        return self.paths[0].certificates if self.paths else ()

    @property
    def authority(self) -> str:
        """The name of the authority that the likeliest path leads to, `""` unless verified."""
        return self.paths[0].authority if self.paths else ""


#: Nothing was presented.
NOT_PRESENTED = Judgement(
    presented=False, failure=VerifyFailure.ABSENT, detail="no certificate was presented"
)


def judge(
    presented: Presented,
    bundle: TrustBundle,
    at: float,
    limits: CertificateLimits = DEFAULT_LIMITS,
) -> Judgement:
    """Judge what was presented by `bundle` at Unix time `at`.

    Never raises for what a client sends: every certificate trouble is a `failure`.
    """
    if presented.is_absent:
        return NOT_PRESENTED
    peer = read_presented(presented, limits)
    if peer.failure is not None:
        return Judgement(presented=True, failure=peer.failure, detail=peer.detail)
    try:
        leaf = Certificate.from_der(peer.certificate)
    except (MalformedCertificateError, UnsupportedCertificateError) as error:
        malformed = isinstance(error, MalformedCertificateError)
        return Judgement(
            presented=True,
            sent_chain=peer.intermediates,
            failure=VerifyFailure.MALFORMED if malformed else VerifyFailure.UNSUPPORTED,
            detail=error.message,
        )
    found = verify(leaf, _readable(peer.intermediates), bundle, at, limits.chain_length)
    valid_from, valid_until = _span(found.involved, at)
    return Judgement(
        presented=True,
        certificate=leaf,
        sent_chain=peer.intermediates,
        failure=found.failure,
        paths=found.paths,
        detail=found.detail,
        valid_from=valid_from,
        valid_until=valid_until,
    )


def _readable(ders: Iterable[bytes]) -> list[Certificate]:
    """The intermediates that can be read; what else was sent along leads nowhere by itself."""
    certificates: list[Certificate] = []
    for der in ders:
        try:
            certificates.append(Certificate.from_der(der))
        except (MalformedCertificateError, UnsupportedCertificateError):
            continue
    return certificates


def _span(involved: Iterable[Certificate], at: float) -> tuple[float, float]:
    """From the last moment before `at` at which the answer may have changed to the next one."""
    valid_from, valid_until = -math.inf, math.inf
    for certificate in involved:
        # The first second of validity, and the first after it.
        for moment in (certificate.not_before_at, certificate.not_after_at + 1):
            if moment <= at:
                valid_from = max(valid_from, moment)
            else:
                valid_until = min(valid_until, moment)
    return valid_from, valid_until
