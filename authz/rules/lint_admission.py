# SPDX-License-Identifier: Apache-2.0
"""Findings about who is let in: revoked certificates, any authority's, unverified ones.

Whether a rule does is lint_client's, what was meant lint_corrections'; here are the words.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from authz.rules.lint_client import (
    ADMITTED_LEAK,
    CLAIM_LEAK,
    ISSUER_LEAK,
    PRESENTED_LEAK,
    REVOKED_LEAK,
    Role,
    leaks,
    only_pinned,
    place_of,
    probable_role,
)
from authz.rules.lint_corrections import (
    with_claims_verified,
    with_good,
    with_issuer,
    with_pins_verified,
    with_verified,
    without_revoked,
)
from authz.rules.lint_domain import FAILURE
from authz.rules.lint_finding import Finding, KnownAuthority, proposal
from authz.rules.lint_solver import Solver
from authz.rules.lint_tree import leaves, names
from authz.rules.lint_worlds import (
    CLAIMS,
    CLIENT_FIELDS,
    ISSUED,
    PRESENTED_FIELD,
    PROOFS,
    REVOKED,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from authz.rules.ast import Logical
    from authz.rules.lint_client import Guards

# So many authorities are named, with so many of their key identifiers.
_NAMED: Final = 4
_SHOWN_SKIS: Final = 2
# What tells a certificate that is not verified from none, whoever made it.
_ANY: Final = frozenset({PRESENTED_FIELD, FAILURE})


def admission_findings(
    solver: Solver,
    role: Role | None,
    authorities: Sequence[KnownAuthority] | None,
    guards: Guards,
) -> Iterator[Finding]:
    """Whom a rule lets in although it should not; the arguments are those of `lint`."""
    root = solver.root
    read = names(root)
    if role is Role.LOG or read.isdisjoint(CLIENT_FIELDS):
        return
    assumed = role or probable_role(solver)
    meant = root
    if leaks(REVOKED_LEAK, solver, assumed, guards):
        fixed = without_revoked(solver, assumed)
        meant = fixed or root
        # Of an expression alone it is not known what its rule does.
        when = " where it lets clients in" if role is None and assumed is Role.ADMIT else ""
        yield Finding(
            code="revoked_not_checked",
            message="a revoked certificate counts as verified: this lets revoked certificates in"
            + when,
            span=place_of(solver, REVOKED).span,
            suggestion=proposal(fixed),
        )
    elif leaks(ADMITTED_LEAK, solver, assumed, guards):
        yield Finding(
            code="revoked_admitted",
            message="this lets revoked certificates in, and no others",
            span=place_of(solver, REVOKED).span,
            suggestion=proposal(with_good(solver)),
        )
    several = authorities is None or len(authorities) > 1
    if several and leaks(ISSUER_LEAK, solver, assumed, guards):
        yield _any_issuer(solver, meant, assumed, authorities)
    claims = read & CLAIMS
    if claims and leaks(CLAIM_LEAK, solver, assumed, guards):
        place = next(leaf for leaf in leaves(root) if not claims.isdisjoint(names(leaf)))
        yield Finding(
            code="unverified_claim",
            message=f"{min(claims & names(place))} is what the certificate says, and an unverified "
            "certificate can say anything",
            span=place.span,
            suggestion=proposal(with_claims_verified(solver, assumed)),
            hint="believe it of a verified certificate only",
            # Another rule may keep unverified clients out; an expression knows of none.
            certain=role is not None,
        )
    elif not read.isdisjoint(_ANY | PROOFS) and leaks(PRESENTED_LEAK, solver, assumed, guards):
        yield from _any_certificate(solver, assumed, authorities)


def _any_certificate(
    solver: Solver, role: Role, authorities: Sequence[KnownAuthority] | None
) -> Iterator[Finding]:
    """A rule that lets in certificates that are not verified: all, or those that it names."""
    if not only_pinned(solver, role):
        asking = (one for one in leaves(solver.root) if not _ANY.isdisjoint(names(one)))
        failure = PRESENTED_FIELD not in names(solver.root)
        yield Finding(
            code="presented_not_verified",
            message="nobody has verified a certificate with a failure: this lets unverified ones in"
            if failure
            else "anybody can make a certificate to present: this lets unverified ones in",
            span=next(asking, solver.root).span,
            suggestion=proposal(with_verified(solver, role)),
        )
    elif authorities is None or authorities:
        # Where no authority is trusted, nothing is ever verified: there a pin is all there is.
        place = next(one for one in leaves(solver.root) if not PROOFS.isdisjoint(names(one)))
        yield Finding(
            code="pin_not_verified",
            message=f"{min(PROOFS & names(place))} alone lets its certificate in also when it is "
            "revoked, expired or not verified",
            span=place.span,
            suggestion=proposal(with_pins_verified(solver, role)),
            certain=authorities is not None,
        )


def _any_issuer(
    solver: Solver, meant: Logical, role: Role, authorities: Sequence[KnownAuthority] | None
) -> Finding:
    place = place_of(solver, ISSUED).span
    if authorities is None:
        return Finding(
            code="issuer_not_checked",
            message="where several authorities are trusted, a certificate of any of them will do",
            span=place,
            hint="there, write cert_verified and cert_issuer_ski in {<SKI of the issuer>}: "
            "authz fingerprint shows it as cert_ski of the authority's certificate",
            certain=False,
        )
    skis = dict.fromkeys(ski for one in authorities for ski in one.skis)
    basis = solver if meant is solver.root else Solver(meant)
    fixed = with_issuer(basis, role, tuple(skis))
    return Finding(
        code="issuer_not_checked",
        message=f"{len(authorities)} authorities are trusted here and a certificate of any of them "
        f"will do: {_listed(authorities)}",
        span=place,
        suggestion=proposal(fixed),
        hint="keep the issuers that this rule is for"
        if fixed is not None
        else "compare cf.tls_client_auth.cert_issuer_ski or a fingerprint as well",
    )


def _listed(authorities: Sequence[KnownAuthority]) -> str:
    """The authorities with the key identifiers of their certificates."""
    shown = []
    for one in authorities[:_NAMED]:
        skis = ", ".join(one.skis[:_SHOWN_SKIS])
        more = ", …" if len(one.skis) > _SHOWN_SKIS else ""
        shown.append(f"{one.name} ({skis or 'no key identifier'}{more})")
    rest = len(authorities) - len(shown)
    return ", ".join(shown) + (f" and {rest} more" if rest else "")
