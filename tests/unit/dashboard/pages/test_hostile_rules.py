# SPDX-License-Identifier: Apache-2.0
"""Names and bodies that would be scripts are shown as text, on every page of rules."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from authz.services.rule_deployment import Wanted
from authz.services.rule_drafts import save_draft
from tests.factories.hostile import hostile_texts, is_scripted, shown_in
from tests.factories.recorded_checks import record_checks
from tests.factories.rule_pages import fields_of
from tests.factories.rulesets import account_scope, put_rules, rule, seen, zone_scope

if TYPE_CHECKING:
    from tests.factories.dashboard import Visitor

LIST = "/zones/{zone}/rules"


def _named(ref: str, text: str, **changes: Any) -> dict[str, Any]:
    response = {"status_code": 403, "content_type": "text/html", "content": text}
    return rule(ref, description=text, action_parameters={"response": response}) | changes


@pytest.mark.parametrize(
    "first",
    [
        pytest.param(first, marks=() if first < 100 else pytest.mark.acceptance)
        for first in range(0, 1000, 25)
    ],
)
def test_a_thousand_names_are_text_in_lists(visitor: Visitor, first: int) -> None:
    store = visitor.bench.store
    texts = hostile_texts(1000)[first : first + 25]
    named = [_named(f"r{number}", text) for number, text in enumerate(texts)]
    put_rules(store, *named, scope=account_scope(store))
    put_rules(store, rule("r0"))
    put_rules(store, *named)

    for path in (LIST, "/rules", f"{LIST}/versions/2", f"{LIST}/versions/compare"):
        page = visitor.get(path)
        assert not is_scripted(page), path
        shown = shown_in(page)
        for text in texts:
            assert text in shown, path


@pytest.mark.parametrize("text", hostile_texts(60)[::3])
def test_a_name_is_text_on_every_page_of_a_rule(visitor: Visitor, text: str) -> None:
    store = visitor.bench.store
    there, other = put_rules(store, _named("a", text), _named("b", text)).rules
    wanted = Wanted(
        rule={"description": text, "ref": text, "expression": text, "action": text},
        basis=seen(store),
        rule_id=there["id"],
    )
    draft = save_draft(store, zone_scope(store), wanted, actor=text, at=1.0)
    put_rules(store, _named("a", f"{text}!"), _named("b", text), rule("c"))
    record_checks(store, [f"/{text}"])

    for path in (
        LIST,
        f"{LIST}/{there['id']}",
        f"{LIST}/new?copy={other['id']}",
        f"{LIST}/drafts/{draft.id}",
        f"{LIST}/versions/compare",
    ):
        page = visitor.get(path)
        assert not is_scripted(page), path
        assert text in shown_in(page), path
    reader = visitor.as_reader()
    for path in (LIST, f"{LIST}/{there['id']}", f"{LIST}/drafts/{draft.id}"):
        page = reader.get(path)
        assert not is_scripted(page), path
        assert text in shown_in(page), path

    url = f"{LIST}/{there['id']}"
    fields = fields_of(visitor.get(url), "rule-form")
    odd = dict.fromkeys(("ref", "expression", "place", "status", "skip_rules", "kept"), text)
    for changes in (odd, {"expression": "true"}, {"basis": text}, {"content": text * 99}):
        for do in ("deploy", "replay"):
            answer = visitor.send(
                "POST", url, data={**fields, **changes, "do": do, "csrf": visitor.csrf}
            )
            assert answer.status_code in (200, 303, 400, 412), answer.text
            assert not is_scripted(answer.text)


@pytest.mark.parametrize("text", hostile_texts(60)[::3])
def test_what_is_written_into_the_mtls_form_is_text(visitor: Visitor, text: str) -> None:
    put_rules(visitor.bench.store)
    names = ("description", "paths", "hostnames", "pasted", "shape", "action", "add")
    for name in names:
        for do in ("preview", "deploy", "edit"):
            fields = {"paths": "/a", "shape": "pinned", name: text, "do": do, "basis": text}
            answer = visitor.send("POST", f"{LIST}/mtls", data={**fields, "csrf": visitor.csrf})
            assert answer.status_code in (200, 303, 400, 412), answer.text
            assert not is_scripted(answer.text), name
