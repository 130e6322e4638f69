# SPDX-License-Identifier: Apache-2.0
"""From a rule as the store and the API have it to RuleModel: JSON in Cloudflare's shape.

Its keys and what can be wrong with them are those of a policy file (policy_document,
policy_rules); besides, a stored rule has what the API gives it: `id`, `version`, `last_updated`,
`categories`. `skip` names rules by `id`, as Cloudflare does, or by `ref`. Expressions stay text.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from pydantic import ValidationError

from authz.errors import PolicyError
from authz.settings.problems import MAX_PROBLEMS, problems_of
from authz.settings.yaml_document import format_path
from authz.sources.policy_document import REFUSED_KEYS, RuleDocument
from authz.sources.policy_rules import build_rule

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from authz.policy.model import RuleModel

#: What a rule has from the API and not from whoever wrote it.
GIVEN_KEYS: Final = ("id", "version", "last_updated", "categories")


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleProblem:
    """One thing wrong with rules: `place` begins with the rule's index."""

    place: tuple[str | int, ...]
    message: str
    hint: str | None = None


class _JsonProblems:
    """What is wrong with the value that stands at `base`."""

    def __init__(self, base: str) -> None:
        self._base = base
        self.errors: list[PolicyError] = []
        self.found: list[RuleProblem] = []

    def where(self, place: Sequence[str | int]) -> str:
        """`rules[1].action`, behind whatever the caller calls the rules."""
        path = format_path(place)
        return f"{self._base}{path if not path or path[0] == '[' else f'.{path}'}"

    def report(self, place: Sequence[str | int], message: str, hint: str | None = None) -> None:
        """Note a problem; `check` raises it later."""
        self.errors.append(PolicyError(message, where=self.where(place), hint=hint))
        self.found.append(RuleProblem(place=tuple(place), message=message, hint=hint))

    def check(self) -> None:
        """Raise the first problem, the others in `others`."""
        if self.errors:
            first, *others = self.errors[:MAX_PROBLEMS]
            first.others = tuple(others)
            raise first


def rule_models(rules: Sequence[Mapping[str, Any]], where: str) -> tuple[RuleModel, ...]:
    """All rules of a ruleset, in order; refs are unique, and what is skipped is there.

    Args:
        where: what the rules are called in errors; `[0]` and so on follow.

    Raises:
        PolicyError: the first problem, the others in `others`; `where` is `WHERE[1].action`.
    """
    problems = _JsonProblems(where)
    models = _models(rules, problems, REFUSED_KEYS)
    problems.check()
    return tuple(models)


def rule_problems(
    rules: Sequence[Mapping[str, Any]], refused: Mapping[str, str] = REFUSED_KEYS
) -> list[RuleProblem]:
    """Everything that `rule_models` refuses these rules for.

    Args:
        refused: keys that are known elsewhere and the hint for whoever writes them here.
    """
    problems = _JsonProblems("")
    _models(rules, problems, refused)
    return problems.found


def rule_model(rule: Mapping[str, Any], where: str) -> RuleModel:
    """One rule alone: whether what it skips is there is not looked at.

    Raises:
        PolicyError: the first problem, the others in `others`; `where` is `WHERE.action`.
    """
    problems = _JsonProblems(where)
    model = _model(rule, ref_of(rule), {}, None, problems, (), REFUSED_KEYS)
    problems.check()
    assert model is not None, "a rule that is no model has a problem"
    return model


def ref_of(rule: Mapping[str, Any]) -> str:
    """The name of a rule: its ref, else its id (Cloudflare), "" without both."""
    return str(rule.get("ref") or rule.get("id") or "")


def _models(
    rules: Sequence[Mapping[str, Any]], problems: _JsonProblems, refused: Mapping[str, str]
) -> list[RuleModel]:
    known = {str(rule["id"]): ref_of(rule) for rule in rules if "id" in rule}
    # By ref, the place where it was first: there may be thousands of rules.
    first: dict[str, int] = {}
    names = [ref_of(rule) for rule in rules]
    for index, name in enumerate(names):
        first.setdefault(name, index)
    models: list[RuleModel] = []
    for index, (rule, name) in enumerate(zip(rules, names, strict=True)):
        if name and first[name] != index:
            problems.report(
                (index, "ref"),
                f'a second rule "{name}"',
                f"rule {first[name] + 1} has the name already; a ref is unique",
            )
        model = _model(rule, name, known, first.keys(), problems, (index,), refused)
        if model is not None:
            models.append(model)
    return models


def _model(
    rule: Mapping[str, Any],
    ref: str,
    known: Mapping[str, str],
    refs: Collection[str] | None,
    problems: _JsonProblems,
    place: tuple[str | int, ...],
    refused: Mapping[str, str],
) -> RuleModel | None:
    before = len(problems.errors)
    written = {key: value for key, value in rule.items() if key not in GIVEN_KEYS}
    # Cloudflare: only skip rules have it, and it says whether what they skip is logged.
    if "logging" in written and rule.get("action") == "skip":
        del written["logging"]
    try:
        document = RuleDocument.model_validate(_with_refs(written, known))
    except ValidationError as error:
        for problem in problems_of(error, RuleDocument, refused):
            problems.report((*place, *problem.path), problem.message, problem.hint)
        return None
    if not ref:
        problems.report((*place, "ref"), "the rule has no name", "give it a ref")
    model = build_rule(document, ref, refs, problems, place)
    return model if len(problems.errors) == before else None


def _with_refs(rule: dict[str, Any], known: Mapping[str, str]) -> dict[str, Any]:
    """The rule with `ref` instead of `id` wherever it names other rules."""
    parameters = rule.get("action_parameters")
    skipped = parameters.get("rules") if isinstance(parameters, dict) else None
    if not isinstance(parameters, dict) or not isinstance(skipped, dict):
        return rule
    renamed = {
        ruleset: [known.get(name, name) if isinstance(name, str) else name for name in names]
        if isinstance(names, list)
        else names
        for ruleset, names in skipped.items()
    }
    return {**rule, "action_parameters": {**parameters, "rules": renamed}}
