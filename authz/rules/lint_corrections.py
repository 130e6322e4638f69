# SPDX-License-Identifier: Apache-2.0
"""A rule that lets in whom it should not, as it was probably meant.

The smallest change first: where the condition asks whether a certificate is verified, it asks for
more. A proposal counts only when it lets in nobody of the kind any more and nobody whom the rule
kept out before; both are checked, not assumed. Finding the rule is lint_client's business.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from authz.rules.ast import Combination, Comparison, Constant, ItemSet, Logic, Not, Operator
from authz.rules.lint_client import (
    ADMITTED_LEAK,
    CLAIM_LEAK,
    ISSUER_LEAK,
    PRESENTED_LEAK,
    REVOKED_LEAK,
    Role,
    excludes,
    leaks,
    presupposes,
)
from authz.rules.lint_domain import FAILURE
from authz.rules.lint_solver import Solver
from authz.rules.lint_tree import (
    access_to,
    is_test_of,
    joined,
    leaves,
    mapped,
    names,
    negated,
    replaced,
    simplified,
    test_of,
)
from authz.rules.lint_worlds import (
    ABSENT,
    CLAIMS,
    GOOD,
    ISSUED,
    PRESENTED_FIELD,
    PROOFS,
    REFUSED,
    REVOKED,
    REVOKED_FIELD,
    UNVERIFIED,
    VERIFIED_FIELD,
    false_in,
    true_in,
)
from authz.rules.scheme import Field
from authz.rules.types import Bytes

if TYPE_CHECKING:
    from collections.abc import Sequence

    from authz.rules.ast import Logical
    from authz.rules.lint_client import Leak

_ISSUER: Final = Field("cf.tls_client_auth.cert_issuer_ski", Bytes, hex=True)
_VERIFIED: Final = test_of(VERIFIED_FIELD)
_REVOKED: Final = test_of(REVOKED_FIELD)
_FALSE: Final = Constant(value=False)
_ANY_CERTIFICATE: Final = frozenset({PRESENTED_FIELD, FAILURE})


def without_revoked(solver: Solver, role: Role) -> Logical | None:
    """The rule with revoked certificates treated as none at all."""
    root = solver.root
    simple = _tied(solver, REVOKED, negated(_REVOKED))
    if not _is_worse(solver, role, REVOKED, REFUSED) and _is_good(REVOKED_LEAK, simple, role):
        return simple
    proposals: list[Logical] = []
    if REVOKED_FIELD in names(root):
        unasked = simplified(replaced(root, _REVOKED, _FALSE))
        if not isinstance(unasked, Constant):
            proposals.append(_tied(Solver(unasked), REVOKED, negated(_REVOKED)))
        meant = joined(Logic.OR, (negated(_VERIFIED), _REVOKED))
        proposals.append(replaced(root, negated(_REVOKED), meant))
    proposals.append(_as_unverified(root, role, _REVOKED))
    return _first_good(REVOKED_LEAK, proposals, root, role)


def with_issuer(solver: Solver, role: Role, skis: Sequence[str]) -> Logical | None:
    """The rule with certificates of other issuers than those given treated as none at all."""
    if not skis:
        return None
    right = ItemSet(items=tuple(ski.encode() for ski in skis))
    known = Comparison(left=access_to(_ISSUER), operator=Operator.IN, right=right)
    root = solver.root
    simple = _tied(solver, ISSUED, known)
    if (
        not _is_worse(solver, role, ISSUED, UNVERIFIED)
        and not _is_worse(solver, role, REVOKED, REFUSED)
        and _is_good(ISSUER_LEAK, simple, role)
    ):
        return simple
    foreign = joined(Logic.AND, (_VERIFIED, negated(known)))
    return _first_good(ISSUER_LEAK, (_as_unverified(root, role, foreign),), root, role)


def with_good(solver: Solver) -> Logical | None:
    """The rule that lets in revoked certificates only, with good ones in their place."""
    good = joined(Logic.AND, (_VERIFIED, negated(_REVOKED)))

    def change(node: Logical) -> Logical | None:
        if node == negated(_REVOKED):
            return node
        return good if node == _REVOKED else None

    meant = mapped(solver.root, change)
    proposals = (meant,) if _is_good(REVOKED_LEAK, meant, Role.ADMIT) else ()
    return _first_good(ADMITTED_LEAK, proposals, solver.root, Role.ADMIT, but=GOOD)


def with_verified(solver: Solver, role: Role) -> Logical | None:
    """The rule with a verified certificate asked for where it asks for any, or for its failure."""
    good = joined(Logic.AND, (_VERIFIED, negated(_REVOKED)))
    none = joined(Logic.OR, (negated(_VERIFIED), _REVOKED))

    def change(node: Logical) -> Logical | None:
        bare = node.operand if isinstance(node, Not) else node
        if isinstance(bare, Not | Combination) or _ANY_CERTIFICATE.isdisjoint(names(bare)):
            return None
        vectors = solver.vectors(node)
        if any(false_in(one, ABSENT) and true_in(one, UNVERIFIED) for one in vectors):
            return good
        denies = any(true_in(one, ABSENT) and false_in(one, UNVERIFIED) for one in vectors)
        return none if denies else None

    return _first_good(PRESENTED_LEAK, (mapped(solver.root, change),), solver.root, role, but=GOOD)


def with_claims_verified(solver: Solver, role: Role) -> Logical | None:
    """The rule with every claim that lets somebody in tied to a verified certificate."""
    return _with_believed(CLAIM_LEAK, CLAIMS, solver.root, role)


def with_pins_verified(solver: Solver, role: Role) -> Logical | None:
    """The rule with every certificate that it names by its bytes or key verified."""
    return _with_believed(PRESENTED_LEAK, PROOFS, solver.root, role)


def _with_believed(leak: Leak, fields: frozenset[str], root: Logical, role: Role) -> Logical | None:
    meant = _believing(root, fields, positive=role is not Role.BLOCK)
    return None if meant == root else _first_good(leak, (meant,), root, role)


def _believing(node: Logical, fields: frozenset[str], *, positive: bool) -> Logical:
    """`positive`: a claim that is true lets in, because no `not` turns it around."""
    if isinstance(node, Not):
        return Not(operand=_believing(node.operand, fields, positive=not positive))
    if isinstance(node, Combination) and node.logic is not Logic.XOR:
        parts = (_believing(operand, fields, positive=positive) for operand in node.operands)
        return joined(node.logic, parts)
    if isinstance(node, Combination) or fields.isdisjoint(names(node)):
        return node
    good = (_VERIFIED, negated(_REVOKED))
    if isinstance(node, Comparison) and node.operator is Operator.NE:
        equal = replace(node, operator=Operator.EQ)
        return node if positive else Not(operand=joined(Logic.AND, (*good, equal)))
    return joined(Logic.AND, (*good, node)) if positive else node


def _tied(solver: Solver, worlds: int, more: Logical) -> Logical:
    """What asks for a verified certificate asks for more, what asks for none takes less."""
    grants = {
        leaf
        for leaf in leaves(solver.root)
        if not is_test_of(leaf, REVOKED_FIELD) and presupposes(leaf, solver, worlds)
    }
    denies = {leaf for leaf in leaves(solver.root) if excludes(leaf, solver, worlds)}
    less = negated(more)

    def change(node: Logical) -> Logical | None:
        if isinstance(node, Not) and isinstance(node.operand, Not):
            return mapped(node.operand.operand, change)
        if isinstance(node, Not) and node.operand in grants:
            # `not (verified and …)` is one thing, `not verified or revoked` two.
            if isinstance(more, Not):
                return joined(Logic.OR, (node, less))
            return Not(operand=joined(Logic.AND, (node.operand, more)))
        if isinstance(node, Not) and node.operand in denies:
            return joined(Logic.AND, (node, more))
        if node in grants:
            return joined(Logic.AND, (node, more))
        return joined(Logic.OR, (node, less)) if node in denies else None

    return mapped(solver.root, change)


def _as_unverified(root: Logical, role: Role, whom: Logical) -> Logical:
    """The rule, and for some clients what it says of those without a verified certificate."""
    unverified = simplified(replaced(replaced(root, _VERIFIED, _FALSE), _REVOKED, _FALSE))
    if role is Role.BLOCK:
        more = whom if unverified == Constant(value=True) else joined(Logic.AND, (whom, unverified))
        return joined(Logic.OR, (root, more))
    others = negated(whom)
    less = others if unverified == _FALSE else joined(Logic.OR, (others, unverified))
    return joined(Logic.AND, (root, less))


def _is_worse(solver: Solver, role: Role, worlds: int, other: int) -> bool:
    """Whether treating somebody like somebody else can let in whom the rule keeps out."""
    kept_out, let_in = (true_in, false_in) if role is Role.BLOCK else (false_in, true_in)
    return any(
        # What is open may be either.
        not let_in(vector, worlds) and not kept_out(vector, other)
        for vector in solver.vectors(solver.root)
    )


def _first_good(
    leak: Leak, proposals: Sequence[Logical], root: Logical, role: Role, *, but: int = 0
) -> Logical | None:
    """The first proposal that mends a leak and lets in nobody else, except in some worlds."""
    found = (
        one
        for one in proposals
        if _is_good(leak, one, role) and _is_no_weaker(one, root, role, but)
    )
    return next(found, None)


def _is_good(leak: Leak, proposal: Logical, role: Role) -> bool:
    solver = Solver(proposal)
    return not leaks(leak, solver, role) and solver.exact


def _is_no_weaker(proposal: Logical, root: Logical, role: Role, but: int) -> bool:
    """Whether nobody is let in by the new rule only, good certificates of a block rule aside."""
    old, new = (root, proposal) if role is Role.BLOCK else (proposal, root)
    both = joined(Logic.AND, (old, Not(operand=new)))
    worlds = ABSENT | UNVERIFIED | REVOKED | (0 if role is Role.BLOCK else GOOD)
    return all(false_in(vector, worlds & ~but) for vector in Solver(both).vectors(both))
