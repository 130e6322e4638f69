# SPDX-License-Identifier: Apache-2.0
"""One enabled rule as the lint sees it, and what a finding about it is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from authz.policy.model import Action
from authz.policy.unknown import UNSURE_FIELDS
from authz.rules import Role
from authz.rules.lint_solver import Solver

if TYPE_CHECKING:
    from authz.policy.model import RuleModel
    from authz.rules import Expression, Finding
    from authz.rules.ast import Logical, Span


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyFinding:
    """Something in a policy that can be used and is probably not meant.

    `code` is a stable word for what it is, `rule` the ref of the rule it is about or `""`.
    `suggestion` is the rule's expression as it was probably meant; `hint` has it as well. `span` is
    the place in the rule's expression, for findings that have one.
    """

    where: str
    code: str
    message: str
    rule: str = ""
    hint: str | None = None
    suggestion: str | None = None
    span: Span | None = None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class LintRule:
    """A rule, its parsed expression, and what is known of that."""

    model: RuleModel
    expression: Expression
    solver: Solver

    @classmethod
    def of(cls, model: RuleModel, expression: Expression) -> LintRule:
        """A rule to look into."""
        return cls(model=model, expression=expression, solver=Solver(expression.root))

    @property
    def root(self) -> Logical:
        """The rule's condition."""
        return self.expression.root

    @property
    def role(self) -> Role:
        """What it means for a client that the condition is true."""
        if self.model.action is Action.BLOCK:
            return Role.BLOCK
        skip = self.model.skip
        return Role.ADMIT if skip is not None and (skip.current or skip.rules) else Role.LOG

    @property
    def ends(self) -> bool:
        """Whether evaluation ends where the condition is true."""
        return self.role is Role.BLOCK or self.skips_rest

    @property
    def skips_rest(self) -> bool:
        """Whether it lets in whoever the condition is true of."""
        return self.model.skip is not None and self.model.skip.current

    @property
    def always_evaluated(self) -> bool:
        """Whether the condition decides, also of a request that was cut short.

        Architecture 4.9: then a rule that skips does not match, whatever its condition.
        """
        return not self.skips_rest or self.expression.fields.isdisjoint(UNSURE_FIELDS)

    def finding(self, code: str, message: str, hint: str) -> PolicyFinding:
        """A finding about this rule as a whole."""
        return PolicyFinding(
            where=self.model.where, rule=self.model.ref, code=code, message=message, hint=hint
        )

    def finding_of(self, found: Finding) -> PolicyFinding:
        """A finding about this rule's expression."""
        return PolicyFinding(
            where=self.model.where,
            rule=self.model.ref,
            code=found.code,
            message=found.message,
            hint=found.advice,
            suggestion=found.suggestion,
            span=found.span,
        )


def left_out_by_name(rules: list[LintRule]) -> frozenset[str]:
    """The refs that some rule may leave out, so that they do not keep anybody out for certain."""
    return frozenset(
        ref for rule in rules if rule.model.skip is not None for ref in rule.model.skip.rules
    )
