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
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from authz.certs.authority import RevocationMode
from authz.certs.failure import VerifyFailure

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from authz.certs.certificate import Certificate
    from authz.certs.crl import CompiledCrl
    from authz.certs.judgement import Judgement
    from authz.certs.trust import TrustBundle


@dataclass(frozen=True, slots=True, kw_only=True)
class RevocationStatus:
    """`revoked`, or `failure` (crl_stale) when strict revocation cannot be answered; never both."""

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
    complete: tuple[CompiledCrl, ...]
    deltas: tuple[CompiledCrl, ...]

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


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class AuthorityRevocation:
    """Everything one authority says about revocation."""

    mode: RevocationMode
    serials: frozenset[int]
    by_issuer_key: Mapping[bytes, tuple[ScopeCrls, ...]]
    source_missing: bool

    @property
    def is_empty(self) -> bool:
        """True when there is nothing to look up."""
        return not (self.serials or self.by_issuer_key or self.source_missing)

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
    serials: Sequence[int],
    sources_configured: int,
) -> AuthorityRevocation:
    """Arrange an authority's CRLs and serial numbers for `revocation_of`."""
    grouped: dict[bytes, dict[bytes, list[CompiledCrl]]] = {}
    for crl in crls:
        grouped.setdefault(crl.spki, {}).setdefault(crl.scope, []).append(crl)
    return AuthorityRevocation(
        mode=mode,
        serials=frozenset(serials),
        by_issuer_key={
            spki: tuple(_scope(members) for members in scopes.values())
            for spki, scopes in grouped.items()
        },
        source_missing=len(crls) < sources_configured,
    )


def _scope(members: Sequence[CompiledCrl]) -> ScopeCrls:
    newest_first = sorted(members, key=lambda crl: (crl.number or 0, crl.this_update), reverse=True)
    return ScopeCrls(
        covers_end_entity=members[0].covers_end_entity,
        covers_ca=members[0].covers_ca,
        complete=tuple(crl for crl in newest_first if crl.base_number is None),
        deltas=tuple(crl for crl in newest_first if crl.base_number is not None),
    )


def revocation_of(judgement: Judgement, bundle: TrustBundle, at: float) -> RevocationStatus:
    """Whether the certificate of this judgement is revoked at Unix time `at`.

    Asks about every certificate of the path but the anchor. A judgement without a path has nothing
    to revoke. Whether a CRL is stale matters for the authority that the path leads to.
    """
    path = judgement.path
    if len(path) < 2:
        return NOT_REVOKED
    rules = bundle.revocation_by_authority[judgement.authority]
    counts = rules.mode is not RevocationMode.OFF and not rules.is_empty
    if not counts and not bundle.listing:
        return NOT_REVOKED
    revoked: RevocationStatus | None = None
    stale = "a CRL source has not given a CRL" if counts and rules.source_missing else ""
    for index in range(len(path) - 1):
        certificate, issuer = path[index], path[index + 1]
        if counts and certificate.serial_number in rules.serials:
            revoked = revoked or _revoked(certificate, "by the list of revoked serials")
        # A key's CRL counts whichever authority brought it: where several lead to one issuer, the
        # peer has a say in the path (it sends cross certificates), and none in this.
        for listing in bundle.listing:
            for scope in listing.by_issuer_key.get(issuer.spki, ()):
                if not (scope.covers_ca if index else scope.covers_end_entity):
                    continue
                complete, delta = scope.in_use(at)
                if complete is None:
                    what = f"no CRL of {issuer.subject_dn!r} is in force"
                    stale = stale or (what if listing is rules else "")
                    continue
                newest = delta or complete
                if at > newest.next_update and listing is rules:
                    stale = stale or f"the CRL of {issuer.subject_dn!r} is stale"
                if _listed(certificate.serial_number, complete, delta):
                    revoked = revoked or _revoked(certificate, "by the CRL of its issuer")
    if stale and rules.mode is RevocationMode.STRICT:
        also = f"; it says: {revoked.detail}" if revoked else ""
        return RevocationStatus(failure=VerifyFailure.CRL_STALE, detail=stale + also)
    return revoked or NOT_REVOKED


def _listed(serial: int, complete: CompiledCrl, delta: CompiledCrl | None) -> bool:
    if delta is not None:
        if serial in delta.revoked:
            return True
        if serial in delta.removed:
            return False
    return serial in complete.revoked


def _revoked(certificate: Certificate, how: str) -> RevocationStatus:
    return RevocationStatus(revoked=True, detail=f"serial {certificate.serial} is revoked {how}")
