# SPDX-License-Identifier: Apache-2.0
"""Rules as the store keeps them: JSON objects in Cloudflare's shape.

    {"id": …, "ref": …, "version": "1", "expression": …, "action": "block",
     "action_parameters": {…}, "description": "", "enabled": true, "last_updated": "2026-…Z"}

`ref` is what people name a rule by, its `id` when they did not; a rule keeps its id while its ref
stays, its ref while its id is named without another one, and its version while nothing in it
changes. `skip` names rules by id, below the id of the ruleset they share (`current` when it is
written): rules of another ruleset cannot be skipped. What else can be wrong with a rule is in
sources.rule_json.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from authz.errors import RulesetError
from authz.services.context import new_id
from authz.services.times import rfc3339
from authz.sources.policy_document import CURRENT
from authz.sources.rule_json import GIVEN_KEYS, ref_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

Rule = dict[str, Any]

#: In this order, so that the same rule is the same text.
_KEYS: Final = (
    "ref",
    "expression",
    "action",
    "action_parameters",
    "description",
    "enabled",
    "logging",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleChanges:
    """What a replacement of rules did, by ref."""

    added: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    moved: bool = False

    def __bool__(self) -> bool:
        return bool(self.added or self.changed or self.removed or self.moved)


def new_rules(
    given: Sequence[Mapping[str, Any]],
    before: Sequence[Mapping[str, Any]],
    *,
    ruleset_id: str,
    at: float,
) -> tuple[Rule, ...]:
    """Rules as somebody wrote them, made into rules to keep.

    Args:
        given: without or with `id`; what else the API gives (GIVEN_KEYS) is not taken over.
        before: the rules that are there: one of the same id, or else the same ref, is the same.
    """
    by_id = {str(rule["id"]): rule for rule in before}
    by_ref = {ref_of(rule): rule for rule in before}
    used: set[str] = set()
    named: list[tuple[Mapping[str, Any], Mapping[str, Any] | None, str]] = []
    for rule in given:
        earlier = by_id.get(str(rule.get("id") or "")) or by_ref.get(str(rule.get("ref") or ""))
        if earlier is not None and str(earlier["id"]) in used:
            earlier = None
        rule_id = new_id() if earlier is None else str(earlier["id"])
        used.add(rule_id)
        named.append((rule, earlier, rule_id))
    refs = [rule.get("ref") or ref_of(earlier or {}) or rule_id for rule, earlier, rule_id in named]
    ids = {str(ref): rule_id for ref, (_, _, rule_id) in zip(refs, named, strict=True)}
    return tuple(
        _kept(_written(rule, ref, ids, ruleset_id), earlier, rule_id, at)
        for ref, (rule, earlier, rule_id) in zip(refs, named, strict=True)
    )


def changes_between(
    before: Sequence[Mapping[str, Any]], after: Sequence[Mapping[str, Any]]
) -> RuleChanges:
    """What is different between two versions of a ruleset's rules."""
    old = {str(rule["id"]): rule for rule in before}
    new = {str(rule["id"]): rule for rule in after}
    stayed = [rule_id for rule_id in old if rule_id in new]
    return RuleChanges(
        added=tuple(ref_of(rule) for rule_id, rule in new.items() if rule_id not in old),
        changed=tuple(
            ref_of(rule) for rule_id, rule in new.items() if rule_id in old and rule != old[rule_id]
        ),
        removed=tuple(ref_of(rule) for rule_id, rule in old.items() if rule_id not in new),
        moved=stayed != [rule_id for rule_id in new if rule_id in old],
    )


def foreign_skips(
    rules: Sequence[Mapping[str, Any]], ruleset_id: str
) -> Iterator[tuple[int, RulesetError]]:
    """Rules of `new_rules` that name another ruleset's rules to skip: index, and what is wrong.

    Cloudflare has rulesets that run behind each other; here a scope has one, and a name below
    another ruleset's id would otherwise leave out a rule that nobody meant.
    """
    for index, rule in enumerate(rules):
        parameters = rule.get("action_parameters")
        skipped = parameters.get("rules") if isinstance(parameters, dict) else None
        for key, names in skipped.items() if isinstance(skipped, dict) else ():
            if key not in (CURRENT, ruleset_id) and isinstance(names, list):
                yield (
                    index,
                    RulesetError(
                        f"'{key}' is not a valid value for rules because a rule can skip rules of "
                        "its own ruleset only",
                        path=("action_parameters", "rules", key),
                        hint=f'write "{CURRENT}", or the ID of the ruleset it stands in',
                    ),
                )


def _written(rule: Mapping[str, Any], ref: Any, ids: Mapping[str, str], ruleset_id: str) -> Rule:
    """What people write of a rule, with what they may leave out."""
    written = {key: value for key, value in rule.items() if key not in GIVEN_KEYS}
    written["ref"] = ref
    if written.get("description") is None:
        written["description"] = ""
    if written.get("enabled") is None:
        written["enabled"] = True
    if not written.get("action_parameters"):
        written.pop("action_parameters", None)
    else:
        written["action_parameters"] = _with_ids(written["action_parameters"], ids, ruleset_id)
    return {key: written[key] for key in sorted(written, key=_place)}


def _place(key: str) -> tuple[int, str]:
    return (_KEYS.index(key), "") if key in _KEYS else (len(_KEYS), key)


def _with_ids(parameters: Any, ids: Mapping[str, str], ruleset_id: str) -> Any:
    """Parameters that name rules of this ruleset by id; other rulesets stay as they are, for
    `foreign_skips` to find: their rules may be called as ours are.
    """
    skipped = parameters.get("rules") if isinstance(parameters, dict) else None
    if not isinstance(skipped, dict) or not all(isinstance(one, list) for one in skipped.values()):
        return parameters
    own = [key for key in skipped if key in (CURRENT, ruleset_id)]
    if not own:
        return parameters
    names = [ids.get(str(name), name) for key in own for name in skipped[key]]
    others = {key: value for key, value in skipped.items() if key not in own}
    return {**parameters, "rules": {ruleset_id: names, **others}}


def _kept(written: Rule, earlier: Mapping[str, Any] | None, rule_id: str, at: float) -> Rule:
    if (
        earlier is not None
        and {key: value for key, value in earlier.items() if key not in GIVEN_KEYS} == written
    ):
        return dict(earlier)
    version = 1 if earlier is None else int(earlier["version"]) + 1
    return {"id": rule_id, **written, "version": str(version), "last_updated": rfc3339(at)}
