# SPDX-License-Identifier: Apache-2.0
"""A draft against the requests that were recorded."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from authz.errors import ForbiddenError, InvalidInputError, NotFoundError, RulesetError
from authz.services import replay as module
from authz.services.activity import keep_activity
from authz.services.allowed import HIDDEN, Allowed
from authz.services.hosts import add_host
from authz.services.judging import Judge
from authz.services.lists import create_list
from authz.services.replay import Replay, replay, replay_object
from authz.services.rulesets import replace_rules
from tests.factories.account_rules import put_account_rules
from tests.factories.events import blocked
from tests.factories.pki import AT, url_encoded
from tests.factories.traffic import Traffic

if TYPE_CHECKING:
    from authz.store.engine import Store
    from tests.unit.services.conftest import World

WHO = {"actor": "tester", "at": AT}
NOW = AT + 1000


def _rule(expression: str, ref: str = "draft", **changes: Any) -> dict[str, Any]:
    return {"expression": expression, "action": "block", "ref": ref, **changes}


ADMIN = _rule('http.request.uri.path eq "/admin"', ref="admin")


@pytest.fixture
def zone_id(store: Store) -> str:
    with store.read() as session:
        return session.zones.all()[0].id


@pytest.fixture
def traffic(store: Store) -> Traffic:
    replace_rules(store, "default", [ADMIN], **WHO)
    return Traffic(store, now=AT)


def _replayed(store: Store, zone_id: str, *rules: dict[str, Any], **changes: Any) -> Replay:
    found = replay(store, zone_id, rules, at=NOW, pause=lambda _: None, **changes)
    json.dumps(replay_object(found))
    return found


def test_without_requests_there_is_nothing_to_tell(store: Store, zone_id: str) -> None:
    found = _replayed(store, zone_id)

    assert (found.requests, found.checks, found.first_at, found.last_at) == (0, 0, None, None)
    assert found.complete
    assert not found.sampled


def test_who_would_be_blocked_and_who_would_not_be(
    world: World, store: Store, zone_id: str, traffic: Traffic
) -> None:
    world.ca()
    add_host(store, "api.example.com", authority="Acme", **WHO)
    alice = url_encoded(world.issue().bundle)
    ids = {
        name: traffic.send(path=path, certificate=certificate)
        for name, path, certificate in (
            ("public", "/", ""),
            ("orders", "/orders", ""),
            ("orders of alice", "/orders", alice),
            ("admin", "/admin", ""),
        )
    }
    [public, *_] = traffic.keep()

    found = _replayed(
        store,
        zone_id,
        _rule(
            'not cf.tls_client_auth.cert_verified and http.request.uri.path eq "/orders"', "orders"
        ),
    )

    assert found.requests == 4
    assert (found.still_allowed, found.still_blocked) == (2, 0)
    assert found.newly_blocked.examples == (ids["orders"],)
    assert found.newly_allowed.examples == (ids["admin"],)
    assert {by: [one.name for one in groups] for by, groups in found.newly_blocked.by.items()} == {
        "host": ["api.example.com"],
        "path": ["/orders"],
        "certificate": [""],
        "rule": ["orders"],
    }
    assert [one.name for one in found.newly_allowed.by["rule"]] == ["admin"]
    assert (found.first_at, found.last_at) == (public.at, public.at + 3)
    assert (found.drifted, found.unrecorded, found.unjudged.requests) == (0, 0, 0)


def test_the_same_rules_change_nothing(store: Store, zone_id: str, traffic: Traffic) -> None:
    for path in ("/", "/admin", "/x/..;/admin"):
        traffic.send(path=path)
    traffic.keep()

    found = _replayed(store, zone_id, ADMIN)
    assert (found.still_allowed, found.still_blocked) == (1, 2)
    assert found.newly_blocked.requests == found.newly_allowed.requests == 0


def test_what_depends_on_what_was_not_recorded_is_told_and_not_guessed(
    store: Store, zone_id: str, traffic: Traffic
) -> None:
    secret = traffic.send(path="/a", headers=(("cookie", b"s=1"), ("x-key", b"1")))
    traffic.send(path="/a", headers=())
    traffic.keep()

    key = _rule('http.cookie contains "s" or any(http.request.headers["x-key"][*] eq "1")')
    found = _replayed(store, zone_id, key)

    assert found.unjudged.examples == (secret,)
    assert found.unjudged.reads == (("http.cookie", 1), ('http.request.headers["x-key"]', 1))
    assert found.still_allowed == 1


def test_by_the_rules_in_force_it_may_be_unknown_as_well(
    store: Store, zone_id: str, traffic: Traffic
) -> None:
    traffic.send(path="/a", headers=(("cookie", b"s=1"),))
    traffic.keep()
    replace_rules(store, "default", [_rule('http.cookie contains "s"')], **WHO)

    assert _replayed(store, zone_id).unjudged.requests == 1


def test_what_the_rules_in_force_decide_otherwise_today_is_counted(
    store: Store, zone_id: str, traffic: Traffic
) -> None:
    traffic.send(path="/admin")
    traffic.keep()
    replace_rules(store, "default", [], **WHO)

    found = _replayed(store, zone_id, ADMIN)
    assert found.drifted == 1
    # Both are judged now.
    assert found.newly_blocked.requests == 1


def test_a_request_stands_for_as_many_checks_as_its_event_says(
    store: Store, zone_id: str, traffic: Traffic
) -> None:
    for _ in range(3):
        traffic.send(path="/")
    events = traffic.keep()
    assert [one.weight for one in events] == [1, 1, 1]
    assert not _replayed(store, zone_id).sampled
    again = [blocked(id="w", site="default", at=AT + 9, weight=50, recorded=events[0].recorded)]
    keep_activity(store, {}, again)

    found = _replayed(store, zone_id)
    assert (found.requests, found.checks, found.sampled) == (4, 53, True)
    everything = _rule('http.request.uri.path eq "/"')
    found = _replayed(store, zone_id, everything)
    assert (found.newly_blocked.requests, found.newly_blocked.checks) == (4, 53)


def test_events_without_a_request_are_counted(store: Store, zone_id: str, traffic: Traffic) -> None:
    traffic.send()
    traffic.keep()
    keep_activity(store, {}, [blocked(site="default", unrecorded="too_many")])
    with store.note() as session:
        [event] = session.events.latest(most=1)
    keep_activity(store, {}, [blocked(id="x", site="default")])
    with store.note() as session:
        [other] = session.events.latest(most=1)
        session.events._connection.exec_driver_sql(
            f"INSERT INTO recorded_requests VALUES ({other.number}, x'ff', '{{}}')"
        )

    found = _replayed(store, zone_id)
    assert event.number != other.number
    assert (found.requests, found.unrecorded) == (2, 1)
    assert found.unjudged.reads == (("a request that can be read", 1),)


def test_so_many_of_the_latest_are_tried(
    store: Store, zone_id: str, traffic: Traffic, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_BATCH", 3)
    for _ in range(8):
        traffic.send()
    traffic.keep()

    assert _replayed(store, zone_id).requests == 8
    found = _replayed(store, zone_id, most=5)
    assert (found.requests, found.first_at, found.last_at) == (5, AT + 3, AT + 7)
    assert _replayed(store, zone_id, since=AT + 6).requests == 2
    assert _replayed(store, zone_id, most=6).requests == 6


def test_it_ends_when_there_is_no_more_time_and_gives_way_meanwhile(
    store: Store, zone_id: str, traffic: Traffic, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_GIVE_WAY", 2)
    for _ in range(9):
        traffic.send()
    traffic.keep()
    clock, pauses = iter(range(100)), []

    found = replay(
        store,
        zone_id,
        [],
        at=NOW,
        seconds=4.5,
        pause=pauses.append,
        monotonic=lambda: float(next(clock)),
        judge=Judge(),
    )

    assert (found.requests, found.complete) == (4, False)
    assert len(pauses) == 2


def test_compiling_counts_and_nothing_is_tried_when_it_took_all_the_time(
    store: Store, zone_id: str, traffic: Traffic
) -> None:
    traffic.send()
    traffic.keep()
    clock = [0.0]

    class Slow(Judge):
        def draft(self, *given: Any) -> Any:
            clock[0] += 9
            return super().draft(*given)

    found = _replayed(store, zone_id, judge=Slow(), seconds=4.0, monotonic=lambda: clock[0])

    assert (found.requests, found.complete, found.seconds) == (0, False, 9.0)


def test_what_is_in_lists_is_not_told_to_whoever_may_not_read_them(
    store: Store, zone_id: str, traffic: Traffic
) -> None:
    with store.read() as session:
        account = session.zones.accounts()[0].id
    create_list(store, account, "office", "ip", **WHO)
    traffic.send()
    traffic.keep()
    draft = _rule("ip.src in $office")
    closed = Allowed(lists=False)

    assert _replayed(store, zone_id, draft).requests == 1
    with pytest.raises(ForbiddenError, match=r"in \$office"):
        _replayed(store, zone_id, draft, allowed=closed)
    assert _replayed(store, zone_id, ADMIN, allowed=closed).requests == 1
    assert _replayed(store, zone_id, {**draft, "enabled": False}, allowed=closed).requests == 1
    replace_rules(store, "default", [draft], **WHO)
    with pytest.raises(ForbiddenError):
        _replayed(store, zone_id, ADMIN, allowed=closed)


def test_what_the_accounts_rules_read_is_not_told_to_whoever_may_not_read_them(
    store: Store, zone_id: str, traffic: Traffic
) -> None:
    traffic.send(headers=(("cookie", b"x"),))
    traffic.keep()
    put_account_rules(store, _rule('http.cookie contains "x"'))

    assert _replayed(store, zone_id).unjudged.reads == (("http.cookie", 1),)
    hidden = _replayed(store, zone_id, allowed=Allowed(account_rules=False))
    assert hidden.unjudged.reads == ((HIDDEN, 1),)


def test_other_zones_requests_are_not_tried(store: Store, zone_id: str, traffic: Traffic) -> None:
    traffic.send()
    traffic.keep(file_sites=["default"])

    assert _replayed(store, zone_id).requests == 0


def test_what_cannot_be_tried_is_refused(store: Store, zone_id: str) -> None:
    with pytest.raises(RulesetError):
        _replayed(store, zone_id, _rule("http.hots"))
    with pytest.raises(NotFoundError):
        _replayed(store, "f" * 32)
    limits: tuple[dict[str, Any], ...] = (
        {"most": 0},
        {"most": 10_001},
        {"seconds": 0.0},
        {"seconds": 31.0},
    )
    for limit in limits:
        with pytest.raises(InvalidInputError):
            _replayed(store, zone_id, **limit)
