# SPDX-License-Identifier: Apache-2.0
"""Items of lists as people paste them, and as they are shown to be changed."""

from __future__ import annotations

import pytest

from authz.rules.list_items import ListKind
from authz.services.list_lines import judge_lines, lines_of, written
from authz.services.list_values import MAX_PROBLEMS, NewItem
from authz.store.records import ListItem


def _item(value: str, comment: str = "", exclude_exact: bool | None = None) -> ListItem:
    return ListItem(
        id="0" * 32,
        list_id="1" * 32,
        value=value,
        comment=comment,
        created_at=0.0,
        modified_at=0.0,
        exclude_exact=exclude_exact,
    )


def _read(kind: ListKind, text: str) -> list[tuple[str, str]]:
    judged = judge_lines(kind, text)
    assert judged.problems == ()
    return [(one.value, one.comment) for one in judged.items.items]


def _wrong(kind: ListKind, text: str) -> list[tuple[int, str]]:
    judged = judge_lines(kind, text)
    assert judged.items.items == ()
    return [(one.line, one.message) for one in judged.problems]


def test_one_item_a_line_with_a_comment_behind_a_number_sign() -> None:
    text = "192.0.2.1\n\n# from the old firewall\n  10.0.0.0/8# inside \n2001:db8::1  #\n"

    assert _read(ListKind.IP, text) == [
        ("192.0.2.1", ""),
        ("10.0.0.0/8", "inside"),
        ("2001:db8::1", ""),
    ]


@pytest.mark.parametrize(
    ("kind", "line", "value", "comment"),
    [
        (ListKind.HOSTNAME, "API.example.com # ours", "api.example.com", "ours"),
        (ListKind.ASN, "AS64512 # ours", "64512", "ours"),
        (ListKind.ASN, "64512", "64512", ""),
        (ListKind.INTEGER, "-7 # less", "-7", "less"),
        (ListKind.STRING, "two words # both", "two words", "both"),
        (ListKind.STRING, "a#b", "a#b", ""),
        (ListKind.STRING, '"a # b" # quoted', "a # b", "quoted"),
        (ListKind.STRING, '" \\" "', ' " ', ""),
    ],
)
def test_every_kind_has_its_way_of_writing(
    kind: ListKind, line: str, value: str, comment: str
) -> None:
    assert _read(kind, line) == [(value, comment)]


def test_a_wildcard_can_have_the_name_itself() -> None:
    judged = judge_lines(ListKind.HOSTNAME, "*.example.com +itself # both\n*.example.net")

    assert judged.items.items == (
        NewItem(value="*.example.com", comment="both", exclude_exact=False),
        NewItem(value="*.example.net"),
    )


@pytest.mark.parametrize(
    ("kind", "line", "message"),
    [
        (ListKind.IP, "<script>", "'<script>' is not a valid value for ip"),
        (ListKind.ASN, "AS", "an AS number is written 64512 or AS64512"),
        (ListKind.ASN, "4294967296", "is not a valid value for asn"),
        (ListKind.INTEGER, "1.5", "an integer is written with digits only"),
        (ListKind.INTEGER, "99999999999999999999", "an integer has 64 bits"),
        (ListKind.HOSTNAME, "example.com +itself", "+itself is for names that begin with *."),
        (ListKind.STRING, '"open', "is a JSON string"),
        (ListKind.STRING, '"a" b', "behind the string is b"),
        (ListKind.STRING, "x" * 5000, "a string has 4096 characters at most"),
        (ListKind.STRING, f"x # {'c' * 501}", "a comment has 500 characters at most"),
    ],
)
def test_what_is_wrong_is_told_with_its_line(kind: ListKind, line: str, message: str) -> None:
    ((number, told),) = _wrong(kind, f"# first\n\n{line}\n")

    assert number == 3
    assert message in told


def test_problems_of_all_kinds_are_told_in_the_order_of_the_lines() -> None:
    assert _wrong(ListKind.ASN, "1\nx\n1\n4294967296") == [
        (2, "an AS number is written 64512 or AS64512"),
        (3, "this value is in line 1 already"),
        (4, "'4294967296' is not a valid value for asn because an AS number has 32 bits"),
    ]


def test_the_line_is_shown_and_a_long_one_cut() -> None:
    (problem,) = judge_lines(ListKind.ASN, "x" * 500).problems

    assert problem.text == "x" * 80 + "…"


def test_only_so_many_problems_are_told() -> None:
    assert len(_wrong(ListKind.ASN, "x\n" * 100)) == MAX_PROBLEMS
    assert len(_wrong(ListKind.IP, "x\n" * 100)) == MAX_PROBLEMS


@pytest.mark.parametrize(
    ("kind", "item"),
    [
        (ListKind.IP, _item("10.0.0.0/8", "inside")),
        (ListKind.HOSTNAME, _item("*.example.com", "both", exclude_exact=False)),
        (ListKind.HOSTNAME, _item("*.example.com")),
        (ListKind.STRING, _item(" a ", "blanks")),
        (ListKind.STRING, _item("# no comment")),
        (ListKind.STRING, _item("a\nb\r\u2028c # d")),
        (ListKind.STRING, _item('"quoted"', "x")),
        (ListKind.STRING, _item("")),
        (ListKind.STRING, _item("plain")),
        (ListKind.INTEGER, _item("-7")),
    ],
)
def test_what_is_written_is_read_as_the_same(kind: ListKind, item: ListItem) -> None:
    (found,) = judge_lines(kind, written(kind, item)).items.items

    assert (found.value, found.comment) == (item.value, item.comment)
    assert found.exclude_exact == item.exclude_exact


def test_a_comment_of_several_lines_becomes_one() -> None:
    assert written(ListKind.IP, _item("192.0.2.1", "a\nb")) == "192.0.2.1  # a b"


def test_items_become_lines() -> None:
    assert lines_of(ListKind.ASN, iter([_item("1"), _item("2", "two")])) == "1\n2  # two\n"
