# SPDX-License-Identifier: Apache-2.0
"""The page of one event: what happened, why, what was asked, and what to do next."""

from __future__ import annotations

import html
import re
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, quote, urlsplit

import pytest

from authz.dashboard.event_page import expression_of
from authz.rules import parse
from authz.services.activity import keep_activity
from authz.services.context import account_of
from authz.services.events import get_event
from authz.services.lists import create_list
from authz.services.permissions import Grant, Level, Resource
from authz.services.rulesets import replace_rules
from tests.factories.dashboard import READ_ONLY
from tests.factories.events import blocked, with_request
from tests.factories.hostile import hostile_texts, is_scripted
from tests.factories.schemes import SCHEME

if TYPE_CHECKING:
    from tests.factories.dashboard import Visitor

PAGE = "/zones/{zone}/events/one"
SITE = "default (other hosts)"
PROTECT = {
    "ref": "protect",
    "description": "Keep out of /admin",
    "expression": 'not cf.tls_client_auth.cert_verified and http.request.uri.path eq "/admin"',
    "action": "block",
}
LATER = {
    "ref": "later",
    "expression": 'any(http.request.headers["cookie"][*] eq "x")',
    "action": "block",
}
#: The buttons that lead to a form which is filled in.
STEPS = ("Require a certificate here", "Make a rule from this", "Try it in the simulator")
PINNED = (
    'http.host eq "api.example.com" and http.request.uri.path eq "/\\\\x00" and '
    f'cf.tls_client_auth.cert_fingerprint_sha256 eq "{"ab" * 32}"'
)


def _keep(visitor: Visitor, *, request: bool = True, **changes: Any) -> None:
    event = blocked(
        **{"id": "one", "at": visitor.bench.now - 5, "site": SITE, "path": "/admin", **changes}
    )
    if request:
        event = with_request(event, path=f"{event.path}?token=secret", headers=HEADERS)
    keep_activity(visitor.bench.store, {}, [event])


HEADERS = (("user-agent", "curl/8"), ("cookie", "session=secret"))


def _rules(visitor: Visitor, *rules: dict[str, Any]) -> None:
    replace_rules(visitor.bench.store, "default", rules, actor="t", at=1.0)


def _text(page: str) -> str:
    return " ".join(html.unescape(re.sub(r"<[^>]*>", " ", page)).split())


def _links(page: str) -> dict[str, str]:
    """Where the buttons of the page lead."""
    found = re.findall(r'<a class="button" href="([^"]*)"[^>]*>([^<]*)</a>', page)
    return {title: html.unescape(url) for url, title in found}


def test_it_says_what_happened_and_by_which_part_of_which_rule(visitor: Visitor) -> None:
    _rules(visitor, PROTECT, LATER)
    _keep(visitor)

    text = _text(visitor.get(PAGE))

    assert "The rule “Keep out of /admin” blocked it." in text
    assert "Envoy's access log has it as decision_id" in text
    assert "matches, and decides" in text
    assert "true not cf.tls_client_auth.cert_verified" in text
    assert 'true http.request.uri.path eq "/admin" (it is "/admin")' in text
    assert "1 rule behind it was not reached" in text
    assert "none presented" in text
    assert "RFC 8446 §4.4.2.4" in text
    assert "It would be" not in text


def test_what_was_left_out_of_the_request_is_shown_as_such(visitor: Visitor) -> None:
    _keep(visitor)

    page = visitor.get(PAGE)
    text = _text(page)

    assert "secret" not in page
    assert "token= not recorded" in text
    assert "user-agent curl/8" in text
    assert "cookie not recorded" in text
    assert "Not recorded: the values of 1 header, values of the query." in text


def test_what_depends_on_what_was_left_out_has_no_answer(visitor: Visitor) -> None:
    _rules(visitor, LATER, PROTECT)
    _keep(visitor)

    text = _text(visitor.get(PAGE))

    assert 'It depends on http.request.headers["cookie"], which was not recorded.' in text
    assert "Whether it is reached depends on a rule before it that is not known." in text


def test_a_decision_that_would_be_another_now_is_told(visitor: Visitor) -> None:
    _keep(visitor)

    text = _text(visitor.get(PAGE))

    assert "It would be allowed now" in text
    assert "No rule decided, so the zone's default action did." in text


def test_a_decision_that_nobody_can_make_again_is_told(visitor: Visitor) -> None:
    _rules(visitor, {**LATER, "ref": "protect"})
    _keep(visitor, path="/elsewhere")

    assert (
        'What is decided now depends on what was not recorded: http.request.headers["cookie"] .'
        in _text(visitor.get(PAGE))
    )


@pytest.mark.parametrize(
    ("unrecorded", "why"),
    [
        ("off", "requests were not recorded"),
        ("too_large", "too large to be recorded"),
        ("", "not kept any more"),
    ],
)
def test_without_its_request_there_is_no_explanation(
    visitor: Visitor, unrecorded: str, why: str
) -> None:
    _keep(visitor, request=False, unrecorded=unrecorded)

    text = _text(visitor.get(PAGE))

    assert "It cannot be decided again:" in text
    assert why in text


def test_a_certificate_is_judged_and_leads_to_its_page(visitor: Visitor) -> None:
    world = visitor.bench.world
    world.protect("api.example.com")
    alice = world.issue("alice")
    world.revoke(alice)
    _rules(visitor, {**PROTECT, "expression": "cf.tls_client_auth.cert_revoked"})
    event = blocked(
        id="one",
        at=visitor.bench.now,
        site="api.example.com",
        fingerprint=alice.certificate.fingerprint_sha256,
        presented=True,
        verified=True,
        revoked=True,
    )
    certificate = quote(alice.bundle, safe="")
    keep_activity(visitor.bench.store, {}, [with_request(event, certificate=certificate)])

    page = visitor.get(PAGE)
    text = _text(page)

    assert visitor.bench.path(f"/zones/{{zone}}/client-certificates/{alice.certificate.id}") in page
    assert "The certificate is verified, and its issuer revoked it. RFC 5280 §6.1.3 (a)(3)" in text
    assert "CN=alice" in text
    assert "true cf.tls_client_auth.cert_revoked" in text
    simulator = parse_qs(urlsplit(_links(page)["Try it in the simulator"]).query)
    assert simulator["client"] == ["issued"]
    assert simulator["certificate_id"] == [alice.certificate.id]
    pinned = parse_qs(urlsplit(_links(page)["Allow this certificate only"]).query)
    assert pinned["fingerprint"] == [alice.certificate.fingerprint_sha256]


def test_what_to_do_next_is_filled_in(visitor: Visitor) -> None:
    _keep(visitor, path='/a "b"')

    links = _links(visitor.get(PAGE))

    base = visitor.bench.path("/zones/{zone}")
    mtls, new, simulator = (urlsplit(links[one]) for one in STEPS)
    assert mtls.path == f"{base}/rules/mtls"
    assert parse_qs(mtls.query) == {"path": ['/a "b"'], "host": ["api.example.com"]}
    assert new.path == f"{base}/rules/new"
    assert parse_qs(new.query)["expression"] == [
        'http.host eq "api.example.com" and http.request.uri.path eq "/a \\"b\\""'
    ]
    assert simulator.path == f"{base}/simulator"
    asked = parse_qs(simulator.query)
    assert (asked["method"], asked["path"]) == (["GET"], ['/a "b"?token='])
    assert "client" not in asked


def test_who_may_change_nothing_is_offered_nothing_that_does(visitor: Visitor) -> None:
    _keep(visitor)

    assert list(_links(visitor.as_reader().get(PAGE))) == ["Try it in the simulator"]


def test_who_may_not_read_rules_sees_none(visitor: Visitor) -> None:
    _rules(visitor, PROTECT)
    _keep(visitor)
    one = visitor.with_grants(
        [Grant(resource=Resource.EVENTS, level=Level.READ, place=visitor.bench.zone_id)]
    )

    page = one.get(PAGE)

    assert "You may not read the rules" in page
    assert "cert_verified and" not in page
    assert _links(page) == {}


def test_who_may_not_read_lists_is_not_told_what_is_in_one(visitor: Visitor) -> None:
    with visitor.bench.store.read() as session:
        account = account_of(session)
    create_list(visitor.bench.store, account.id, "office", "ip", actor="t", at=1.0)
    _rules(visitor, {**PROTECT, "expression": "ip.src in $office"})
    _keep(visitor)
    without = {one for one in READ_ONLY if one.resource is not Resource.LISTS}

    page = _text(visitor.with_grants(without).get(PAGE))

    assert "you may not read lists" in page
    assert "(it is" not in page


def test_an_allowed_one_says_what_it_stands_for(visitor: Visitor) -> None:
    _rules(visitor, {**PROTECT, "action": "log"})
    _keep(
        visitor,
        verdict="allow",
        reason="default_action",
        rule="",
        action="allow",
        weight=25,
        logged=("protect", "gone"),
        detail="something",
    )
    page = visitor.get(PAGE)
    text = _text(page)

    assert "25 requests: allowed requests are sampled." in text
    assert "Logged by Keep out of /admin , gone" in text
    assert "Detail something" in text
    assert "true" in text


def test_a_skip_says_what_it_did(visitor: Visitor) -> None:
    _keep(visitor, verdict="allow", action="skip", rule="friends", request=False)

    assert "The rule “friends” let it pass" in _text(visitor.get(PAGE))


def test_on_the_accounts_page_nothing_of_a_zone_is_offered(visitor: Visitor) -> None:
    _keep(visitor)

    page = visitor.get("/events/one")

    assert _links(page) == {}
    assert 'href="/events"' in page


def test_an_event_that_is_not_there(visitor: Visitor) -> None:
    for event_id in ("gone", "tail2"):
        assert "There is no event of this decision" in visitor.get(
            f"/zones/{{zone}}/events/{event_id}", status=404
        )
    for odd in ("a%20b", "x" * 65, "%00", "%C3%BC"):
        assert visitor.send("GET", f"/zones/{{zone}}/events/{odd}").status_code == 400


def test_texts_of_clients_are_shown_as_text(visitor: Visitor) -> None:
    _rules(visitor, PROTECT)
    for number, text in enumerate(hostile_texts(12)):
        event = blocked(
            id=f"h{number}",
            at=visitor.bench.now,
            site=SITE,
            path=f"/{text}",
            host=text,
            detail=text,
            rule=text,
            logged=(text,),
            client_ip=text,
        )
        headers = (("user-agent", text), ("cookie", text))
        told = with_request(event, headers=headers, path=f"/{text}?{text}=1", host="a", sni=text)
        keep_activity(visitor.bench.store, {}, [told])

        page = visitor.get(f"/zones/{{zone}}/events/h{number}")

        assert not is_scripted(page), text


@pytest.mark.parametrize(
    ("changes", "expression"),
    [
        ({"host": "", "path": "/"}, 'http.request.uri.path eq "/"'),
        (
            {"path": "/" + "x" * 300},
            'http.host eq "api.example.com" and starts_with(http.request.uri.path, "/'
            + "x" * 255
            + '")',
        ),
        (
            {"path": "/\\x00", "fingerprint": "ab" * 32, "presented": True},
            PINNED,
        ),
    ],
)
def test_a_rule_is_about_requests_like_this_one(
    visitor: Visitor, changes: dict[str, str], expression: str
) -> None:
    path = changes["path"][:256]
    _keep(visitor, request=False, **{**changes, "path": path})

    found = expression_of(get_event(visitor.bench.store, "one"))

    assert found == expression
    parse(found, SCHEME)
