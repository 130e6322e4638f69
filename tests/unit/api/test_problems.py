# SPDX-License-Identifier: Apache-2.0
"""Whatever a client sends, errors are in the envelope, and never a 5xx."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from authz.api.problems import pointer_of
from authz.errors import KeyUnavailableError, SettingsError, StoreUnavailableError

if TYPE_CHECKING:
    from authz.errors import AuthzError
    from tests.unit.api.conftest import Bench

JSON = {"Content-Type": "application/json"}


def test_odd_bodies_are_refused(api: Bench) -> None:
    for body, words in {
        b"": "the body is missing",
        b"\xff\xfe": "not JSON",
        b"{": "not JSON",
        b"[" * 100_000: "parsing the body",
        b'{"name": ' + b"1" * 5000 + b"}": "parsing the body",
        b"null": "expected an object",
        b"7": "expected an object",
        b"[]": "expected an object",
        b'{"name": "a\\u0000b"}': "no hostname",
        b'{"name": "\\ud800"}': "half a character",
        b'{"a": [{"\\uDFFF": 1}], "name": "b.example"}': "half a character",
        b'{"name": "b.example", "x": NaN}': "a number that is none",
        b'{"name": "b.example", "x": [-Infinity]}': "a number that is none",
        b'{"name": "b.example", "x": 1e999}': "a number that is none",
        b'{"name": "b.example", "x": ' + b"9" * 400 + b".0}": "a number that is none",
        b'{"name": 18446744073709551616}': "expected text",
    }.items():
        errors = api.errors(400, "POST", "/zones", content=body, headers=JSON)
        assert words in errors[0]["message"], body[:60]


def test_what_only_looks_odd_is_none(api: Bench) -> None:
    for number, form in enumerate(
        (
            b'{"name": "%s", "x": "\\ud83d\\ude00 NaN Infinity"}',
            b'{"name": "x", "name": "%s"}',
            b'{"name": "%s", "x": 1e100, "y": "1e999"}',
        )
    ):
        name = f"zone-{number}.example"
        body = form.replace(b"%s", name.encode())
        assert api.result("POST", "/zones", content=body, headers=JSON)["name"] == name


def test_a_body_that_is_not_said_to_be_json_is_not_read_as_it(api: Bench) -> None:
    for kind in (None, "text/plain", "application/x-www-form-urlencoded", "multipart/form-data"):
        headers = {} if kind is None else {"Content-Type": kind}
        body = b'{"name": "example.com", "x": "\\ud800"}'
        (error,) = api.errors(400, "POST", "/zones", content=body, headers=headers)
        assert "Content-Type: application/json" in error["message"]


def test_every_call_wants_json_to_be_said(api: Bench) -> None:
    """Also those that read their body themselves (items of lists, rulesets)."""
    for method, path in (
        ("PUT", "/accounts/{account}/rules/lists/" + "a" * 32 + "/items"),
        ("PUT", "/zones/{zone}/rulesets/phases/http_request_firewall_custom/entrypoint"),
        ("DELETE", "/zones/{zone}/client_certificates/" + "a" * 32),
    ):
        for kind in ("text/plain", "application/x-www-form-urlencoded", "application/jsonx"):
            headers = {"Content-Type": kind}
            (error,) = api.errors(400, method, path, content=b"{}", headers=headers)
            assert "Content-Type: application/json" in error["message"]
    for kind in ("application/json; charset=utf-8", "Application/JSON", "application/x+json"):
        body = b'{"hostnames": []}'
        path = "/zones/{zone}/certificate_authorities/hostname_associations"
        api.result("PUT", path, content=body, headers={"Content-Type": kind})


def test_keys_are_named_in_our_words(api: Bench) -> None:
    path = "/zones/{zone}/client_certificates"
    errors = api.errors(400, "POST", path, json={"validity_days": "1"})
    assert [(one["message"], one["source"]["pointer"]) for one in errors] == [
        ('the key "csr" is missing', "/csr"),
        ("expected a whole number", "/validity_days"),
    ]
    (error,) = api.errors(400, "POST", path, json={"csr": "x", "validity_days": 0})
    assert error["message"] == "input should be greater than or equal to 1"


def test_other_methods_are_told_which_there_are(api: Bench) -> None:
    for method in ("PUT", "OPTIONS", "TRACE"):
        answer = api.call(method, "/zones/{zone}")
        assert answer.status_code == 405
        assert answer.headers["Allow"] == "DELETE, GET, PATCH"
        assert answer.json()["errors"][0]["code"] == 7001
    head = api.call("HEAD", "/zones")
    assert (head.status_code, head.headers["Allow"]) == (405, "GET, POST")


def test_paths_that_lead_nowhere(api: Bench) -> None:
    for path in (
        "/zones/",
        "/zones//",
        "/zones/%2e%2e",
        "/zones/%00",
        "/zones/%FF",
        "/zones/%2F",
        f"/zones/{api.zone_id.upper()}x",
        f"/zones/{api.zone_id}/",
        "/nothing",
        "/accounts/%20",
        "",
    ):
        errors = api.errors(404, "GET", path)
        assert [one["code"] for one in errors] == [7003, 7000], path
    encoded = "".join(f"%{ord(one):02x}" for one in api.zone_id)
    assert api.result("GET", f"/zones/{encoded}")["id"] == api.zone_id


def test_odd_queries(api: Bench) -> None:
    for query in ("page=" + "9" * 40, "page=" + "9" * 5000, "page=1.5", "page=", "page=%00"):
        (error,) = api.errors(400, "GET", f"/zones?{query}")
        assert error["message"].startswith("query page: ")
    assert len(api.result("GET", "/zones?unknown=1&unknown[]=2&%00=%FF&page=1&page=1")) == 1
    api.errors(400, "GET", "/accounts/{account}/audit_logs?id=%00")
    for query in ("id=%F0%9F%98%80", "actor.email=" + "x" * 9000, "zone.name=%00"):
        assert api.result("GET", f"/accounts/{{account}}/audit_logs?{query}") == []


def test_a_defect_is_a_500_without_details(api: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("secret")

    monkeypatch.setattr("authz.api.routes.zones.list_zones", broken)

    (error,) = api.errors(500, "GET", "/zones")

    assert error == {"code": 1002, "message": "internal error; the log of the service says more"}


def test_a_store_that_is_away_is_a_503(api: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    def gone(*_: object) -> None:
        raise StoreUnavailableError("the database is locked")

    monkeypatch.setattr("authz.api.routes.zones.list_zones", gone)

    answer = api.call("GET", "/zones")

    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "1")


@pytest.mark.parametrize("error", [StoreUnavailableError, KeyUnavailableError, SettingsError])
def test_where_the_store_or_a_key_is_is_for_the_log_alone(
    api: Bench,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
    error: type[AuthzError],
) -> None:
    def gone(*_: object, **__: object) -> None:
        raise error("it cannot be used", hint="look at it", where="postgresql://admin:***@host/db")

    monkeypatch.setattr("authz.api.access.valid_token", gone)

    (told,) = api.errors(503, "GET", "/zones", token="x" * 43)

    assert told["message"] == "it cannot be used (look at it)"
    assert "postgresql://admin:***@host/db: it cannot be used" in capfd.readouterr().err


def test_what_a_driver_says_is_for_the_log_alone(
    api: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    def gone(*_: object, **__: object) -> None:
        raise StoreUnavailableError("the database cannot be used: no password for user admin at db")

    monkeypatch.setattr("authz.api.access.valid_token", gone)

    (told,) = api.errors(503, "GET", "/zones")

    assert told["message"] == "the database cannot be used"


def test_where_in_a_body_something_is() -> None:
    assert pointer_of([]) == ""
    assert pointer_of(["rules", 0, "a/b~c"]) == "/rules/0/a~1b~0c"
