# SPDX-License-Identifier: Apache-2.0
"""Who the client is: presented, verified, revoked (architecture 4.1).

Three independent facts about the peer certificate of one check. Judging the path belongs to
authz.certs and may be remembered, in a `Peer`; revocation is looked up here on every check, so that
a revoked certificate is refused on its next request.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Protocol

from authz.certs.judgement import NOT_PRESENTED, judge
from authz.certs.outlook import Lookup, outlook_of
from authz.certs.presented import DEFAULT_LIMITS
from authz.certs.revocation import revocation_of
from authz.policy.decision import Standing

if TYPE_CHECKING:
    from collections.abc import Callable

    from authz.certs.certificate import Certificate
    from authz.certs.failure import VerifyFailure
    from authz.certs.judgement import Judgement
    from authz.certs.presented import Presented
    from authz.certs.trust import TrustBundle
    from authz.policy.facts import RequestFacts
    from authz.rules import Value

    #: `peer_of(facts, bundle, at)`: `judged` below, or a memo in front of it.
    PeerFunction = Callable[[RequestFacts, TrustBundle, float], "Peer"]


@lru_cache(maxsize=256)
def _standing(presented: bool, verified: bool, revoked: bool, failure: str) -> Standing:
    return Standing(
        judged=True, presented=presented, verified=verified, revoked=revoked, failure=failure
    )


class Client:
    """The peer certificate of one check, judged. Shared by the checks it is the same for.

    Attributes:
        judgement: what was found out about the certificate.
        revoked: implies verified (Cloudflare: both are true for a revoked certificate).
        failure: why it is not verified, None exactly when it is.
        detail: one sentence for people.
        standing: the three facts, as a decision carries them.
        fingerprint: SHA-256 of the certificate, lower-case hex; `b""` without a readable one.
        values: field values that depend on nothing but the client, as far as a rule has read them.
    """

    __slots__ = (
        "detail",
        "failure",
        "fingerprint",
        "judgement",
        "revoked",
        "standing",
        "values",
    )

    def __init__(
        self,
        judgement: Judgement,
        revoked: bool,
        failure: VerifyFailure | None,
        detail: str = "",
    ) -> None:
        self.judgement = judgement
        self.revoked = revoked
        self.failure = failure
        self.detail = detail
        certificate = judgement.certificate
        self.fingerprint = b"" if certificate is None else certificate.fingerprint_sha256.encode()
        self.standing = _standing(
            judgement.presented, failure is None, revoked, "" if failure is None else failure.value
        )
        self.values: dict[str, Value] = {}

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


@dataclass(frozen=True, slots=True, eq=False)
class _Settled:
    """The client unless a look-up says "revoked", for one bundle and a span of time."""

    trust: TrustBundle | None
    valid_from: float
    valid_until: float
    lookups: tuple[Lookup, ...]
    client: Client


class Peer(Protocol):
    """What was presented, judged by a trust bundle: worth remembering."""

    judgement: Judgement

    def client(self, trust: TrustBundle, at: float) -> Client:
        """Who this is at Unix time `at`, by the revocations of `trust`.

        `trust` is a bundle with the digest of the one that judged.
        """


def peer(judgement: Judgement) -> Peer:
    """The peer that was judged so."""
    return _Holder(judgement) if judgement.failure is None else _Stranger(judgement)


class _Stranger:
    """Nobody, or a certificate that leads to no anchor: there is nothing to revoke."""

    __slots__ = ("_client", "judgement")

    def __init__(self, judgement: Judgement) -> None:
        self.judgement = judgement
        self._client = Client(judgement, False, judgement.failure, judgement.detail)

    def client(self, _trust: TrustBundle, _at: float) -> Client:
        return self._client


class _Holder:
    """A certificate with a path to an anchor.

    Which sets of serial numbers have to be asked is worked out once for a bundle and a span of
    time; they are asked on every check.
    """

    __slots__ = ("_settled", "judgement")

    def __init__(self, judgement: Judgement) -> None:
        self.judgement = judgement
        self._settled: _Settled | None = None

    def client(self, trust: TrustBundle, at: float) -> Client:
        settled = self._settled
        if (
            settled is None
            or settled.trust is not trust
            or not settled.valid_from <= at < settled.valid_until
        ):
            settled = self._settle(trust, at)
        for has, serial in settled.lookups:
            if has(serial):
                return self._asked(trust, at)
        return settled.client

    def _settle(self, trust: TrustBundle, at: float) -> _Settled:
        outlook = outlook_of(self.judgement, trust, at)
        settled = self._settled = _Settled(
            trust, outlook.valid_from, outlook.valid_until, outlook.lookups, self._asked(trust, at)
        )
        return settled

    def _asked(self, trust: TrustBundle, at: float) -> Client:
        """The client as the lists say at `at`, whatever was settled before."""
        judgement = self.judgement
        status = revocation_of(judgement, trust, at)
        # A stale CRL under `strict` takes back `verified`, and revoked implies verified.
        return Client(
            judgement, status.revoked and status.failure is None, status.failure, status.detail
        )


#: Nobody: no certificate was presented.
NOBODY = peer(NOT_PRESENTED)


def identify(presented: Presented, trust: TrustBundle, at: float) -> Client:
    """Judge what was presented by `trust` at Unix time `at`, anew and with the default limits."""
    return peer(judge(presented, trust, at, DEFAULT_LIMITS)).client(trust, at)


def judged(facts: RequestFacts, trust: TrustBundle, at: float) -> Peer:
    """The peer of a request, judged anew, with the default limits."""
    if facts.credential is None:
        return NOBODY
    return peer(judge(facts.presented, trust, at, DEFAULT_LIMITS))
