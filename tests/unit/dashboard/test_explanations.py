# SPDX-License-Identifier: Apache-2.0
"""Explanations in words."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from authz.dashboard.explanations import MAX_RULES, shown_check, value_text
from authz.policy.model import Action, DefaultAction, PathMode, SkipParameters
from authz.services.explanation import CheckReading, explain_check
from authz.services.simulation import RuleNote
from tests.factories.checks import check_request
from tests.factories.pki import AT, authority, root, self_signed, url_encoded
from tests.factories.policies import PROTECT_ADMIN, rule, site, snapshot

if TYPE_CHECKING:
    from authz.dashboard.explanations import ShownCheck
    from authz.policy.snapshot import Snapshot
    from authz.rules import Value

_NOTES = {
    "protect-admin": RuleNote(
        ref="protect-admin", rule_id="1" * 32, description="No strangers", of_account=False
    )
}


def _shown(policy: Snapshot | None = None, **changes: Any) -> ShownCheck:
    data = check_request(**changes).SerializeToString()
    return shown_check(explain_check(policy or snapshot(), data, AT, CheckReading()), _NOTES)


def _policy(*rules: Any, **changes: Any) -> Snapshot:
    return snapshot(site(*rules, **changes))


_SKIP = SkipParameters(current=True)


@pytest.mark.parametrize(
    ("policy", "changes", "sentence"),
    [
        (None, {"path": "/admin"}, "The rule “No strangers” blocks it."),
        (None, {}, "No rule blocks it."),
        (
            _policy(rule("ssl", ref="in", action=Action.SKIP, skip=_SKIP)),
            {},
            "The rule “in” lets it pass: it skips every rule behind it.",
        ),
        (
            _policy(default_action=DefaultAction.BLOCK),
            {},
            "No rule decided, and the zone blocks what no rule decides.",
        ),
        (
            None,
            {"path": "/x/..;/admin"},
            (
                "Its path can be read in several ways, and one of them is blocked by the rule “No "
                "strangers”: what the application makes of it is not known."
            ),
        ),
        (
            None,
            {"path": "/a//b/../c;x=1/%2e%2e\\d%00e#f"},
            "Its path can be read in more ways than are judged.",
        ),
        (
            _policy(paths=PathMode.REFUSE),
            {"path": "/a%41"},
            "Its path can be read in more ways than one, and the zone refuses such paths.",
        ),
        (_policy(hosts=("a.test",)), {}, "No zone answers for this host."),
        (None, {"path": ""}, "The request cannot be read: no path."),
        (
            snapshot(site(name="a"), site(name="b", hosts=("b.test",), trust=())),
            {"sni": "b.test"},
            (
                "The TLS connection was opened for another host, which trusts other authorities: "
                "the client has to open one for this host."
            ),
        ),
        (
            _policy(rule('any(url_decode(http.request.headers["a"][*], "r")[*] eq "x")')),
            {"headers": [("a", "%25" * 20_000)] * 40},
            "Judging it by these rules would take longer than a request may.",
        ),
        (
            _policy(rule('http.request.body.raw eq "x"')),
            {"method": "POST"},
            (
                "The rule “No strangers” blocks it. It reads a body or headers that were cut short "
                "or are ambiguous, so what it says is not known."
            ),
        ),
    ],
)
def test_why_in_one_sentence(
    policy: Snapshot | None, changes: dict[str, Any], sentence: str
) -> None:
    assert _shown(policy, **changes).sentence == sentence


@pytest.mark.parametrize(
    ("hosts", "host", "said"),
    [
        (("api.example.com",), "API.example.com:443", "api.example.com: one of the zone's hosts"),
        (("*.example.com",), "api.example.com", "api.example.com: covered by *.example.com"),
        (("*",), "x.test", "x.test: no host of its own, so it is one of all others"),
        (("a.test",), "x.test", "x.test: nobody answers for it"),
        (("*",), "a,b", "a,b: not the name of a host"),
    ],
)
def test_which_host_it_is(hosts: tuple[str, ...], host: str, said: str) -> None:
    assert ("Host", said) in _shown(_policy(hosts=hosts), host=host, sni=None).rows


def test_the_server_name() -> None:
    two = snapshot(site(name="a"), site(name="b", hosts=("b.test",), trust=()))

    assert ("Server name (SNI)", "none was sent") in _shown(sni="").rows
    assert ("Server name (SNI)", "b.test: a host that trusts other authorities") in _shown(
        two, sni="b.test"
    ).rows
    assert "Server name (SNI)" not in dict(_shown(sni=None).rows)


@pytest.mark.parametrize(
    ("certificate", "verdict", "kind", "source"),
    [
        ("", "none presented", "plain", "RFC 8446 §4.4.2.4"),
        (url_encoded(root().client("alice").pem), "verified, of acme", "good", None),
        (
            url_encoded(self_signed("m").pem),
            "not verified: unknown issuer",
            "bad",
            "RFC 5280 §6.1.3 (a)(4)",
        ),
        ("junk", "not verified: malformed", "bad", "RFC 5280 §4.1"),
    ],
)
def test_certificates(certificate: str, verdict: str, kind: str, source: str | None) -> None:
    found = _shown(certificate=certificate).certificate

    assert found is not None
    assert (found.verdict, found.kind) == (verdict, kind)
    assert (None if found.clause is None else found.clause.source) == source


def test_a_revoked_certificate() -> None:
    alice = root().client("alice")
    trust = (authority(revoked_serials=[alice.certificate.serial_number]),)

    found = _shown(_policy(rule(), trust=trust), certificate=url_encoded(alice.pem)).certificate

    assert found is not None
    assert (found.verdict, found.kind) == ("revoked", "bad")
    assert "is revoked" in found.detail
    assert dict(found.rows)["Subject"] == "CN=alice"
    assert found.path == ("CN=alice", "CN=Test Root CA")


def test_rules_say_what_became_of_them() -> None:
    policy = _policy(
        rule("ssl", ref="log", action=Action.LOG),
        rule("ssl", ref="skip", action=Action.SKIP, skip=SkipParameters(rules=("left-out",))),
        rule("ssl", ref="left-out"),
        rule("not ssl", ref="no"),
        rule('http.request.body.raw eq "x"', ref="watch", action=Action.LOG),
        rule("ssl"),
        rule("ssl", ref="behind"),
    )

    shown = _shown(policy, method="POST")
    reading = shown.readings[0]

    assert [(one.position, one.name, one.outcome, one.kind) for one in reading.rules] == [
        (1, "log", "matches", "info"),
        (2, "skip", "matches", "info"),
        (3, "left-out", "skipped", "plain"),
        (4, "no", "does not match", "plain"),
        (5, "watch", "counts as not matching", "plain"),
        (6, "No strangers", "matches, and decides", "bad"),
    ]
    assert [(one.position, one.outcome) for one in reading.behind] == [(7, "not reached")]
    assert reading.rules[2].why == "The rule “skip” leaves it out."
    assert "not known" in reading.rules[4].why
    assert (reading.rules[5].rule_id, reading.rules[0].rule_id) == ("1" * 32, "")
    assert dict(shown.rows)["Logged by"] == "log"
    assert shown.unknown_fields == ("http.request.body.raw",)


def test_of_many_readings_two_are_told() -> None:
    readings = _shown(path="/x/..;/admin").readings

    assert [(one.path, one.blocked, one.is_told) for one in readings] == [
        ("/x/..;/admin", False, True),
        ("/x/../admin", False, False),
        ("/admin", True, True),
    ]
    assert readings[1].rules == ()


def test_of_many_rules_those_that_match_are_told() -> None:
    rules = [rule("not ssl", ref=f"no-{n}", action=Action.LOG) for n in range(MAX_RULES + 10)]
    last = [rule("ssl"), *(rule("ssl", ref=f"behind-{n}") for n in range(MAX_RULES + 5))]

    reading = _shown(_policy(*rules, *last)).readings[0]

    assert (len(reading.rules), reading.left_out) == (MAX_RULES, 11)
    assert reading.rules[-1].decides
    assert reading.rules[-1].position == MAX_RULES + 11
    assert (len(reading.behind), reading.left_out_behind) == (MAX_RULES, 5)


def test_without_a_policy_everything_is_denied() -> None:
    data = check_request().SerializeToString()

    shown = shown_check(explain_check(None, data, AT, CheckReading()), {})

    assert (shown.blocked, shown.sentence) == (True, "It is denied: no_snapshot.")


def test_what_was_not_asked_is_not_shown() -> None:
    shown = _shown(_policy(hosts=("a.test",)))

    assert (shown.asked, shown.readings, shown.fields) == (False, (), ())


def test_fields_are_told_with_their_values() -> None:
    shown = dict(_shown(certificate=url_encoded(root().client("alice").pem)).fields)

    assert shown["cf.tls_client_auth.cert_subject_dn"] == "CN=alice"
    assert shown["cf.tls_client_auth.cert_verified"] == "true"
    assert shown["cf.tls_client_auth.cert_issuer_serial"]
    assert shown["http.request.uri.path"] == "/orders"


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (b"", ""),
        (b"plain", "plain"),
        (b'a"b', '"a\\"b"'),
        (b"\xff", '"\\xff"'),
        (True, "true"),
        (7, "7"),
        ((b"a",), '["a"]'),
        (b"x" * 400, '"' + "x" * 300 + '"... of 400 bytes'),
    ],
)
def test_values(value: Value, text: str) -> None:
    assert value_text(value) == text


def test_an_expression_is_taken_apart() -> None:
    line = _shown(path="/admin").readings[0].rules[0].line

    assert line is not None
    assert line.value == "true"
    assert PROTECT_ADMIN.split(" and ", maxsplit=1)[0].strip("()") in line.text
