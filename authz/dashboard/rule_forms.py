# SPDX-License-Identifier: Apache-2.0
"""The form of a rule: from a rule to its fields and back, and which field an error is about.

What a field has is judged by the services: here nothing is refused, so that a form can be shown
again, or kept as a draft, as it was filled in.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final

from authz.sources.policy_document import CURRENT

if TYPE_CHECKING:
    from collections.abc import Mapping

    from authz.dashboard.forms import Form
    from authz.errors import AuthzError

#: Parameters of `skip` that have a field of their own; others are kept as they are.
_WITH_FIELDS: Final = ("ruleset", "phase", "rules", "response")

CONTENT_TYPES: Final = ("text/html", "text/plain", "application/json", "text/xml")

#: By the path of an error: the field that it is about. The longest path that fits counts.
_FIELDS: Final[Mapping[tuple[str | int, ...], str]] = {
    ("description",): "description",
    ("ref",): "ref",
    ("expression",): "expression",
    ("action",): "action",
    ("action_parameters",): "action",
    ("action_parameters", "response"): "status",
    ("action_parameters", "response", "status_code"): "status",
    ("action_parameters", "response", "content_type"): "content_type",
    ("action_parameters", "response", "content"): "content",
    ("action_parameters", "rules"): "skip_rules",
    ("logging",): "action",
    ("position",): "place",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleForm:
    """What stands in the fields.

    Args:
        place: where it goes, from 1; "" for where it is, or behind all others.
        responds: whether a `block` rule has an answer of its own (status, type, content).
        skips: which of `ruleset`, `phase` and `rules` a `skip` rule has; `skip_rules` are the
            identifiers of the last.
        kept: parameters of a `skip` rule that have no field here.
    """

    description: str = ""
    ref: str = ""
    expression: str = ""
    action: str = "block"
    enabled: bool = True
    place: str = ""
    responds: bool = False
    status: str = "403"
    content_type: str = "text/plain"
    content: str = ""
    skips: frozenset[str] = frozenset()
    skip_rules: tuple[str, ...] = ()
    log_skipped: bool = True
    kept: Mapping[str, Any] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """What the rule is called on pages."""
        return self.description or self.ref or "Rule without a name"

    def rule(self) -> dict[str, Any]:
        """The rule, as the API takes it."""
        rule: dict[str, Any] = {
            "description": self.description,
            "expression": self.expression,
            "action": self.action,
            "enabled": self.enabled,
        }
        if self.ref:
            rule["ref"] = self.ref
        parameters = self._parameters()
        if parameters:
            rule["action_parameters"] = parameters
        if self.action == "skip" and not self.log_skipped:
            rule["logging"] = {"enabled": False}
        return rule

    @property
    def kept_text(self) -> str:
        """`kept` as the form has it."""
        return json.dumps(dict(self.kept), ensure_ascii=False) if self.kept else ""

    def _parameters(self) -> dict[str, Any]:
        if self.action == "block" and self.responds:
            digits = self.status.isascii() and self.status.isdigit() and len(self.status) <= 9
            response = {
                "status_code": int(self.status) if digits else self.status,
                "content_type": self.content_type,
                "content": self.content,
            }
            return {"response": response}
        if self.action != "skip":
            return {}
        parameters: dict[str, Any] = {
            one: CURRENT for one in ("ruleset", "phase") if one in self.skips
        }
        if "rules" in self.skips:
            parameters["rules"] = {CURRENT: list(self.skip_rules)}
        return parameters | dict(self.kept)


def form_of_rule(rule: Mapping[str, Any], place: int | None = None) -> RuleForm:
    """The fields of a rule, or of a draft of one, whatever is in it."""
    parameters = rule.get("action_parameters")
    parameters = parameters if isinstance(parameters, dict) else {}
    response = parameters.get("response")
    skipped = parameters.get("rules")
    logging = rule.get("logging")
    form = RuleForm(
        description=_text(rule.get("description")),
        # What nobody has named is named by its identifier.
        ref="" if rule.get("ref") == rule.get("id") else _text(rule.get("ref")),
        expression=_text(rule.get("expression")),
        action=_text(rule.get("action")) or "block",
        enabled=rule.get("enabled") is not False,
        place="" if place is None else str(place),
        skips=frozenset(one for one in ("ruleset", "phase", "rules") if one in parameters),
        skip_rules=tuple(
            str(one)
            for some in (skipped.values() if isinstance(skipped, dict) else ())
            if isinstance(some, list)
            for one in some
        ),
        log_skipped=not (isinstance(logging, dict) and logging.get("enabled") is False),
        kept={key: one for key, one in parameters.items() if key not in _WITH_FIELDS},
    )
    return form if not isinstance(response, dict) else _with_response(form, response)


def form_from(posted: Form) -> RuleForm:
    """What somebody filled in."""
    return RuleForm(
        description=posted.text("description"),
        ref=posted.text("ref"),
        expression=posted.raw("expression"),
        action=posted.text("action", "block"),
        enabled=posted.checked("enabled"),
        place=posted.text("place"),
        responds=posted.checked("responds"),
        status=posted.text("status", "403"),
        content_type=posted.text("content_type", "text/plain"),
        content=posted.raw("content"),
        skips=frozenset(posted.many("skips")) & {"ruleset", "phase", "rules"},
        skip_rules=tuple(dict.fromkeys([*posted.many("skip_rules"), *posted.lines("skip_refs")])),
        log_skipped=posted.checked("log_skipped"),
        kept={} if posted.checked("drop_kept") else _object(posted.raw("kept")),
    )


def field_of(error: AuthzError) -> str:
    """The field that an error is about, "" for the form as a whole."""
    path = getattr(error, "path", None) or ()
    for end in range(len(path), 0, -1):
        found = _FIELDS.get(tuple(path[:end]))
        if found is not None:
            return found
    return ""


def _with_response(form: RuleForm, response: Mapping[str, Any]) -> RuleForm:
    return replace(
        form,
        responds=True,
        status=_text(response.get("status_code")),
        content_type=_text(response.get("content_type")),
        content=_text(response.get("content")),
    )


def _object(text: str) -> dict[str, Any]:
    try:
        value = json.loads(text) if text else {}
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}


def _text(value: Any) -> str:
    return "" if value is None else str(value)
