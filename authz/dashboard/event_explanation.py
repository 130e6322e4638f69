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
from authz.dashboard.explanations import ShownCertificate, ShownReading, ShownRule
from authz.policy.decision import Verdict
from authz.policy.model import Action
from authz.rules.trace import Kind
from authz.rules.trace_text import Line
from authz.services.account_rules import PREFIX
from authz.services.checking import lists_named_by

if TYPE_CHECKING:
    from collections.abc import Mapping

    from authz.services.event_names import NamedRule

#: Rules that a page takes apart, and rules that it shows at all.
MAX_TRACES: Final = 40
MAX_RULES: Final = 200

#: Characters of a value.
_ROOM: Final = 120
_UNKNOWN: Final = "not known"


@dataclass(frozen=True, slots=True, kw_only=True)
class Sight:
    """What whoever looks may see: the account's rules, and what is in lists."""

    account_rules: bool
    lists: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownReadings:
    """As much of a ShownCheck as the macro `readings` needs; `left_out`: rules not shown."""

    readings: tuple[ShownReading, ...]
    unknown_fields: tuple[str, ...]
    left_out: int


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
    return ShownCertificate(
        verdict=verdict,
        kind=kind,
        detail=found["detail"],
        clause=clause_of(
            None if failure is None else VerifyFailure(failure), revoked=found["revoked"]
        ),
        rows=tuple(rows),
        path=tuple(found.get("path", ())),
    )


def shown_readings(
    explanation: Mapping[str, Any], rule: str, rules: Mapping[str, NamedRule], sight: Sight
) -> ShownReadings:
    """Every reading of the path and what the rules say of it.

    Args:
        rule: the `ref` of the rule that decides; "" for none.
        rules: what people call them.
    """
    budget = _Budget()
    found: list[ShownReading] = []
    told = explanation.get("rules", ())
    first = told[0]["verdicts"] if told else []
    told_other = False
    for index, one in enumerate(told):
        differs = one["verdicts"] != first
        is_told = index == 0 or (differs and not told_other)
        told_other = told_other or differs
        some = one["rules"] if is_told else []
        ended_by = next((each["rule"] for each in one["rules"] if each["rule"] == rule), "")
        shown = [
            (each, _rule(each, rule, rules, sight, budget)) for each in budget.rules(some, rule)
        ]
        blocked = one["verdicts"] == [Verdict.DENY.value]
        found.append(
            ShownReading(
                path=one["reading"],
                blocked=blocked,
                ended_by=_title(ended_by, rules) if blocked and ended_by else "",
                rules=tuple(each for said, each in shown if said["reached"] is not False),
                behind=tuple(each for said, each in shown if said["reached"] is False),
                is_told=is_told,
            )
        )
    return ShownReadings(
        readings=tuple(found),
        unknown_fields=tuple(explanation.get("unknown_fields", ())),
        left_out=budget.left_out,
    )


class _Budget:
    """How much of the rules a page has room for."""

    def __init__(self) -> None:
        self.left_out = 0
        self._traces = MAX_TRACES

    def rules(self, some: list[dict[str, Any]], decides: str) -> list[dict[str, Any]]:
        """The first of them, and in any case the one that decides."""
        shown = some[:MAX_RULES]
        shown += [one for one in some[MAX_RULES:] if one["rule"] == decides]
        self.left_out += len(some) - len(shown)
        return shown

    def takes(self, *, decides: bool) -> bool:
        """Whether there is room to take one more expression apart."""
        if not decides and self._traces <= 0:
            return False
        self._traces -= 1
        return True


def _title(ref: str, rules: Mapping[str, NamedRule]) -> str:
    return rules[ref].title if ref in rules else ref


def _rule(
    said: Mapping[str, Any],
    decides: str,
    rules: Mapping[str, NamedRule],
    sight: Sight,
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
    elif not hidden and budget.takes(decides=is_it):
        line = line_of_json(said["trace"])
    return ShownRule(
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
        found.append(
            "It reads a body or headers that were cut short or are ambiguous, so what it says is "
            "not known."
        )
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
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= _ROOM else f"{text[:_ROOM]}…"


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
