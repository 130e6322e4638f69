# SPDX-License-Identifier: Apache-2.0
"""The fields of the simulator's form."""

from __future__ import annotations

from typing import Any

import pytest

from authz.dashboard.forms import Form
from authz.dashboard.simulator_form import (
    DEFAULTS,
    certificates_of,
    filled,
    headers_of,
    moment_of,
    moment_text,
    prefilled,
    request_of,
    values_of,
)
from authz.errors import InvalidInputError
from authz.services.pasted import Kind, Pasted
from tests.factories.pki import AT, root


def _request(**changes: str) -> Any:
    return request_of({**DEFAULTS, "host": "api.example.com", **changes}, (), AT, "7")


def _pasted(**changes: Any) -> Pasted:
    return Pasted(**{"kind": Kind.CURL, "host": "h", **changes})


def test_a_form_is_read_and_what_is_missing_is_as_it_was() -> None:
    values = values_of(Form([("host", "h"), ("exact", "on")]))

    assert values == {**DEFAULTS, "host": "h", "exact": "on"}
    assert values_of(Form())["forwards_bodies"] == ""


def test_the_fields_are_the_request() -> None:
    made = _request(
        method="PUT",
        path="/x?y",
        headers="A: b\n\n c : d ",
        body="x\ny",
        source_address="2001:db8::1",
        source_port="7",
    )

    assert (made.method, made.path, made.headers) == ("PUT", "/x?y", (("A", "b"), ("c", "d")))
    assert (made.body, made.source_address, made.source_port) == (b"x\ny", "2001:db8::1", 7)
    assert (made.time, made.request_id) == (AT, "7")
    assert _request(body="/w==", body_form="base64").body == b"\xff"


@pytest.mark.parametrize(
    ("changes", "sni"),
    [
        ({}, "api.example.com"),
        ({"host": "API.example.com.:443"}, "api.example.com"),
        ({"sni": "other.test"}, "other.test"),
        ({"sni": "-"}, ""),
        ({"scheme": "http", "sni": "x"}, None),
        ({"host": "192.0.2.1"}, ""),
        ({"host": "[::1]:443"}, ""),
        ({"host": "a,b"}, ""),
    ],
)
def test_the_server_name_is_the_host_unless_it_is_given(
    changes: dict[str, str], sni: str | None
) -> None:
    assert _request(**changes).sni == sni


def test_a_pasted_request_fills_in_what_it_says() -> None:
    pasted = _pasted(
        method="POST",
        path="/p",
        headers=(("a", "b"), ("c", "d")),
        body=b"\x00",
        sni="",
        source_address="::1",
        source_port=9,
        time=AT,
        pem="PEM",
        data=b"x",
    )

    found = filled({**DEFAULTS, "rules": "draft"}, pasted)

    assert (found["method"], found["path"], found["headers"]) == ("POST", "/p", "a: b\nc: d")
    assert (found["body"], found["body_form"]) == ("AA==", "base64")
    assert (found["sni"], found["source_address"], found["source_port"]) == ("-", "::1", "9")
    assert (found["at"], found["exact"]) == ("2026-03-01T12:00:00Z", "on")
    assert (found["client"], found["pem"], found["rules"]) == ("pem", "PEM", "draft")


def test_what_it_does_not_say_is_usual_and_the_certificate_stays() -> None:
    found = filled(
        {**DEFAULTS, "client": "issued", "at": "x", "exact": "on"}, _pasted(body=b"a\tb")
    )

    assert (found["client"], found["at"], found["exact"]) == ("issued", "", "")
    assert (found["body"], found["body_form"], found["sni"]) == ("a\tb", "text", "")
    assert found["source_address"] == DEFAULTS["source_address"]


def test_half_characters_are_no_texts() -> None:
    assert filled(dict(DEFAULTS), _pasted(host="a\ud800", path="/\udcff"))["host"] == "a\ufffd"


@pytest.mark.parametrize("text", ["x", ": x", "a: b\nx"])
def test_a_line_that_is_no_header_is_told_with_its_number(text: str) -> None:
    with pytest.raises(InvalidInputError, match=rf"line {text.count(chr(10)) + 1}"):
        headers_of(text)


def test_certificates_are_read_in_order() -> None:
    alice = root().client("alice")
    pem = (alice.pem + root().pem).decode()

    assert certificates_of(pem) == (alice.der, root().der)
    with pytest.raises(InvalidInputError, match="17 certificates"):
        certificates_of(alice.pem.decode() * 17)


def test_times() -> None:
    assert moment_of(" ", AT) == AT
    assert moment_of("2026-03-01T12:00:00Z", 0) == AT
    assert moment_of("2026-03-01T12:00:00", 0) == AT
    assert moment_of(moment_text(AT), 0) == AT


def test_links_choose_what_they_may() -> None:
    found = prefilled({"host": "h", "paste": "curl x", "pem": "x", "junk": "x"})

    assert found == {**DEFAULTS, "host": "h"}
