# SPDX-License-Identifier: Apache-2.0
"""Numbers and addresses fall into cells in which every condition has one truth."""

from __future__ import annotations

from typing import TYPE_CHECKING

from authz.rules import ListKind, ListModel, compile_list, parse
from authz.rules.lint_cells import MAX_CELLS, key_of, rows_of, subject_of
from authz.rules.lint_tree import leaves
from tests.factories.schemes import SCHEME

if TYPE_CHECKING:
    from authz.rules.lint_texts import Row

_LISTS = {
    "ports": compile_list(ListModel(name="ports", kind=ListKind.INTEGER, items=("1",))),
    "nets": compile_list(ListModel(name="nets", kind=ListKind.IP, items=("10.0.0.0/8",))),
}


def _rows(source: str) -> set[Row] | None:
    """The rows of conditions, given joined by `and`, on the value of the first."""
    found = list(leaves(parse(source, SCHEME, _LISTS).root))
    rows = rows_of(subject_of(found[0]), found)
    return None if rows is None else set(rows)


def test_numbers_are_cut_at_the_literals_and_at_the_field_s_bounds() -> None:
    port = "cf.edge.server_port"

    assert _rows(f"{port} gt 5 and {port} lt 8") == {(False, True), (True, True), (True, False)}
    assert _rows(f"{port} gt 70000 and {port} ge 0") == {(False, True)}
    assert _rows(f"{port} in {{1..3 5}} and {port} eq 4") == {
        (False, False),
        (True, False),
        (False, True),
    }


def test_bits_are_known_of_single_numbers_only() -> None:
    port = "cf.edge.server_port"

    assert _rows(f"{port} eq 4 and {port} & 3") == {
        (True, False),
        # 3 is a cell of its own as well.
        (False, True),
        (False, None),
    }


def test_addresses_are_cut_in_both_families() -> None:
    assert _rows("ip.src in {10.0.0.0/8} and ip.src ge 10.0.0.0") == {
        (False, False),
        (True, True),
        (False, True),
    }
    assert _rows("ip.src in {::/0} and ip.src ne ::1") == {
        (False, True),
        (True, True),
        (True, False),
    }


def test_a_client_s_address_is_never_ipv4_in_ipv6() -> None:
    assert _rows("ip.src in {::ffff:0.0.0.0/96} and ip.src in {::/0}") == {
        (False, False),
        (False, True),
    }
    assert _rows("cidr(ip.src, 8, 8) eq ::ffff:1.0.0.0 and cidr(ip.src, 8, 8) eq ::1") == {
        (False, False),
        (True, False),
        (False, True),
    }


def test_the_ends_of_the_ranges_of_addresses_are_no_cut() -> None:
    assert _rows("ip.src le 255.255.255.255 and ip.src in {ffff::/16}") == {
        (True, False),
        (False, False),
        (False, True),
    }


def test_of_lists_nothing_is_known() -> None:
    assert _rows("cf.edge.server_port in $ports and cf.edge.server_port eq 1") == {
        (None, True),
        (None, False),
    }
    assert _rows("ip.src in $nets and ip.src eq 10.0.0.1") == {(None, True), (None, False)}


def test_of_a_missing_value_nothing_is_true() -> None:
    assert (False, False) in (_rows("test.numbers[0] ge 0 and test.numbers[0] lt 0") or ())
    assert (False, False) not in (_rows("len(http.host) ge 1 and len(http.host) lt 1") or ())


def test_a_condition_without_a_value_of_its_own_is_true_or_false() -> None:
    assert _rows("ssl") == {(True,), (False,)}


def test_too_many_different_cells_are_given_up() -> None:
    every = [parse(f"cf.edge.server_port eq {n}", SCHEME).root for n in range(MAX_CELLS + 1)]

    assert rows_of(subject_of(every[0]), every) is None
    assert len(rows_of(subject_of(every[0]), every[:9]) or ()) == 10


def test_the_key_of_a_plain_field_is_its_name() -> None:
    (leaf,) = leaves(parse('http.host eq "a"', SCHEME).root)
    (indexed,) = leaves(parse('http.request.headers["a"][0] eq "a"', SCHEME).root)

    assert key_of(subject_of(leaf)) == "http.host"
    assert key_of(subject_of(indexed)) == subject_of(indexed)
