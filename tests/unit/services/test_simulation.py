# SPDX-License-Identifier: Apache-2.0
"""Requests decided by a zone's rules, those in force or others."""

from __future__ import annotations

import time
from contextlib import closing
from typing import TYPE_CHECKING, Any

import pytest

from authz.errors import ForbiddenError, InvalidInputError, NotFoundError, RulesetError
from authz.policy.decision import Verdict
from authz.services.allowed import Allowed
from authz.services.explanation import CheckReading
from authz.services.hosts import add_host
from authz.services.lists import create_list
from authz.services.live_policy import LivePolicy
from authz.services.ruleset_management import put_entry_point
from authz.services.rulesets import append_rule, get_rules
from authz.services.scopes import CUSTOM_RULES, Scope
from authz.services.simulation import MAX_REQUEST, simulate
from authz.services.simulation_drafts import (
    TRIED,
    with_expression,
    with_rule_in_front,
)
from authz.services.zones import create_zone
from authz.store.engine import open_store
from tests.factories.checks import check_request
from tests.factories.pki import url_encoded
from tests.factories.populated import World

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from authz.services.simulation import Simulation

_HOW = CheckReading()
_PROTECT = 'not cf.tls_client_auth.cert_verified and http.request.uri.path eq "/admin"'


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    with closing(open_store("sqlite", tmp_path)) as store:
        made = World(store)
        made.ca()
        _host(made, "api.example.com")
        _append(made, {"ref": "protect", "expression": _PROTECT, "action": "block"})
        yield made


def _append(world: World, rule: dict[str, Any]) -> None:
    append_rule(world.store, "default", rule, actor="t", at=time.time())


def _host(world: World, name: str) -> None:
    add_host(world.store, name, authority="Acme", protect=None, actor="t", at=time.time())


def _zone(world: World) -> None:
    create_zone(world.store, "example.org", force=True, actor="t", at=1.0)


def _account_rules(world: World, *rules: dict[str, Any]) -> None:
    with world.store.read() as session:
        account = session.zones.accounts()[0].id
    body = {"rules": list(rules)}
    put_entry_point(
        world.store, Scope(account_id=account), CUSTOM_RULES, body, geo=None, actor="t", at=1.0
    )


def _simulate(
    world: World, *, zone: str = "default", pem: str = "", more: Any = None, **changes: Any
) -> Simulation:
    data = check_request(certificate=url_encoded(pem) if pem else "", **changes)
    given = {"at": time.time(), "how": _HOW, **(more or {})}
    return simulate(world.store, LivePolicy(), zone, data.SerializeToString(), **given)


def test_the_rules_in_force_decide(world: World) -> None:
    issued = world.issue()

    stranger = _simulate(world, path="/admin")
    alice = _simulate(world, path="/admin", pem=issued.bundle)

    assert stranger.check.decision.verdict is Verdict.DENY
    assert stranger.check.decision.rule == "protect"
    assert alice.check.decision.verdict is Verdict.ALLOW
    assert stranger.notes["protect"].rule_id == get_rules(world.store, "default").rules[-1]["id"]
    assert not stranger.is_draft


def test_a_revoked_certificate_is_known_at_once(world: World) -> None:
    issued = world.issue()
    policy = LivePolicy()
    data = check_request(certificate=url_encoded(issued.bundle)).SerializeToString()

    def revoked() -> bool:
        found = simulate(world.store, policy, "default", data, at=time.time(), how=_HOW)
        assert found.check.explanation is not None
        assert found.check.explanation.certificate is not None
        return found.check.explanation.certificate.revoked

    before = revoked()
    world.revoke(issued)

    assert (before, revoked()) == (False, True)


def test_a_draft_decides_instead_and_nothing_is_kept(world: World) -> None:
    before = get_rules(world.store, "default")
    draft = with_rule_in_front(before.rules, 'http.host eq "api.example.com"')

    found = _simulate(world, more={"draft": draft})

    assert found.check.decision.rule == TRIED
    assert found.is_draft
    assert found.notes[TRIED].rule_id == ""
    assert found.notes["protect"].rule_id
    assert get_rules(world.store, "default") == before
    assert _simulate(world).check.decision.verdict is Verdict.ALLOW


def test_another_expression_is_tried_in_a_rule(world: World) -> None:
    rules = get_rules(world.store, "default").rules
    rule_id = str(rules[-1]["id"])

    found = _simulate(world, more={"draft": with_expression(rules, rule_id, "ssl")})

    assert (found.check.decision.rule, found.notes["protect"].rule_id) == ("protect", rule_id)


@pytest.mark.parametrize(
    ("rule", "message"),
    [
        ({"ref": "a", "expression": "http.hots eq 1", "action": "block"}, "http.hots"),
        ({"ref": "a", "expression": "ssl", "action": "challenge"}, "challenge"),
        ("ssl", "not an object"),
    ],
)
def test_a_draft_that_could_not_be_deployed_is_refused(
    world: World, rule: Any, message: str
) -> None:
    with pytest.raises(RulesetError, match=message) as raised:
        _simulate(world, more={"draft": [rule]})

    assert raised.value.path is not None
    assert raised.value.path[:2] == ("rules", 0)


def test_a_zone_without_rules_can_have_a_draft(world: World) -> None:
    _zone(world)
    draft = [{"ref": "a", "expression": "ssl", "action": "block"}]

    found = _simulate(
        world, zone="example.org", host="www.example.org", sni=None, more={"draft": draft}
    )

    assert found.check.decision.rule == "a"


def test_hosts_of_other_zones_are_not_for_this_one(world: World) -> None:
    _zone(world)

    with pytest.raises(InvalidInputError, match="is not one of the zone default"):
        _simulate(world, host="www.example.org")
    with pytest.raises(InvalidInputError, match=r"is not one of the zone example\.org"):
        _simulate(world, zone="example.org")
    with pytest.raises(NotFoundError):
        _simulate(world, zone="nowhere")


def test_the_site_of_another_zone_s_server_name_is_not_named(world: World) -> None:
    _zone(world)

    found = _simulate(world, sni="www.example.org").check

    assert found.decision.reason == "misdirected"
    assert found.explanation is not None
    assert (found.explanation.host.misdirected, found.explanation.host.sni_site) == (True, None)


def test_a_host_that_nobody_answers_for_is_denied(world: World) -> None:
    assert _simulate(world, host="a,b").check.decision.reason == "unknown_host"


def test_what_cannot_be_read_is_denied(world: World) -> None:
    found = simulate(world.store, LivePolicy(), "default", b"\xff", at=time.time(), how=_HOW)

    assert found.check.decision.reason == "undecodable"
    assert found.check.explanation is None


def test_a_request_is_bounded(world: World) -> None:
    with pytest.raises(InvalidInputError, match="are possible here"):
        _simulate(world, raw_body=b"x" * MAX_REQUEST)


def test_the_account_s_rules_run_first_and_their_expressions_are_for_who_may_read_them(
    world: World,
) -> None:
    _account_rules(
        world,
        {"ref": "first", "expression": 'http.user_agent contains "curl"', "action": "log"},
        {"ref": "off", "expression": "ssl", "action": "block", "enabled": False},
    )

    shown = _simulate(world)
    hidden = _simulate(world, more={"allowed": Allowed(account_rules=False)})

    assert shown.check.explanation is not None
    assert hidden.check.explanation is not None
    first, *_, last = shown.check.explanation.readings[0].rules
    assert (first.ref, first.expression) == ("account:first", 'http.user_agent contains "curl"')
    assert shown.notes[first.ref].of_account
    assert [one.ref for one in shown.disabled] == ["account:off"]
    first, *_, last = hidden.check.explanation.readings[0].rules
    assert (first.ref, first.outcome, first.expression, first.traced) == (
        "account:first",
        "matched",
        "",
        None,
    )
    assert last.expression == _PROTECT
    assert last.traced is not None
    assert "http.user_agent" in shown.check.explanation.fields
    assert "http.user_agent" not in hidden.check.explanation.fields
    assert "cf.tls_client_auth.cert_verified" in hidden.check.explanation.fields
    assert hidden.check.decision.logged == ("account:first",)


def test_what_is_in_lists_is_not_told_to_whoever_may_not_read_them(world: World) -> None:
    with world.store.read() as session:
        account = session.zones.accounts()[0].id
    create_list(world.store, account, "office", "ip", actor="t", at=1.0)
    draft = [{"ref": "a", "expression": "ip.src in $office", "action": "block"}]
    closed = Allowed(lists=False)

    assert _simulate(world, more={"draft": draft}).check.decision.verdict is Verdict.ALLOW
    with pytest.raises(ForbiddenError, match=r"in \$office"):
        _simulate(world, more={"draft": draft, "allowed": closed})
    assert _simulate(world, more={"allowed": closed}).check.decision.verdict is Verdict.ALLOW
    off = [{**draft[0], "enabled": False}]
    assert _simulate(world, more={"draft": off, "allowed": closed}).disabled


def test_hosts_that_were_added_are_there(world: World) -> None:
    policy = LivePolicy()
    _simulate(world)
    _host(world, "new.example.com")
    data = check_request(host="new.example.com", sni="new.example.com").SerializeToString()

    found = simulate(world.store, policy, "default", data, at=time.time(), how=_HOW)

    assert found.check.decision.site == "new.example.com"
