# SPDX-License-Identifier: Apache-2.0
"""The working of a decision on a recorded request, and where there is none."""

from __future__ import annotations

import json

import pytest

from authz.policy.explain_recorded import explain_recorded
from authz.policy.recorded import Missing
from tests.factories.pki import AT, presented, root, self_signed
from tests.factories.policies import facts, rule, site, snapshot

COOKIE = 'http.cookie contains "x"'
POLICY = snapshot(
    site(
        rule(),
        rule(f'{COOKIE} and http.request.method eq "GET"', ref="cookie"),
        rule('http.request.uri.path eq "/last"', ref="last"),
        hosts=("api.example.com",),
    )
)
NO_COOKIE = Missing(headers=frozenset({b"cookie"}))


def test_a_rule_says_what_it_depends_on_and_those_behind_it_may_be_reached() -> None:
    found = explain_recorded(POLICY, facts(path=b"/x"), NO_COOKIE, AT)

    assert found["decision"] == {
        "verdict": None,
        "reason": "",
        "action": "",
        "site": "api",
        "rule": "",
        "reads": ["http.cookie"],
    }
    [reading] = found["rules"]
    assert (reading["reading"], reading["verdicts"]) == ("/x", ["allow", "deny"])
    first, cookie, last = reading["rules"]
    assert (first["matches"], first["reached"], "reads" in first) == (False, True, False)
    assert (cookie["matches"], cookie["reached"], cookie["reads"]) == (None, True, ["http.cookie"])
    assert cookie["trace"]["unknown"] == "http.cookie"
    assert (last["matches"], last["reached"]) == (False, None)
    json.dumps(found)


def test_a_rule_that_is_sure_to_end_it_ends_it() -> None:
    [reading] = explain_recorded(POLICY, facts(path=b"/admin"), NO_COOKIE, AT)["rules"]

    assert reading["verdicts"] == ["deny"]
    assert [one["reached"] for one in reading["rules"]] == [True, False, False]


def test_each_reading_of_the_path_says_how_it_ends() -> None:
    found = explain_recorded(POLICY, facts(path=b"/x/..;/admin"), Missing(), AT)

    assert found["decision"]["reason"] == "ambiguous_path"
    assert {one["reading"]: one["verdicts"] for one in found["rules"]}["/admin"] == ["deny"]
    assert found["readings"] == [one["reading"] for one in found["rules"]]


@pytest.mark.parametrize(
    ("certificate", "clause"),
    [
        (presented(root().client("alice")), None),
        (presented(self_signed("m")), "RFC 5280 §6.1"),
    ],
    ids=["good", "stranger"],
)
def test_the_certificate_says_which_clause_it_fails(
    certificate: object, clause: str | None
) -> None:
    found = explain_recorded(POLICY, facts(presented=certificate), Missing(), AT)["certificate"]

    assert (found["clause"] and found["clause"]["source"]) == clause


def test_a_host_that_nobody_answers_for_has_no_rules() -> None:
    found = explain_recorded(POLICY, facts(host=b"other.test"), Missing(), AT)

    assert found["decision"]["reason"] == "unknown_host"
    assert "rules" not in found


def test_of_a_path_that_was_cut_no_rule_is_told_what_it_said() -> None:
    found = explain_recorded(POLICY, facts(path=b"/admin#"), Missing(path=True), AT)

    assert found["decision"]["verdict"] is None
    assert all(one["matches"] is not True for one in found["rules"][0]["rules"])
