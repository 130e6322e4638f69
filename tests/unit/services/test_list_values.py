# SPDX-License-Identifier: Apache-2.0
"""Items of lists as clients write them."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from authz.rules.list_items import ListKind
from authz.rules.lists import ListModel, compile_list, pack_list
from authz.services.list_values import (
    MAX_COMMENT,
    MAX_PROBLEMS,
    MAX_STRING,
    GivenHostname,
    GivenItem,
    NewItem,
    judge_items,
    searched,
)


def _of(kind: ListKind, value: Any, **more: Any) -> GivenItem:
    if kind is ListKind.HOSTNAME:
        value = GivenHostname(url_hostname=value)
    return GivenItem(**{kind.value: value}, **more)


def _written(kind: ListKind, value: Any) -> str:
    judged = judge_items(kind, [_of(kind, value)])
    assert judged.problems == ()
    return judged.items[0].value


def _refused(kind: ListKind, value: Any) -> str:
    judged = judge_items(kind, [_of(kind, value)])
    assert judged.items == ()
    (problem,) = judged.problems
    return problem.message


@pytest.mark.parametrize(
    ("given", "written"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("192.0.2.1/32", "192.0.2.1"),
        ("192.0.2.5/24", "192.0.2.0/24"),
        ("64.0.0.0/2", "64.0.0.0/2"),
        ("2001:DB8::1", "2001:db8::1"),
        ("2001:db8:0:0:0:0:0:0001/128", "2001:db8::1"),
        ("2001:DB8:1::/32", "2001:db8::/32"),
        ("2001:db8::1/96", "2001:db8::/96"),
        ("f000::/4", "f000::/4"),
        ("::192.0.2.1", "::c000:201"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("::ffff:192.0.2.1/120", "192.0.2.0/24"),
        ("::ffff:0:0/95", "::fffe:0:0/95"),
    ],
)
def test_an_address_is_written_as_cloudflare_writes_it(given: str, written: str) -> None:
    assert _written(ListKind.IP, given) == written


@pytest.mark.parametrize(
    ("given", "why"),
    [
        ("", "not an IP address or network"),
        ("office", "not an IP address or network"),
        ("192.0.2.256", "not an IP address or network"),
        ("192.0.2.01", "write 192.0.2.1, without leading zeros"),
        ("192.0.2.1\n", "not an IP address or network"),
        ("192.0.2.1\0", "not an IP address or network"),
        ("192.0.2.\N{FULLWIDTH DIGIT ONE}", "not an IP address or network"),
        ("fe80::1%eth0", "not an IP address or network"),
        ("10.0.0.1-10.0.0.9", "network"),
        ("10.0.0.1..10.0.0.9", "network"),
        ("9" * 5_000, "999…' is not a valid value for ip because"),
        ("192.0.2.0/33", "no prefix length up to 32"),
        ("192.0.2.0/", "no prefix length up to 32"),
        ("192.0.2.0/-1", "no prefix length up to 32"),
        ("2001:db8::/129", "no prefix length up to 128"),
        ("0.0.0.0/0", "from /2 to /32"),
        ("128.0.0.0/1", "from /2 to /32"),
        ("::/3", "from /4 to /128"),
        ("::ffff:0:0/96", "from /2 to /32"),
    ],
)
def test_what_is_no_address_is_told(given: str, why: str) -> None:
    message = _refused(ListKind.IP, given)

    assert why in message
    assert ".." not in message.partition("because")[2]
    assert len(message) < 250


@pytest.mark.parametrize(
    ("given", "written"),
    [
        ("example.com", "example.com"),
        ("API.Example.com.", "api.example.com"),
        ("*.Example.com", "*.example.com"),
        ("Bücher.example", "xn--bcher-kva.example"),
        ("*.bücher.example", "*.xn--bcher-kva.example"),
        ("localhost", "localhost"),
        ("[2001:DB8::1]", "[2001:db8::1]"),
        (".".join(["a" * 63] * 3 + ["a" * 61]), ".".join(["a" * 63] * 3 + ["a" * 61])),
    ],
)
def test_a_host_name_is_written_as_hosts_are(given: str, written: str) -> None:
    assert _written(ListKind.HOSTNAME, given) == written


@pytest.mark.parametrize(
    ("given", "why"),
    [
        ("", "not a host name"),
        ("https://example.com", "no scheme, port or path"),
        ("example.com/path", "no scheme, port or path"),
        ("example.com:443", "host"),
        ("*", "write a name, or *. and a name"),
        ("a.*.example.com", "write a name, or *. and a name"),
        ("*.*.example.com", "write a name, or *. and a name"),
        ("*example.com", "write a name, or *. and a name"),
        ("a\0.example", "not a host name"),
        (".".join(["a" * 63] * 4), "253 characters"),
        ("a" * 600, "253 characters"),
        ("[2001:db8::zz]", "not a"),
    ],
)
def test_what_is_no_host_name_is_told(given: str, why: str) -> None:
    assert why in _refused(ListKind.HOSTNAME, given)


@pytest.mark.parametrize(
    ("kind", "given", "written"),
    [
        (ListKind.ASN, 0, "0"),
        (ListKind.ASN, 2**32 - 1, "4294967295"),
        (ListKind.INTEGER, -(2**63), "-9223372036854775808"),
        (ListKind.STRING, "", ""),
        (ListKind.STRING, "As It Is ", "As It Is "),
        (ListKind.STRING, "ü" * MAX_STRING, "ü" * MAX_STRING),
    ],
)
def test_numbers_and_strings_are_as_they_are(kind: ListKind, given: Any, written: str) -> None:
    assert _written(kind, given) == written


@pytest.mark.parametrize(
    ("kind", "given", "why"),
    [
        (ListKind.ASN, -1, "32 bits"),
        (ListKind.ASN, 2**32, "32 bits"),
        (ListKind.INTEGER, 2**63, "64 bits"),
        (ListKind.STRING, "x" * (MAX_STRING + 1), "4096 characters"),
        (ListKind.STRING, "a\0b", "no NUL"),
        (ListKind.STRING, "a\ud800b", "no NUL"),
    ],
)
def test_numbers_and_strings_have_limits(kind: ListKind, given: Any, why: str) -> None:
    assert why in _refused(kind, given)


@pytest.mark.parametrize(
    ("item", "field", "why"),
    [
        (GivenItem(), "", 'has "ip"'),
        (GivenItem(comment="a"), "", 'has "ip"'),
        (GivenItem(asn=1), "asn", "of kind ip, not asn"),
        (GivenItem(ip="192.0.2.1", integer=1), "integer", "of kind ip, not integer"),
        (GivenItem(redirect=msgspec.Raw(b"{}")), "redirect", "no redirects"),
        (GivenItem(ip="192.0.2.1", comment="x" * (MAX_COMMENT + 1)), "comment", "500"),
        (GivenItem(ip="192.0.2.1", comment="\0"), "comment", "NUL"),
        (GivenItem(ip="office"), "ip", "'office' is not a valid value for ip because"),
    ],
)
def test_an_item_has_one_value_of_the_kind_of_the_list(
    item: GivenItem, field: str, why: str
) -> None:
    good = GivenItem(ip="192.0.2.1", redirect=msgspec.Raw(b"null"))

    (problem,) = judge_items(ListKind.IP, [good, item]).problems

    assert (problem.position, problem.field, problem.repeats) == (1, field, None)
    assert why in problem.message


def test_comments_and_what_is_excluded_are_kept() -> None:
    given = [
        GivenItem(
            hostname=GivenHostname(url_hostname="*.A.example", exclude_exact_hostname=False),
            comment="c",
        ),
        GivenItem(hostname=GivenHostname(url_hostname="a.example")),
    ]

    assert judge_items(ListKind.HOSTNAME, given).items == (
        NewItem(value="*.a.example", comment="c", exclude_exact=False),
        NewItem(value="a.example"),
    )


def test_a_value_is_there_once_however_it_is_written() -> None:
    given = [GivenItem(ip=one) for one in ("192.0.2.1", "10.0.0.0/8", "192.0.2.1/32")]

    (problem,) = judge_items(ListKind.IP, given).problems

    assert (problem.position, problem.field, problem.repeats) == (2, "ip", 0)
    assert "item 0" in problem.message


def test_problems_are_bounded() -> None:
    judged = judge_items(ListKind.IP, [GivenItem(ip="office")] * 1_000)

    assert [one.position for one in judged.problems] == list(range(MAX_PROBLEMS))


@pytest.mark.parametrize(
    ("kind", "text", "value"),
    [
        (ListKind.IP, "192.0.2.1/32", "192.0.2.1"),
        (ListKind.IP, "2001:DB8", "2001:db8"),
        (ListKind.HOSTNAME, "Example", "example"),
        (ListKind.STRING, "Example", "Example"),
    ],
)
def test_what_is_looked_for_is_written_as_values_are(kind: ListKind, text: str, value: str) -> None:
    assert searched(kind, text) == value


_VALUES = {
    ListKind.IP: st.one_of(
        st.ip_addresses().map(str),
        st.builds("{}/{}".format, st.ip_addresses(), st.integers(0, 130)),
        st.from_regex(r"[0-9a-f:./]{1,20}", fullmatch=True),
    ),
    ListKind.HOSTNAME: st.one_of(
        st.from_regex(r"(\*\.)?[A-Za-z0-9_.-]{1,30}", fullmatch=True), st.text(max_size=30)
    ),
    ListKind.ASN: st.integers(-1, 2**33),
    ListKind.STRING: st.text(max_size=30),
    ListKind.INTEGER: st.integers(-(2**64), 2**64),
}


@pytest.mark.parametrize("kind", ListKind)
@given(data=st.data())
def test_whatever_passes_here_can_be_enforced_and_passes_again(
    kind: ListKind, data: st.DataObject
) -> None:
    value = data.draw(_VALUES[kind])
    judged = judge_items(kind, [_of(kind, value)])
    if judged.problems:
        return
    written = judged.items[0].value
    pack_list(ListModel(name="a", kind=kind, items=(written,)))
    again = int(written) if kind in (ListKind.ASN, ListKind.INTEGER) else written
    assert _written(kind, again) == written


def test_a_wildcard_is_everything_below_a_name() -> None:
    """What the engine makes of it is what `exclude_exact_hostname` says."""
    has = compile_list(ListModel(name="a", kind=ListKind.HOSTNAME, items=("*.a.example",))).has

    assert [has(one) for one in (b"b.a.example", b"c.b.a.example")] == [True, True]
    assert [has(one) for one in (b"a.example", b"ba.example")] == [False, False]
