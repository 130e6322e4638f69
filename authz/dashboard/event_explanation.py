# SPDX-License-Identifier: Apache-2.0
"""Why a recorded request is decided as it is, put into words for the macros of explanation.html.

What `services.explaining` found comes as JSON, in the shapes of policy.explain_recorded and
rules.trace_json. What depends on what was not recorded has no answer, and is said to have none.
Expressions of rules, and what they look up in lists, are for whoever may read those.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from authz.certs.failure import VerifyFailure
from authz.certs.failure_clauses import clause_of
from authz.dashboard.explanations import (
    MAX_RULES,
    UNSURE,
    ShownCertificate,
    ShownReading,
    ShownRule,
)
from authz.dashboard.shown import short
from authz.policy.decision import Verdict
from authz.policy.model import Action
from authz.rules.trace import Kind
from authz.rules.trace_text import Line
from authz.services.account_rules import PREFIX
from authz.services.checking import lists_named_by

if TYPE_CHECKING:
    from collections.abc import Mapping

    from authz.services.allowed import Allowed
    from authz.services.event_names import NamedRule

#: Rules that a page takes apart.
MAX_TRACES: Final = 40

#: Characters of a value.
_ROOM: Final = 120
_UNKNOWN: Final = "not known"


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownReadings:
    """As much of a ShownCheck as the macro `readings` needs."""

    readings: tuple[ShownReading, ...]
    unknown_fields: tuple[str, ...]


def shown_certificate(found: Mapping[str, Any]) -> ShownCertificate:
    """How the certificate was judged."""
    failure = found["failure"]
    if not found["presented"]:
        verdict, kind = "none presented", "plain"
    elif found["revoked"]:
        verdict, kind = "revoked", "bad"
    elif found["verified"]:
        verdict, kind = f"verified, of {found['authority']}", "good"
    else:
        verdict, kind = f"not verified: {str(failure).replace('_', ' ')}", "bad"
    rows: list[tuple[str, str]] = []
    if "subject_dn" in found:
        rows = [
            ("Subject", found["subject_dn"]),
            ("Valid", f"{found['not_before']} to {found['not_after']}"),
            ("Serial number", found["serial"]),
            ("SHA-256 fingerprint", found["fingerprint_sha256"]),
        ]
    clause = clause_of(
        None if failure is None else VerifyFailure(failure), revoked=found["revoked"]
    )
    detail = found["detail"]
    # The clause has a sentence for it already.
    is_said = clause is not None and detail.lower() == clause.meaning.lower().rstrip(".")
    return ShownCertificate(
        verdict=verdict,
        kind=kind,
        detail="" if is_said else detail,
        clause=clause,
        rows=tuple(rows),
        path=tuple(found.get("path", ())),
    )


def shown_readings(
    explanation: Mapping[str, Any], rule: str, rules: Mapping[str, NamedRule], sight: Allowed
) -> ShownReadings:
    """Every reading of the path and what the rules say of it.

    Args:
        rule: the `ref` of the rule that decides; "" for none.
        rules: what people call them.
    """
    budget = _Budget()
    told = explanation.get("rules", ())
    found: list[ShownReading] = []
    for one in told:
        numbered = list(enumerate(one["rules"], 1))
        reached = [each for each in numbered if each[1]["reached"] is not False]
        behind = [each for each in numbered if each[1]["reached"] is False]
        # What does not match is what says least.
        telling = sorted(reached, key=lambda each: each[1]["matches"] is False)
        kept = sorted(telling[:MAX_RULES], key=lambda each: each[0])
        blocked = one["verdicts"] == [Verdict.DENY.value]
        decides = rule in one["ended_by"]
        found.append(
            ShownReading(
                path=one["reading"],
                blocked=blocked,
                ended_by=_title(rule, rules) if blocked and decides else "",
                rules=tuple(_rule(*each, rule, rules, sight, budget) for each in kept),
                left_out=len(reached) - len(kept),
                behind=tuple(
                    _rule(*each, rule, rules, sight, budget) for each in behind[:MAX_RULES]
                ),
                left_out_behind=max(0, len(behind) - MAX_RULES),
                is_told=one["told"],
            )
        )
    return ShownReadings(
        readings=tuple(found), unknown_fields=tuple(explanation.get("unknown_fields", ()))
    )


class _Budget:
    """How many expressions a page has room to take apart."""

    def __init__(self) -> None:
        self._left = MAX_TRACES

    def takes(self, *, decides: bool) -> bool:
        """Whether there is room for one more."""
        if not decides and self._left <= 0:
            return False
        self._left -= 1
        return True


def _title(ref: str, rules: Mapping[str, NamedRule]) -> str:
    return rules[ref].title if ref in rules else ref


def _rule(
    position: int,
    said: Mapping[str, Any],
    decides: str,
    rules: Mapping[str, NamedRule],
    sight: Allowed,
    budget: _Budget,
) -> ShownRule:
    ref, expression = said["rule"], said["expression"]
    known = rules.get(ref)
    of_account = ref.startswith(PREFIX)
    is_it = ref == decides
    outcome, kind = _outcome(said)
    why = _why(said)
    hidden = of_account and not sight.account_rules
    line = None
    if not hidden and not sight.lists and lists_named_by([expression]):
        why = f"{why} It looks something up in a list, and you may not read lists.".strip()
    elif not hidden and said["trace"] is not None and budget.takes(decides=is_it):
        line = line_of_json(said["trace"])
    return ShownRule(
        position=position,
        name=_title(ref, rules),
        ref=ref,
        rule_id="" if known is None else known.rule_id,
        of_account=of_account,
        action=said["action"],
        outcome=f"{outcome}, and decides" if is_it else outcome,
        kind=kind,
        why=why,
        expression="" if hidden else expression,
        line=line,
        decides=is_it,
    )


def _outcome(said: Mapping[str, Any]) -> tuple[str, str]:
    """What became of a rule, and the kind of its badge."""
    blocks = said["action"] == Action.BLOCK.value
    if said["reached"] is False:
        return "not reached", "plain"
    if said.get("reads"):
        return _UNKNOWN, "warn"
    if said["matches"] is None:
        return ("counts as matching", "bad") if blocks else ("counts as not matching", "plain")
    if not said["matches"]:
        return "does not match", "plain"
    return "matches", "bad" if blocks else "info"


def _why(said: Mapping[str, Any]) -> str:
    found = []
    if said.get("reads"):
        found.append(f"It depends on {', '.join(said['reads'])}, which was not recorded.")
    elif said["matches"] is None:
        found.append(UNSURE)
    if said["reached"] is None:
        found.append("Whether it is reached depends on a rule before it that is not known.")
    return " ".join(found)


def line_of_json(node: Mapping[str, Any]) -> Line:
    """A traced expression (rules.trace_json) as lines, the whole first."""
    elements = node.get("elements")
    each = elements is not None and node["kind"] != Kind.CALL.value
    return Line(
        value="each" if each else _value(node),
        text=node["expression"],
        remark=_remark(node),
        reached=node["reached"],
        elements=tuple(_elements(node)),
        parts=tuple(line_of_json(one) for one in node["parts"] if not _is_said(node, one)),
    )


def _value(node: Mapping[str, Any]) -> str:
    if node.get("unknown"):
        return _UNKNOWN
    if node["missing"]:
        return "missing"
    return _text(node["value"])


def _text(value: Any) -> str:
    """A value in JSON's notation, shortened: texts have it in common with literals."""
    return short(json.dumps(value, ensure_ascii=False), _ROOM)


def _remark(node: Mapping[str, Any]) -> str:
    elements = node.get("elements")
    if elements is not None and node["kind"] != Kind.CALL.value:
        return f"({elements['true']} of {elements['number']} true)"
    if node.get("unknown"):
        return f"({node['unknown']} was not recorded)"
    if node["kind"] == Kind.COMPARISON.value:
        part = node["parts"][0]
        return f"(it is {_value(part)})"
    return ""


def _is_said(node: Mapping[str, Any], one: Mapping[str, Any]) -> bool:
    """Whether the line of a comparison says all there is of its left side."""
    return (node["kind"], one["kind"]) == (Kind.COMPARISON.value, Kind.FIELD.value)


def _elements(node: Mapping[str, Any]) -> list[str]:
    elements = node.get("elements")
    if elements is None:
        return []
    found = []
    for one in elements["first"]:
        value = "" if one["value"] is None else f"  {_text(one['value'])}"
        if node["kind"] == Kind.CALL.value:
            result = "gives nothing" if one["result"] is None else f"-> {_text(one['result'])}"
            found.append(f"{one['at']}{value} {result}")
        else:
            found.append(f"{_text(one['result']):<5}  {one['at']}{value}")
    rest = elements["number"] - len(elements["first"])
    if rest > 0:
        found.append(f"and {rest} more")
    return found
