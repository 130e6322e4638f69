# SPDX-License-Identifier: Apache-2.0
"""What the recorded requests say of a rule, as the editor shows it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from authz.services.permissions import EVERY_ZONE, Grant, Level, Resource
from tests.factories.recorded_checks import record_checks
from tests.factories.rule_pages import fields_of
from tests.factories.rulesets import put_rules, rule

if TYPE_CHECKING:
    from tests.factories.dashboard import Visitor

NEW = "/zones/{zone}/rules/new"


def _replay(visitor: Visitor, expression: str) -> str:
    fields = fields_of(visitor.get(NEW), "rule-form")
    return visitor.post(NEW, {**fields, "expression": expression, "do": "replay"}, 200).text


def test_groups_are_told_by_the_names_people_know(visitor: Visitor) -> None:
    world = visitor.bench.world
    world.ca()
    world.host("api.example.com")
    put_rules(visitor.bench.store)
    alice = world.issue("alice")
    record_checks(visitor.bench.store, ["/a"], certificate=alice, site="api.example.com")
    record_checks(visitor.bench.store, [f"/p{n}" for n in range(7)], site="api.example.com")

    page = _replay(visitor, "true")

    assert "<strong>8</strong> <span>would be blocked that are allowed today" in page
    assert '<span class="group-name">alice</span>' in page
    assert '<span class="group-name">no certificate</span>' in page
    assert "and more" in page
    rules = Grant(resource=Resource.RULES, level=Level.WRITE, place=EVERY_ZONE)
    events = Grant(resource=Resource.EVENTS, level=Level.READ, place=EVERY_ZONE)
    mine = _replay(visitor.with_grants({rules, events}), "true")
    assert "alice" not in mine
    assert f"{alice.certificate.fingerprint_sha256[:16]}…" in mine


def test_recorded_requests_are_for_those_who_may_see_events(visitor: Visitor) -> None:
    record_checks(visitor.bench.store, ["/secret"])
    other = visitor.with_grants(
        {Grant(resource=Resource.RULES, level=Level.WRITE, place=EVERY_ZONE)}
    )

    page = other.get(NEW)
    assert 'value="replay"' not in page
    assert 'value="replay"' not in other.get("/zones/{zone}/rules/mtls")
    assert "/secret" not in _replay(other, "true")
    fields = fields_of(page, "rule-form") | {"expression": "true", "ref": "a"}
    other.post(NEW, {**fields, "do": "deploy"})


def test_requests_that_would_be_let_in_are_told(visitor: Visitor) -> None:
    put_rules(visitor.bench.store, rule("a", expression='http.request.uri.path eq "/a"'))
    record_checks(visitor.bench.store, ["/a", "/b"], verdict="deny")

    page = visitor.get(NEW)
    fields = fields_of(page, "rule-form") | {
        "expression": 'http.request.uri.path eq "/a"',
        "action": "skip",
        "skips": "ruleset",
        "place": "1",
    }
    page = visitor.post(NEW, {**fields, "do": "replay"}, 200).text

    assert "<strong>1</strong> <span>would be allowed that is blocked today" in page
    assert "1 request is decided otherwise today than then" in page


def test_what_cannot_be_judged_is_told_with_why(visitor: Visitor) -> None:
    record_checks(visitor.bench.store, ["/a"], without_body=True)

    page = _replay(visitor, 'http.request.body.raw contains "x"')

    assert "cannot be judged" in page
    assert "Cannot be judged:" in page
    assert "http.request.body" in page
