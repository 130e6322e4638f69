# SPDX-License-Identifier: Apache-2.0
"""Field values and lists from JSON."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address
from typing import Any

import pytest

from authz.errors import AuthzError
from authz.policy.fields import SCHEME
from authz.rules import compile_expression, default_value
from authz.sources.field_values import parse_with_lists, values_of


def test_what_is_left_out_is_empty() -> None:
    values = values_of({})

    assert values["http.host"] == b""
    assert values["ssl"] is False
    assert values["ip.src"] == IPv4Address("0.0.0.0")
    assert values["http.request.headers"] == {}


def test_every_field_of_the_catalogue_has_a_default() -> None:
    values = values_of({})

    assert {name: values[name] for name in SCHEME.fields} == {
        name: default_value(field.type) for name, field in SCHEME.fields.items()
    }


@pytest.mark.parametrize(
    ("name", "given", "value"),
    [
        ("http.host", "é", "é".encode()),
        ("ssl", True, True),
        ("http.request.timestamp.sec", 5, 5),
        ("ip.src", "::1", IPv6Address("::1")),
        ("http.request.headers", {"x": ["1", "2"]}, {b"x": (b"1", b"2")}),
        ("http.request.headers.names", ["a"], (b"a",)),
        ("http.request.headers.names", [], ()),
        ("http.request.body.multipart.names", [["a"], []], ((b"a",), ())),
        ("http.host", {"base64": "/wD+"}, b"\xff\x00\xfe"),
        ("http.host", {"base64": ""}, b""),
        ("http.host", "\ud800", b"\xed\xa0\x80"),
        ("http.request.headers", {"\udcff": [{"base64": "/w=="}]}, {b"\xff": (b"\xff",)}),
        ("http.request.jwt.claims.iat.sec", {"t": [1, -1]}, {b"t": (1, -1)}),
        ("authz.cert.san.ip", ["10.0.0.1"], (IPv4Address("10.0.0.1"),)),
        ("http.request.timestamp.sec", -(2**63), -(2**63)),
    ],
)
def test_values_become_those_of_the_language(name: str, given: Any, value: Any) -> None:
    assert values_of({name: given})[name] == value


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ([], '"fields" is not an object'),
        ({"http.hots": ""}, 'unknown field "http.hots"'),
        ({"ssl": 1}, 'the field "ssl" is of type Bool, not the number 1'),
        (
            {"http.request.timestamp.sec": True},
            'the field "http.request.timestamp.sec" is of type Int, not the boolean true',
        ),
        (
            {"http.request.timestamp.sec": 2**63},
            f'the field "http.request.timestamp.sec" is of type Int, not the number {2**63}',
        ),
        ({"ip.src": "1.2.3"}, 'the field "ip.src": "1.2.3" is not an IP address'),
        (
            {"http.request.headers": {"x": "1"}},
            'the field "http.request.headers"["x"] is of type Array(Bytes), not the text "1"',
        ),
        (
            {"http.request.headers": {"x": ["1", 2]}},
            'the field "http.request.headers"["x"][1] is of type Bytes, not the number 2',
        ),
        (
            {"http.request.jwt.claims.iat.sec": {"t": ["5"]}},
            'the field "http.request.jwt.claims.iat.sec"["t"][0] is of type Int, not the text "5"',
        ),
        ({"http.host": None}, 'the field "http.host" is of type Bytes, not null'),
        ({"http.host": {"base64": "/w="}}, 'the field "http.host": the text "/w=" is not Base64'),
        ({"http.host": {"base64": 1}}, 'the field "http.host": the number 1 is not Base64'),
        ({"http.host": {"base32": ""}}, 'the field "http.host" is of type Bytes, not a mapping'),
        ({"ip.src": 1}, 'the field "ip.src" is of type Ip, not the number 1'),
        (
            {"cf.edge.server_port": 443.0},
            'the field "cf.edge.server_port" is of type Int, not the number 443.0',
        ),
    ],
)
def test_values_of_another_type_are_refused(given: Any, message: str) -> None:
    with pytest.raises(AuthzError) as caught:
        values_of(given)

    assert caught.value.message == message


@pytest.mark.parametrize(
    ("expression", "value", "items", "result"),
    [
        ("ip.src in $o", "10.1.2.3", {"kind": "ip", "items": ["10.0.0.0/8"]}, True),
        ("ip.src in $o", "10.1.2.3", ["10.0.0.0/8", "::1"], True),
        ("ip.src in $o", "10.1.2.3", ["10.1.2.0..10.1.2.9"], True),
        ("ip.src in $o", "10.1.2.3", [], False),
        ("http.host in $o", "10.0.0.1", ["10.0.0.1", "10.0.0.2"], True),
        ("http.host in $o", "a", ["a", "10.0.0.1"], True),
        ("http.request.timestamp.sec in $o", 5, ["5", "6"], True),
        ("http.request.timestamp.sec in $o", 5, [1, 2], False),
        ("http.request.timestamp.sec in $o", 5, [], False),
    ],
)
def test_a_list_without_a_kind_is_of_the_left_sides(
    expression: str, value: Any, items: Any, result: bool
) -> None:
    parsed = parse_with_lists(expression, {"o": items, "unused-Name": ["10.0.0.1/8"]})

    values = values_of({expression.split(" ", maxsplit=1)[0]: value})
    assert compile_expression(parsed).matches(values) is result


@pytest.mark.parametrize(
    ("expression", "lists", "message"),
    [
        ("ip.src in $o", {"o": ["x"]}, 'list "o", item 1: "x" is not an IP address or network'),
        ("ip.src in $o", {"o": ["10.0.0.1/8"]}, 'item 1: "10.0.0.1/8" has bits set'),
        ("cf.edge.server_port in $o", {"o": ["x"]}, 'item 1: "x" is not a decimal number'),
        (
            "http.host in $o and ip.src in $o",
            {"o": []},
            'the list "$o" holds Bytes, the left side is Ip',
        ),
        (
            "http.host in $o",
            {"o": {"kind": "ip", "items": []}},
            'the list "$o" holds Ip, the left side is Bytes',
        ),
        ('http.host in $o and http.hots eq "a"', {"o": []}, 'unknown field "http.hots"'),
        ("http.host in $O", {"O": []}, 'list name "O" cannot be used in expressions'),
        ("http.host in $p", {"o": []}, 'unknown list "$p"'),
        ("http.host in $o and", {"o": []}, "expected a field or a function, found the end"),
        (
            "http.host in $a and ip.src in $b",
            {"a": ["x"], "b": ["y"]},
            'list "b", item 1: "y" is not an IP address or network',
        ),
    ],
)
def test_a_list_that_does_not_fit_is_named(expression: str, lists: Any, message: str) -> None:
    with pytest.raises(AuthzError) as caught:
        parse_with_lists(expression, lists)

    assert message in str(caught.value)


def test_several_lists_are_each_of_their_left_sides_kind() -> None:
    parsed = parse_with_lists(
        "http.host in $a and ip.src in $b and cf.edge.server_port in $c",
        {"a": ["10.0.0.1"], "b": ["10/8", "::1..::9"], "c": ["443", 80]},
    )
    values = values_of({"http.host": "10.0.0.1", "ip.src": "10.1.2.3", "cf.edge.server_port": 80})

    assert compile_expression(parsed).matches(values)


def test_a_byte_that_is_no_text_can_be_written() -> None:
    assert values_of({"http.host": "\u00e9\udcff"})["http.host"] == b"\xc3\xa9\xff"


def test_an_address_has_no_zone() -> None:
    with pytest.raises(AuthzError):
        values_of({"ip.src": "fe80::1%eth0"})


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ([], '"lists" is not an object'),
        ({"o": 1}, 'the list "o" has no list of items'),
        ({"o": [True]}, 'the list "o" has no list of items'),
        (
            {"o": {"kind": "ipp", "items": []}},
            'the list "o" is of no known kind: the text "ipp"',
        ),
    ],
)
def test_lists_that_are_none_are_refused(given: Any, message: str) -> None:
    with pytest.raises(AuthzError) as caught:
        parse_with_lists("ip.src in $o", given)

    assert caught.value.message == message


@pytest.mark.parametrize("name", ["cf.bot_management.score", "cf.llm.prompt.detected"])
def test_a_field_that_cannot_exist_is_refused_with_the_reason(name: str) -> None:
    with pytest.raises(AuthzError, match="cannot exist here: "):
        values_of({name: 1})
