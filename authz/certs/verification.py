# SPDX-License-Identifier: Apache-2.0
"""Path validation for client certificates (RFC 5280 §6). Decides verified or not, and why not.

Does not look at revocation (revocation.py). The extension profile is ADR-0005. The numbered steps
of `verify` are the order in which a failure is named: one certificate, one bundle and one time have
one reason.
"""

from __future__ import annotations

import datetime
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from cryptography import x509
from cryptography.x509 import verification as library

from authz.certs.failure import VerifyFailure
from authz.certs.paths import Path, Search, find_paths
from authz.certs.profile import Problem, check_constraints, check_end_entity, check_issuer

if TYPE_CHECKING:
    from collections.abc import Sequence

    from authz.certs.certificate import Certificate
    from authz.certs.trust import TrustBundle

#: When several paths fail, the one that came nearest to being good gives the reason.
_NEARNESS = (
    VerifyFailure.UNSUPPORTED,
    VerifyFailure.WRONG_USAGE,
    VerifyFailure.NOT_YET_VALID,
    VerifyFailure.EXPIRED,
    VerifyFailure.CONSTRAINT_VIOLATED,
)

# The library wants this much of a CA policy; everything else about extensions is profile.py's.
_CA_POLICY = library.ExtensionPolicy.permit_all().require_present(
    x509.BasicConstraints, library.Criticality.AGNOSTIC, None
)
_END_ENTITY_POLICY = library.ExtensionPolicy.permit_all()


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Verification:
    """Every good path with the authority at its end, the likeliest first, or the failure.

    `involved` are the certificates whose times play a part in the answer.
    """

    paths: tuple[Path, ...] = ()
    failure: VerifyFailure | None = None
    detail: str = ""
    involved: tuple[Certificate, ...] = ()


def verify(
    leaf: Certificate,
    sent: Sequence[Certificate],
    bundle: TrustBundle,
    at: float,
    chain_length: int,
) -> Verification:
    """Whether a path leads from `leaf` to an anchor of `bundle` at Unix time `at`."""
    # (1) A certificate that is itself trusted as an authority is nobody's client certificate.
    if leaf.der in bundle.members:
        return _failed(VerifyFailure.WRONG_USAGE, "it is a certificate of the authority itself")
    # (2) Names, then signatures: who issued it?
    search = find_paths(leaf, sent, bundle, chain_length)
    if not search.paths:
        return _unfound(leaf, search)
    # (3) What the certificate itself is, the same whatever the path.
    problem = check_end_entity(leaf)
    if problem is not None:
        return _failed(problem.failure, problem.detail)
    # (4) Each path in turn: its issuers, the time, and last the library's own verdict.
    # All of them, because revocation is asked of each: the peer has a say in which comes first.
    nearest: Problem | None = None
    good: list[Path] = []
    for path in search.paths:
        problem = _check_path(path, at, chain_length)
        if problem is None:
            good.append(path)
        elif nearest is None or _nearness(problem) > _nearness(nearest):
            nearest = problem
    if good:
        return Verification(paths=tuple(good), involved=search.involved)
    assert nearest is not None
    return _failed(nearest.failure, nearest.detail, search.involved)


def _unfound(leaf: Certificate, search: Search) -> Verification:
    issuer = leaf.issuer_dn[:200]
    if not search.named:
        what = "is self-signed" if leaf.is_self_issued else f"was issued by {issuer!r}"
        return _failed(VerifyFailure.UNKNOWN_ISSUER, f"it {what}, which leads to no trust anchor")
    if search.too_long:
        return _failed(VerifyFailure.TOO_LARGE, "the chain to an anchor is too long to follow")
    if search.broken:
        return _failed(
            VerifyFailure.BAD_SIGNATURE,
            f"a CA of the right name ({issuer!r}) is known, but the chain's signatures are not "
            "by the keys that are trusted",
        )
    if search.unsupported:
        return _failed(VerifyFailure.UNSUPPORTED, "a signature is of a kind that is not supported")
    return _failed(VerifyFailure.UNKNOWN_ISSUER, f"no chain leads from {issuer!r} to an anchor")


def _check_path(path: Path, at: float, chain_length: int) -> Problem | None:
    certificates = path.certificates
    for issuer in certificates[1:]:
        problem = check_issuer(issuer)
        if problem is not None:
            return problem
    problem = _check_time(certificates, at) or check_constraints(certificates)
    if problem is not None:
        return problem
    return _ask_library(certificates, at, chain_length)


def _check_time(certificates: Sequence[Certificate], at: float) -> Problem | None:
    for index, certificate in enumerate(certificates):
        whose = f"the issuer {certificate.subject_dn[:200]!r}" if index else "the certificate"
        if at < certificate.not_before_at:
            return Problem(
                VerifyFailure.NOT_YET_VALID, f"{whose} is valid from {certificate.not_before}"
            )
        # RFC 5280 §4.1.2.5: validity includes the whole of its last second.
        if at >= certificate.not_after_at + 1:
            return Problem(
                VerifyFailure.EXPIRED, f"{whose} was valid until {certificate.not_after}"
            )
    return None


def _ask_library(
    certificates: Sequence[Certificate], at: float, chain_length: int
) -> Problem | None:
    """The library's verdict on this one path; only it says that a path is good."""
    leaf, *intermediates, anchor = certificates
    try:
        verifier = (
            library.PolicyBuilder()
            .time(datetime.datetime.fromtimestamp(math.floor(at), datetime.UTC))
            .store(library.Store([anchor.parsed]))
            .max_chain_depth(chain_length)
            .extension_policies(ca_policy=_CA_POLICY, ee_policy=_END_ENTITY_POLICY)
            .build_client_verifier()
        )
        verifier.verify(leaf.parsed, [one.parsed for one in intermediates])
    except library.VerificationError as refusal:
        return _explain(str(refusal))
    # No OSError: that is the machine's trouble, denied and asked again, and no word on a path.
    except (ValueError, TypeError, OverflowError):
        return Problem(VerifyFailure.UNSUPPORTED, "the path holds something that cannot be read")
    return None


def _explain(refusal: str) -> Problem:
    # Its text quotes names that the peer chose, so it is matched and not repeated.
    if "path length" in refusal or "chain depth" in refusal:
        return Problem(
            VerifyFailure.CONSTRAINT_VIOLATED, "the chain is longer than a CA of it allows"
        )
    if "onstraint" in refusal or "SAN" in refusal:
        return Problem(VerifyFailure.CONSTRAINT_VIOLATED, "a CA's name constraints are not kept")
    return Problem(VerifyFailure.UNSUPPORTED, "the path is not one that the library accepts")


def _nearness(problem: Problem) -> int:
    return _NEARNESS.index(problem.failure) if problem.failure in _NEARNESS else -1


def _failed(
    failure: VerifyFailure, detail: str, involved: tuple[Certificate, ...] = ()
) -> Verification:
    return Verification(failure=failure, detail=detail, involved=involved)
