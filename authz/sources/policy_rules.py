# SPDX-License-Identifier: Apache-2.0
"""From `rules` in policy.yaml to RuleModel: names, and which action takes which parameters.

Expressions stay text: policy.snapshot parses them. Semantics of the actions: architecture 4.8.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from authz.policy.decision import BlockResponse
from authz.policy.model import Action, RuleModel, SkipParameters
from authz.settings.problems import did_you_mean
from authz.sources.policy_document import CURRENT

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from authz.sources.building import Place, Problems
    from authz.sources.policy_document import ActionParametersDocument, RuleDocument

#: Parameters of skip that name things this service does not have.
_WITHOUT_EFFECT = ("phases", "products", "rulesets")
_SKIPPING = ("ruleset", "phase", "rules", *_WITHOUT_EFFECT)


def build_rules(
    documents: Sequence[RuleDocument], site: str, building: Problems, place: Place
) -> tuple[RuleModel, ...]:
    """Every rule of a site, in order; problems are reported to `building`."""
    refs = [document.ref or default_ref(site, index) for index, document in enumerate(documents)]
    seen: dict[str, int] = {}
    rules: list[RuleModel] = []
    for index, (document, ref) in enumerate(zip(documents, refs, strict=True)):
        here = (*place, index)
        if ref in seen:
            building.report(
                (*here, "ref") if document.ref else here,
                f'a second rule "{ref}"',
                f"rules[{seen[ref]}] has the name already; a ref is unique in its site",
            )
        seen.setdefault(ref, index)
        for key in (document.action_parameters and document.action_parameters.rules) or ():
            if key != CURRENT:
                building.report(
                    (*here, "action_parameters", "rules", key),
                    f'"{key}" is no ruleset that a rule of a file can skip rules of',
                    f'a site has one ruleset: write "{CURRENT}"',
                )
        rules.append(build_rule(document, ref, refs, building, here))
    return tuple(rules)


def default_ref(site: str, index: int) -> str:
    """The name of a rule that was given none: its site and its place, from 1."""
    return f"{site}-rule-{index + 1}"


def build_rule(
    document: RuleDocument, ref: str, refs: Collection[str] | None, building: Problems, place: Place
) -> RuleModel:
    """One rule; problems are reported to `building`.

    Args:
        refs: the names of all rules of its site, None when they are not known.
    """
    action = Action(document.action)
    parameters = document.action_parameters
    given = parameters.model_fields_set if parameters is not None else set()
    response: BlockResponse | None = None
    skip: SkipParameters | None = None
    for key in sorted(given):
        fitting = action is Action.BLOCK if key == "response" else action is Action.SKIP
        if not fitting:
            owner = "block" if key == "response" else "skip"
            building.report(
                (*place, "action_parameters", key),
                f'"{key}" is a parameter of {owner}, not of {action.value}',
                "remove it or change the action",
            )
    if action is Action.SKIP:
        skip = _skip(parameters, refs, building, place)
    elif action is Action.BLOCK and parameters is not None and parameters.response is not None:
        response = BlockResponse(
            status_code=parameters.response.status_code,
            content_type=parameters.response.content_type,
            content=parameters.response.content,
        )
    return RuleModel(
        ref=ref,
        expression=document.expression,
        action=action,
        description=document.description,
        enabled=document.enabled,
        response=response,
        skip=skip,
        where=building.where(place),
        expression_where=building.where((*place, "expression")),
    )


def _skip(
    parameters: ActionParametersDocument | None,
    refs: Collection[str] | None,
    building: Problems,
    place: Place,
) -> SkipParameters | None:
    # A bare skip could mean "leave out everything" or "nothing": Cloudflare refuses it, too. Rules
    # without a name are as bare.
    named = parameters is not None and any((parameters.rules or {}).values())
    if parameters is None or not (
        named or any(getattr(parameters, key) for key in _SKIPPING if key != "rules")
    ):
        building.report(
            (*place, "action_parameters"),
            "the skip rule does not say what to skip",
            "add action_parameters: {ruleset: current}, or {rules: {current: [ref]}}",
        )
        return None
    here = (*place, "action_parameters")
    # Cloudflare: `rulesets` cannot stand beside `ruleset` or `phases`; `phase` is as wide as
    # `ruleset` here.
    if parameters.rulesets and (parameters.ruleset or parameters.phase or parameters.phases):
        building.report(
            (*here, "rulesets"),
            '"rulesets" excludes "ruleset", "phase" and "phases"',
            "keep one of them",
        )
    skipped: list[str] = []
    for ruleset, names in (parameters.rules or {}).items():
        for index, name in enumerate(names):
            if refs is not None and name not in refs:
                building.report(
                    (*here, "rules", ruleset, index),
                    f'"{name}" is no rule of this site',
                    did_you_mean(name, refs),
                )
            skipped.append(name)
    return SkipParameters(
        current=parameters.ruleset is not None or parameters.phase is not None,
        rules=tuple(skipped),
        without_effect=tuple(key for key in _WITHOUT_EFFECT if getattr(parameters, key)),
    )
