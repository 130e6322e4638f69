# SPDX-License-Identifier: Apache-2.0
"""Named lists of each kind, and what is wrong with a bad one."""

from __future__ import annotations

import time
from dataclasses import replace
from ipaddress import ip_address
from typing import TYPE_CHECKING

import pytest

from authz.errors import PolicyError, TypeCheckError
from authz.rules import (
    ListKind,
    ListModel,
    NamedList,
    compile_expression,
    compile_list,
    evaluate,
    parse,
)
from authz.rules.lists import pack_list
from tests.factories.schemes import SCHEME, field_values

if TYPE_CHECKING:
    from collections.abc import Callable


def _list(kind: ListKind, *items: str, name: str = "some", where: str = "") -> NamedList:
    return compile_list(ListModel(name=name, kind=kind, items=items, where=where))


def _v4(number: int) -> str:
    return f"10.{number >> 16}.{number >> 8 & 255}.{number & 255}"


@pytest.mark.parametrize(
    ("kind", "items", "inside", "outside"),
    [
        (ListKind.IP, ("10.0.0.0/8", "::1"), ip_address("10.1.1.1"), ip_address("::2")),
        (ListKind.STRING, ("a", "é"), "é".encode(), b"A"),
        (ListKind.INTEGER, ("-5", "007"), 7, 5),
        (ListKind.ASN, ("64496", "AS13335"), 13335, 1),
        (ListKind.HOSTNAME, ("example.com",), b"EXAMPLE.com", b"www.example.com"),
        (ListKind.HOSTNAME, ("*.example.com",), b"a.b.example.com", b"example.com"),
        (ListKind.HOSTNAME, ("*.example.com", "x.org."), b"x.org", b".example.com"),
        (ListKind.HOSTNAME, ("bücher.example", "[::1]"), b"xn--bcher-kva.example", b"example"),
    ],
)
def test_membership(
    kind: ListKind, items: tuple[str, ...], inside: object, outside: object
) -> None:
    compiled = _list(kind, *items)

    assert compiled.has(inside)  # type: ignore[arg-type]  # of the kind's own type
    assert not compiled.has(outside)  # type: ignore[arg-type]  # of the kind's own type
    assert not compiled.has(None)
    assert compiled.size == len(items)


@pytest.mark.parametrize(
    ("kind", "item", "problem"),
    [
        (ListKind.IP, "10.0.0.1/8", "has bits set beyond its prefix length"),
        (ListKind.STRING, "\ud800", "is not valid Unicode text"),
        (ListKind.INTEGER, "1_0", "is not a decimal number of 64 bits"),
        (ListKind.INTEGER, "9223372036854775808", "is not a decimal number of 64 bits"),
        (ListKind.ASN, "4294967296", "is not an AS number"),
        (ListKind.ASN, "ASX", "is not an AS number"),
        (ListKind.HOSTNAME, "https://a", "is not a host name"),
        (ListKind.HOSTNAME, "a.*.b", "is not a host name"),
        (ListKind.HOSTNAME, "*", "is not a host name"),
        (ListKind.HOSTNAME, "a..b", "is not a host name"),
    ],
)
def test_a_bad_item_is_named_with_its_position(kind: ListKind, item: str, problem: str) -> None:
    good = {ListKind.IP: "10.0.0.1", ListKind.ASN: "1", ListKind.INTEGER: "1"}.get(kind, "a")
    with pytest.raises(PolicyError) as caught:
        _list(kind, good, item, where="policy.yaml:7")

    assert str(caught.value).startswith('policy.yaml:7: list "some", item 2: "')
    assert caught.value.message.endswith(problem)


@pytest.mark.parametrize("name", ["", "A", "a-b", ".a", "a.", "ä"])
def test_a_list_whose_name_no_expression_can_write_is_refused(name: str) -> None:
    with pytest.raises(PolicyError, match="cannot be used in expressions"):
        _list(ListKind.IP, name=name)


def test_a_list_is_for_the_type_it_holds() -> None:
    lists = {"some": _list(ListKind.IP, "10.0.0.1")}
    with pytest.raises(TypeCheckError, match="holds Ip, the left side is Bytes"):
        parse("http.host in $some", SCHEME, lists)


@pytest.mark.parametrize("kind", [ListKind.STRING, ListKind.HOSTNAME])
def test_hex_fields_match_a_list_in_either_case(kind: ListKind) -> None:
    lists = {"pins": _list(kind, "0a1b", "ff")}
    expression = parse("cf.tls_client_auth.cert_serial in $pins", SCHEME, lists)

    for value, verdict in (("0A1B", True), ("FF", True), ("0A", False)):
        values = field_values({"cf.tls_client_auth.cert_serial": value})
        assert evaluate(expression, values) is verdict
        assert compile_expression(expression).matches(values) is verdict
    assert not lists["pins"].has_folded()(None)


@pytest.mark.parametrize("items", [("0A1B", "FF"), ("0A1B", "ff"), ("0a1b", "fF"), ("0A1B", "x")])
def test_hex_fields_match_whatever_case_the_list_is_in(items: tuple[str, ...]) -> None:
    has = _list(ListKind.STRING, *items).has_folded()

    for value in (b"0A1B", b"0a1b", b"0a1B"):
        assert has(value)
    for value in (b"0A1", b"A1B", b""):
        assert not has(value)
    assert has(b"Ff") is (items[1] != "x")
    assert not has(None)


def test_a_packed_list_is_the_same_list() -> None:
    for kind, items, inside in (
        (ListKind.HOSTNAME, ("a.b", "*.c.d"), b"x.c.d"),
        (ListKind.STRING, ("0A", "0b"), b"0A"),
        (ListKind.INTEGER, ("5",), 5),
    ):
        model = ListModel(name="some", kind=kind, items=items, where="here")
        packed = pack_list(model, b"origin")
        assert packed.items == ()
        assert packed.packed is not None
        assert packed.packed.origin == b"origin"
        assert compile_list(packed).has(inside)  # type: ignore[arg-type]  # of the kind's type
        assert compile_list(packed).size == len(items)


def test_a_bad_item_of_a_file_is_named_with_its_line() -> None:
    items, lines = ("1", "2", "x"), (4, 9)
    model = ListModel(name="l", kind=ListKind.ASN, items=items, file="f.txt", lines=lines)

    with pytest.raises(PolicyError, match=r'^list "l", "f.txt" line 9: "x" is not an AS number'):
        compile_list(model)
    with pytest.raises(PolicyError, match=r'^list "l", item 1: "y" is not an AS number'):
        compile_list(replace(model, items=("y", "2", "3")))


def test_a_long_value_full_of_dots_is_no_work() -> None:
    names = _list(ListKind.HOSTNAME, "*.example.com", "*.org")

    assert not names.has(b"." * 10**6)
    assert names.has(b"a." * 10**6 + b"example.com")
    assert not names.has(b"a." * 10**6 + b"example.net")


#: How the n-th item of a large list is written, and the last of a million as a value.
FORMS: dict[str, tuple[ListKind, Callable[[int], str], object]] = {
    "address": (ListKind.IP, _v4, ip_address("10.15.66.63")),
    "network": (
        ListKind.IP,
        lambda n: f"2001:db8:{n >> 16:x}:{n & 65535:x}::/64",
        ip_address("2001:db8:f:423f::1"),
    ),
    "range": (ListKind.IP, lambda n: f"{_v4(n)}..{_v4(n)}", ip_address("10.15.66.63")),
    "range of IPv6": (
        ListKind.IP,
        lambda n: (
            f"2001:db8::{n >> 16:x}:{n & 65535:x}:0..2001:db8::{n >> 16:x}:{n & 65535:x}:ffff"
        ),
        ip_address("2001:db8::f:423f:1"),
    ),
    "network cut short": (
        ListKind.IP,
        lambda n: f"{n >> 16}.{n >> 8 & 255}.{n & 255}/24",
        ip_address("15.66.63.1"),
    ),
    "name": (ListKind.HOSTNAME, lambda n: f"host-{n}.example.com", b"host-999999.example.com"),
    "international name": (
        ListKind.HOSTNAME,
        lambda n: f"bücher-{n}.example.com",
        "bücher-999999.example.com".encode("idna"),
    ),
    "name in Japanese": (
        ListKind.HOSTNAME,
        lambda n: f"日本{chr(0x4E00 + n // 1000)}{chr(0x6000 + n % 1000)}.jp",
        f"日本{chr(0x4E00 + 999)}{chr(0x6000 + 999)}.jp".encode("idna"),
    ),
    "address for a name": (
        ListKind.HOSTNAME,
        lambda n: f"[2001:db8::{n >> 16:x}:{n & 65535:x}]",
        b"[2001:db8::f:423f]",
    ),
}


@pytest.mark.acceptance
@pytest.mark.parametrize("form", FORMS)
def test_a_million_items_load_in_three_seconds(form: str) -> None:
    kind, item, last = FORMS[form]
    items = tuple(map(item, range(1_000_000)))

    start = time.process_time()
    compiled = _list(kind, *items)

    assert time.process_time() - start < 3
    assert compiled.has(last)  # type: ignore[arg-type]  # of the kind's own type


@pytest.mark.acceptance
@pytest.mark.parametrize("kind", [ListKind.IP, ListKind.HOSTNAME])
def test_a_million_items_of_all_forms_load_in_three_seconds(kind: ListKind) -> None:
    forms = [item for of, item, _ in FORMS.values() if of is kind]
    items = tuple(forms[n % len(forms)](n) for n in range(1_000_000))

    start = time.process_time()
    _list(kind, *items)

    assert time.process_time() - start < 3
