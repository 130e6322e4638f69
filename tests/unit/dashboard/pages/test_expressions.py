# SPDX-License-Identifier: Apache-2.0
"""What the expression builder in the browser asks for, and gets."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from authz.rules import MAX_SOURCE
from authz.services.context import account_of
from authz.services.lists import create_list
from authz.services.permissions import EVERY_ZONE, Grant, Level, Resource
from tests.factories.pki import AT

if TYPE_CHECKING:
    from tests.factories.dashboard import Visitor

READ = "/zones/{zone}/expression/read"
WRITE = "/zones/{zone}/expression/write"
CATALOGUE = "/zones/{zone}/expression/catalogue"


def _catalogue(visitor: Visitor) -> Any:
    return visitor.send("GET", CATALOGUE, headers={"Accept": "application/json"}).json()


def test_reading_an_expression(visitor: Visitor) -> None:
    found = visitor.ask(READ, {"expression": 'ssl or http.host eq "A"'})

    assert (found["valid"], found["errors"], found["reason"]) == (True, [], None)
    assert found["formatted"] == 'ssl or http.host eq "A"'
    assert [row["field"] for row in found["rows"]["rows"]] == ["ssl", "http.host"]
    assert found["tokens"][:3] == [["field", 0, 3], ["keyword", 4, 6], ["field", 7, 16]]
    (finding,) = found["findings"]
    assert finding["suggestion"] == 'ssl or http.host eq "a"'
    assert (finding["start"], finding["end"], finding["line"]) == (7, 23, 1)


def test_places_are_counted_as_scripts_count(visitor: Visitor) -> None:
    """An emoji is one character and two code units."""
    found = visitor.ask(READ, {"expression": 'http.host eq "😀"\n  and http.hots', "caret": 31})

    (error,) = found["errors"]
    assert (error["start"], error["end"]) == (24, 33)
    assert (error["line"], error["column"]) == (2, 7)
    assert ["text", 13, 17] in found["tokens"]
    assert found["completion"] == {
        "start": 24,
        "expects": "value",
        "type": None,
        "operator": None,
    }


def test_what_rows_cannot_show_has_a_reason(visitor: Visitor) -> None:
    found = visitor.ask(READ, {"expression": 'concat(http.host, http.cookie) eq "a"'})

    assert (found["valid"], found["rows"]) == (True, None)
    assert found["reason"]["message"].startswith("concat() of two")
    assert (found["reason"]["start"], found["reason"]["end"]) == (0, 30)


def test_writing_rows(visitor: Visitor) -> None:
    rows = visitor.ask(READ, {"expression": "not ssl or ip.src in {10/8}"})["rows"]

    found = visitor.ask(WRITE, {"rows": rows, "action": "block"})

    assert (found["valid"], found["errors"]) == (True, [])
    assert found["expression"] == "not ssl or ip.src in {10.0.0.0/8}"
    assert found["tokens"][0] == ["keyword", 0, 3]
    rows["rows"][1]["literals"][0]["text"] = "10.0.0.1/8"
    found = visitor.ask(WRITE, {"rows": rows})
    assert found["valid"] is False
    assert found["errors"] == [
        {
            "path": [1],
            "part": "value",
            "item": 0,
            "message": '"10.0.0.1/8" has bits set beyond its prefix length',
            "hint": "write 10.0.0.0/8",
        }
    ]


@pytest.mark.parametrize(
    ("path", "value", "words"),
    [
        (READ, [], "not a JSON object"),
        (READ, {}, "Expression is not a text"),
        (READ, {"expression": "a" * (4 * MAX_SOURCE + 1)}, "more than 262144 characters"),
        (READ, {"expression": "ssl", "action": "allow"}, "Action is none of block, skip, log"),
        (READ, {"expression": "ssl", "action": ["block"]}, "Action is none of"),
        (READ, {"expression": "ssl", "caret": -1}, "Caret is not a place"),
        (READ, {"expression": "ssl", "caret": True}, "Caret is not a place"),
        (WRITE, {}, "Rows is not an object with the key kind"),
    ],
)
def test_what_is_of_another_shape(visitor: Visitor, path: str, value: Any, words: str) -> None:
    assert words in visitor.ask(path, value, status=400)["error"]["message"]


@pytest.mark.parametrize(
    "body",
    [b"", b"x", b"\xff", b'{"expression": "\\ud800"}', b"[" * 200_000, b'{"expression": NaN}'],
)
def test_what_is_no_json(visitor: Visitor, body: bytes) -> None:
    headers = {
        "Content-Type": "application/json",
        "Accept": "application/json",
        "X-CSRF-Token": visitor.csrf,
    }

    answer = visitor.send("POST", visitor.bench.path(READ), content=body, headers=headers)

    assert answer.status_code == 400
    assert answer.json()["error"]["message"]


def test_what_there_is_to_build_from(visitor: Visitor) -> None:
    store = visitor.bench.store
    with store.read() as session:
        account = account_of(session).id
    create_list(store, account, "office", "ip", actor="test", at=AT)

    found = _catalogue(visitor)

    sections = {one["title"]: one["fields"] for one in found["sections"]}
    assert next(iter(sections)) == "Client certificate"
    assert sections["Request"][0]["name"] == "http.request.method"
    fields = {one["name"]: one for some in sections.values() for one in some}
    assert fields["http.request.uri.path"] == {
        "name": "http.request.uri.path",
        "shape": ["Bytes"],
        "about": "Path without the query.",
        "label": "URI Path",
        "like": "/admin",
    }
    assert fields["http.request.headers"]["shape"] == ["Map", "Array", "Bytes"]
    assert "database of places" in fields["ip.src.country"]["missing"]
    assert found["lists"] == [{"name": "office", "kind": "ip", "type": "Ip"}]
    assert found["operators"]["Bool"] == ["is true", "is false"]
    assert {"in", "in list", "starts_with"} <= set(found["operators"]["Bytes"])
    functions = {one["name"]: one for one in found["functions"]}
    assert functions["lower"]["around"] == ["Bytes"]
    assert functions["len"]["around"] == ["Bytes", "Array"]
    assert functions["join"]["around"] == ["Array"]
    assert functions["concat"]["around"] == functions["starts_with"]["around"] == []
    assert {one["name"] for one in found["words"]} >= {"and", "or", "not", "eq", "strict wildcard"}


def test_what_a_page_loads_of_it_is_small(visitor: Visitor) -> None:
    assert len(visitor.get(CATALOGUE)) < 40_000


def test_lists_are_for_those_who_may_read_them(visitor: Visitor) -> None:
    only_rules = Grant(resource=Resource.RULES, level=Level.READ, place=EVERY_ZONE)

    found = _catalogue(visitor.with_grants([only_rules]))

    assert found["lists"] is None


def test_nobody_else_is_answered(visitor: Visitor) -> None:
    only_lists = Grant(resource=Resource.LISTS, level=Level.READ, place="account")
    other = visitor.with_grants([only_lists])

    other.ask(READ, {"expression": "ssl"}, status=403)
    other.ask(WRITE, {}, status=403)
    assert other.send("GET", CATALOGUE).status_code == 403
    headers = {"Accept": "application/json"}
    answer = visitor.send("POST", READ, json={"expression": "ssl"}, headers=headers)
    assert answer.status_code == 403


def test_a_zone_that_is_not_there(visitor: Visitor) -> None:
    visitor.ask(f"/zones/{'0' * 32}/expression/read", {"expression": "ssl"}, status=404)


def test_the_page_without_scripts(visitor: Visitor) -> None:
    page = visitor.get("/zones/{zone}/expression")
    assert '<textarea id="expression" name="expression"' in page
    assert "This expression can be used" not in page

    page = visitor.get("/zones/{zone}/expression?action=block&expression=http.hots")
    assert "Line 1, column 1: Unknown field &#34;http.hots&#34; — did you mean" in page
    assert "This expression can be used" not in page

    page = visitor.get("/zones/{zone}/expression?expression=ssl%26%26ssl")
    assert "<code>ssl and ssl</code>" in page

    wanted = "not+cf.tls_client_auth.cert_verified+and+ssl"
    page = visitor.get(f"/zones/{{zone}}/expression?action=block&expression={wanted}")
    assert "A revoked certificate counts as verified" in page
    page = visitor.get(f"/zones/{{zone}}/expression?action=other&expression={wanted}")
    assert "This expression can be used" in page
    page = visitor.get("/zones/{zone}/expression?action=log&expression=ssl")
    assert "Nothing in it looks wrong" in page


def test_what_is_written_there_is_shown_as_text(visitor: Visitor) -> None:
    page = visitor.get("/zones/{zone}/expression?expression=</textarea><script>alert(1)</script>")

    assert "<script>alert" not in page
    assert "&lt;/textarea&gt;&lt;script&gt;" in page
