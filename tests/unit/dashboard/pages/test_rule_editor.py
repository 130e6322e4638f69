# SPDX-License-Identifier: Apache-2.0
"""A rule is written: new, changed, as a draft, and when somebody else was quicker."""

from __future__ import annotations

from html import unescape
from typing import TYPE_CHECKING, Any

import pytest

from authz.dashboard import rule_editing
from authz.services.rule_deployment import Wanted
from authz.services.rule_drafts import discard_draft, list_drafts, save_draft
from tests.factories.recorded_checks import count_matches, record_checks
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
    import httpx

    from tests.factories.dashboard import Visitor

LIST = "/zones/{zone}/rules"
FORM = "rule-form"
RESPONSE = {"status_code": 418, "content_type": "application/json", "content": '{"a": "<b>"}\n'}


def _open(visitor: Visitor, path: str) -> dict[str, Any]:
    return fields_of(visitor.get(f"{LIST}{path}"), FORM)


def _press(
    visitor: Visitor, path: str, fields: dict[str, Any], do: str, status: int = 303
) -> httpx.Response:
    return visitor.post(f"{LIST}{path}", {**fields, "do": do}, status)


def _last(visitor: Visitor) -> dict[str, Any]:
    return in_force(visitor.bench.store).rules[-1]


def test_a_new_rule_is_deployed(visitor: Visitor) -> None:
    fields = _open(visitor, "/new")
    assert (fields["action"], fields["enabled"], fields["basis"]) == ("block", "on", "")
    fields |= {"description": "Mine", "expression": "ssl and\r\nnot ssl", "ref": "mine"}

    answer = _press(visitor, "/new", fields, "deploy")

    assert answer.headers["location"] == f"/zones/{visitor.bench.zone_id}/rules"
    assert "Mine is deployed." in visitor.get(LIST)
    kept = _last(visitor)
    assert (kept["ref"], kept["description"], kept["expression"], kept["action"]) == (
        "mine",
        "Mine",
        "ssl and\nnot ssl",
        "block",
    )


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        (
            {"responds": "on", "status": "418", "content_type": "application/json",
             "content": '{"a": "<b>"}\r\n'},
            {"action_parameters": {"response": RESPONSE}},
        ),
        ({"status": "418"}, {"action_parameters": None}),
        ({"action": "log", "responds": "on"}, {"action": "log", "action_parameters": None}),
        (
            {"action": "skip", "skips": ["ruleset", "phase"], "log_skipped": "on"},
            {"action_parameters": {"ruleset": "current", "phase": "current"}, "logging": None},
        ),
        (
            {"action": "skip", "skips": "ruleset"},
            {"action_parameters": {"ruleset": "current"}},
        ),
        ({"place": "1"}, {"ref": "first"}),
        ({"enabled": None}, {"enabled": False}),
    ],
)  # fmt: skip
def test_every_field_counts(visitor: Visitor, given: dict[str, Any], kept: dict[str, Any]) -> None:
    put_rules(visitor.bench.store, rule("first"))
    fields = _open(visitor, "/new") | {"expression": "ssl", "ref": "new"}
    if given.get("action") == "skip" and "log_skipped" not in given:
        del fields["log_skipped"]
        kept = {**kept, "logging": {"enabled": False}}
    fields = {name: one for name, one in (fields | given).items() if one is not None}

    _press(visitor, "/new", fields, "deploy")

    last = _last(visitor)
    assert {key: last.get(key) for key in kept} == kept


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"description": 'A "name" & more', "enabled": False},
        {"action_parameters": {"response": RESPONSE}},
        {"action_parameters": {"response": RESPONSE | {"content": "\n\nlast"}}},
        {"action": "log"},
        {"action": "skip", "action_parameters": {"ruleset": "current", "products": ["waf"]}},
        {
            "action": "skip",
            "action_parameters": {"rules": {"current": ["other"]}},
            "logging": {"enabled": False},
        },
    ],
)
def test_a_form_that_nobody_changed_changes_nothing(
    visitor: Visitor, changes: dict[str, Any]
) -> None:
    before = put_rules(visitor.bench.store, rule("other"), rule("a", **changes))
    rule_id = before.rules[1]["id"]

    _press(visitor, f"/{rule_id}", _open(visitor, f"/{rule_id}"), "deploy")

    assert in_force(visitor.bench.store) == before


def test_a_rule_is_changed_and_moved(visitor: Visitor) -> None:
    *_, c = put_rules(visitor.bench.store, rule("a"), rule("b"), rule("c")).rules
    fields = _open(visitor, f"/{c['id']}")
    assert (fields["place"], fields["was_at"]) == ("3", "3")

    _press(visitor, f"/{c['id']}", fields | {"description": "Now first", "place": "1"}, "deploy")

    first = in_force(visitor.bench.store).rules[0]
    assert (first["id"], first["description"]) == (c["id"], "Now first")


def test_what_is_less_strict_is_told(visitor: Visitor) -> None:
    (a,) = put_rules(visitor.bench.store, rule("a")).rules

    _press(visitor, f"/{a['id']}", _open(visitor, f"/{a['id']}") | {"action": "log"}, "deploy")

    assert "Less strict than before: rule a does not block any more." in visitor.get(LIST)


def test_errors_stand_by_their_fields_and_nothing_is_lost(visitor: Visitor) -> None:
    put_rules(visitor.bench.store, rule("taken"))
    fields = _open(visitor, "/new") | {
        "expression": "ssl",
        "ref": "taken",
        "place": "nowhere",
        "responds": "on",
        "status": "200",
        "content": "x" * 3000,
        "description": "<b>kept</b>",
    }

    page = _press(visitor, "/new", fields, "deploy", 400).text
    assert 'id="place-wrong"' in page
    again = fields_of(page, FORM)
    assert {name: again[name] for name in fields if name != "csrf"} == {
        name: one for name, one in fields.items() if name != "csrf"
    }
    page = _press(visitor, "/new", fields | {"place": ""}, "deploy", 400).text
    assert 'id="ref-wrong"' in page
    page = _press(visitor, "/new", fields | {"place": "", "ref": "free"}, "deploy", 400).text
    assert 'id="status-wrong"' in page
    assert 'id="content-wrong"' in page
    assert "3000 bytes" in page
    odd = {"place": "", "ref": "free", "status": "4O3", "content": "", "action": "drop"}
    page = _press(visitor, "/new", fields | odd, "deploy", 400).text
    assert 'id="action-wrong"' in page
    assert in_force(visitor.bench.store).version == 1


def test_an_expression_is_wrong_under_the_exact_characters(visitor: Visitor) -> None:
    fields = _open(visitor, "/new") | {"expression": 'http.hots eq "a"'}

    page = _press(visitor, "/new", fields, "deploy", 400).text
    assert "Line 1, column 1" in page
    assert "^^^^^^^^^" in page
    assert "http.host" in page
    assert "Line 1, column 1" in _press(visitor, "/new", fields, "check", 200).text
    assert _press(visitor, "/new", fields, "replay", 400).text.count("^^^^^^^^^") == 1
    empty = _press(visitor, "/new", fields | {"expression": ""}, "deploy", 400).text
    assert "Line 1, column 1" in empty
    assert "Line 1" not in visitor.get(f"{LIST}/new")


def test_what_may_not_be_meant_is_told_with_what_to_use(visitor: Visitor) -> None:
    plain = 'not cf.tls_client_auth.cert_verified and http.request.uri.path in {"/admin"}'
    fields = _open(visitor, "/new") | {"expression": plain}

    page = _press(visitor, "/new", fields, "check", 200).text
    assert "Use this" in page
    start = page.index('name="suggestion" value="') + len('name="suggestion" value="')
    suggestion = unescape(page[start : page.index('"', start)])
    page = visitor.post(f"{LIST}/new", {**fields, "suggestion": suggestion}, 200).text
    assert fields_of(page, FORM)["expression"] == suggestion
    assert "cert_revoked" in suggestion
    assert "Use this" not in page


def test_a_draft_is_saved_opened_changed_and_deployed(visitor: Visitor) -> None:
    store, here = visitor.bench.store, zone_scope(visitor.bench.store)
    fields = _open(visitor, "/new") | {"expression": "http.host eq", "description": "Half"}

    _press(visitor, "/new", fields, "draft")
    (draft,) = list_drafts(store, here)
    assert draft.rule["expression"] == "http.host eq"
    assert in_force(store).version == 0
    assert "Nothing else has changed" in visitor.get(LIST)

    path = f"/drafts/{draft.id}"
    fields = _open(visitor, path)
    assert fields["description"] == "Half"
    _press(visitor, path, fields | {"expression": "ssl", "place": "1"}, "draft")
    (draft,) = list_drafts(store, here)
    assert (draft.rule["expression"], draft.place) == ("ssl", 1)
    _press(visitor, path, _open(visitor, path), "deploy")
    assert list_drafts(store, here) == []
    assert _last(visitor)["description"] == "Half"


def test_a_draft_that_is_gone_is_no_reason_to_lose_what_was_written(visitor: Visitor) -> None:
    store, here = visitor.bench.store, zone_scope(visitor.bench.store)
    _press(visitor, "/new", _open(visitor, "/new") | {"expression": "ssl"}, "draft")
    (draft,) = list_drafts(store, here)
    path = f"/drafts/{draft.id}"
    fields = _open(visitor, path) | {"description": "Much work"}
    discard_draft(store, here, draft.id, actor="others", at=1.0)

    page = _press(visitor, path, fields, "draft", 404).text
    assert "Somebody deployed or discarded this draft" in page
    again = fields_of(page, FORM)
    assert again["description"] == "Much work"
    assert f'action="/zones/{visitor.bench.zone_id}/rules/new"' in page
    _press(visitor, "/new", again, "deploy")
    visitor.get(f"{LIST}{path}", 404)
    visitor.post(f"{LIST}{path}/discard", {}, 404)
    visitor.get(f"{LIST}/drafts/x", 404)


def test_a_draft_is_discarded(visitor: Visitor) -> None:
    _press(visitor, "/new", _open(visitor, "/new") | {"expression": "ssl"}, "draft")
    (draft,) = list_drafts(visitor.bench.store, zone_scope(visitor.bench.store))

    visitor.post(f"{LIST}/drafts/{draft.id}/discard")

    assert "The draft is discarded." in visitor.get(LIST)
    assert list_drafts(visitor.bench.store, zone_scope(visitor.bench.store)) == []


def test_a_draft_is_opened_on_top_of_the_rules_as_they_are(visitor: Visitor) -> None:
    store = visitor.bench.store
    (a,) = put_rules(store, rule("a")).rules
    wanted = Wanted(rule=rule("a", description="Mine"), basis=seen(store), rule_id=a["id"])
    draft = save_draft(store, zone_scope(store), wanted, actor="me", at=1.0)
    put_rules(store, rule("first"), rule("a", action="log"))

    page = visitor.get(f"{LIST}/drafts/{draft.id}")
    assert "The rules have changed since this draft was written" in page
    fields = fields_of(page, FORM)
    assert (fields["description"], fields["action"], fields["place"]) == ("Mine", "log", "2")
    _press(visitor, f"/drafts/{draft.id}", fields, "deploy")
    assert [one["ref"] for one in in_force(store).rules] == ["first", "a"]
    assert _last(visitor)["description"] == "Mine"


def test_when_somebody_else_was_quicker_nothing_is_overwritten(visitor: Visitor) -> None:
    store = visitor.bench.store
    (a,) = put_rules(store, rule("a")).rules
    fields = _open(visitor, f"/{a['id']}") | {"description": "Mine"}
    theirs = put_rules(store, rule("a", action="log"), rule("theirs"))

    page = _press(visitor, f"/{a['id']}", fields, "deploy", 412).text
    assert "Somebody else deployed meanwhile" in page
    assert "Deploy on top of version 2" in page
    assert "others" in page
    assert in_force(store) == theirs
    again = fields_of(page, FORM)
    assert (again["description"], again["action"]) == ("Mine", "log")

    _press(visitor, f"/{a['id']}", again, "deploy")
    rules = in_force(store).rules
    assert [one["ref"] for one in rules] == ["a", "theirs"]
    assert (rules[0]["description"], rules[0]["action"]) == ("Mine", "log")


def test_what_both_changed_is_for_the_author_to_decide(visitor: Visitor) -> None:
    store = visitor.bench.store
    (a,) = put_rules(store, rule("a", description="Old")).rules
    fields = _open(visitor, f"/{a['id']}") | {"description": "<i>Mine</i>"}
    put_rules(store, rule("a", description="<b>Theirs</b>"))

    page = _press(visitor, f"/{a['id']}", fields, "deploy", 412).text

    assert "You both changed the same part of this rule" in page
    for text in ("Old", "&lt;b&gt;Theirs&lt;/b&gt;", "&lt;i&gt;Mine&lt;/i&gt;"):
        assert text in page
    assert fields_of(page, FORM)["description"] == "<i>Mine</i>"


def test_a_rule_that_others_deleted_becomes_a_new_one(visitor: Visitor) -> None:
    store = visitor.bench.store
    (a,) = put_rules(store, rule("a")).rules
    fields = _open(visitor, f"/{a['id']}") | {"description": "Mine"}
    put_rules(store, rule("b"))

    page = _press(visitor, f"/{a['id']}", fields, "deploy", 412).text
    assert "The rule that you change was deleted" in page
    assert f'action="/zones/{visitor.bench.zone_id}/rules/new"' in page
    _press(visitor, "/new", fields_of(page, FORM), "deploy")
    assert [one["ref"] for one in in_force(store).rules] == ["b", "a"]
    visitor.get(f"{LIST}/{a['id']}", 404)


def test_a_rule_logs_first(visitor: Visitor) -> None:
    store = visitor.bench.store
    fields = _open(visitor, "/new") | {"expression": "ssl", "ref": "careful"}

    answer = _press(visitor, "/new", fields, "log")
    kept = _last(visitor)
    assert kept["action"] == "log"
    assert answer.headers["location"].endswith(f"/rules/{kept['id']}")
    page = visitor.get(f"{LIST}/{kept['id']}")
    assert "It has matched nothing so far" in page
    count_matches(store, "careful", 12)
    page = visitor.get(f"{LIST}/{kept['id']}")
    assert "It has matched 12 checks so far" in page
    assert "Now block" in page
    url = f"/zones/{visitor.bench.zone_id}/rules/{kept['id']}/block"
    visitor.post(url, fields_of(page, url))
    assert _last(visitor)["action"] == "block"


def test_a_rule_that_blocks_is_not_offered_to_log_first(visitor: Visitor) -> None:
    (a,) = put_rules(visitor.bench.store, rule("a")).rules
    page = visitor.get(f"{LIST}/{a['id']}")

    assert 'value="log" data-only-for' not in page
    told = _press(visitor, f"/{a['id']}", fields_of(page, FORM), "log", 400).text
    assert "The rule blocks now" in told


def test_recorded_requests_are_looked_at_before_it_is_deployed(visitor: Visitor) -> None:
    store = visitor.bench.store
    fields = _open(visitor, "/new") | {"expression": 'http.request.uri.path eq "/admin"'}
    nothing = _press(visitor, "/new", fields, "replay", 200).text
    assert "No requests are recorded yet" in nothing
    events = record_checks(store, ["/admin", "/", "/admin"])

    page = _press(visitor, "/new", fields, "deploy", 200).text
    assert "Nothing is deployed yet." in page
    assert "<strong>2</strong>" in page
    assert f"/zones/{visitor.bench.zone_id}/events/{events[0]}" in page
    assert in_force(store).version == 0

    changed = fields_of(page, FORM) | {"expression": 'http.request.uri.path eq "/"'}
    page = _press(visitor, "/new", changed, "deploy", 200).text
    assert "<strong>1</strong>" in page
    _press(visitor, "/new", fields_of(page, FORM), "deploy")
    assert in_force(store).version == 1


def test_a_rule_that_changes_no_decision_is_deployed_at_once(visitor: Visitor) -> None:
    record_checks(visitor.bench.store, ["/a", "/b"])
    fields = _open(visitor, "/new") | {"expression": 'http.request.uri.path eq "/c"'}

    page = _press(visitor, "/new", fields, "replay", 200).text
    assert "Nothing is deployed yet" not in page
    assert "<strong>2</strong> <span>stay what they are" in page
    _press(visitor, "/new", fields, "deploy")


def test_what_cannot_be_deployed_is_told_before_anything_is_replayed(visitor: Visitor) -> None:
    store = visitor.bench.store
    put_rules(store, rule("taken"))
    record_checks(store, ["/a"])
    fields = _open(visitor, "/new") | {"expression": "ssl", "ref": "taken"}

    for do in ("deploy", "replay"):
        assert "a second rule" in _press(visitor, "/new", fields, do, 400).text.lower()


def test_a_rule_is_duplicated_behind_it(visitor: Visitor) -> None:
    a, _ = put_rules(visitor.bench.store, rule("a", description="Rule A"), rule("b")).rules

    fields = _open(visitor, f"/new?copy={a['id']}")
    assert (fields["description"], fields["ref"], fields["place"]) == ("Copy of Rule A", "", "2")
    _press(visitor, "/new", fields, "deploy")
    assert [one["description"] for one in in_force(visitor.bench.store).rules] == [
        "Rule A",
        "Copy of Rule A",
        "",
    ]
    visitor.get(f"{LIST}/new?copy={'0' * 32}", 404)
    filled = _open(visitor, "/new?expression=ssl&description=Mine&action=log")
    assert (filled["expression"], filled["action"]) == ("ssl", "log")


def test_a_reader_sees_rules_and_drafts_and_no_form(visitor: Visitor) -> None:
    store = visitor.bench.store
    _, a, s = put_rules(
        store,
        rule("other"),
        rule("a", description="<b>A</b>", action_parameters={"response": RESPONSE}),
        rule("s", action="skip", action_parameters={"rules": {"current": ["a"]}}),
    ).rules
    wanted = Wanted(rule=rule("a", description="Better"), basis=seen(store), rule_id=a["id"])
    draft = save_draft(store, zone_scope(store), wanted, actor="me", at=1.0)
    reader = visitor.as_reader()

    page = reader.get(f"{LIST}/{a['id']}")
    main = page.partition("<main")[2]
    assert "&lt;b&gt;A&lt;/b&gt;" in main
    assert "{&#34;a&#34;: &#34;&lt;b&gt;&#34;}" in main
    assert "Better" in main
    assert "<form" not in main
    assert "1 rule" in reader.get(f"{LIST}/{s['id']}")
    drafted = reader.get(f"{LIST}/drafts/{draft.id}").partition("<main")[2]
    assert "Better" in drafted
    assert "<form" not in drafted
    reader.get(f"{LIST}/new", 403)
    for path in ("/new", f"/{a['id']}", f"/drafts/{draft.id}", f"/drafts/{draft.id}/discard"):
        reader.post(f"{LIST}{path}", {"do": "deploy"}, 403)


def test_rules_of_the_account_have_the_same_pages(visitor: Visitor) -> None:
    store, account = visitor.bench.store, account_scope(visitor.bench.store)
    page = visitor.get("/rules/new")
    assert 'value="skip"' not in page
    fields = fields_of(page, FORM) | {"expression": "ssl", "ref": "mine"}

    visitor.post("/rules/new", {**fields, "do": "draft"})
    (draft,) = list_drafts(store, account)
    fields = fields_of(visitor.get(f"/rules/drafts/{draft.id}"), FORM)
    record_checks(store, ["/a"])
    held = visitor.post(f"/rules/drafts/{draft.id}", {**fields, "do": "deploy"}, 200).text
    assert "<strong>1</strong> <span>would be blocked" in held
    visitor.post(f"/rules/drafts/{draft.id}", {**fields_of(held, FORM), "do": "deploy"})
    (kept,) = in_force(store, account).rules
    assert kept["ref"] == "mine"
    assert in_force(store).version == 0
    assert fields_of(visitor.get(f"/rules/{kept['id']}"), FORM)["ref"] == "mine"
    visitor.get(f"{LIST}/{kept['id']}", 404)


def test_a_log_rule_whose_draft_is_another_one_has_no_button(visitor: Visitor) -> None:
    store = visitor.bench.store
    done = deploy(store, rule("a", action="log"))
    wanted = Wanted(
        rule=rule("a", expression="ssl"), basis=seen(store), rule_id=str(done.rule["id"])
    )
    save_draft(store, zone_scope(store), wanted, actor="somebody", at=1.0)

    page = visitor.get(f"{LIST}/{done.rule['id']}")

    assert "Now block" not in page
    assert "1 draft of this rule" in page


def test_of_many_rules_some_are_boxes_and_others_are_named(
    visitor: Visitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rule_editing, "MOST_BOXES", 2)
    skipped = ["a", "c", "d"]
    skips = rule("s", action="skip", action_parameters={"rules": {"current": skipped}})
    before = put_rules(visitor.bench.store, *map(rule, "abcd"), skips)
    ids = {one["ref"]: one["id"] for one in before.rules}
    url = f"/{ids['s']}"

    page = visitor.get(f"{LIST}{url}")
    assert page.count('name="skip_rules"') == 2
    assert "2 rules are not shown above" in page
    fields = fields_of(page, FORM)
    assert fields["skip_refs"].split() == ["d"]
    _press(visitor, url, fields, "deploy")
    (now,) = _last(visitor)["action_parameters"]["rules"].values()
    assert sorted(now) == sorted(ids[ref] for ref in skipped)
    _press(visitor, url, _open(visitor, url) | {"skip_refs": "b\r\nd"}, "deploy")
    (now,) = _last(visitor)["action_parameters"]["rules"].values()
    assert sorted(now) == sorted(ids[ref] for ref in "abcd")
    wrong = _press(visitor, url, _open(visitor, url) | {"skip_refs": "nobody"}, "deploy", 400)
    assert 'id="skip_rules-wrong"' in wrong.text


@pytest.mark.parametrize("do", ["draft", "deploy"])
def test_a_draft_that_somebody_else_saved_is_shown_beside_ones_own(
    do: str, visitor: Visitor
) -> None:
    store, here = visitor.bench.store, zone_scope(visitor.bench.store)
    _press(visitor, "/new", _open(visitor, "/new") | {"expression": "ssl"}, "draft")
    (draft,) = list_drafts(store, here)
    path = f"/drafts/{draft.id}"
    mine = _open(visitor, path) | {"description": "<i>Mine</i>"}
    _press(visitor, path, _open(visitor, path) | {"description": "<b>Theirs</b>"}, "draft")
    theirs = list_drafts(store, here)

    page = _press(visitor, path, mine, do, 412).text
    assert "Somebody else saved this draft meanwhile" in page
    assert "&lt;b&gt;Theirs&lt;/b&gt;" in page
    assert list_drafts(store, here) == theirs
    assert in_force(store).version == 0
    again = fields_of(page, FORM)
    assert again["description"] == "<i>Mine</i>"

    _press(visitor, path, again, do)
    drafts = [one.rule["description"] for one in list_drafts(store, here)]
    deployed = [one["description"] for one in in_force(store).rules]
    assert (drafts, deployed) == ((["<i>Mine</i>"], []) if do == "draft" else ([], ["<i>Mine</i>"]))
