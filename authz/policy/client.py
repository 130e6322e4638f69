# SPDX-License-Identifier: Apache-2.0
"""Who the client is: presented, verified, revoked (architecture 4.1).

Three independent facts about the peer certificate of one check. Judging the path belongs to
authz.certs and may be remembered; revocation is looked up here on every check, so that a revoked
certificate is refused on its next request.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from authz.certs.judgement import Judgement
from authz.certs.presented import Presented
from authz.certs.revocation import revocation_of
from authz.certs.trust import TrustBundle

if TYPE_CHECKING:
    from authz.certs.certificate import Certificate
    from authz.certs.failure import VerifyFailure

#: `judge(presented, bundle, at)`: authz.certs.judgement.judge itself, or a memo in front of it.
JudgeFunction = Callable[[Presented, TrustBundle, float], Judgement]


@dataclass(frozen=True, slots=True)
class Client:
    """The peer certificate of one check, judged.

    `failure` is None exactly when the certificate is verified. `revoked` implies verified
    (Cloudflare: both are true for a revoked certificate).
    """

    judgement: Judgement
    revoked: bool
    failure: VerifyFailure | None
    detail: str = ""

    @property
    def presented(self) -> bool:
        """True when a certificate was presented, readable or not."""
        return self.judgement.presented

    @property
    def verified(self) -> bool:
        """True when a path to an anchor of this host's authorities exists, in time and fit."""
        return self.failure is None

    @property
    def certificate(self) -> Certificate | None:
        """The end-entity certificate, None when absent or unreadable."""
        return self.judgement.certificate

    @property
    def issuer(self) -> Certificate | None:
        """The issuer on the verified path; None when unverified.

        Never taken from the leaf's own claims: a forged authority key identifier must not satisfy
        an issuer check (architecture 4.4).
        """
        path = self.judgement.path
        return path[1] if self.failure is None and len(path) > 1 else None


def identify(presented: Presented, trust: TrustBundle, at: float, judge: JudgeFunction) -> Client:
    """Judge the peer certificate by `trust` at Unix time `at`. Never raises for what it reads."""
    judgement = judge(presented, trust, at)
    if judgement.failure is not None:
        return Client(judgement, False, judgement.failure, judgement.detail)
    status = revocation_of(judgement, trust, at)
    # A stale CRL under `strict` takes back `verified`, and revoked implies verified.
    return Client(
        judgement, status.revoked and status.failure is None, status.failure, status.detail
    )
