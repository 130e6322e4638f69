# SPDX-License-Identifier: Apache-2.0
"""Rules as calls give them: everything that is wrong with them at once, each at its place."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from authz.errors import RulesetError
from authz.services import ruleset_input as module
from authz.services.ready import Ready
from authz.services.ruleset_input import Given, rules_from
from authz.services.scopes import Scope, scope_of
from authz.sources.policy_document import REFUSED_ACTIONS
from tests.factories.pki import AT

if TYPE_CHECKING:
    from authz.services.rules import Rule
    from authz.store.engine import Store

BLOCK = {"expression": "ssl", "action": "block"}
CURRENT = {"ruleset": "current"}
SKIP = {"expression": "ssl", "action": "skip", "action_parameters": CURRENT}
SET = "f" * 32


def _rules(
    store: Store, *rules: Any, account: bool = False, before: tuple[Rule, ...] = ()
) -> tuple[Rule, ...]:
    with store.read() as session:
        scope = scope_of(session.zones.all()[0])
        if account:
            scope = Scope(account_id=scope.account_id)
        given = [Given(rule=one, path=("rules", i)) for i, one in enumerate(rules)]
        return rules_from(
            session, scope, given, before, ruleset_id=SET, ready=Ready(geo=None), at=AT
        )


def _wrong(store: Store, *rules: Any, **more: Any) -> list[tuple[Any, int, str]]:
    with pytest.raises(RulesetError) as caught:
        _rules(store, *rules, **more)
    found = [caught.value, *caught.value.others]
    assert all(isinstance(one, RulesetError) for one in found)
    return [(one.path, one.number, one.message) for one in found]  # type: ignore[attr-defined]


def test_what_may_be_left_out(store: Store) -> None:
    empty = {"description": None, "enabled": None, "action_parameters": {"response": None}}
    (rule,) = _rules(store, {**BLOCK, **empty, "ref": "", "logging": None})

    assert (rule["description"], rule["enabled"]) == ("", True)
    assert rule["ref"] == rule["id"]
    assert "action_parameters" not in rule
    assert "logging" not in rule


def test_logging_is_kept_where_it_is_off(store: Store) -> None:
    on, usual, off = _rules(
        store,
        {**SKIP, "logging": {"enabled": True}},
        {**SKIP, "logging": {}},
        {**SKIP, "logging": {"enabled": False}},
    )

    assert "logging" not in on
    assert "logging" not in usual
    assert off["logging"] == {"enabled": False}


@pytest.mark.parametrize(
    ("rule", "pointer", "number", "message"),
    [
        ({**BLOCK, "expression": ""}, ("expression",), 20125, "cannot be blank"),
        ({**BLOCK, "expression": " \n"}, ("expression",), 20125, "cannot be blank"),
        ({"action": "block"}, ("expression",), 20125, "cannot be blank"),
        (
            {**BLOCK, "expression": " or ".join(["ssl"] * 600)},
            ("expression",),
            20127,
            "expression size 4196 exceeded maximum 4096",
        ),
        (
            {**BLOCK, "expression": "ssl" + " " * 65_536},
            ("expression",),
            20127,
            "expression size 65539 exceeded maximum 65536",
        ),
        ({**BLOCK, "expression": 5}, ("expression",), 1906, "expected text"),
        ({**BLOCK, "logging": {"enabled": True}}, ("logging",), 20018, "only for 'skip'"),
        ({**SKIP, "logging": 1}, ("logging",), 1906, "logging is not an object"),
        ({**SKIP, "logging": {"on": True}}, ("logging", "on"), 1906, 'unknown key "on"'),
        ({**SKIP, "logging": {"enabled": 1}}, ("logging", "enabled"), 1906, "true or false"),
        ({"expression": "ssl"}, ("action",), 1906, "action is required for a rule"),
        (
            {"expression": "ssl", "action_parameters": CURRENT},
            ("action",),
            1906,
            "action is required for action parameters",
        ),
        ({**BLOCK, "action": 5}, ("action",), 1906, "expected text"),
        ({**BLOCK, "action": "blok"}, ("action",), 1906, "there is no such action"),
        ({**BLOCK, "expresion": "x"}, ("expresion",), 1906, 'unknown key "expresion"'),
        ({**BLOCK, "id": 5}, ("id",), 1906, "expected the ID of a rule"),
        ({**BLOCK, "ref": 5}, ("ref",), 1906, "expected text, not the number 5"),
        ({**BLOCK, "position": {"index": 1}}, ("position",), 1906, "unknown key"),
        ({**SKIP, "action_parameters": {}}, ("action_parameters",), 1906, "what to skip"),
        (
            {**SKIP, "action_parameters": {"rules": {"current": ["gone"]}}},
            ("action_parameters", "rules", SET, 0),
            1906,
            "no rule of this site",
        ),
        (
            {**SKIP, "action_parameters": {"rules": {"e" * 32: ["gone"]}}},
            ("action_parameters", "rules", "e" * 32),
            1906,
            "its own ruleset only",
        ),
        (
            {**SKIP, "action_parameters": {"phase": "current", "rulesets": ["x"]}},
            ("action_parameters", "rulesets"),
            1906,
            "excludes",
        ),
    ],
)
def test_what_is_wrong_with_a_rule(
    store: Store, rule: Any, pointer: tuple[Any, ...], number: int, message: str
) -> None:
    ((path, code, text),) = _wrong(store, rule)

    assert (path, code) == (("rules", 0, *pointer), number)
    assert message in text


@pytest.mark.parametrize("action", REFUSED_ACTIONS)
def test_actions_are_refused_by_name_with_the_reason(store: Store, action: str) -> None:
    ((path, _, text),) = _wrong(store, {**BLOCK, "action": action})

    assert path == ("rules", 0, "action")
    assert text == (
        f"'{action}' is not a valid value for action because this service cannot perform it: "
        f"{REFUSED_ACTIONS[action]}"
    )


@pytest.mark.parametrize(
    ("response", "key"),
    [
        ({"status_code": 399}, "status_code"),
        ({"status_code": 500}, "status_code"),
        ({"content": "x" * 2049}, "content"),
        ({"content_type": "image/png"}, "content_type"),
        ({"content": None}, "content"),
    ],
)
def test_a_response_has_limits(store: Store, response: dict[str, Any], key: str) -> None:
    whole = {"status_code": 403, "content_type": "text/plain", "content": "no"}
    assert _rules(store, {**BLOCK, "action_parameters": {"response": whole}})

    found = _wrong(store, {**BLOCK, "action_parameters": {"response": whole | response}})
    assert [path for path, _, _ in found] == [("rules", 0, "action_parameters", "response", key)]


def test_an_expression_is_shown_with_its_carets(store: Store) -> None:
    ((path, number, text),) = _wrong(store, {**BLOCK, "expression": "ssl and\nhttp.hots eq 1"})

    assert (path, number) == (("rules", 0, "expression"), 1302)
    assert text == (
        "'ssl and\nhttp.hots eq 1' is not a valid value for expression because could not parse "
        "filter expression: Filter parsing error (2:1):\nhttp.hots eq 1\n^^^^^^^^^ unknown field "
        '"http.hots" (did you mean "http.host"?)'
    )


def test_a_long_expression_is_shown_in_part(store: Store) -> None:
    ((_, _, text),) = _wrong(store, {**BLOCK, "expression": "ssl and" + " " * 9_000})

    assert len(text) < 14_000
    assert "…' is not a valid value" in text


def test_everything_is_said_at_once(store: Store) -> None:
    found = _wrong(
        store,
        BLOCK,
        5,
        {**BLOCK, "action": "execute", "expression": "ssl and"},
        {**BLOCK, "ref": "a", "logging": {}},
        {**BLOCK, "ref": "a", "nope": 1},
    )

    assert [path for path, _, _ in found] == [
        ("rules", 1),
        ("rules", 2, "action"),
        ("rules", 3, "logging"),
        ("rules", 4, "ref"),
        ("rules", 4, "nope"),
        ("rules", 2, "expression"),
    ]


def test_the_account_does_not_skip(store: Store) -> None:
    ((path, number, text),) = _wrong(store, BLOCK, SKIP, account=True)

    assert (path, number) == (("rules", 1, "action"), 20016)
    assert "rules of the account cannot skip" in text


def test_what_is_in_force_is_not_compiled_again(store: Store) -> None:
    """It did compile; what it needs may be gone, and that is for whoever publishes to say."""
    old = {
        "id": "a" * 32,
        "ref": "old",
        "expression": "ip.src in $gone",
        "action": "block",
        "description": "",
        "enabled": True,
        "version": "1",
        "last_updated": "x",
    }

    assert _rules(store, old, BLOCK, before=(old,))[0] == old
    assert 'unknown list "$gone"' in _wrong(store, old)[0][2]


def test_what_cannot_be_written_is_no_rule(store: Store) -> None:
    deep: dict[str, Any] = {}
    for _ in range(2_000):
        deep = {"a": deep}
    found = _wrong(store, {**BLOCK, "action": "\ud800"}, {**BLOCK, "action_parameters": deep})

    assert [path for path, _, _ in found] == [("rules", 0), ("rules", 1)]


def test_a_ruleset_has_an_end(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_RULES", 2)

    assert len(_rules(store, BLOCK, BLOCK)) == 2
    ((path, _, text),) = _wrong(store, BLOCK, BLOCK, BLOCK)
    assert (path, text) == (("rules",), "the ruleset would have 3 rules, 2 are possible")


def test_a_description_has_a_bound(store: Store) -> None:
    assert _rules(store, {**BLOCK, "description": "x" * 4096})
    (found,) = _wrong(store, {**BLOCK, "description": "x" * 4097})
    assert found[0] == ("rules", 0, "description")
    assert found[2] == "the description has 4097 characters, 4096 are possible"
