# SPDX-License-Identifier: Apache-2.0
"""Finds rules that are legal and probably not what was meant.

A finding never stops a policy from being used. What one expression says is authz.rules.lint; here
it is told what its rule does, whom the site trusts, and which other rules keep out whom it lets in
(lint_guards). What is never true at the sites of a rule is lint_site's, what is never found in a
list lint_lists'; rules that nothing reaches, and rules that are there twice, are lint_reach's. The
codes are explained in lint_catalogue.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from authz.policy.lint_guards import Guards
from authz.policy.lint_lists import list_findings
from authz.policy.lint_reach import unreached
from authz.policy.lint_rule import LintRule, PolicyFinding
from authz.policy.lint_site import REVOKED_CODES, is_settled, site_findings
from authz.policy.model import DefaultAction
from authz.rules import KnownAuthority, Role
from authz.rules.lint import lint_solved

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from authz.certs.trust import TrustBundle
    from authz.policy.lint_here import Places
    from authz.policy.model import RuleModel
    from authz.rules import Expression

__all__ = ["PolicyFinding", "authorities_of", "lint_rules"]


def authorities_of(trust: TrustBundle) -> tuple[KnownAuthority, ...]:
    """The authorities of a site, as expressions can name them."""
    return tuple(
        KnownAuthority(
            name=authority.name,
            skis=tuple(
                dict.fromkeys(
                    certificate.ski
                    for certificate in (*authority.anchors, *authority.intermediates)
                    if certificate.ski
                )
            ),
        )
        for authority in trust.authorities
    )


def lint_rules(
    rules: Sequence[tuple[RuleModel, Expression]],
    authorities: Sequence[KnownAuthority],
    default_action: DefaultAction = DefaultAction.ALLOW,
    places: Places | None = None,
) -> Iterator[PolicyFinding]:
    """What the enabled rules of a site, in order, say each and together.

    Args:
        authorities: whom the site trusts.
        default_action: what happens behind the last rule.
        places: which sites have a rule and what is in its lists, if that is known.
    """
    known = [LintRule.of(model, expression) for model, expression in rules]
    guards = Guards(known, default_action)
    for position, rule in enumerate(known):
        here = None if places is None else places.of(rule.model)
        # Whom a rule lets in is no question where it lets in all or none.
        role = Role.LOG if here is not None and is_settled(rule, here) else rule.role
        for found in lint_solved(
            rule.solver, role=role, authorities=authorities, guards=guards.of(position)
        ):
            if here is None or here.issuers or found.code not in REVOKED_CODES:
                yield rule.finding_of(found)
        if places is not None and here is not None:
            yield from site_findings(rule, here)
            yield from list_findings(rule, places.items)
        skip = rule.model.skip
        if skip is not None and skip.without_effect:
            # Architecture 4.8: products and other phases mean something at Cloudflare only.
            yield rule.finding(
                "skip_without_effect",
                f"{', '.join(skip.without_effect)}: no effect here",
                "use ruleset: current, phase: current or rules",
            )
    yield from unreached(known)
