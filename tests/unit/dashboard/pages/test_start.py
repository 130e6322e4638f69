# SPDX-License-Identifier: Apache-2.0
"""From nothing to a protected path: each step knows whether it is done."""

from __future__ import annotations

import html
import json
import re
from dataclasses import replace
from typing import TYPE_CHECKING

import yaml

from authz.dashboard.installation import Installation
from authz.services.activity import keep_activity
from authz.services.managed_authority import managed_authority
from authz.services.permissions import ACCOUNT_WIDE, EVERY_ZONE, Grant, Level, Resource
from authz.services.rulesets import append_rule
from authz.services.zones import create_zone
from authz.settings import Settings
from tests.factories.events import blocked
from tests.factories.hostile import HOSTILE, shown_as_text

if TYPE_CHECKING:
    from tests.factories.dashboard import Visitor

_START = "/zones/{zone}/start"
_ZONES = Grant(resource=Resource.ZONES, level=Level.READ, place=EVERY_ZONE)


def _states(page: str) -> list[str]:
    return re.findall(r'<span class="badge \w+">(done|to do|you may not see)</span>', page)


def _heard(visitor: Visitor, **changes: str) -> None:
    event = blocked(at=visitor.bench.now - 5, site="default", **changes)
    keep_activity(visitor.bench.store, {}, [event])


def test_at_first_nothing_is_done_and_each_step_leads_to_its_page(visitor: Visitor) -> None:
    page = visitor.get(_START)

    assert _states(page) == ["to do"] * 5
    assert "0 of 5 done" in page
    assert "Create the CA" in page
    for path in ("client-certificates/new", "client-certificates/hosts", "rules/mtls"):
        assert f"/zones/{visitor.bench.zone_id}/{path}" in page


def test_each_step_is_done_when_it_is_in_any_order(visitor: Visitor) -> None:
    store, world = visitor.bench.store, visitor.bench.world
    rule = {"ref": "mtls", "expression": "not cf.tls_client_auth.cert_verified", "action": "block"}
    append_rule(store, "default", rule, actor="t", at=visitor.bench.now)
    assert _states(visitor.get(_START)) == ["to do", "to do", "to do", "done", "to do"]

    world.protect()
    assert _states(visitor.get(_START)) == ["done", "to do", "done", "done", "to do"]

    world.issue()
    _heard(visitor)
    page = visitor.get(_START)
    assert _states(page) == ["done"] * 5
    assert "All is done." in page
    assert "It is on for api.example.com" in page
    assert "Rules that block: mtls, protect-api.example.com" in page


def _primary(page: str) -> list[str]:
    return re.findall(r'class="(?:button )?primary"[^>]*>([^<]*)<', page)


def _folded(page: str) -> list[str]:
    return re.findall(r'<li class="card folded" id="(\w+)">', page)


def test_only_the_next_step_is_offered_first_and_later_ones_are_folded(visitor: Visitor) -> None:
    page = visitor.get(_START)
    assert _primary(page) == ["Create the CA"]
    assert _folded(page) == ["certificate", "host", "rule", "envoy"]

    visitor.bench.world.protect()
    page = visitor.get(_START)
    assert _primary(page) == ["Create certificate"]
    assert _folded(page) == ["envoy"]
    assert "<details>\n    <summary><h2>5. Connect Envoy" in page
    # Whoever writes its configuration goes on to see it.
    assert "<details open>\n    <summary><h2>5." in visitor.get(f"{_START}?listen=0.0.0.0:443")

    visitor.bench.world.issue()
    page = visitor.get(_START)
    assert _primary(page) == ["Download envoy.yaml"]
    assert _folded(page) == []


def test_files_of_the_commands_are_those_that_were_saved(visitor: Visitor) -> None:
    assert "--cert client.pem --key client.key" in visitor.get(_START)
    assert "write their names" in visitor.get(_START)

    visitor.bench.world.ca()
    visitor.bench.world.issue("Alice's phone")

    page = html.unescape(visitor.get(_START))
    assert "--cert Alice-s-phone.pem --key Alice-s-phone.key" in page
    assert "“Alice's phone” was created here" in page


def test_the_ca_is_made_here_once(visitor: Visitor) -> None:
    visitor.post(f"{_START}/ca")
    visitor.post(f"{_START}/ca")

    made = managed_authority(visitor.bench.store, visitor.bench.zone_id)
    assert made is not None
    page = visitor.get(_START)
    assert f"The certificate authority {made.name} is there." in page
    assert "Create the CA" not in page


def test_envoys_configuration_is_that_of_this_installation(visitor: Visitor) -> None:
    page = visitor.get(f"{_START}?listen=0.0.0.0:443&sds=on")
    download = re.search(r'href="([^"]*envoy\.yaml[^"]*)"', page)
    assert download is not None

    answer = visitor.send("GET", html.unescape(download[1]))

    config = yaml.safe_load(answer.text)
    listener = config["static_resources"]["listeners"][0]
    assert listener["address"]["socket_address"]["port_value"] == 443
    assert [one["name"] for one in config["static_resources"]["clusters"]] == [
        "authz",
        "sds",
        "upstream",
    ]
    assert answer.headers["Content-Disposition"] == 'attachment; filename="envoy.yaml"'
    marked = "".join(re.findall(r"<mark>(.*?)</mark>", page, re.DOTALL))
    assert "envoy.filters.http.ext_authz" in marked
    assert "trust_chain_verification" in marked
    assert "api.example.com:443" in page


def test_what_is_wrong_with_the_form_is_told_beside_it(visitor: Visitor) -> None:
    page = visitor.get(f"{_START}?listen=nowhere")

    assert "Listen:" in page
    assert 'value="nowhere"' in page
    assert "Download envoy.yaml" not in page
    visitor.get(f"{_START}/envoy.yaml?listen=nowhere", 400)


def test_a_port_that_is_not_known_is_told(visitor: Visitor) -> None:
    settings = Settings.model_validate(
        {"grpc": {"listen": "127.0.0.1:0"}, "sds": {"listen": "off"}}
    )
    site = visitor.bench.dashboard.app.state.site
    options = replace(site.options, installation=Installation(settings=settings))
    visitor.bench.dashboard.app.state.site = replace(site, options=options)

    page = visitor.get(_START)

    assert "port 0" in page
    assert "SDS" not in page


def test_the_first_request_is_told(visitor: Visitor) -> None:
    assert json.loads(visitor.get(f"{_START}/arrived")) == {
        "arrived": False,
        "text": "No request has arrived yet.",
    }
    assert 'data-state="no"' in visitor.get(_START)

    _heard(visitor, path="/admin", rule="protect")

    told = json.loads(visitor.get(f"{_START}/arrived"))
    assert told["arrived"] is True
    assert told["text"].startswith("The last one: api.example.com/admin was blocked by the rule")
    assert "The first request has arrived." in visitor.get(_START)


def test_a_certificate_that_was_seen_is_a_request_as_well(visitor: Visitor) -> None:
    visitor.bench.world.ca()
    issued = visitor.bench.world.issue().certificate
    seen = {issued.fingerprint_sha256: visitor.bench.now - 120}
    keep_activity(visitor.bench.store, seen)

    told = json.loads(visitor.get(f"{_START}/arrived"))

    assert told["text"] == "A certificate of this zone was seen 2 minutes ago."


def test_whoever_may_see_little_is_told_so(visitor: Visitor) -> None:
    visitor.bench.world.protect()
    _heard(visitor)
    other = visitor.with_grants([_ZONES])

    page = other.get(_START)

    assert _states(page) == ["you may not see"] * 5
    assert "api.example.com:8443" in page  # the example, and not what is protected
    assert "protect-api" not in page
    assert "Create the CA" not in page
    assert "/new" not in page
    assert json.loads(other.get(f"{_START}/arrived"))["arrived"] is None
    other.post(f"{_START}/ca", status=403)


def test_whoever_may_not_change_is_offered_no_step(visitor: Visitor) -> None:
    page = visitor.as_reader().get(_START)

    assert _states(page) == ["to do"] * 5
    for offered in ("Create the CA", "Create certificate", "Choose hostnames", "rules/mtls"):
        assert offered not in page


def test_the_steps_of_the_first_zone(visitor: Visitor) -> None:
    answer = visitor.send("GET", "/start")
    assert answer.headers["Location"] == f"/zones/{visitor.bench.zone_id}/start"

    lists = Grant(resource=Resource.LISTS, level=Level.READ, place=ACCOUNT_WIDE)
    rules = Grant(resource=Resource.RULES, level=Level.READ, place=EVERY_ZONE)
    assert "no zone that you may see" in visitor.with_grants([lists, rules]).get("/start", 404)


def test_hostile_texts_are_text(visitor: Visitor) -> None:
    _heard(visitor, path=f"/{HOSTILE}", rule="r")

    assert shown_as_text(visitor.get(_START), f"/{HOSTILE}")
    answer = visitor.send("GET", _START, params={"listen": HOSTILE, "upstream": HOSTILE})
    assert shown_as_text(answer.text)


def test_another_zone_has_steps_of_its_own(visitor: Visitor) -> None:
    visitor.bench.world.protect()
    other = create_zone(
        visitor.bench.store, "shop.test", force=True, actor="t", at=visitor.bench.now
    ).zone

    assert _states(visitor.get(f"/zones/{other.id}/start"))[2] == "to do"
