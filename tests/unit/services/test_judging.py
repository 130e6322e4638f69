# SPDX-License-Identifier: Apache-2.0
"""What is in force, and what would be, compiled as a node compiles it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from authz.certs.presented import CertificateLimits
from authz.errors import RulesetError
from authz.extauthz.decode import DecodeOptions, Undecodable
from authz.policy.recorded import Missing
from authz.services.context import account_of
from authz.services.hosts import add_host
from authz.services.judging import FETCHED_SECONDS, Judge, missing_of
from authz.services.rulesets import put_rules, replace_rules, rules_in
from authz.services.scopes import Scope, scope_of
from authz.services.zones import create_zone
from authz.sources.fetched import FetchedFiles
from authz.store.records_activity import RecordedRequest
from tests.factories.checks import check_request
from tests.factories.pki import AT

if TYPE_CHECKING:
    from pathlib import Path

    from authz.policy.snapshot import Snapshot
    from authz.store.engine import Store
    from tests.unit.services.conftest import World

WHO = {"actor": "tester", "at": AT}


def _rule(expression: str = 'http.host eq "a"', **changes: Any) -> dict[str, Any]:
    return {"expression": expression, "action": "block", "ref": "draft", **changes}


def _refs(snapshot: Snapshot) -> dict[str, list[str]]:
    return {site.name: [rule.ref for rule in site.ruleset.rules] for site in snapshot.sites}


def _draft(store: Store, *rules: dict[str, Any], zone: str = "default") -> Snapshot:
    with store.read() as session:
        scope = scope_of(next(one for one in session.zones.all() if one.name == zone))
        return Judge().draft(session, scope, rules, AT)


def test_what_is_in_force_is_compiled_once(world: World) -> None:
    judge = Judge()
    with world.store.read() as session:
        first = judge.live(session, AT)
        assert judge.live(session, AT + 1000) is first
    replace_rules(world.store, "default", [_rule()], **WHO)
    with world.store.read() as session:
        second = judge.live(session, AT)
    assert second is not first
    assert second.revision == first.revision + 1
    assert _refs(second.snapshot) == {"default": ["draft"]}


def test_what_was_fetched_is_looked_at_again(world: World, tmp_path: Path) -> None:
    judge = Judge(fetched=FetchedFiles(tmp_path))
    with world.store.read() as session:
        first = judge.live(session, AT)
        assert judge.live(session, AT + FETCHED_SECONDS - 1) is first
        later = judge.live(session, AT + FETCHED_SECONDS)
        assert later is not first
        # A clock that was set back is no reason to believe what is old.
        assert judge.live(session, AT) is not later


def test_a_draft_is_in_the_place_of_a_zone_s_rules_and_nowhere_else(world: World) -> None:
    store = world.store
    create_zone(store, "example.com", **WHO)
    world.ca()
    world.ca("Other", zone="example.com")
    add_host(store, "api.example.org", authority="Acme", **WHO)
    add_host(store, "api.example.com", authority="Other", **WHO)
    for zone in ("default", "example.com"):
        replace_rules(store, zone, [_rule(ref=f"of-{zone}")], **WHO)
    with store.write() as session:
        scope = Scope(account_id=account_of(session).id)
        put_rules(session, rules_in(session, scope), [_rule(ref="first")], **WHO)

    assert _refs(_draft(store, _rule(), zone="example.com")) == {
        "api.example.com": ["account:first", "draft"],
        "example.com": ["account:first", "draft"],
        "api.example.org": ["account:first", "of-default"],
        "default": ["account:first", "of-default"],
    }
    assert _refs(_draft(store))["api.example.org"] == ["account:first"]


def test_a_draft_that_could_not_be_deployed_is_refused_as_it_would_be(store: Store) -> None:
    for rule, path in (
        (_rule("http.hots"), "expression"),
        (_rule(action="challenge"), "action"),
        (_rule(ref="account:x"), "ref"),
        (_rule(action="skip", action_parameters={"rules": {"other": ["a"]}}), "action_parameters"),
    ):
        with pytest.raises(RulesetError) as raised:
            _draft(store, _rule(ref="fine"), rule)
        assert raised.value.path is not None
        assert raised.value.path[:3] == ("rules", 1, path)
    with pytest.raises(RulesetError, match="not an object"):
        _draft(store, 7)  # type: ignore[arg-type]  # as JSON may have it
    with store.read() as session:
        assert session.rulesets.entry_point(session.zones.all()[0].id, "x") is None


def test_a_recorded_request_is_read_as_the_node_reads_it() -> None:
    judge = Judge(
        decoding=DecodeOptions(client_ip_trusted_hops=1),
        limits=CertificateLimits(certificate_bytes=2048, chain_length=1),
    )
    request = check_request(headers=(("x-forwarded-for", b"192.0.2.7, 192.0.2.8"),))
    data = request.SerializeToString()

    facts, missing = judge.facts_of(RecordedRequest(request=data, left_out={"size": 9000}))
    assert facts.source_address == "192.0.2.7"
    assert facts.size == 9000
    assert missing == Missing(size=9000)
    assert judge.facts_of(RecordedRequest(request=data))[0].size == len(data)
    assert judge.memo() is not judge.memo()
    with pytest.raises(Undecodable):
        judge.facts_of(RecordedRequest(request=b"\xff"))


def test_what_is_missing_is_read_as_it_was_kept() -> None:
    assert missing_of({}) == Missing()
    flags = dict.fromkeys(("query", "query_names", "path", "host", "body", "metadata"), True)
    assert missing_of({**flags, "headers": ["a"], "cut": ["b"], "size": 3}) == Missing(
        headers=frozenset({b"a"}), cut=frozenset({"b"}), size=3, **flags
    )
