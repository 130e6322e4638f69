# SPDX-License-Identifier: Apache-2.0
"""Finds expressions that are legal and probably not what was meant.

A finding never stops a rule from being used. What is looked for: certificates that a rule lets in
although they are revoked or come from another customer's authority (Cloudflare's own default rule
does both), literals that can never match, and conditions that are always or never true (lint_truth
proves those).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final, cast

from authz.rules.ast import (
    Access,
    Combination,
    Comparison,
    FieldRef,
    ItemSet,
    Literal,
    Logic,
    Not,
    Quantifier,
    Truth,
)
from authz.rules.formatter import format_logical
from authz.rules.lint_truth import explained, hex_fault
from authz.rules.scheme import Field
from authz.rules.types import Bool

if TYPE_CHECKING:
    from collections.abc import Iterator

    from authz.rules.ast import Expression, Logical, Span

_TLS: Final = "cf.tls_client_auth."
VERIFIED: Final = _TLS + "cert_verified"
REVOKED: Final = _TLS + "cert_revoked"
# Any of these ties a rule to one authority or one certificate.
_IDENTITY: Final = frozenset(
    _TLS + name
    for name in (
        "cert_issuer_dn",
        "cert_issuer_dn_rfc2253",
        "cert_issuer_dn_legacy",
        "cert_issuer_serial",
        "cert_issuer_ski",
        "cert_fingerprint_sha256",
        "cert_fingerprint_sha1",
        "cert_ski",
    )
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """Something that is probably not meant.

    Args:
        code: a stable word for what it is, for tests and for switching it off.
        span: where, as offsets into the expression's source.
        suggestion: the whole expression as it was probably meant, or None.
    """

    code: str
    message: str
    span: Span
    suggestion: str | None = None


def lint(expression: Expression, *, authorities: int = 1) -> tuple[Finding, ...]:
    """What is probably not meant in an expression.

    Args:
        authorities: how many certificate authorities the rule's site trusts.
    """
    findings = [*_revoked(expression), *_issuer(expression, authorities)]
    for node in _conditions(expression.root):
        findings.extend(_hex_literals(node, expression.root))
    findings.extend(
        Finding(code=fact.code, message=fact.message, span=fact.node.span)
        for fact in explained(expression.root)
    )
    return tuple(sorted(findings, key=lambda finding: finding.span))


def _revoked(expression: Expression) -> Iterator[Finding]:
    if VERIFIED not in expression.fields or REVOKED in expression.fields:
        return
    place = _verified_test(expression)
    suggestion = None if place is None else format_logical(_with_revoked(expression.root))
    yield Finding(
        code="revoked_not_checked",
        message="a revoked certificate counts as verified: this lets revoked certificates in",
        span=(place or expression.root).span,
        suggestion=suggestion,
    )


def _verified_test(expression: Expression) -> Logical | None:
    """The first place that tests it by itself, and not as an argument of a function."""
    return next((node for node in _conditions(expression.root) if _is_verified(node)), None)


def _is_verified(node: Logical) -> bool:
    return (
        isinstance(node, Truth)
        and isinstance(node.operand.base, FieldRef)
        and node.operand.base.field.name == VERIFIED
    )


def _with_revoked(node: Logical) -> Logical:
    """`verified` becomes `verified and not revoked`; `not verified`, `not verified or revoked`."""
    if isinstance(node, Not) and _is_verified(node.operand):
        return Combination(logic=Logic.OR, operands=(node, _revoked_test()))
    if _is_verified(node):
        return Combination(logic=Logic.AND, operands=(node, Not(operand=_revoked_test())))
    if isinstance(node, Not):
        return replace(node, operand=_with_revoked(node.operand))
    if isinstance(node, Combination):
        operands: list[Logical] = []
        for operand in node.operands:
            changed = _with_revoked(operand)
            # `a and verified` needs no inner parentheses, `a and (not verified or revoked)` does.
            if changed is not operand and isinstance(changed, Combination):
                same = changed.logic is node.logic and not isinstance(operand, Combination)
                operands.extend(changed.operands if same else (changed,))
            else:
                operands.append(changed)
        return replace(node, operands=tuple(operands))
    return node


def _revoked_test() -> Truth:
    field = Field(REVOKED, Bool)
    return Truth(operand=Access(base=FieldRef(field=field), steps=(), type=Bool))


def _issuer(expression: Expression, authorities: int) -> Iterator[Finding]:
    if authorities < 2 or VERIFIED not in expression.fields:
        return
    if expression.fields.isdisjoint(_IDENTITY):
        place = _verified_test(expression) or expression.root
        yield Finding(
            code="issuer_not_checked",
            message=(
                f"{authorities} authorities are trusted here and a certificate of any of them "
                "satisfies this; compare cf.tls_client_auth.cert_issuer_ski or a fingerprint"
            ),
            span=place.span,
        )


def _hex_literals(node: Logical, root: Logical) -> Iterator[Finding]:
    if not isinstance(node, Comparison) or not node.left.hex:
        return
    right = node.right
    if node.operator.value not in ("eq", "ne", "in"):
        return
    texts: tuple[bytes, ...] = ()
    if isinstance(right, Literal) and isinstance(right.value, bytes):
        texts = (right.value,)
    elif isinstance(right, ItemSet):
        texts = cast("tuple[bytes, ...]", right.items)
    name = cast("FieldRef", node.left.base).field.name
    faults = [fault for text in texts if (fault := hex_fault(name, text))]
    if not faults:
        return
    suggestion = None
    if all(fault.fixed is not None for fault in faults):
        fixes = {fault.text: fault.fixed for fault in faults if fault.fixed is not None}
        items = tuple(fixes.get(text, text) for text in texts)
        fixed = (
            replace(right, items=items)
            if isinstance(right, ItemSet)
            else replace(cast("Literal", right), value=items[0])
        )
        suggestion = format_logical(_replaced(root, node, replace(node, right=fixed)))
    yield Finding(
        code="literal_never_equal",
        message=f"{name} is never equal to this: {faults[0].reason}",
        span=right.span,
        suggestion=suggestion,
    )


def _replaced(node: Logical, old: Logical, new: Logical) -> Logical:
    """The tree with one node exchanged."""
    if node is old:
        return new
    if isinstance(node, Not):
        return replace(node, operand=_replaced(node.operand, old, new))
    if isinstance(node, Combination):
        operands = tuple(_replaced(operand, old, new) for operand in node.operands)
        return replace(node, operands=operands)
    if isinstance(node, Quantifier) and not isinstance(node.argument, Access):
        return replace(node, argument=_replaced(node.argument, old, new))
    return node


def _conditions(node: Logical) -> Iterator[Logical]:
    """A condition and the conditions in it, from the left."""
    pending = [node]
    while pending:
        node = pending.pop()
        yield node
        if isinstance(node, Not):
            pending.append(node.operand)
        elif isinstance(node, Combination):
            pending.extend(reversed(node.operands))
        elif isinstance(node, Quantifier) and not isinstance(node.argument, Access):
            pending.append(node.argument)
