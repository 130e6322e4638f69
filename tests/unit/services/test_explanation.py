# SPDX-License-Identifier: Apache-2.0
"""A check answered by what serves, with its reasons."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from authz.certs.presented import CertificateLimits, CertificateSource
from authz.extauthz.decode import DecodeOptions
from authz.policy.decision import BlockResponse, Verdict
from authz.policy.model import UpstreamHeaders
from authz.services.explanation import (
    CheckReading,
    answer_check,
    answered_object,
    explain_check,
    trace_budget,
)
from tests.factories.checks import check_request
from tests.factories.pki import AT, root, url_encoded
from tests.factories.policies import PROTECT_ADMIN, rule, site, snapshot

if TYPE_CHECKING:
    from authz.services.explanation import ExplainedCheck

_HOW = CheckReading()


def _explain(policy: Any = None, how: CheckReading = _HOW, **changes: Any) -> ExplainedCheck:
    data = check_request(**changes).SerializeToString()
    return explain_check(policy or snapshot(), data, AT, how, budget=trace_budget())


def test_a_denial_has_what_the_client_gets() -> None:
    response = BlockResponse(status_code=451, content_type="application/json", content="{}")

    found = _explain(snapshot(site(rule(response=response))), path="/admin")

    assert found.decision.verdict is Verdict.DENY
    assert (found.answer.grpc_code, found.answer.http_status) == (16, 451)
    assert found.answer.headers == (("content-type", "application/json"),)
    assert found.answer.body == "{}"
    assert found.answer.metadata["rule"] == "protect-admin"
    assert found.at == AT


def test_an_allowed_request_has_what_is_changed_on_its_way_upstream() -> None:
    policy = snapshot(site(rule(), upstream_headers=(UpstreamHeaders.CLIENT_CERT,)))
    leaf = url_encoded(root().client("alice").pem)

    found = _explain(policy, certificate=leaf, headers=(("cf-cert-verified", "true"),))

    assert found.answer.http_status is None
    assert [name for name, _ in found.answer.headers] == ["client-cert"]
    assert "cf-cert-verified" in found.answer.removed
    assert found.explanation is not None
    assert found.explanation.certificate is not None
    assert found.explanation.certificate.verified


def test_the_explanation_is_of_the_decision_with_its_random_bytes() -> None:
    policy = snapshot(site(rule('substring(cf.random_seed, 0, 1) lt "\\x80"')))

    for _ in range(20):
        found = _explain(policy)

        assert found.explanation is not None
        assert found.explanation.decision.verdict is found.decision.verdict
        matches = found.explanation.readings[0].rules[0].matches
        assert matches is (found.decision.verdict is Verdict.DENY)


def test_what_cannot_be_read_is_denied_and_says_why() -> None:
    found = explain_check(snapshot(), b"\xff", AT, _HOW)

    assert (found.decision.reason, found.explanation) == ("undecodable", None)
    assert found.undecodable == "not a CheckRequest"
    assert answered_object(found)["explain"] == {"undecodable": "not a CheckRequest"}


def test_what_no_rule_reads_may_be_unreadable() -> None:
    """The decision stands; an explanation would show what there is not."""
    # tls_session (field 12) of the attributes, which is no message.
    data = check_request(sni=None).SerializeToString()
    broken = data + b"\x0a\x04\x62\x02\xff\xff"

    found = explain_check(
        snapshot(site(rule("ssl", ref="r"), misdirected="ignore")), broken, AT, _HOW
    )

    assert found.decision.reason == "rule"
    assert found.explanation is None
    assert found.undecodable


@pytest.mark.parametrize("source", CertificateSource)
def test_whose_word_counts_is_as_it_is_set(source: CertificateSource) -> None:
    leaf = url_encoded(root().client("alice").pem)
    how = CheckReading(options=DecodeOptions(certificate_source=source))

    by_envoy = _explain(how=how, path="/admin", certificate=leaf)
    by_header = _explain(
        how=how, path="/admin", headers=(("x-forwarded-client-cert", f'Cert="{leaf}"'),)
    )

    believed = by_envoy if source is CertificateSource.ENVOY else by_header
    assert [one.decision.verdict is Verdict.ALLOW for one in (by_envoy, by_header)] == [
        believed is by_envoy,
        believed is by_header,
    ]


def test_limits_count_for_both() -> None:
    how = CheckReading(limits=CertificateLimits(certificate_bytes=100, chain_length=1))
    leaf = url_encoded(root().client("alice").pem)

    found = answered_object(_explain(how=how, certificate=leaf))

    assert found["certificate"]["failure"] == "too_large"
    assert found["explain"]["certificate"]["failure"] == "too_large"


def test_an_answer_alone_has_no_explanation() -> None:
    data = check_request(path="/admin").SerializeToString()

    shown = answered_object(answer_check(snapshot(), data, AT, _HOW))

    assert shown["verdict"] == "deny"
    assert shown["body"] == "access denied\n"
    assert "explain" not in shown


def test_traces_end_with_their_budget() -> None:
    rules = [rule(PROTECT_ADMIN, ref=f"rule-{number}") for number in range(300)]

    found = _explain(snapshot(site(*rules)))

    assert found.explanation is not None
    shown = found.explanation.readings[0].rules
    assert len(shown) == 300
    assert sum(one.traced is not None for one in shown) == 200
