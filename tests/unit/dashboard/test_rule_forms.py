# SPDX-License-Identifier: Apache-2.0
"""The form of a rule: whatever is in it, it comes back."""

from __future__ import annotations

from typing import Any

import pytest

from authz.dashboard.forms import Form
from authz.dashboard.rule_forms import RuleForm, field_of, form_from, form_of_rule
from authz.errors import ConflictError, RulesetError
from tests.factories.rulesets import rule


@pytest.mark.parametrize(
    "given",
    [
        {},
        {"action_parameters": "odd"},
        {"action_parameters": {"rules": "odd", "response": "odd"}},
        {"action": "skip", "action_parameters": {"rules": {"x": "odd", "y": [1]}}},
        {"logging": "odd", "description": None, "enabled": None},
    ],
)
def test_a_draft_may_be_anything(given: dict[str, Any]) -> None:
    form = form_of_rule(given)

    assert form.enabled
    assert isinstance(form.rule(), dict)
    assert form.name


@pytest.mark.parametrize(
    ("kept", "expected"),
    [
        ('{"products": ["waf"]}', {"products": ["waf"]}),
        ("", {}),
        ("{", {}),
        ("[1]", {}),
        ("[" * 100_000, {}),
    ],
)
def test_what_has_no_field_is_kept_as_text(kept: str, expected: dict[str, Any]) -> None:
    form = form_from(Form([("action", "skip"), ("kept", kept), ("log_skipped", "on")]))

    assert form.kept == expected
    assert form_from(Form([("kept", form.kept_text)])).kept == expected
    dropped = form_from(Form([("action", "skip"), ("kept", kept), ("drop_kept", "on")]))
    assert "action_parameters" not in dropped.rule()


def test_a_rule_without_a_name_has_one_on_pages() -> None:
    assert RuleForm().name == "Rule without a name"
    assert form_of_rule(rule("a")).name == "a"


@pytest.mark.parametrize(
    ("path", "name"),
    [
        (("expression",), "expression"),
        (("action_parameters", "response", "content"), "content"),
        (("action_parameters", "response", "odd"), "status"),
        (("action_parameters", "rules", "current", 0), "skip_rules"),
        (("rules", 0), ""),
        ((), ""),
        (None, ""),
    ],
)
def test_an_error_is_about_a_field(path: tuple[str | int, ...] | None, name: str) -> None:
    assert field_of(RulesetError("wrong", path=path)) == name


def test_other_errors_are_about_the_form() -> None:
    assert field_of(ConflictError("wrong")) == ""
