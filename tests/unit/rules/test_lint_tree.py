# SPDX-License-Identifier: Apache-2.0
"""Walking and rebuilding conditions."""

from __future__ import annotations

import pytest

from authz.rules import parse
from authz.rules.ast import Combination, Comparison, Constant, Logic
from authz.rules.formatter import format_logical
from authz.rules.lint_tree import (
    conditions,
    is_test_of,
    joined,
    leaves,
    mapped,
    names,
    negated,
    replaced,
    short,
    simplified,
    test_of,
)
from tests.factories.schemes import SCHEME

# pytest would take it for a test.
fact = test_of
del test_of


def _root(source: str):  # type: ignore[no-untyped-def]
    return parse(source, SCHEME).root


def _simplified(source: str, **values: bool) -> str:
    """An expression with fields replaced by constants, without these."""
    root = _root(source)
    for name, value in values.items():
        root = replaced(root, fact(name), Constant(value=value))
    return format_logical(simplified(root))


def test_conditions_are_found_also_in_quantifiers_and_leaves_are_not() -> None:
    root = _root('not (ssl or any((http.request.headers.names[*] eq "a" and test.flags[*])))')

    assert [short(one) for one in leaves(root)] == [
        "ssl",
        'any((http.request.headers.names[*] eq "a" and test.flags[*]))',
    ]
    assert [short(one) for one in conditions(root)][-2:] == [
        'http.request.headers.names[*] eq "a"',
        "test.flags[*]",
    ]


def test_names_are_those_of_all_fields_also_within_calls() -> None:
    root = _root('concat(http.host, lower(http.cookie)) eq "a" or all(test.flags) and not ssl')

    assert names(root) == {"http.host", "http.cookie", "test.flags", "ssl"}


def test_a_test_of_a_field_is_the_field_alone() -> None:
    assert is_test_of(_root("ssl"), "ssl")
    assert not is_test_of(_root("not ssl"), "ssl")
    assert not is_test_of(_root('test.flag_map["a"]'), "test.flag_map")
    assert fact("ssl") == _root("ssl")


def test_negating_twice_is_not_negating() -> None:
    assert format_logical(negated(_root("ssl"))) == "not ssl"
    assert negated(negated(_root("ssl"))) == _root("ssl")


def test_joining_makes_one_run_and_repeats_nothing() -> None:
    parts = [_root(text) for text in ('ssl and http.host eq "a"', "ssl", 'test.flag_map["a"]')]

    assert format_logical(joined(Logic.AND, parts)) == (
        'ssl and http.host eq "a" and test.flag_map["a"]'
    )
    assert joined(Logic.OR, [_root("ssl"), _root("ssl")]) == _root("ssl")


def test_joining_does_not_compare_each_with_each(monkeypatch: pytest.MonkeyPatch) -> None:
    parts = [_root(f'http.host eq "{number}"') for number in range(200)]
    compared: list[object] = []
    equal = Comparison.__eq__

    def counted(one: Comparison, other: object) -> bool:
        compared.append(other)
        return equal(one, other)

    monkeypatch.setattr(Comparison, "__eq__", counted)
    found = joined(Logic.OR, [*parts, _root('http.host eq "7"')])

    assert isinstance(found, Combination)
    assert all(one is part for one, part in zip(found.operands, parts, strict=True))
    assert 1 <= len(compared) <= 10


def test_what_is_not_changed_stays_the_same_object() -> None:
    root = _root('not (ssl and http.host eq "a") or any((test.flags)) xor ssl')

    assert mapped(root, lambda _: None) is root
    assert replaced(root, _root('http.host eq "b"'), _root("ssl")) is root


def test_a_condition_is_exchanged_wherever_it_stands() -> None:
    root = _root(
        'ssl xor (ssl and http.host eq "a") or not ssl'
        ' or any((http.request.headers.names[*] eq "a" and test.flags[*]))'
    )
    new = _root('http.host eq "b"')

    assert format_logical(replaced(root, _root("ssl"), new)) == (
        'http.host eq "b" xor (http.host eq "b" and http.host eq "a") or not http.host eq "b"'
        ' or any((http.request.headers.names[*] eq "a" and test.flags[*]))'
    ).replace("xor (", "xor ").replace('"a") or', '"a" or')
    quantifier = _root('any((http.request.headers.names[*] eq "a"))')
    assert (
        format_logical(
            replaced(
                quantifier, quantifier.argument, _root('any((test.hex_list[*] eq "b"))').argument
            )
        )
        == 'any(test.hex_list[*] eq "b")'
    )


@pytest.mark.parametrize(
    ("source", "value", "left"),
    [
        ('ssl and http.host eq "a"', True, 'http.host eq "a"'),
        ('ssl and http.host eq "a"', False, "false"),
        ('ssl or http.host eq "a"', False, 'http.host eq "a"'),
        ('ssl or http.host eq "a"', True, "true"),
        ("ssl and not ssl", True, "false"),
        ('not (ssl and http.host eq "a")', True, 'not http.host eq "a"'),
        ('not (not ssl or http.host eq "a")', True, 'not http.host eq "a"'),
        ('ssl xor http.host eq "a"', True, 'not http.host eq "a"'),
        ('ssl xor ssl xor http.host eq "a"', True, 'http.host eq "a"'),
        (
            'ssl xor http.host eq "a" xor http.cookie eq "b"',
            False,
            'http.host eq "a" xor http.cookie eq "b"',
        ),
        ("ssl xor ssl", True, "false"),
        ("not ssl", True, "false"),
    ],
)
def test_true_and_false_are_left_out(source: str, value: bool, left: str) -> None:
    assert _simplified(source, ssl=value) == left


def test_a_long_condition_is_cut_for_a_message() -> None:
    text = short(_root('http.host in {"' + "a" * 100 + '"}'))

    assert len(text) == 72
    assert text.endswith("a…")
