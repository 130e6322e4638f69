# SPDX-License-Identifier: Apache-2.0
"""The JSON form of an explanation."""

from __future__ import annotations

import json

from authz.policy.explain import TraceBudget, explain
from authz.policy.explain_json import explanation_json
from tests.factories.pki import AT, authority, presented, root, self_signed
from tests.factories.policies import facts, rule, site, snapshot


def test_the_certificate_is_shown_with_its_failure_its_clause_and_without_secrets() -> None:
    mallory = facts(presented=presented(self_signed("mallory")))

    shown = explanation_json(explain(snapshot(), mallory, AT))["certificate"]

    assert shown["failure"] == "unknown_issuer"
    assert shown["clause"] == "RFC 5280 §6.1.3 (a)(4)"
    assert shown["subject_dn"] == "CN=mallory"
    assert "path" not in shown


def test_a_verified_certificate_is_shown_with_its_path() -> None:
    shown = explanation_json(
        explain(snapshot(), facts(presented=presented(root().client("alice"))), AT)
    )["certificate"]

    assert (shown["clause"], shown["authority"]) == (None, "acme")
    assert shown["path"] == ["CN=alice", "CN=Test Root CA"]


def test_a_revoked_certificate_is_verified_and_has_a_clause() -> None:
    alice = root().client("alice")
    trust = (authority(revoked_serials=[alice.certificate.serial_number]),)

    shown = explanation_json(
        explain(snapshot(site(rule(), trust=trust)), facts(presented=presented(alice)), AT)
    )["certificate"]

    assert (shown["verified"], shown["revoked"], shown["failure"]) == (True, True, None)
    assert shown["clause"] == "RFC 5280 §6.1.3 (a)(3)"


def test_without_a_site_there_is_the_host_and_the_decision() -> None:
    policy = snapshot(site(rule(), hosts=("api.example.com",)))

    shown = explanation_json(explain(policy, facts(host=b"a,b"), AT))

    assert shown["host"] == {"sent": "a,b", "read_as": None}
    assert shown["decision"]["reason"] == "unknown_host"
    assert shown.keys() == {"decision", "host"}


def test_what_is_no_text_is_shown_and_a_trace_that_was_left_out_is_null() -> None:
    found = explain(snapshot(), facts(path=b"/\xff"), AT, budget=TraceBudget(work=0.0, number=0))

    shown = explanation_json(found)
    json.dumps(shown)

    assert shown["readings"] == ["/\\xff"]
    assert shown["rules"][0]["rules"][0]["trace"] is None
    assert shown["rules"][0]["rules"][0]["outcome"] == "not_matched"


def test_too_many_readings_are_null() -> None:
    path = b"/a//b/../c;x=1/%2e%2e\\d%00e#f"

    assert explanation_json(explain(snapshot(), facts(path=path), AT))["readings"] is None
