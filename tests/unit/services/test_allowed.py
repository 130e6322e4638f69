# SPDX-License-Identifier: Apache-2.0
"""What is told of decisions to whoever may read the rules of one zone alone."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from authz.services.allowed import ALL, HIDDEN, Allowed, allowed_to, reads_shown
from authz.services.events import get_event
from authz.services.explaining import explain_event
from authz.services.lists import create_list
from authz.services.permissions import ACCOUNT_WIDE, Grant, Level, Principal, Resource
from authz.services.rulesets import replace_rules
from tests.factories.account_rules import put_account_rules
from tests.factories.pki import AT
from tests.factories.traffic import Traffic

if TYPE_CHECKING:
    from authz.store.engine import Store

SECRET = 'http.user_agent contains "curl" and http.cookie contains "secret"'


@pytest.fixture
def event_id(store: Store) -> str:
    """A request that a rule of the account, one with a list and another one look at."""
    with store.read() as session:
        account = session.zones.accounts()[0].id
    create_list(store, account, "office", "ip", actor="t", at=AT)
    put_account_rules(store, {"ref": "first", "expression": SECRET, "action": "block"})
    listed = {"ref": "listed", "expression": "ip.src in $office", "action": "log"}
    own = {"ref": "own", "expression": 'http.host eq "x"', "action": "block"}
    replace_rules(store, "default", [listed, own], actor="t", at=AT)
    traffic = Traffic(store, now=AT)
    sent = traffic.send(headers=(("user-agent", b"curl"), ("cookie", b"x")))
    traffic.keep()
    return sent


def _now(store: Store, event_id: str, allowed: Allowed) -> dict[str, Any]:
    found = explain_event(store, get_event(store, event_id), at=AT, allowed=allowed)["now"]
    assert isinstance(found, dict)
    return found


def _rules(now: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {one["rule"]: one for one in now["explanation"]["rules"][0]["rules"]}


def test_whoever_may_everything_is_told_everything(store: Store, event_id: str) -> None:
    now = _now(store, event_id, ALL)

    rules = _rules(now)
    assert rules["account:first"]["expression"] == SECRET
    assert "http.cookie" in rules["account:first"]["reads"]
    assert "http.cookie" in now["reads"]
    assert all(one["trace"] is not None for one in rules.values())


def test_what_rules_of_the_account_ask_is_hidden(store: Store, event_id: str) -> None:
    now = _now(store, event_id, Allowed(account_rules=False))

    rules = _rules(now)
    first = rules["account:first"]
    assert (first["expression"], first["trace"], first["reads"]) == ("", None, [HIDDEN])
    assert rules["own"]["expression"] == 'http.host eq "x"'
    assert rules["own"]["trace"] is not None
    assert now["reads"] == [HIDDEN]
    assert not any(text in json.dumps(now) for text in ("curl", "cookie", "user_agent"))


def test_what_is_in_lists_is_hidden(store: Store, event_id: str) -> None:
    rules = _rules(_now(store, event_id, Allowed(lists=False)))

    assert (rules["listed"]["trace"], rules["listed"]["expression"]) == (None, "ip.src in $office")
    assert rules["own"]["trace"] is not None


def test_what_is_allowed_is_what_the_account_gives() -> None:
    def who(*grants: Grant) -> Principal:
        return Principal(token_id="", name="t", grants=frozenset(grants))

    lists = Grant(resource=Resource.LISTS, level=Level.READ, place=ACCOUNT_WIDE)
    rules = Grant(resource=Resource.RULES, level=Level.READ, place=ACCOUNT_WIDE)
    zone = Grant(resource=Resource.RULES, level=Level.READ, place="7" * 32)
    assert allowed_to(who(lists, rules)) == ALL
    assert allowed_to(who(lists)) == Allowed(account_rules=False)
    assert allowed_to(who(zone)) == Allowed(lists=False, account_rules=False)


def test_a_value_of_a_map_is_shown_with_its_field() -> None:
    reads = ['http.request.headers["a"]', "http.cookie", "http.referer"]

    assert reads_shown(reads, None) == reads
    shown = reads_shown(reads, frozenset({"http.request.headers"}))
    assert shown == ['http.request.headers["a"]', HIDDEN]
