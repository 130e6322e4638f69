# SPDX-License-Identifier: Apache-2.0
"""The page of what lint finds: the catalogues, and what the lint says of their examples."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from authz.policy.fields import SCHEME
from authz.policy.lint import lint_rules
from authz.policy.lint_catalogue import POLICY_KINDS
from authz.policy.model import Action, RuleModel, SkipParameters
from authz.rules import KnownAuthority, Role, lint, parse
from authz.rules.lint_catalogue import KINDS

if TYPE_CHECKING:
    from authz.policy.lint_catalogue import PolicyKind
    from authz.rules.lint_catalogue import Kind

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
            parse(kind.example, SCHEME), role=Role.BLOCK, authorities=_authorities(kind.code)
        )
        if one.code == kind.code
    )
    lines = [kind.example, f"  {found.message}"]
    if found.hint:
        lines.append(f"  {found.hint}")
    if found.suggestion:
        lines.append(f"→ {found.suggestion}")
    return _section(kind.code, kind.doc, lines)


def _authorities(code: str) -> tuple[KnownAuthority, ...]:
    return _AUTHORITIES if code == "issuer_not_checked" else ()


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
    parsed = [(model, parse(model.expression, SCHEME)) for model in models]
    found = next(one for one in lint_rules(parsed, ()) if one.code == kind.code)
    lines = [
        f"{model.ref}: {' '.join(filter(None, (action, parameters)))}: {expression}"
        for model, (action, expression, parameters) in zip(models, kind.rules, strict=True)
    ]
    lines += [f"  {found.rule}: {found.message}", f"  {found.hint}"]
    return _section(kind.code, kind.doc, lines)


def _section(code: str, doc: str, lines: list[str]) -> str:
    example = "\n```text\n" + "\n".join(lines) + "\n```\n" if lines else ""
    return f"## `{code}`\n\n{doc}\n{example}"
