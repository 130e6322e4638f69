# SPDX-License-Identifier: Apache-2.0
"""Finds rules that are legal and probably not what was meant, where it takes the whole ruleset.

A finding never stops a policy from being used. What one expression says by itself is
authz.rules.lint; here are rules that nothing reaches, rules that are there twice, and rules that
believe a certificate nobody verified.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from authz.policy.model import Action
from authz.rules import Bool, Field, format_expression, lint
from authz.rules.ast import (
    Access,
    Combination,
    Comparison,
    FieldRef,
    Logic,
    Not,
    Operator,
    Quantifier,
    Truth,
)
from authz.rules.formatter import format_logical
from authz.rules.lint import REVOKED, VERIFIED
from authz.rules.lint_truth import known_truth

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from authz.policy.model import RuleModel
    from authz.rules import Expression
    from authz.rules.ast import Argument, Logical

_TLS: Final = "cf.tls_client_auth."

#: The leaf's own facts: there for whatever was presented, by whomever signed (architecture 4.4).
# SHA-1 is among them: two certificates of one fingerprint can be made.
CLAIMS: Final = frozenset(
    {
        *(
            _TLS + name
            for name in (
                "cert_subject_dn",
                "cert_subject_dn_rfc2253",
                "cert_subject_dn_legacy",
                "cert_serial",
                "cert_fingerprint_sha1",
                "cert_not_before",
                "cert_not_after",
                "cert_ski",
                "cert_rfc9440",
                "cert_chain_rfc9440",
            )
        ),
        "authz.cert.san.dns",
        "authz.cert.san.uri",
        "authz.cert.san.email",
        "authz.cert.san.ip",
    }
)

# A test of one of these, true or false, depends on a verified path: issuers come from it.
_VERIFIED: Final = frozenset(
    {
        VERIFIED,
        REVOKED,
        "authz.cert.failure",
        *(
            _TLS + name
            for name in (
                "cert_issuer_dn",
                "cert_issuer_dn_rfc2253",
                "cert_issuer_dn_legacy",
                "cert_issuer_serial",
                "cert_issuer_ski",
            )
        ),
        # Nobody else can show a certificate of this fingerprint or key.
        _TLS + "cert_fingerprint_sha256",
        "authz.cert.spki_sha256",
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyFinding:
    """Something in a policy that can be used and is probably not meant.

    `code` is a stable word for what it is, `rule` the ref of the rule it is about or `""`.
    """

    where: str
    code: str
    message: str
    rule: str = ""
    hint: str | None = None


def lint_rule(rule: RuleModel, expression: Expression, authorities: int) -> Iterator[PolicyFinding]:
    """What one enabled rule says by itself.

    Args:
        authorities: how many certificate authorities the rule's site trusts.
    """
    for found in lint(expression, authorities=authorities):
        yield _finding(
            rule, found.code, found.message, found.suggestion and f"write: {found.suggestion}"
        )
    if rule.skip is not None and rule.skip.without_effect:
        # Architecture 4.8: products and other phases mean something at Cloudflare only.
        yield _finding(
            rule,
            "skip_without_effect",
            f"{', '.join(rule.skip.without_effect)}: no effect here",
            "use ruleset: current, phase: current or rules",
        )


def lint_ruleset(rules: Sequence[tuple[RuleModel, Expression]]) -> Iterator[PolicyFinding]:
    """What the enabled rules of a site, in order, say together."""
    yield from _unreached(rules)
    yield from _unverified_claims(rules)


def _unreached(rules: Sequence[tuple[RuleModel, Expression]]) -> Iterator[PolicyFinding]:
    """Rules behind one that always ends evaluation, and rules that are there twice."""
    # Leaving a rule out is what can still make the ones behind it run.
    optional = {ref for rule, _ in rules if rule.skip is not None for ref in rule.skip.rules}
    end: RuleModel | None = None
    seen: dict[str, RuleModel] = {}
    for rule, expression in rules:
        if end is not None:
            yield _behind(rule, end)
            continue
        text = format_expression(expression)
        earlier = seen.get(text)
        if earlier is not None and (_ends(earlier) or _same_effect(earlier, rule)):
            yield _again(rule, earlier)
        if rule.ref in optional:
            continue
        if earlier is None or not _ends(earlier):
            seen[text] = rule
        if _ends(rule) and known_truth(expression.root) is True:
            end = rule


def _behind(rule: RuleModel, end: RuleModel) -> PolicyFinding:
    if rule.action is Action.BLOCK and end.action is Action.SKIP:
        return _finding(
            rule,
            "never_blocks",
            f'this blocks nothing: rule "{end.ref}" before it always matches and skips the rest',
            f'give "{end.ref}" a condition, or move it behind this rule',
        )
    return _finding(
        rule,
        "unreachable",
        f'this is never reached: rule "{end.ref}" before it always matches and ends evaluation',
        f'give "{end.ref}" a condition, or remove this rule',
    )


def _again(rule: RuleModel, earlier: RuleModel) -> PolicyFinding:
    if _same_effect(earlier, rule):
        return _finding(
            rule, "same_rule_twice", f'rule "{earlier.ref}" says the same', "remove one of them"
        )
    return _finding(
        rule,
        "unreachable",
        f'this is never reached: rule "{earlier.ref}" has the same condition and ends evaluation',
        "remove one of them, or change the condition of one",
    )


def _ends(rule: RuleModel) -> bool:
    return rule.action is Action.BLOCK or (rule.skip is not None and rule.skip.current)


def _same_effect(one: RuleModel, other: RuleModel) -> bool:
    return one.action is other.action and one.skip == other.skip


# Certificates that nobody verified.


def _unverified_claims(
    rules: Sequence[tuple[RuleModel, Expression]],
) -> Iterator[PolicyFinding]:
    for rule, expression in rules:
        claims = sorted(expression.fields & CLAIMS)
        if claims and rule.action is not Action.LOG and not expression.fields & _VERIFIED:
            admits = rule.action is Action.SKIP
            root = _believing(expression.root, positive=admits)
            yield _finding(
                rule,
                "unverified_claim",
                f"{claims[0]} is what the certificate says, and an unverified certificate can "
                "claim any name",
                None if root == expression.root else f"write: {format_logical(root)}",
            )
        if rule.action is Action.BLOCK and _matches_every_unverified(expression.root):
            # Nobody unverified gets to the rules behind this one.
            return


def _believing(node: Logical, *, positive: bool) -> Logical:
    """The condition with every claim that lets somebody in tied to a verified certificate.

    `positive`: a claim that is true lets in, because no `not` turns it around.
    """
    if isinstance(node, Not):
        return replace(node, operand=_believing(node.operand, positive=not positive))
    if isinstance(node, Combination) and node.logic is not Logic.XOR:
        operands = tuple(_believing(operand, positive=positive) for operand in node.operands)
        return replace(node, operands=operands)
    if not isinstance(node, Comparison | Truth | Quantifier) or CLAIMS.isdisjoint(_names(node)):
        return node
    if isinstance(node, Comparison) and node.operator is Operator.NE:
        equal = replace(node, operator=Operator.EQ)
        return node if positive else Not(operand=_verified_and(equal))
    return _verified_and(node) if positive else node


def _names(part: Argument) -> Iterator[str]:
    """The fields that a part of an expression reads."""
    if isinstance(part, Comparison):
        yield from _names(part.left)
    elif isinstance(part, Truth | Not):
        yield from _names(part.operand)
    elif isinstance(part, Quantifier):
        yield from _names(part.argument)
    elif isinstance(part, Combination):
        for operand in part.operands:
            yield from _names(operand)
    elif isinstance(part, Access):
        if isinstance(part.base, FieldRef):
            yield part.base.field.name
        else:
            for argument in part.base.arguments:
                yield from _names(argument)


def _verified_and(node: Logical) -> Combination:
    """`verified and not revoked and …`."""
    return Combination(
        logic=Logic.AND, operands=(_fact(VERIFIED), Not(operand=_fact(REVOKED)), node)
    )


def _fact(name: str) -> Truth:
    return Truth(operand=Access(base=FieldRef(field=Field(name, Bool)), steps=(), type=Bool))


def _matches_every_unverified(node: Logical) -> bool:
    if isinstance(node, Combination) and node.logic is Logic.OR:
        return any(_matches_every_unverified(operand) for operand in node.operands)
    return isinstance(node, Not) and node.operand == _fact(VERIFIED)


def _finding(rule: RuleModel, code: str, message: str, hint: str | None) -> PolicyFinding:
    return PolicyFinding(where=rule.where, rule=rule.ref, code=code, message=message, hint=hint)
