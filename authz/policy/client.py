# SPDX-License-Identifier: Apache-2.0
"""Who the client is: presented, verified, revoked (architecture 4.1).

Three independent facts about the peer certificate of one check. Judging the path belongs to
authz.certs and may be remembered; revocation is looked up on every check, so that a revoked
certificate is refused on its next request.
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import TYPE_CHECKING, Final

from authz.certs.judgement import NOT_PRESENTED, judge
from authz.certs.outlook import Lookup, outlook_of
from authz.certs.presented import DEFAULT_LIMITS
from authz.certs.revocation import revocation_of
from authz.policy.decision import Decision, Ruling, Standing
from authz.rules.cost import size_of

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable

    from authz.certs.certificate import Certificate
    from authz.certs.failure import VerifyFailure
    from authz.certs.judgement import Judgement
    from authz.certs.presented import Presented
    from authz.certs.trust import TrustBundle
    from authz.policy.facts import RequestFacts
    from authz.rules import Value

    #: `hold(client, name, value)`: keeps a value for which a client has no room of its own, or not.
    HoldFunction = Callable[["Client", str, Value], None]
    #: `client_of(facts, bundle, at)`: `judged` below, or a memo in front of it.
    ClientFunction = Callable[[RequestFacts, TrustBundle, float], "Client"]


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
        trust: the bundle whose revocations it was settled by (`settle`), None for nobody's.
        lookups: the sets of serial numbers that can say otherwise; asked on every check.
        valid_from, valid_until: it is so for `valid_from <= at < valid_until`, Unix seconds, while
            no look-up says otherwise; never, unless it was settled.
        credential: the certificate as presented, one object for all checks.
        recent: whether somebody asked since a memo last looked.
        is_remembered: whether a memo holds it.
        due: from when on (Unix seconds) it is news that this certificate was seen; never, unless it
            is verified.
        hold: where large values go, None while no memo holds it.
    """

    #: Decisions that are kept: of one snapshot there are few, and a client may outlive many.
    MAX_DECISIONS: Final = 16
    #: Bytes of field values that are kept in any case: whoever connects chooses names, and how
    #: many. What is larger is the memo's to hold, which knows how much memory there is.
    MAX_VALUES: Final = 1024

    __slots__ = (
        "_decisions",
        "_room",
        "credential",
        "detail",
        "due",
        "failure",
        "fingerprint",
        "hold",
        "is_remembered",
        "judgement",
        "lookups",
        "recent",
        "revoked",
        "standing",
        "trust",
        "valid_from",
        "valid_until",
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
        self.trust: TrustBundle | None = None
        self.lookups: tuple[Lookup, ...] = ()
        self.valid_from = math.inf
        self.valid_until = -math.inf
        self.credential: Hashable | None = None
        self.recent = False
        self.is_remembered = False
        self.due = -math.inf if failure is None else math.inf
        self.hold: HoldFunction | None = None
        self._decisions: dict[Ruling, Decision] = {}
        self._room = self.MAX_VALUES

    def keep(self, name: str, value: Value) -> None:
        """Keep a field's value that depends on nothing but the client, if there is room for it.

        What it was read out of is dropped again: a client is remembered for long, with thousands of
        others.
        """
        if name not in self.values:
            size = size_of(value) + len(name)
            if size <= self._room:
                self._room -= size
                self.values[name] = value
            elif self.hold is not None:
                self.hold(self, name, value)
        certificate = self.judgement.certificate
        if certificate is not None:
            certificate.shed()

    def decision(self, ruling: Ruling) -> Decision:
        """The decision that says `ruling` of this client: one object for all checks.

        Only a client that a memo holds keeps it: the two point at each other, and what serves
        checks collects no old cycles. `release` parts them.
        """
        if not self.is_remembered:
            return Decision(ruling, self.standing, self)
        found = self._decisions.get(ruling)
        if found is None:
            if len(self._decisions) >= self.MAX_DECISIONS:
                self._decisions.clear()
            found = self._decisions[ruling] = Decision(ruling, self.standing, self)
        return found

    def release(self) -> None:
        """No memo holds this client any more."""
        self.is_remembered = False
        self.hold = None
        self._decisions.clear()

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


def settle(judgement: Judgement, trust: TrustBundle, at: float) -> Client:
    """Who a judged certificate is from now on, unless one of its `lookups` says otherwise.

    Which sets of serial numbers have to be asked is worked out once, and they are asked on every
    check. `trust` has the digest of the bundle that judged.
    """
    outlook = outlook_of(judgement, trust, at)
    client = resolve(judgement, trust, at)
    client.trust = trust
    client.lookups = outlook.lookups
    client.valid_from = max(outlook.valid_from, judgement.valid_from)
    client.valid_until = min(outlook.valid_until, judgement.valid_until)
    return client


def resolve(judgement: Judgement, trust: TrustBundle, at: float) -> Client:
    """Who a judged certificate is at Unix time `at`, asking every list anew."""
    if judgement.failure is not None:
        return Client(judgement, False, judgement.failure, judgement.detail)
    status = revocation_of(judgement, trust, at)
    # A stale CRL under `strict` takes back `verified`, and revoked implies verified.
    return Client(
        judgement, status.revoked and status.failure is None, status.failure, status.detail
    )


#: Nobody: no certificate was presented, now or ever.
NOBODY = Client(NOT_PRESENTED, False, NOT_PRESENTED.failure, NOT_PRESENTED.detail)
NOBODY.valid_from, NOBODY.valid_until = -math.inf, math.inf
NOBODY.is_remembered = True


def identify(presented: Presented, trust: TrustBundle, at: float) -> Client:
    """Who presents this at Unix time `at`, judged anew and with the default limits."""
    if presented.is_absent:
        return NOBODY
    return resolve(judge(presented, trust, at, DEFAULT_LIMITS), trust, at)


def judged(facts: RequestFacts, trust: TrustBundle, at: float) -> Client:
    """Who sent a request, judged anew and with the default limits."""
    return identify(facts.presented, trust, at)
