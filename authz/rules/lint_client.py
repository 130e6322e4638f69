# SPDX-License-Identifier: Apache-2.0
"""Rules that let in whom they should not: who that is, and where it shows.

Decided by what a rule does, not by which names are in it: with everything else in the request
taken as possible, is there a case where a client without a verified certificate is kept out and
one with a revoked certificate, or with one of whatever authority, is not? What was probably meant
is written by lint_corrections.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Final, TypeAlias

from authz.rules.ast import Combination, Constant, Logic, Not
from authz.rules.evaluator import evaluate_node
from authz.rules.lint_domain import FAILURE
from authz.rules.lint_solver import Solver
from authz.rules.lint_tree import (
    fields_of,
    is_test_of,
    joined,
    leaves,
    mapped,
    names,
    simplified,
    test_of,
)
from authz.rules.lint_worlds import (
    ABSENT,
    CLAIMING,
    CLAIMS,
    GOOD,
    IDENTITY,
    ISSUED,
    ISSUER_FIELDS,
    PRESENTED_FIELD,
    PROOFS,
    REVOKED,
    REVOKED_FIELD,
    UNVERIFIED,
    VERIFIED_FIELD,
    Vector,
    false_in,
    true_in,
)
from authz.rules.types import default_value

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from authz.rules.ast import Logical


class Role(Enum):
    """What it means for a client that a rule's condition is true."""

    #: It is kept out.
    BLOCK = "block"
    #: It is let in, or rules that may keep it out are left out for it.
    ADMIT = "admit"
    #: Neither.
    LOG = "log"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Leak:
    """A way to let in somebody who should be kept out.

    Args:
        blocks: whether a block rule that can have this vector does.
        admits: whether a rule that admits and can have this vector does.
        whom: the condition for being somebody of this kind, and `worlds` where it holds.
        stops: whether a block rule that has this vector keeps everybody of this kind out.
        told_by: the fields that tell one of this kind; a rule that reads none stops nobody.
    """

    blocks: Callable[[Vector], bool]
    admits: Callable[[Vector], bool]
    whom: Logical
    worlds: int
    stops: Callable[[Vector], bool]
    told_by: frozenset[str]

    def in_vectors(self, vectors: frozenset[Vector], role: Role) -> bool:
        """Whether a condition that can have these vectors lets somebody in."""
        return any(map(self.blocks if role is Role.BLOCK else self.admits, vectors))


#: The conditions of rules that keep somebody out whom a rule in question lets in.
Guards: TypeAlias = "Callable[[Leak], Sequence[Logical]]"

_UNVERIFIED_CLIENT: Final = Not(operand=test_of(VERIFIED_FIELD))
_VERIFICATION: Final = frozenset({VERIFIED_FIELD, FAILURE}) | ISSUER_FIELDS


def no_guards(_: Leak) -> Sequence[Logical]:
    """There is only the one rule."""
    return ()


def _is_open(vector: Vector) -> bool:
    return not true_in(vector, CLAIMING) and not false_in(vector, CLAIMING)


#: A revoked certificate is let in where no certificate would not be.
REVOKED_LEAK: Final = Leak(
    blocks=lambda vector: true_in(vector, UNVERIFIED) and false_in(vector, REVOKED),
    admits=lambda vector: false_in(vector, UNVERIFIED) and true_in(vector, GOOD | REVOKED),
    whom=test_of(REVOKED_FIELD),
    worlds=REVOKED,
    stops=lambda vector: true_in(vector, REVOKED),
    told_by=frozenset({REVOKED_FIELD}),
)
#: A revoked certificate is let in where no other is.
ADMITTED_LEAK: Final = Leak(
    blocks=lambda _: False,
    admits=lambda vector: false_in(vector, UNVERIFIED | GOOD) and true_in(vector, REVOKED),
    whom=test_of(REVOKED_FIELD),
    worlds=REVOKED,
    stops=lambda vector: true_in(vector, REVOKED),
    told_by=frozenset({REVOKED_FIELD}),
)
#: A certificate is let in whichever of the trusted authorities issued it.
ISSUER_LEAK: Final = Leak(
    blocks=lambda vector: true_in(vector, UNVERIFIED) and false_in(vector, ISSUED),
    admits=lambda vector: false_in(vector, UNVERIFIED) and true_in(vector, ISSUED),
    whom=test_of(VERIFIED_FIELD),
    worlds=ISSUED,
    # Open is what it is when the issuer decides.
    stops=lambda vector: not false_in(vector, ISSUED),
    told_by=IDENTITY,
)
#: What an unverified certificate says decides who is let in.
CLAIM_LEAK: Final = Leak(
    blocks=_is_open,
    admits=_is_open,
    whom=_UNVERIFIED_CLIENT,
    worlds=CLAIMING,
    stops=lambda vector: true_in(vector, CLAIMING),
    told_by=_VERIFICATION,
)
#: A certificate that is not verified is let in where none would not be.
PRESENTED_LEAK: Final = Leak(
    blocks=lambda vector: true_in(vector, ABSENT) and false_in(vector, UNVERIFIED),
    admits=lambda vector: false_in(vector, ABSENT) and true_in(vector, UNVERIFIED),
    whom=_UNVERIFIED_CLIENT,
    worlds=UNVERIFIED,
    stops=lambda vector: true_in(vector, UNVERIFIED),
    told_by=_VERIFICATION,
)


def leaks(leak: Leak, solver: Solver, role: Role, guards: Guards = no_guards) -> bool:
    """Whether a rule lets somebody in whom it should not, and no other rule keeps them out."""
    if not leak.in_vectors(solver.vectors(solver.root), role):
        return False
    if not solver.exact and not leak.told_by.isdisjoint(names(solver.root)):
        # Too much to go through: then only a rule that cannot tell them is sure to do.
        return False
    others = guards(leak)
    if not others:
        return True
    # One rule is quickly seen to keep them out; several together are the rarer case.
    groups: list[tuple[Logical, ...]] = [(other,) for other in others]
    if len(others) > 1:
        groups.append(tuple(others))
    return all(_is_leak_behind(leak, solver, role, group) for group in groups)


def _is_leak_behind(leak: Leak, solver: Solver, role: Role, guards: Sequence[Logical]) -> bool:
    """Whether a rule lets in some whom rules that block do not keep out."""
    kept_out = joined(Logic.AND, (leak.whom, joined(Logic.OR, guards)))
    whole = (
        joined(Logic.OR, (solver.root, kept_out))
        if role is Role.BLOCK
        else joined(Logic.AND, (solver.root, Not(operand=kept_out)))
    )
    guarded = Solver(whole)
    return leak.in_vectors(guarded.vectors(whole), role) and guarded.exact


def only_pinned(solver: Solver, role: Role) -> bool:
    """Whether what PRESENTED_LEAK lets in are certificates that the rule names, and no others."""

    def of_others(node: Logical) -> Logical | None:
        read = fields_of(node)
        fields = {field.name: default_value(field.type) for field in read}
        if isinstance(node, Not | Combination) or PROOFS.isdisjoint(fields):
            return None
        # Another certificate is as little one of those as none is.
        return Constant(value=evaluate_node(node, fields) is True)

    others = simplified(mapped(solver.root, of_others))
    return others != solver.root and not leaks(PRESENTED_LEAK, Solver(others), role)


def presupposes(leaf: Logical, solver: Solver, worlds: int) -> bool:
    """Whether a condition is never true of an unverified client and can be true in some worlds."""
    vectors = solver.vectors(leaf)
    return all(false_in(vector, UNVERIFIED) for vector in vectors) and any(
        true_in(vector, worlds) for vector in vectors
    )


def excludes(leaf: Logical, solver: Solver, worlds: int) -> bool:
    """Whether a condition is true of every unverified client and can be false in some worlds."""
    vectors = solver.vectors(leaf)
    return all(true_in(vector, UNVERIFIED) for vector in vectors) and any(
        false_in(vector, worlds) for vector in vectors
    )


def place_of(solver: Solver, worlds: int) -> Logical:
    """The first condition that tells an unverified client from one in some worlds."""
    telling = [
        leaf
        for leaf in leaves(solver.root)
        if any(
            (true_in(vector, UNVERIFIED) and false_in(vector, worlds))
            or (false_in(vector, UNVERIFIED) and true_in(vector, worlds))
            for vector in solver.vectors(leaf)
        )
    ]
    # Asking for a revoked certificate is not what forgets about it.
    telling.sort(key=lambda leaf: is_test_of(leaf, REVOKED_FIELD))
    return telling[0] if telling else solver.root


def probable_role(solver: Solver) -> Role:
    """The role of a condition of which only the text is known.

    Cloudflare's own rule blocks. A condition that is true of verified clients, whoever they are,
    and of no others makes no sense in a rule that blocks.
    """
    read = names(solver.root)
    if VERIFIED_FIELD not in read or not read.isdisjoint(IDENTITY | CLAIMS | {PRESENTED_FIELD}):
        return Role.BLOCK
    vectors = solver.vectors(solver.root)
    singled_out = any(false_in(one, UNVERIFIED) and true_in(one, GOOD) for one in vectors)
    kept_out = any(true_in(one, UNVERIFIED) and false_in(one, GOOD) for one in vectors)
    return Role.ADMIT if singled_out and not kept_out else Role.BLOCK
