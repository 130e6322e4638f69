# SPDX-License-Identifier: Apache-2.0
"""Is a verified certificate revoked, and may that question be left open?

Compiled once per authority, looked up on every check: a few dict and set look-ups, nothing is
parsed. Lists are kept by the issuer's *key*, so they hold across renewed and cross-signed CA
certificates and never touch another CA's serial numbers. Every certificate of the path but the
anchor is asked about (architecture 4.11). RFC 5280 §6.3.

Stale beats listed: under `strict` a certificate whose CRL is stale is not verified, hence cannot be
revoked either (revoked implies verified), even when the stale list names it. Both ways it is kept
out by `not verified or revoked`; only this way also by `not verified`. Under `soft` the stale list
is used as it is.

A CA may split its CRL over distribution points. What any part revokes is revoked; under `strict` a
certificate needs the part that its own distribution points name (RFC 5280 §6.3.3 (b) (2)), and none
is needed for those that a CRL without a distribution point covers.

What OCSP responders said is looked up in the same way and counts besides: they are asked in the
background, never here.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from authz.certs.authority import RevocationMode
from authz.certs.distribution import point_names
from authz.certs.failure import VerifyFailure
from authz.certs.ocsp_answers import OcspAnswers

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from authz.certs.authority import OcspStatus
    from authz.certs.certificate import Certificate
    from authz.certs.crl import CompiledCrl
    from authz.certs.judgement import Judgement
    from authz.certs.serials import Serials
    from authz.certs.trust import TrustBundle


@dataclass(frozen=True, slots=True, kw_only=True)
class RevocationStatus:
    """`revoked`, or `failure` when strict revocation cannot be answered (crl_stale, ocsp_missing);
    never both."""

    revoked: bool = False
    failure: VerifyFailure | None = None
    detail: str = ""


#: Not revoked, as far as there was anything to check.
NOT_REVOKED = RevocationStatus()


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ScopeCrls:
    """All CRLs of one issuer key and one scope, newest first."""

    covers_end_entity: bool
    covers_ca: bool
    points: frozenset[str]
    complete: tuple[CompiledCrl, ...]
    deltas: tuple[CompiledCrl, ...]

    def is_for(self, certificate: Certificate) -> bool:
        """Whether these CRLs say everything about a certificate of a kind that they cover."""
        return not self.points or not self.points.isdisjoint(point_names(certificate))

    def in_use(self, at: float) -> tuple[CompiledCrl | None, CompiledCrl | None]:
        """The complete CRL and the delta to it that count at `at`; neither without a complete one.

        RFC 5280 §5.2.4: a delta goes with a complete CRL whose number is at least the base it
        names and below its own.
        """
        for complete in self.complete:
            if complete.this_update <= at:
                break
        else:
            return None, None
        if complete.number is not None:
            for delta in self.deltas:
                if (
                    delta.this_update <= at
                    and delta.number is not None
                    and delta.base_number is not None
                    and delta.base_number <= complete.number < delta.number
                ):
                    return complete, delta
        return complete, None

    def lists(self, serial: int, at: float) -> bool:
        """True when the CRLs in use at `at`, or any that is newer than they are, revoke `serial`.

        A list that is dated ahead (a CA's clock a minute fast, ours set back) is not in use yet,
        and what it revokes is revoked all the same; so is what a list revokes that is newer by
        its date and older by its number. Only a list in use restores.
        """
        complete, delta = self.in_use(at)
        since = float("-inf") if complete is None else complete.this_update
        if delta is not None and delta.revoked.has(serial):
            return True
        restored = delta is not None and delta.removed.has(serial)
        if complete is not None and complete.revoked.has(serial) and not restored:
            return True
        return any(crl.revoked.has(serial) for crl in self.complete if crl.this_update > since) or (
            complete is not None
            and any(crl.revoked.has(serial) for crl in self.deltas if crl.this_update > at)
        )

    def staleness(self, at: float, issuer: str) -> str:
        """What is stale at `at`, `""` when nothing is."""
        complete, delta = self.in_use(at)
        if complete is None:
            return f"no CRL of {issuer!r} is in force"
        return f"the CRL of {issuer!r} is stale" if at > (delta or complete).next_update else ""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class AuthorityRevocation:
    """Everything one authority says about revocation."""

    mode: RevocationMode
    serials: Serials
    by_issuer_key: Mapping[bytes, tuple[ScopeCrls, ...]]
    source_missing: bool
    crl_required: bool
    ocsp_required: bool
    ocsp: OcspAnswers | None

    @property
    def is_empty(self) -> bool:
        """True when there is nothing to look up."""
        return not (self.serials or self.lists or self.source_missing or self.asks)

    @property
    def asks(self) -> bool:
        """Whether there is something to ask about single certificates: where their CRL is, or what
        a responder says."""
        return self.crl_required or self.ocsp_required

    @property
    def lists(self) -> bool:
        """Whether an issuer says something: by a CRL, or by its OCSP responder."""
        return bool(self.by_issuer_key) or self.ocsp is not None

    def next_update(self) -> float | None:
        """The earliest nextUpdate of the CRLs in use, None without CRLs."""
        times: list[float] = []
        for scopes in self.by_issuer_key.values():
            for scope in scopes:
                complete, delta = scope.in_use(float("inf"))
                newest = delta or complete
                if newest is not None:
                    times.append(newest.next_update)
        return min(times, default=None)


def compile_revocation(
    *,
    mode: RevocationMode,
    crls: Sequence[CompiledCrl],
    serials: Serials,
    sources_configured: int,
    crl_required: bool = False,
    ocsp_required: bool = False,
    ocsp_statuses: Sequence[OcspStatus] = (),
) -> AuthorityRevocation:
    """Arrange an authority's CRLs, serial numbers and OCSP answers for `revocation_of`.

    Args:
        crl_required: whether a certificate that names a CRL needs one that covers it.
        ocsp_required: whether an end-entity certificate needs an OCSP answer.
    """
    grouped: dict[bytes, dict[bytes, list[CompiledCrl]]] = {}
    for crl in crls:
        grouped.setdefault(crl.spki, {}).setdefault(crl.scope, []).append(crl)
    return AuthorityRevocation(
        mode=mode,
        serials=serials,
        by_issuer_key={
            spki: tuple(_scope(members) for members in scopes.values())
            for spki, scopes in grouped.items()
        },
        source_missing=len(crls) < sources_configured,
        crl_required=crl_required,
        ocsp_required=ocsp_required,
        ocsp=OcspAnswers(ocsp_statuses) if ocsp_statuses else None,
    )


def _scope(members: Sequence[CompiledCrl]) -> ScopeCrls:
    newest_first = sorted(members, key=lambda crl: (crl.number or 0, crl.this_update), reverse=True)
    return ScopeCrls(
        covers_end_entity=members[0].covers_end_entity,
        covers_ca=members[0].covers_ca,
        points=members[0].points,
        complete=tuple(crl for crl in newest_first if crl.base_number is None),
        deltas=tuple(crl for crl in newest_first if crl.base_number is not None),
    )


def revocation_of(judgement: Judgement, bundle: TrustBundle, at: float) -> RevocationStatus:
    """Whether the certificate of this judgement is revoked at Unix time `at`.

    Asks about every certificate but the anchor, on every good path: where several lead to one
    issuer, the peer has a say in which comes first (it sends cross certificates), and none in
    this. A judgement without a path has nothing to revoke.
    """
    stale = unanswered = ""
    revoked: RevocationStatus | None = None
    for path in judgement.paths:
        rules = bundle.revocation_by_authority[path.authority]
        counts = rules.mode is not RevocationMode.OFF and not rules.is_empty
        if not counts and not bundle.listing:
            continue
        strict = rules.mode is RevocationMode.STRICT
        if strict and rules.source_missing:
            stale = stale or "a CRL source has not given a CRL"
        certificates = path.certificates
        for index in range(len(certificates) - 1):
            certificate, issuer = certificates[index], certificates[index + 1]
            if counts and rules.serials.has(certificate.serial_number):
                revoked = revoked or _revoked(certificate, "by the list of revoked serials")
            # A key's CRL counts whichever authority brought it, and so does what its responder
            # said; whether they are stale matters for the authority that the path leads to.
            for listing in bundle.listing:
                for scope in listing.by_issuer_key.get(issuer.spki, ()):
                    if (scope.covers_ca if index else scope.covers_end_entity) and scope.lists(
                        certificate.serial_number, at
                    ):
                        revoked = revoked or _revoked(certificate, "by the CRL of its issuer")
                if listing.ocsp is not None and (
                    certificate.serial_number in listing.ocsp.revoked_by(issuer)
                ):
                    revoked = revoked or _revoked(certificate, "by OCSP")
            if strict:
                stale = stale or _staleness(rules, certificate, issuer, at, ca=index > 0)
                if not index:
                    unanswered = unanswered or _unanswered(rules, certificate, issuer, at)
    if stale or unanswered:
        also = f"; it says: {revoked.detail}" if revoked else ""
        failure = VerifyFailure.CRL_STALE if stale else VerifyFailure.OCSP_MISSING
        return RevocationStatus(failure=failure, detail=(stale or unanswered) + also)
    return revoked or NOT_REVOKED


def _staleness(
    rules: AuthorityRevocation,
    certificate: Certificate,
    issuer: Certificate,
    at: float,
    *,
    ca: bool,
) -> str:
    """What keeps an authority's CRLs from answering for a certificate at `at`, `""` if they do.

    An issuer without a CRL has nothing to check, unless its certificates say where one is and that
    counts.
    """
    split = covered = False
    for scope in rules.by_issuer_key.get(issuer.spki, ()):
        if not (scope.covers_ca if ca else scope.covers_end_entity):
            continue
        if scope.is_for(certificate):
            covered = True
            stale = scope.staleness(at, issuer.subject_dn)
            if stale:
                return stale
        else:
            split = True
    if split and not covered:
        return (
            f"the CRL of {issuer.subject_dn!r} is split, and the part for serial "
            f"{certificate.serial} is missing"
        )
    if rules.crl_required and not covered and point_names(certificate):
        return (
            f"there is no CRL of {issuer.subject_dn!r}, and serial {certificate.serial} names one"
        )
    return ""


def is_unanswered(
    rules: AuthorityRevocation, certificate: Certificate, issuer: Certificate, at: float
) -> bool:
    """Whether somebody has to ask about an end-entity certificate: where its CRL is, or whether its
    responder says that it is revoked."""
    return bool(
        _unanswered(rules, certificate, issuer, at)
        or (rules.crl_required and _staleness(rules, certificate, issuer, at, ca=False))
    )


def _unanswered(
    rules: AuthorityRevocation, certificate: Certificate, issuer: Certificate, at: float
) -> str:
    if not rules.ocsp_required:
        return ""
    serial = certificate.serial_number
    until = -math.inf if rules.ocsp is None else rules.ocsp.until(issuer, serial)
    if at <= until:
        return ""
    what = "no" if math.isinf(until) else "no current"
    return f"there is {what} OCSP answer for serial {certificate.serial}"


def _revoked(certificate: Certificate, how: str) -> RevocationStatus:
    return RevocationStatus(revoked=True, detail=f"serial {certificate.serial} is revoked {how}")
