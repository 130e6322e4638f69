# SPDX-License-Identifier: Apache-2.0
"""The list of rules, and what one click does."""

from __future__ import annotations

from typing import TYPE_CHECKING

from authz.services.permissions import EVERY_ZONE, Grant, Level, Resource
from authz.services.rule_deployment import NO_RULES, Wanted
from authz.services.rule_drafts import list_drafts, save_draft
from tests.factories.recorded_checks import count_matches
from tests.factories.rule_pages import fields_of
from tests.factories.rulesets import (
    account_scope,
    deploy,
    in_force,
    put_rules,
    rule,
    seen,
    zone_scope,
)

if TYPE_CHECKING:
    from tests.factories.dashboard import Visitor

LIST = "/zones/{zone}/rules"
RULES_ONLY = frozenset({Grant(resource=Resource.RULES, level=Level.WRITE, place=EVERY_ZONE)})


def _refs(visitor: Visitor) -> list[str]:
    return [one["ref"] for one in in_force(visitor.bench.store).rules]


def _basis(visitor: Visitor) -> str:
    basis = seen(visitor.bench.store)
    return f"{basis.ruleset_id}:{basis.version}"


def test_no_rules_lead_to_a_mtls_rule(visitor: Visitor) -> None:
    page = visitor.get(LIST)

    assert "No rules yet" in page
    assert f'href="/zones/{visitor.bench.zone_id}/rules/mtls"' in page
    assert "Create a mTLS rule" not in visitor.get("/rules")
    assert "Create a rule" in visitor.get("/rules")
    assert "Create" not in visitor.as_reader().get(LIST)


def test_rules_are_listed_in_their_order_with_what_they_did(visitor: Visitor) -> None:
    put_rules(
        visitor.bench.store,
        rule("a", description="First <b>rule</b>"),
        rule("b", action="log", enabled=False),
        rule("s", action="skip", action_parameters={"rules": {"current": ["a"]}}),
    )
    count_matches(visitor.bench.store, "a", 1234)

    page = visitor.get(LIST)

    assert page.index("First &lt;b&gt;rule&lt;/b&gt;") < page.index(">b</a>") < page.index(">s</a>")
    assert "1,234" in page
    assert f"/zones/{visitor.bench.zone_id}/events?rule=a&amp;span=7d" in page
    assert "1 rule</span>" in page
    assert 'aria-checked="false"' in page


def test_who_may_not_see_events_sees_no_matches(visitor: Visitor) -> None:
    put_rules(visitor.bench.store, rule("a"))

    assert "Matches" in visitor.get(LIST)
    assert "Matches" not in visitor.with_grants(RULES_ONLY).get(LIST)


def test_rules_of_the_account_run_first(visitor: Visitor) -> None:
    store = visitor.bench.store
    put_rules(store, rule("of-all", description="Of all zones"), scope=account_scope(store))
    count_matches(store, "account:of-all", 7)

    page = visitor.get(LIST)
    assert "Rules of the account" in page
    assert "Of all zones" in page
    assert 'href="/rules"' in page
    mine = visitor.with_grants(RULES_ONLY).get(LIST)
    assert "1 rule of the account runs first" in mine
    assert "Of all zones" not in mine
    assert 'href="/rules"' not in mine
    account = visitor.get("/rules")
    assert "Of all zones" in account
    assert "rule=account%3Aof-all" in account
    assert ">7</a>" in account.replace("</span>7", "</span>>7")
    visitor.with_grants(RULES_ONLY).get("/rules", 403)


def test_a_reader_is_offered_nothing(visitor: Visitor) -> None:
    a, *_ = put_rules(visitor.bench.store, rule("a"), rule("b")).rules
    reader = visitor.as_reader()

    page = reader.get(LIST)
    assert "<form" not in page.partition("<main")[2]
    for path in ("move", "enabled", "delete", "block"):
        reader.post(f"{LIST}/{a['id']}/{path}", {"basis": _basis(visitor)}, 403)
    reader.ask(f"{LIST}/order", {}, 403)
    assert _refs(visitor) == ["a", "b"]


def test_rules_are_moved(visitor: Visitor) -> None:
    a, b, _ = put_rules(visitor.bench.store, rule("a"), rule("b"), rule("c")).rules

    def move(rule_id: str, to: str, status: int = 303) -> str:
        fields = {"basis": _basis(visitor), "to": to}
        return visitor.post(f"{LIST}/{rule_id}/move", fields, status).text

    move(a["id"], "down")
    assert _refs(visitor) == ["b", "a", "c"]
    move(a["id"], "up")
    move(a["id"], "up")
    assert _refs(visitor) == ["a", "b", "c"]
    move(a["id"], "last")
    assert _refs(visitor) == ["b", "c", "a"]
    move(a["id"], "first")
    assert _refs(visitor) == ["a", "b", "c"]
    move(b["id"], "3")
    assert _refs(visitor) == ["a", "c", "b"]
    assert "there is no place" in move(b["id"], "4", 400).lower()
    assert "not a whole number" in move(b["id"], "x", 400)
    assert "there is no such rule any more" in move("0" * 32, "up", 404).lower()


def test_the_script_that_drags_moves_rules(visitor: Visitor) -> None:
    _, b = put_rules(visitor.bench.store, rule("a"), rule("b")).rules
    old = _basis(visitor)

    answer = visitor.ask(f"{LIST}/order", {"rule": b["id"], "place": 1, "basis": old})
    assert answer == {"basis": _basis(visitor)}
    assert _refs(visitor) == ["b", "a"]
    told = visitor.ask(f"{LIST}/order", {"rule": b["id"], "place": 2, "basis": old}, 412)
    assert "somebody changed them" in told["error"]["message"]
    for odd in ([], {"rule": 1}, {"rule": b["id"], "place": True, "basis": ""}):
        assert "missing" in visitor.ask(f"{LIST}/order", odd, 400)["error"]["message"]
    visitor.ask(f"{LIST}/order", {"rule": "x", "place": 1, "basis": answer["basis"]}, 404)
    visitor.ask(f"{LIST}/order", {"rule": b["id"], "place": 9, "basis": answer["basis"]})
    assert _refs(visitor) == ["a", "b"]


def test_rules_are_disabled_and_enabled(visitor: Visitor) -> None:
    (a,) = put_rules(visitor.bench.store, rule("a", description="Mine")).rules
    url = f"{LIST}/{a['id']}/enabled"

    visitor.post(url, {"basis": _basis(visitor), "to": "off"})
    assert in_force(visitor.bench.store).rules[0]["enabled"] is False
    assert "Mine is disabled." in visitor.get(LIST)
    visitor.post(url, {"basis": _basis(visitor), "to": "on"})
    kept = in_force(visitor.bench.store).rules[0]
    assert kept["enabled"] is True
    assert {key: kept[key] for key in ("id", "ref", "expression")} == {
        key: a[key] for key in ("id", "ref", "expression")
    }


def test_rules_are_deleted_but_not_those_that_others_skip(visitor: Visitor) -> None:
    a, b, _ = put_rules(
        visitor.bench.store,
        rule("a"),
        rule("b"),
        rule("s", action="skip", action_parameters={"rules": {"current": ["a"]}}),
    ).rules

    refused = visitor.post(f"{LIST}/{a['id']}/delete", {"basis": _basis(visitor)}, 400)
    assert "s" in refused.text
    assert 'role="alert"' in refused.text
    visitor.post(f"{LIST}/{b['id']}/delete", {"basis": _basis(visitor)})
    assert _refs(visitor) == ["a", "s"]


def test_nothing_is_done_when_somebody_else_was_quicker(visitor: Visitor) -> None:
    (a,) = put_rules(visitor.bench.store, rule("a")).rules
    old = _basis(visitor)
    put_rules(visitor.bench.store, rule("a"), rule("theirs"))

    for path, fields in (
        ("move", {"to": "last"}),
        ("enabled", {"to": "off"}),
        ("delete", {}),
    ):
        answer = visitor.post(f"{LIST}/{a['id']}/{path}", {"basis": old, **fields}, 412)
        assert "somebody changed them" in answer.text
        assert "theirs" in answer.text
    for odd in ("", "x", "0" * 32):
        visitor.post(f"{LIST}/{a['id']}/delete", {"basis": odd, "page": "x"}, 412)
    assert _refs(visitor) == ["a", "theirs"]


def test_a_rule_that_logs_first_blocks_by_one_click(visitor: Visitor) -> None:
    store = visitor.bench.store
    done = deploy(store, rule("a", description="Careful"), log_first=True)

    page = visitor.get(LIST)
    assert "logs before it blocks" in page
    url = f"/zones/{visitor.bench.zone_id}/rules/{done.rule['id']}/block"
    assert f'formaction="{url}"' in page
    visitor.post(url, fields_of(page, "acts"))
    assert in_force(store).rules[0]["action"] == "block"
    assert list_drafts(store, zone_scope(store)) == []
    assert "Careful blocks now." in visitor.get(LIST)
    again = visitor.post(url, {"basis": _basis(visitor)}, 404)
    assert "not kept any more" in again.text


def test_drafts_are_listed_with_what_they_change(visitor: Visitor) -> None:
    store = visitor.bench.store
    (a,) = put_rules(store, rule("a", description="Rule A")).rules
    here = zone_scope(store)
    for wanted in (
        Wanted(rule={"description": "<i>new</i>"}, basis=NO_RULES),
        Wanted(rule=rule("a", description="Better"), basis=seen(store), rule_id=a["id"]),
        Wanted(rule=rule("x"), basis=seen(store), rule_id="0" * 32),
    ):
        save_draft(store, here, wanted, actor="me & you", at=visitor.bench.now)

    page = visitor.get(LIST)

    assert "&lt;i&gt;new&lt;/i&gt;" in page
    assert "changes Rule A" in page
    assert "its rule is gone" in page
    assert page.count("rules have changed since") == 1
    assert "me &amp; you" in page
    assert "1 draft</span>" in page
    reader = visitor.as_reader().get(LIST)
    assert "Discard" not in reader
    assert "Better" in reader


def test_many_rules_are_on_several_pages(visitor: Visitor) -> None:
    rules = put_rules(visitor.bench.store, *(rule(f"r{n:03}") for n in range(120))).rules

    first = visitor.get(LIST)
    assert "Page 1 of 4, 120 rules" in first
    assert "r029" in first
    assert "r030" not in first
    second = visitor.get(f"{LIST}?page=2")
    assert ">31<" in second
    assert 'name="page" value="2"' in second
    answer = visitor.post(
        f"{LIST}/{rules[40]['id']}/enabled",
        {"basis": _basis(visitor), "to": "off", "page": "2"},
    )
    assert answer.headers["location"].endswith("/rules?page=2")
    assert "r119" in visitor.get(f"{LIST}?page=99")
    assert len(first) < 100_000
