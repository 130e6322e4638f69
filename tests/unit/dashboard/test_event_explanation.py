# SPDX-License-Identifier: Apache-2.0
"""What is found of a recorded request, put into words."""

from __future__ import annotations

from typing import Any

import pytest

from authz.dashboard.event_explanation import (
    MAX_TRACES,
    line_of_json,
    shown_certificate,
    shown_readings,
)
from authz.dashboard.explanations import MAX_RULES
from authz.rules import parse
from authz.rules.trace import trace
from authz.rules.trace_json import trace_json
from authz.rules.trace_text import Line, line_of
from authz.services.allowed import Allowed
from authz.services.event_names import NamedRule
from tests.factories.schemes import SCHEME, field_values

SEES_ALL = Allowed(account_rules=True, lists=True)


def _trace(expression: str, **fields: Any) -> dict[str, Any]:
    return trace_json(trace(parse(expression, SCHEME), field_values(fields)))


def _said(ref: str = "r", **changes: Any) -> dict[str, Any]:
    return {
        "rule": ref,
        "action": "block",
        "expression": "ssl",
        "matches": True,
        "reached": True,
        "trace": _trace("ssl"),
        **changes,
    }


def _told(*rules: dict[str, Any], verdicts: tuple[str, ...] = ("deny",)) -> dict[str, Any]:
    return {
        "reading": "/a",
        "verdicts": list(verdicts),
        "ended_by": ["r"],
        "told": bool(rules),
        "rules": list(rules),
    }


def _shown(*told: dict[str, Any], rule: str = "r", sight: Allowed = SEES_ALL) -> Any:
    return shown_readings({"rules": told, "unknown_fields": ["b"]}, rule, {}, sight)


@pytest.mark.parametrize(
    ("changes", "outcome", "kind"),
    [
        ({}, "matches", "bad"),
        ({"action": "log"}, "matches", "info"),
        ({"matches": False}, "does not match", "plain"),
        ({"matches": None}, "counts as matching", "bad"),
        ({"matches": None, "action": "skip"}, "counts as not matching", "plain"),
        ({"matches": None, "reads": ["http.cookie"]}, "not known", "warn"),
    ],
)
def test_what_became_of_a_rule(changes: dict[str, Any], outcome: str, kind: str) -> None:
    reading = _shown(_told(_said(**changes)), rule="other").readings[0]

    (rule,) = reading.rules
    assert (rule.outcome, rule.kind, rule.decides) == (outcome, kind, False)


def test_the_rule_that_decides_is_said_to() -> None:
    names = {
        "r": NamedRule(
            ref="r", rule_id="7" * 32, description="Keep out", of_account=False, logs=False
        )
    }
    found = shown_readings({"rules": [_told(_said())]}, "r", names, SEES_ALL)

    reading = found.readings[0]
    (rule,) = reading.rules
    assert (rule.name, rule.rule_id, rule.outcome) == ("Keep out", "7" * 32, "matches, and decides")
    assert (reading.blocked, reading.ended_by) == (True, "Keep out")
    assert found.unknown_fields == ()


def test_rules_that_are_not_reached_are_behind() -> None:
    reading = _shown(_told(_said(), _said("s", reached=False), _said("t", reached=None))).readings[
        0
    ]

    assert [(one.ref, one.position) for one in reading.rules] == [("r", 1), ("t", 3)]
    assert [(one.ref, one.outcome) for one in reading.behind] == [("s", "not reached")]
    assert "depends on a rule before it" in reading.rules[1].why


def test_why_a_rule_has_no_answer() -> None:
    first, second = (
        _shown(_told(_said(matches=None, reads=["a", "b"]), _said("s", matches=None)))
        .readings[0]
        .rules
    )

    assert first.why == "It depends on a, b, which was not recorded."
    assert "cut short or are ambiguous" in second.why


def test_of_several_readings_those_that_are_told_have_rules() -> None:
    allowed = ("allow",)
    told = _told(_said(matches=False), verdicts=allowed)
    found = _shown(told, _told(verdicts=allowed), _told(_said()), _told())

    assert [one.is_told for one in found.readings] == [True, False, True, False]
    assert [one.blocked for one in found.readings] == [False, False, True, True]
    assert [len(one.rules) for one in found.readings] == [1, 0, 1, 0]
    assert [one.ended_by for one in found.readings] == ["", "", "r", "r"]
    assert found.unknown_fields == ("b",)


def test_what_was_not_taken_apart_has_its_expression() -> None:
    (rule,) = _shown(_told(_said(trace=None))).readings[0].rules

    assert (rule.expression, rule.line) == ("ssl", None)


def test_a_page_has_room_for_so_many_rules() -> None:
    some = [_said(f"n{number}", matches=False) for number in range(MAX_RULES + 5)]
    behind = [_said(f"b{number}", reached=False) for number in range(MAX_RULES + 2)]
    reading = _shown(_told(*some, _said(), *behind)).readings[0]

    assert len(reading.rules) == len(reading.behind) == MAX_RULES
    assert (reading.left_out, reading.left_out_behind) == (6, 2)
    assert reading.rules[-1].decides
    traced = [one for one in (*reading.rules, *reading.behind) if one.line is not None]
    assert len(traced) == MAX_TRACES + 1
    assert reading.rules[-1].line is not None


def test_expressions_of_the_account_are_for_who_may_read_them() -> None:
    told = _told(_said("account:r"))

    (hidden,) = _shown(told, sight=Allowed(account_rules=False, lists=True)).readings[0].rules
    (shown,) = _shown(told).readings[0].rules

    assert (hidden.expression, hidden.line, hidden.of_account) == ("", None, True)
    assert shown.expression == "ssl"


def test_what_is_in_lists_is_for_who_may_read_them() -> None:
    told = _told(_said(expression="ip.src in $office"))

    (rule,) = _shown(told, sight=Allowed(account_rules=True, lists=False)).readings[0].rules

    assert rule.line is None
    assert "you may not read lists" in rule.why


@pytest.mark.parametrize(
    ("expression", "fields"),
    [
        ('http.host eq "a" and not ssl', {"http.host": "a", "ssl": True}),
        ('any(http.request.headers["x"][*] eq "1")', {"http.request.headers": {"x": ["1", "2"]}}),
        ('http.request.headers["y"][0] eq "1"', {"http.request.headers": {}}),
        ('lower(http.host) eq "a"', {"http.host": "A"}),
    ],
)
def test_lines_are_those_of_the_trace_itself(expression: str, fields: dict[str, Any]) -> None:
    traced = trace(parse(expression, SCHEME), field_values(fields))

    assert line_of_json(trace_json(traced)) == line_of(traced)


def test_calls_for_each_element_are_lines() -> None:
    line = _find(
        line_of_json(
            _trace(
                'any(lower(http.request.headers.names[*])[*] eq "a")',
                **{"http.request.headers.names": ["A", "b"]},
            )
        ),
        "lower(http.request.headers.names[*])",
    )

    assert line.elements == ('[0]  "A" -> "a"', '[1]  "b" -> "b"')


def test_many_elements_are_counted() -> None:
    names = [str(number) for number in range(15)]
    line = line_of_json(
        _trace('any(http.request.headers.names[*] eq "3")', **{"http.request.headers.names": names})
    ).parts[0]

    assert line.elements[-1] == "and 5 more"
    assert line.remark == "(1 of 15 true)"


def test_what_is_not_known_says_what_it_depends_on() -> None:
    node = {**_trace('http.host eq "a"'), "value": None, "unknown": "http.host"}

    line = line_of_json(node)

    assert (line.value, line.remark) == ("not known", "(http.host was not recorded)")


def test_long_values_are_shortened() -> None:
    line = line_of_json({**_trace("ssl"), "value": "x" * 500})

    assert line.value.endswith("…")
    assert len(line.value) < 130


def test_an_empty_element_gives_nothing() -> None:
    node = {
        **_trace("ssl"),
        "kind": "call",
        "elements": {
            "number": 1,
            "true": 0,
            "first": [{"at": "[0]", "value": "x", "result": None}],
        },
    }

    assert line_of_json(node).elements == ('[0]  "x" gives nothing',)


@pytest.mark.parametrize(
    ("changes", "verdict", "kind"),
    [
        ({"presented": False, "failure": "absent"}, "none presented", "plain"),
        ({"verified": True, "revoked": True}, "revoked", "bad"),
        ({"verified": True}, "verified, of Acme", "good"),
        ({"failure": "unknown_issuer"}, "not verified: unknown issuer", "bad"),
    ],
)
def test_certificates(changes: dict[str, Any], verdict: str, kind: str) -> None:
    plain = {
        "presented": True,
        "verified": False,
        "revoked": False,
        "failure": None,
        "detail": "something",
        "authority": "Acme",
        "path": ["CN=a"],
    }
    found = shown_certificate({**plain, **changes})

    assert (found.verdict, found.kind, found.rows) == (verdict, kind, ())
    assert (found.clause is None) == (verdict == "verified, of Acme")
    assert found.detail == "something"


def test_a_detail_that_the_clause_says_already_is_said_once() -> None:
    found = shown_certificate(
        {
            "presented": False,
            "verified": False,
            "revoked": False,
            "failure": "absent",
            "detail": "no certificate was presented",
        }
    )

    assert found.detail == ""


def _find(line: Line, text: str) -> Line:
    """The line of this part."""
    waiting = [line]
    while waiting:
        one = waiting.pop(0)
        if one.text == text:
            return one
        waiting += one.parts
    raise AssertionError(text)
