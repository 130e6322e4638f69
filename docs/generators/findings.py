# SPDX-License-Identifier: Apache-2.0
"""The page of what lint finds: the catalogues, and what the lint says of their examples."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from authz.policy.fields import SCHEME
from authz.policy.lint import lint_rules
from authz.policy.lint_catalogue import POLICY_KINDS
from authz.policy.lint_here import Here, KnownIssuer
from authz.policy.lint_lists import ListItems, list_findings
from authz.policy.lint_rule import LintRule
from authz.policy.lint_site import site_findings
from authz.policy.model import Action, RuleModel, SkipParameters
from authz.rules import KnownAuthority, ListKind, ListModel, Role, compile_list, lint, parse
from authz.rules.lint_catalogue import KINDS
from authz.rules.lint_worlds import ISSUER_FIELDS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from authz.policy.lint import PolicyFinding
    from authz.policy.lint_catalogue import PolicyKind
    from authz.rules import Expression
    from authz.rules.lint_catalogue import Kind

# A site, for findings that take one.
_SITE: Final = Here(
    sites=("api",),
    hosts=("api.example.com",),
    site_of=lambda host: "api" if host == "api.example.com" else None,
    named=frozenset({b"api.example.com"}),
    issuers=(
        KnownIssuer(
            authority="acme",
            values={name: b"8204924C" if name.endswith("_ski") else b"" for name in ISSUER_FIELDS},
        ),
    ),
)
_PINS: Final = ListModel(name="pins", kind=ListKind.STRING, items=("0A1B2C", "0A:1B:2C"))
# Two authorities of a site, for the finding that takes several.
_AUTHORITIES: Final = (
    KnownAuthority(name="acme", skis=("8204924C",)),
    KnownAuthority(name="partner", skis=("0F16D3B7",)),
)
_SKIPS: Final = {
    "": None,
    "{ruleset: current}": SkipParameters(current=True),
    "{products: [waf]}": SkipParameters(without_effect=("products",)),
}


def findings_page() -> str:
    """docs/reference/findings.md."""
    return (
        """\
# What lint finds

`authz policy validate`, `authz serve` and `authz doctor` warn about policies that can be used and
are probably not meant, `authz expression check` about expressions.
A finding never stops a policy from being used.
The code is in the JSON output and the log.
Where there is one, the corrected expression is in the hint and can be used as it is.
One about certificates lets in nobody without a good certificate whom the rule kept out.

That a condition is always or never true holds for every request, or it is not said.
An expression that would take too long to look through is looked through in parts;
then less is found, and nothing that is wrong.

"""
        f"The first {len(KINDS)} are about one expression, the others about a policy.\n\n"
        + "\n".join([*map(_kind, KINDS), *map(_policy_kind, POLICY_KINDS)])
    )


def _kind(kind: Kind) -> str:
    found = next(
        one
        for one in lint(
            parse(kind.example, SCHEME), role=kind.role, authorities=_authorities(kind.code)
        )
        if one.code == kind.code
    )
    skips = "skip: " if kind.role is Role.ADMIT else ""
    lines = [skips + kind.example, f"  {found.message}"]
    if found.hint:
        lines.append(f"  {found.hint}")
    if found.suggestion:
        lines.append(f"→ {found.suggestion}")
    return _section(kind.code, kind.doc, lines)


def _authorities(code: str) -> tuple[KnownAuthority, ...]:
    return _AUTHORITIES if code in ("issuer_not_checked", "pin_not_verified") else ()


def _policy_kind(kind: PolicyKind) -> str:
    if not kind.rules:
        return _section(kind.code, kind.doc, [])
    models = [
        RuleModel(
            ref=f"rule-{number}",
            expression=expression,
            action=Action(action),
            skip=_SKIPS[parameters],
        )
        for number, (action, expression, parameters) in enumerate(kind.rules, 1)
    ]
    lists = {_PINS.name: compile_list(_PINS)}
    parsed = [(model, parse(model.expression, SCHEME, lists)) for model in models]
    found = next(one for one in _found(parsed) if one.code == kind.code)
    lines = [
        f"{model.ref}: {' '.join(filter(None, (action, parameters)))}: {expression}"
        for model, (action, expression, parameters) in zip(models, kind.rules, strict=True)
    ]
    lines += [f"  {found.rule}: {found.message}", f"  {found.hint}"]
    return _section(kind.code, kind.doc, lines)


def _found(parsed: list[tuple[RuleModel, Expression]]) -> Iterator[PolicyFinding]:
    yield from lint_rules(parsed, ())
    for model, expression in parsed:
        rule = LintRule.of(model, expression)
        yield from site_findings(rule, _SITE)
        yield from list_findings(rule, ListItems((_PINS,), (expression,)))


def _section(code: str, doc: str, lines: list[str]) -> str:
    example = "\n```text\n" + "\n".join(lines) + "\n```\n" if lines else ""
    return f"## `{code}`\n\n{doc}\n{example}"
