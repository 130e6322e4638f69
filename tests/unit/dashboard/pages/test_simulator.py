# SPDX-License-Identifier: Apache-2.0
"""The page of the simulator."""

from __future__ import annotations

import html
import json
import re
from typing import TYPE_CHECKING, Any

import pytest

from authz.services.hosts import add_host
from authz.services.permissions import EVERY_ZONE, Grant, Level, Resource
from authz.services.rulesets import get_rules, replace_rules
from tests.factories.hostile import is_scripted, shown_in
from tests.factories.pki import self_signed

if TYPE_CHECKING:
    from tests.factories.dashboard import Visitor

_PAGE = "/zones/{zone}/simulator"
_PROTECT = (
    "(not cf.tls_client_auth.cert_verified or cf.tls_client_auth.cert_revoked)"
    ' and http.request.uri.path eq "/admin"'
)
_FORM = {
    "do": "simulate",
    "method": "GET",
    "scheme": "https",
    "host": "api.example.com",
    "path": "/admin",
    "protocol": "HTTP/2",
    "headers": "user-agent: simulator",
    "source_address": "192.0.2.1",
    "source_port": "49152",
    "client": "none",
    "rules": "live",
}


@pytest.fixture
def protected(visitor: Visitor) -> Visitor:
    """Somebody in a zone with a host and a rule."""
    world = visitor.bench.world
    world.ca()
    add_host(world.store, "api.example.com", authority="Acme", protect=None, actor="t", at=1.0)
    rules = [
        {
            "ref": "protect",
            "description": "Protect the admin pages",
            "expression": _PROTECT,
            "action": "block",
        }
    ]
    replace_rules(world.store, "default", rules, actor="t", at=1.0)
    return visitor


def _run(visitor: Visitor, status: int = 200, **changes: Any) -> str:
    return html.unescape(visitor.post(_PAGE, {**_FORM, **changes}, status=status).text)


def _verdict(text: str) -> str:
    found = re.search(r'class="verdict (\w+)"', text)
    return found[1] if found else ""


def _value(text: str, name: str) -> str:
    """What a field has."""
    area = re.search(rf'<textarea[^>]* name="{name}"[^>]*>(.*?)</textarea>', text, re.S)
    if area is not None:
        return area[1].removeprefix("\n")
    found = re.search(rf'<input[^>]* name="{name}"[^>]* value="([^"]*)"', text)
    assert found is not None, name
    return found[1]


def test_the_form_is_there_and_says_nothing_yet(visitor: Visitor) -> None:
    text = visitor.get(_PAGE)

    assert "Paste a request" in text
    assert _verdict(text) == ""


def test_links_fill_in_the_form(visitor: Visitor) -> None:
    text = visitor.get(_PAGE + "?host=api.example.com&path=/x&method=PUT&at=never&junk=1")

    assert (_value(text, "host"), _value(text, "path"), _value(text, "method")) == (
        "api.example.com",
        "/x",
        "PUT",
    )
    assert _value(text, "at") == ""


def test_a_request_without_a_certificate_is_blocked_and_says_why(protected: Visitor) -> None:
    text = _run(protected)

    assert _verdict(text) == "blocked"
    assert "The rule “Protect the admin pages” blocks it." in text
    assert "matches, and decides" in text
    assert "access denied" in text
    assert "RFC 8446" in text
    assert 'id="result-heading"' in text


def test_one_with_a_certificate_that_was_issued_here_is_allowed(protected: Visitor) -> None:
    issued = protected.bench.world.issue("alice")

    text = _run(protected, client="issued", certificate_id=issued.certificate.id)

    assert _verdict(text) == "allowed"
    assert "verified, of Acme" in text
    assert issued.certificate.fingerprint_sha256 in text


def test_a_revoked_one_is_blocked(protected: Visitor) -> None:
    issued = protected.bench.world.issue("alice")
    protected.bench.world.revoke(issued)

    text = _run(protected, client="issued", certificate_id=issued.certificate.id)

    assert _verdict(text) == "blocked"
    assert "Certificate: revoked" in text
    assert "RFC 5280 §6.1.3 (a)(3)" in text


def test_another_certificate_is_pasted(protected: Visitor) -> None:
    text = _run(protected, client="pem", pem=self_signed("mallory").pem.decode())

    assert _verdict(text) == "blocked"
    assert "not verified: unknown issuer" in text


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"host": ""}, "The request has no host"),
        ({"path": "x"}, "does not begin with a slash"),
        ({"headers": "nothing"}, "Headers, line 1"),
        ({"source_address": "x"}, "is no IP address"),
        ({"source_port": "x"}, "is no port"),
        ({"at": "yesterday"}, "is not a time"),
        ({"body_form": "base64", "body": "?"}, "not Base64"),
        ({"client": "pem", "pem": ""}, "Certificate: no certificate in the text"),
        ({"client": "pem", "pem": "-----BEGIN PRIVATE KEY-----"}, "with its private key"),
        ({"client": "issued"}, "No certificate is chosen"),
        ({"rules": "draft"}, "There is no expression to try"),
        ({"rules": "draft", "expression": "ssl", "place": "rule:x"}, "not there any more"),
        ({"paste": "wget https://h"}, "neither a curl command"),
        ({"paste": "", "do": "read"}, "Nothing was pasted"),
        ({"host": "a b"}, "The host has blanks"),
    ],
)
def test_what_cannot_be_simulated_says_what_to_do(
    protected: Visitor, changes: dict[str, str], said: str
) -> None:
    text = _run(protected, 400, **changes)

    assert said in text
    assert _verdict(text) == ""
    assert 'role="alert"' in text


def test_an_expression_that_is_wrong_is_shown_where(protected: Visitor) -> None:
    text = _run(protected, 400, rules="draft", expression='http.hots eq "a"')

    assert 'Unknown field "http.hots"' in text
    assert 'http.hots eq "a"\n^^^^^^^^^' in text
    assert _value(text, "host") == "api.example.com"


def test_an_expression_is_tried_and_not_kept(protected: Visitor) -> None:
    before = get_rules(protected.bench.store, "default")

    blocked = _run(protected, path="/", rules="draft", expression="ssl")
    logged = _run(protected, path="/", rules="draft", expression="ssl", place="log")
    rule_id = str(before.rules[0]["id"])
    instead = _run(protected, rules="draft", expression="not ssl", place=f"rule:{rule_id}")

    assert (_verdict(blocked), _verdict(logged), _verdict(instead)) == (
        "blocked",
        "allowed",
        "allowed",
    )
    assert "The rule “tried” blocks it." in blocked
    assert "Logged by" in logged
    assert "By rules that are not deployed" in instead
    assert get_rules(protected.bench.store, "default") == before


def test_a_curl_command_fills_in_the_form_and_can_be_changed(protected: Visitor) -> None:
    command = "curl -X PUT 'https://api.example.com/admin?x=1' -H 'x-a: b' --cert c.pem"

    read = _run(protected, do="read", paste=command, host="", path="/")
    changed = _run(
        protected,
        paste=command,
        taken=_value(read, "taken"),
        host="api.example.com",
        path="/other",
        headers=_value(read, "headers"),
    )

    assert "The curl command was taken over into the form" in read
    assert "--cert: the client certificate is chosen beside" in read
    assert (_value(read, "host"), _value(read, "path"), _value(read, "method")) == (
        "api.example.com",
        "/admin?x=1",
        "PUT",
    )
    assert "x-a: b" in _value(read, "headers")
    assert _verdict(changed) == "allowed"
    assert _value(changed, "path") == "/other"


def test_what_was_pasted_and_not_read_yet_is_read_first(protected: Visitor) -> None:
    text = _run(protected, paste="curl https://api.example.com/admin", host="", path="/")

    assert _verdict(text) == "blocked"
    assert _value(text, "path") == "/admin"


def test_what_is_changed_after_an_error_stays_changed(protected: Visitor) -> None:
    command = "curl https://api.example.com/admin"
    read = _run(protected, do="read", paste=command)

    failed = _run(protected, 400, paste=command, taken=_value(read, "taken"), path="other")
    again = _run(protected, paste=command, taken=_value(failed, "taken"), path="/other")

    assert _value(failed, "path") == "other"
    assert _verdict(again) == "allowed"


def test_a_line_of_the_access_log_brings_its_certificate(protected: Visitor) -> None:
    issued = protected.bench.world.issue("alice")
    line = {
        "time": "2026-11-27T12:00:00Z",
        "client": "198.51.100.7",
        "host": "api.example.com",
        "path": "/admin",
        "method": "GET",
        "fingerprint": issued.certificate.fingerprint_sha256,
    }

    known = _run(protected, do="read", paste=json.dumps(line))
    unknown = _run(protected, do="read", paste=json.dumps({**line, "fingerprint": "ab" * 32}))

    assert f'value="{issued.certificate.id}" selected' in known
    assert _value(known, "source_address") == "198.51.100.7"
    assert "was not issued here: paste it below" in unknown


def test_a_check_request_is_decided_as_it_is(protected: Visitor) -> None:
    issued = protected.bench.world.issue("alice")
    request = json.dumps(
        {
            "attributes": {
                "source": {"certificate": issued.bundle},
                "request": {"http": {"method": "GET", "host": "api.example.com", "path": "/admin"}},
            }
        }
    )

    as_it_is = _run(protected, paste=request, path="/ignored", client="none")
    taken = _value(as_it_is, "taken")
    again = _run(protected, paste=request, taken=taken, exact="on", path="/ignored")
    changed = _run(protected, paste=request, taken=taken, client="none", path="/admin")

    assert (_verdict(as_it_is), _verdict(again), _verdict(changed)) == (
        "allowed",
        "allowed",
        "blocked",
    )
    assert _value(as_it_is, "pem").startswith("-----BEGIN CERTIFICATE-----")
    assert 'name="exact" value="on" checked' in as_it_is


def test_the_check_request_that_was_made_can_be_pasted_again(protected: Visitor) -> None:
    text = _run(protected)
    shown = re.search(r'aria-label="CheckRequest"><code>(.*?)</code>', text, re.S)
    assert shown is not None

    again = _run(protected, paste=shown[1], host="", path="/")

    assert _verdict(again) == "blocked"


def test_a_path_with_several_readings_shows_them(protected: Visitor) -> None:
    text = _run(protected, path="/x/..;/admin")

    assert "one of them is blocked by the rule “Protect the admin pages”" in text
    assert "The path can be read in 3 ways" in text
    assert "Read as <code>/admin</code>" in text


def test_a_host_of_nobody_and_one_of_another_zone(protected: Visitor) -> None:
    assert "not the name of a host" in _run(protected, host="a,b")
    assert "The rules were not asked." in _run(protected, host="a,b")


def test_certificates_are_found(protected: Visitor) -> None:
    alice = protected.bench.world.issue("alice")
    bob = protected.bench.world.issue("bob")

    text = _run(protected, do="find", client="issued", find="bob", certificate_id="")
    kept = _run(
        protected, do="find", client="issued", find="bob", certificate_id=alice.certificate.id
    )

    assert bob.certificate.id in text
    assert alice.certificate.id not in text
    assert alice.certificate.id in kept
    assert _run(protected, do="find", certificate_id="0" * 32)


def test_a_reader_may_simulate(protected: Visitor) -> None:
    assert _verdict(_run(protected.as_reader())) == "blocked"


def test_what_a_token_may_not_read_is_not_offered_and_not_shown(protected: Visitor) -> None:
    rules = Grant(resource=Resource.RULES, level=Level.READ, place=EVERY_ZONE)
    issued = protected.bench.world.issue("alice")
    somebody = protected.with_grants([rules])

    text = _run(somebody)
    refused = _run(somebody, 403, client="issued", certificate_id=issued.certificate.id)
    line = json.dumps(
        {
            "host": "api.example.com",
            "path": "/",
            "fingerprint": issued.certificate.fingerprint_sha256,
        }
    )
    read = _run(somebody, do="read", paste=line)

    assert _verdict(text) == "blocked"
    assert "One that was issued here" not in text
    assert "lacks the permission" in refused
    assert issued.certificate.id not in read
    nobody = protected.with_grants(
        [Grant(resource=Resource.ZONES, level=Level.READ, place=EVERY_ZONE)], "nobody"
    )
    nobody.get(_PAGE, status=403)
    nobody.post(_PAGE, _FORM, status=403)


_HOSTILE = "\"'><script>alert(1)</script>{{ 7*7 }}<img src=x onerror=alert(1)>"


@pytest.mark.parametrize("rules", ["live", "draft"])
@pytest.mark.parametrize(
    ("name", "status"),
    [
        ("expression", 200),
        ("pem", 200),
        ("find", 200),
        ("paste", 400),
        ("host", 400),
        ("path", 400),
        ("headers", 400),
    ],
)
def test_texts_are_shown_as_texts(protected: Visitor, name: str, status: int, rules: str) -> None:
    answer = protected.send(
        "POST", _PAGE, data={**_FORM, "rules": rules, "csrf": protected.csrf, name: _HOSTILE}
    )

    # There is no draft to go by.
    assert answer.status_code == (status if rules == "live" else 400)
    assert not is_scripted(answer.text)
    assert _HOSTILE in shown_in(answer.text)
    assert "<script>alert" not in answer.text
    assert "<img src=x" not in answer.text


def test_what_a_client_sent_is_shown_as_text(protected: Visitor) -> None:
    raw = protected.post(
        _PAGE,
        {
            **_FORM,
            "path": "/<script>alert(1)</script>",
            "headers": "x-a: <script>alert(1)</script>",
            "rules": "draft",
            "expression": 'http.request.headers["x-a"][0] contains "script"'
            ' and http.request.uri.path contains "<"',
        },
        status=200,
    ).text

    assert "&lt;script&gt;" in raw
    assert "<script>alert" not in raw
    assert _verdict(raw) == "blocked"


def test_bytes_and_half_characters_of_a_pasted_text_do_no_harm(protected: Visitor) -> None:
    log = '{"host": "\\ud800", "path": "/\\udcff"}'

    read = _run(protected, do="read", paste=log)
    body = _run(protected, do="read", paste="curl https://api.example.com/ --data-binary $'\\xff'")

    assert _value(read, "path") == "/\ufffd"
    assert (_value(body, "body"), 'value="base64" selected' in body) == ("/w==", True)


def test_many_rules_make_no_huge_page(protected: Visitor) -> None:
    rules = [
        {"ref": f"rule-{n}", "expression": _PROTECT.replace("admin", f"admin-{n}"), "action": "log"}
        for n in range(150)
    ]
    replace_rules(protected.bench.store, "default", rules, actor="t", at=2.0)

    answer = protected.post(_PAGE, _FORM, status=200)

    assert answer.text.count('class="trace root"') == 40
    assert answer.text.count('class="rule') - answer.text.count('class="rule-name"') == 1 + 100
    assert "50 rules more do not match." in answer.text
    assert len(answer.text) < 120_000
