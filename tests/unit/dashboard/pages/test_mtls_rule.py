# SPDX-License-Identifier: Apache-2.0
"""Create a mTLS rule: what the form is filled in with, and what comes of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from authz.services.hosts import add_host
from authz.services.permissions import EVERY_ZONE, Grant, Level, Resource
from authz.services.rule_drafts import list_drafts
from tests.factories.recorded_checks import record_checks
from tests.factories.rule_pages import fields_of
from tests.factories.rulesets import in_force, put_rules, rule, zone_scope

if TYPE_CHECKING:
    from tests.factories.dashboard import Visitor

PAGE = "/zones/{zone}/rules/mtls"
FORM = "mtls-form"
PIN = "253e08c1ab67eb7630c61734d377d75d5dccde2f6e69986c221d66e848b64321"
COLONS = ":".join(PIN[at : at + 2] for at in range(0, 64, 2)).upper()
SAFE = (
    "((not cf.tls_client_auth.cert_verified or cf.tls_client_auth.cert_revoked) and "
    'http.request.uri.path in {"/admin"})'
)


def _open(visitor: Visitor, query: str = "") -> dict[str, Any]:
    return fields_of(visitor.get(PAGE + query), FORM)


def _post(visitor: Visitor, status: int = 303, **fields: Any) -> str:
    return visitor.post(PAGE, {**_open(visitor), **fields}, status).text


def _last(visitor: Visitor) -> dict[str, Any]:
    return in_force(visitor.bench.store).rules[-1]


def test_the_seeds_story(visitor: Visitor) -> None:
    fields = _open(visitor)
    assert (fields["shape"], fields["action"]) == ("safe", "block")
    assert fields["description"] == "Block requests without a valid client certificate"

    answer = visitor.post(PAGE, {**fields, "paths": "/admin", "do": "deploy"})

    assert answer.headers["location"] == f"/zones/{visitor.bench.zone_id}/rules"
    kept = _last(visitor)
    assert (kept["expression"], kept["action"], kept["ref"]) == (SAFE, "block", "mtls-admin")
    assert kept["description"] == fields["description"]


def test_several_paths_and_hosts(visitor: Visitor) -> None:
    put_rules(visitor.bench.store, rule("mtls-admin"))

    _post(
        visitor,
        paths="/admin /admin/*\r\n/x,/y",
        hostnames="API.example.com\r\n*.example.net",
        do="deploy",
    )

    kept = _last(visitor)
    assert kept["ref"] == "mtls-admin-2"
    assert '{"/admin" "/x" "/y"}' in kept["expression"]
    assert '{"api.example.com"}' in kept["expression"]
    assert 'ends_with(http.host, ".example.net")' in kept["expression"]


def test_certificates_are_chosen_or_pasted(visitor: Visitor) -> None:
    world = visitor.bench.world
    world.ca()
    alice, bob = world.issue("alice"), world.issue("bob")
    world.revoke(bob)
    page = visitor.get(PAGE)
    assert alice.certificate.fingerprint_sha256 in page
    assert bob.certificate.fingerprint_sha256 not in page

    chosen = alice.certificate.fingerprint_sha256
    pasted = f"sha256 Fingerprint={COLONS}\r\n{bob.bundle}"
    _post(visitor, paths="/a", shape="pinned", chosen=chosen, pasted=pasted, do="deploy")
    expression = _last(visitor)["expression"]
    for one in (chosen, PIN, bob.certificate.fingerprint_sha256):
        assert f'"{one}"' in expression

    linked = _open(visitor, f"?fingerprint={PIN}&path=/b&host=a.example")
    assert (linked["shape"], linked["chosen"], linked["paths"], linked["hostnames"]) == (
        "pinned",
        PIN,
        "/b",
        "a.example",
    )


def test_an_issuer_is_chosen(visitor: Visitor) -> None:
    visitor.bench.world.ca("Acme Devices")
    page = visitor.get(PAGE)
    assert "Acme Devices" in page
    start = page.index('name="issuers" value="') + len('name="issuers" value="')
    ski = page[start : page.index('"', start)]

    _post(visitor, paths="/a", shape="issuer", issuers=ski, do="deploy")

    assert f'cert_issuer_ski eq "{ski}"' in _last(visitor)["expression"]


def test_certificates_are_for_those_who_may_see_them(visitor: Visitor) -> None:
    visitor.bench.world.ca()
    alice = visitor.bench.world.issue("alice")
    grants = {Grant(resource=Resource.RULES, level=Level.WRITE, place=EVERY_ZONE)}

    add_host(visitor.bench.store, "api.example.com", authority="Acme", actor="t", at=1.0)
    other = visitor.with_grants(grants)

    page = other.get(PAGE)
    for secret in (alice.certificate.fingerprint_sha256, "Acme", "api.example.com</code>"):
        assert secret in visitor.get(PAGE)
        assert secret not in page
    told = other.ask(f"{PAGE}/preview", [["paths", "/a"], ["paths", "/a/*"]])
    assert "api.example.com" not in str(told["advice"])
    visitor.as_reader().get(PAGE, 403)
    visitor.as_reader().post(PAGE, {"do": "deploy"}, 403)
    visitor.as_reader().ask(f"{PAGE}/preview", [], 403)


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({}, "No path is named — write the paths to protect; /* is every path."),
        ({"paths": " ,"}, "No path is named"),
        ({"paths": "admin"}, "is no path to protect"),
        ({"paths": "/a//b"}, "write &#34;/a/b&#34;"),
        ({"paths": "/a", "hostnames": "https://x"}, "is no hostname"),
        ({"paths": "/a", "shape": "pinned"}, "No certificate is chosen"),
        ({"paths": "/a", "shape": "pinned", "pasted": "<b>alice"}, "is no fingerprint"),
        ({"paths": "/a", "shape": "issuer"}, "No issuer is chosen"),
        ({"paths": "/a", "shape": "odd"}, "no way to choose"),
        ({"paths": " ".join(f"/{n}" for n in range(501))}, "At most 500 are possible"),
    ],
)
def test_what_is_wrong_is_told_and_kept(
    visitor: Visitor, fields: dict[str, str], told: str
) -> None:
    page = _post(visitor, 400, **fields, do="deploy")

    assert told in page
    again = fields_of(page, FORM)
    assert {name: again[name] for name in fields if name != "shape"} == {
        name: one for name, one in fields.items() if name != "shape"
    }
    assert "<b>alice" not in page
    assert in_force(visitor.bench.store).version == 0


def test_the_preview_is_shown_without_a_script(visitor: Visitor) -> None:
    page = _post(visitor, 200, paths="/admin", do="preview")

    assert SAFE.replace('"', "&#34;") in page
    assert "No hostname of this zone asks for client certificates" in page
    page = _post(visitor, 200, paths="/admin", add="/admin/*")
    assert fields_of(page, FORM)["paths"] == "/admin\n/admin/*"


@pytest.mark.parametrize("do", ["deploy", "log", "draft", "replay", "edit", "preview"])
def test_an_empty_path_is_not_the_whole_zone(visitor: Visitor, do: str) -> None:
    store = visitor.bench.store
    page = _post(visitor, 400, do=do)

    assert 'aria-describedby="paths-wrong paths-help"' in page
    assert '<p class="wrong" id="paths-wrong">No path is named' in page
    assert "<code>…</code>" in page
    made = visitor.ask(f"{PAGE}/preview", [["paths", ""], ["hostnames", " "]])
    assert (made["expression"], list(made["problems"])) == ("", ["paths"])
    assert in_force(store).version == 0
    assert list_drafts(store, zone_scope(store)) == []
    assert 'id="paths-wrong"' not in visitor.get(PAGE), "nobody has asked for anything yet"


def test_an_empty_path_is_every_path_of_the_hostnames(visitor: Visitor) -> None:
    page = _post(visitor, 200, hostnames="api.example.com", do="preview")
    assert "Every path of api.example.com is locked" in page
    assert "Empty: every path of the hostnames below" in page

    _post(visitor, hostnames="api.example.com", do="deploy")

    kept = _last(visitor)
    assert 'http.host in {"api.example.com"}' in kept["expression"]
    assert kept["ref"] == "mtls-api-example-com"


def test_every_path_of_the_zone_is_asked_for_by_name(visitor: Visitor) -> None:
    page = _post(visitor, 200, paths="/*", do="preview")
    assert "Every path of every host is locked" in page

    _post(visitor, paths="/*", do="deploy")

    assert "http." not in _last(visitor)["expression"]


def test_the_form_reads_as_what_it_does(visitor: Visitor) -> None:
    page = visitor.get(PAGE)

    assert "<legend>Let in only requests whose certificate is</legend>" in page
    assert "All other paths stay as they are." in page
    for title in ("valid and not revoked", "one of chosen certificates", "issued by chosen CAs"):
        assert f"<span>{title}<span" in page


def test_the_preview_is_made_while_somebody_types(visitor: Visitor) -> None:
    visitor.bench.world.ca()
    add_host(visitor.bench.store, "api.example.com", authority="Acme", actor="t", at=1.0)
    url = f"{PAGE}/preview"

    made = visitor.ask(
        url, [["paths", "/admin"], ["shape", "safe"], ["hostnames", "www.x.example"]]
    )
    assert made["expression"].startswith(SAFE[:-1])
    assert made["problems"] == {}
    assert [(one["serious"], one["path"]) for one in made["advice"]] == [
        (True, ""),
        (False, "/admin/*"),
    ]
    wrong = visitor.ask(url, [["paths", "x"], ["odd"], 7, ["shape", 7]])
    assert (wrong["expression"], list(wrong["problems"])) == ("", ["paths"])
    assert list(visitor.ask(url, {"paths": "/a"})["problems"]) == ["paths"]
    assert in_force(visitor.bench.store).version == 0


def test_the_wrench_opens_the_editor(visitor: Visitor) -> None:
    page = _post(visitor, 200, paths="/admin", action="log", description="Mine", do="edit")

    fields = fields_of(page, "rule-form")
    assert (fields["expression"], fields["action"], fields["description"]) == (SAFE, "log", "Mine")
    visitor.post("/zones/{zone}/rules/new", {**fields, "do": "deploy"})
    assert _last(visitor)["action"] == "log"


def test_its_other_buttons_do_what_those_of_the_editor_do(visitor: Visitor) -> None:
    store = visitor.bench.store
    _post(visitor, paths="/admin", do="draft")
    (draft,) = list_drafts(store, zone_scope(store))
    assert draft.rule["expression"] == SAFE
    assert in_force(store).version == 0

    _post(visitor, paths="/admin", do="log")
    assert _last(visitor)["action"] == "log"

    record_checks(store, ["/secret", "/"])
    held = _post(visitor, 200, paths="/secret", do="deploy")
    assert "<strong>1</strong> <span>would be blocked" in held
    visitor.post("/zones/{zone}/rules/new", {**fields_of(held, "rule-form"), "do": "deploy"})
    assert _last(visitor)["ref"] == "mtls-secret"


def test_somebody_who_was_quicker_is_told_of(visitor: Visitor) -> None:
    fields = _open(visitor)
    put_rules(visitor.bench.store, rule("theirs"))

    answer = visitor.post(PAGE, {**fields, "paths": "/admin", "do": "deploy"}, 412)

    assert "Somebody else deployed meanwhile" in answer.text
    assert fields_of(answer.text, "rule-form")["expression"] == SAFE
