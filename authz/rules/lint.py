# SPDX-License-Identifier: Apache-2.0
"""Finds expressions that are legal and probably not what was meant.

A finding never stops a rule from being used. What is looked for: certificates that a rule lets in
although they are revoked or come from another customer's authority (lint_admission; Cloudflare's
own default rule does both), literals that are slips (lint_slips), and conditions that are always or
never true (lint_truth). The codes are explained in lint_catalogue. Rules that nothing reaches take
a whole policy: authz.policy.lint.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from authz.rules.ast import Comparison
from authz.rules.lint_admission import admission_findings
from authz.rules.lint_client import Role, no_guards
from authz.rules.lint_finding import Finding, KnownAuthority, proposal
from authz.rules.lint_slips import slips
from authz.rules.lint_solver import Solver
from authz.rules.lint_tree import conditions, replaced, simplified
from authz.rules.lint_truth import constant, explained

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from authz.rules.ast import Expression, Logical
    from authz.rules.lint_client import Guards
    from authz.rules.lint_truth import Fact

__all__ = ["Finding", "KnownAuthority", "Role", "lint", "lint_solved"]

# A proposal is the whole expression once more. So many are read, if any; one for each of the
# hundreds of constant conditions that fit into an expression takes quadratic time and space.
_MAX_PROPOSALS: Final = 20


def lint(
    expression: Expression,
    *,
    role: Role | None = None,
    authorities: Sequence[KnownAuthority] | None = (),
    guards: Guards = no_guards,
) -> tuple[Finding, ...]:
    """What is probably not meant in an expression, in the order of its places.

    Args:
        role: what its rule does; None when there is only the expression.
        authorities: whom the rule's site trusts; None when that is not known.
        guards: finds the conditions of rules that block, and to which whomever this rule lets in
            comes as well.
    """
    return lint_solved(Solver(expression.root), role=role, authorities=authorities, guards=guards)


def lint_solved(
    solver: Solver,
    *,
    role: Role | None,
    authorities: Sequence[KnownAuthority] | None,
    guards: Guards,
) -> tuple[Finding, ...]:
    """The same, of an expression that has been looked into."""
    found = [
        *admission_findings(solver, role, authorities, guards),
        *_literal_findings(solver),
        *_constant_findings(solver),
    ]
    return tuple(sorted(found, key=lambda finding: finding.span))


def _literal_findings(solver: Solver) -> Iterator[Finding]:
    found = [
        slip
        for node in conditions(solver.root)
        if isinstance(node, Comparison)
        # Of several answers, one per element, it is not known what becomes of them.
        for slip in slips(node, constant=not node.left.each and solver.known(node) is not None)
    ]
    if not found:
        return
    # One proposal for all of them: who mends one mends the others in the same breath.
    mended = solver.root
    for slip in found:
        if slip.fixed is not None:
            mended = replaced(mended, slip.node, slip.fixed)
    text = proposal(mended)
    for slip in found:
        yield Finding(
            code=slip.code,
            message=slip.message,
            span=slip.span,
            suggestion=None if slip.fixed is None else text,
        )


def _constant_findings(solver: Solver) -> Iterator[Finding]:
    facts = list(explained(solver))
    for number, fact in enumerate(facts):
        mended = _mended(solver.root, fact, facts) if number < _MAX_PROPOSALS else None
        yield Finding(
            code=fact.code,
            message=fact.message,
            span=fact.node.span,
            suggestion=None if mended is None else proposal(mended),
        )


def _mended(root: Logical, fact: Fact, facts: Sequence[Fact]) -> Logical | None:
    """The expression without a constant condition: as it was meant, or left out."""
    if fact.fixed is not None:
        mended = replaced(root, fact.node, fact.fixed)
    elif fact.node is not root:
        mended = simplified(replaced(root, fact.node, fact.constant))
    else:
        mended = root
        for cause in facts:
            if cause.fixed is not None:
                mended = replaced(mended, cause.node, cause.fixed)
        if constant(Solver(mended).vectors(mended)) is fact.value:
            return None
    return None if fact.node in conditions(mended) else mended
