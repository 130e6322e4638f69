# SPDX-License-Identifier: Apache-2.0
"""The saved drafts of a zone in the simulator."""

from __future__ import annotations

import html
from typing import TYPE_CHECKING, Any

import pytest

from authz.services.hosts import add_host
from authz.services.permissions import EVERY_ZONE, Grant, Level, Resource
from authz.services.rule_deployment import Wanted
from authz.services.rule_drafts import save_draft
from tests.factories.pki import AT
from tests.factories.rulesets import account_scope, in_force, put_rules, rule, seen, zone_scope

if TYPE_CHECKING:
    from tests.factories.dashboard import Visitor

PAGE = "/zones/{zone}/simulator"
EVERYTHING = 'http.host ne ""'


@pytest.fixture
def here(visitor: Visitor) -> Visitor:
    """Somebody in a zone with a host and a rule that matches nothing."""
    world = visitor.bench.world
    world.ca()
    add_host(world.store, "api.example.com", authority="Acme", protect=None, actor="t", at=1.0)
    put_rules(world.store, rule("a", description="The old one"))
    return visitor


def _save(visitor: Visitor, written: dict[str, Any], **more: Any) -> str:
    store = visitor.bench.store
    wanted = Wanted(rule=written, basis=seen(store), **more)
    return save_draft(store, zone_scope(store), wanted, actor="me", at=AT).id


def _simulated(visitor: Visitor, draft: str, status: int = 200) -> str:
    fields = {"do": "simulate", "host": "api.example.com", "path": "/", "method": "GET"}
    fields |= {"scheme": "https", "protocol": "HTTP/2", "source_address": "192.0.2.1"}
    fields |= {"source_port": "4", "client": "none", "rules": "saved", "draft": draft}
    return html.unescape(visitor.post(PAGE, fields, status).text)


def test_a_new_rule_is_tried_and_the_result_says_so(here: Visitor) -> None:
    before = in_force(here.bench.store)
    draft = _save(here, rule("new", description="Block <all>", expression=EVERYTHING))

    text = _simulated(here, draft)

    assert 'class="verdict blocked"' in text
    assert "The rule “Block <all>” blocks it." in text
    said = f'<a href="/zones/{here.bench.zone_id}/rules/drafts/{draft}">Block <all></a>'
    assert f"By rules that are not deployed: those in force with the draft {said}" in text
    assert f'<option value="{draft}" selected>Block <all> · me</option>' in text
    assert in_force(here.bench.store) == before


def test_a_change_is_tried_in_its_place_on_top_of_the_rules_as_they_are_now(here: Visitor) -> None:
    store = here.bench.store
    (there,) = in_force(store).rules
    changed = rule("a", description="The new one", expression=EVERYTHING)
    draft = _save(here, changed, rule_id=there["id"])
    put_rules(store, rule("first", action="log", expression="true"), rule("a"))

    text = _simulated(here, draft)

    assert "The rule “The new one” blocks it." in text
    assert "The old one" not in text
    assert "first" in text


def test_a_draft_whose_rule_is_gone_is_a_new_rule(here: Visitor) -> None:
    store = here.bench.store
    (there,) = in_force(store).rules
    draft = _save(here, rule("a", expression=EVERYTHING), rule_id=there["id"])
    put_rules(store, rule("b"))

    assert 'class="verdict blocked"' in _simulated(here, draft)


def test_the_rules_in_force_are_said_to_be(here: Visitor) -> None:
    text = here.post(
        PAGE,
        {
            "do": "simulate",
            "host": "api.example.com",
            "source_address": "192.0.2.1",
            "source_port": "4",
            "method": "GET",
            "path": "/",
            "scheme": "https",
            "protocol": "HTTP/2",
            "rules": "live",
        },
        200,
    ).text

    assert "By the rules in force." in text
    assert "not deployed" not in text
    assert 'value="saved"' not in text, "there is no draft to choose"


def test_an_unfinished_draft_says_what_is_wrong_with_it(here: Visitor) -> None:
    draft = _save(here, rule("new", expression="http.hots eq"))

    text = _simulated(here, draft, 400)

    assert "http.hots" in text
    assert 'class="verdict' not in text


def test_a_link_chooses_a_draft(here: Visitor) -> None:
    draft = _save(here, rule("new", description="Mine"))
    link = f"/zones/{here.bench.zone_id}/simulator?draft={draft}"
    for path in ("", f"/drafts/{draft}"):
        for who in (here, here.as_reader()):
            assert f'href="{link}"' in who.get(f"/zones/{{zone}}/rules{path}")

    text = here.get(link)

    assert 'name="rules" value="saved" checked' in text
    assert f'<option value="{draft}" selected>Mine · me</option>' in text


def test_a_draft_that_is_not_there_is_told(here: Visitor) -> None:
    store = here.bench.store
    wanted = Wanted(rule=rule("x"), basis=seen(store, account_scope(store)))
    of_account = save_draft(store, account_scope(store), wanted, actor="me", at=AT).id

    for draft in ("0" * 32, of_account, "<b>"):
        assert "There is no such draft" in _simulated(here, draft, 404)
        assert "There is no such draft" in here.get(f"{PAGE}?draft={draft}", 404)
    assert "No draft is chosen" in _simulated(here, "", 400)
    # Drafts of the account are tried nowhere: they are of every zone.
    assert "simulator?draft" not in here.get(f"/rules/drafts/{of_account}")
    assert "simulator?draft" not in here.get("/rules")


def test_drafts_are_for_those_who_may_read_rules(here: Visitor) -> None:
    draft = _save(here, rule("new"))
    other = here.with_grants(
        {Grant(resource=Resource.CERTIFICATES, level=Level.READ, place=EVERY_ZONE)}
    )

    other.get(f"{PAGE}?draft={draft}", 403)
