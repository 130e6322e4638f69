# SPDX-License-Identifier: Apache-2.0
"""YAML 1.2 scalars, refusals with a line, and where everything stands."""

from __future__ import annotations

import math
from typing import Any

import pytest

from authz.settings.yaml_document import YamlDocument, YamlError, format_path

POLICY = """\
sites:
  - name: api
    hosts:
      - "*"
    rules:
      - expression: ssl

      - expression: >-
          not ssl
        action: block
"""


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("off", "off"),
        ("yes", "yes"),
        ("true", True),
        ("False", False),
        ("~", None),
        ("", None),
        ("0123", 123),
        ("0x1F", 31),
        ("0o17", 15),
        ("1:30", "1:30"),
        ("1_000", "1_000"),
        ("12E4", 120000.0),
        ("-.inf", -math.inf),
        ("2026-03-01", "2026-03-01"),
        ("'0A1B'", "0A1B"),
        ("<<", "<<"),
    ],
)
def test_scalars_follow_yaml_1_2(text: str, value: Any) -> None:
    assert YamlDocument(f"key: {text}").value == {"key": value}


def test_the_line_of_every_key_and_item_is_known() -> None:
    document = YamlDocument(POLICY)

    assert document.line(("sites", 0, "name")) == 2
    assert document.line(("sites", 0, "hosts", 0)) == 4
    assert document.line(("sites", 0, "rules", 1)) == 8
    assert document.line(("sites", 0, "rules", 1, "action")) == 10


def test_an_alias_has_the_text_of_its_anchor() -> None:
    document = YamlDocument("a: &x [1, 2]\nb: *x\nc: [1, 2]\n")

    assert document.text_at(("a", 1)) == document.text_at(("b", 1)) == (1, 11)
    assert document.text_at(("c", 1)) == (3, 8)
    assert document.text_at(("a", 2)) is None
    assert document.text_at(("d",)) is None
    assert YamlDocument("").text_at(()) is None


def test_what_is_missing_stands_where_its_parent_does() -> None:
    document = YamlDocument(POLICY)

    assert document.line(("sites", 0, "rules", 0, "action")) == 6
    assert document.line(("sites", 7)) == 1
    assert not document.has(("sites", 7))
    assert document.has(("sites", 0, "rules", 1, "action"))


def test_anchors_and_merge_keys_work_and_what_is_written_wins() -> None:
    document = YamlDocument("a: &a {x: 1, y: 2}\nb:\n  <<: *a\n  y: 3\nc: *a\n")

    assert document.value == {"a": {"x": 1, "y": 2}, "b": {"x": 1, "y": 3}, "c": {"x": 1, "y": 2}}
    assert document.line(("b", "y")) == 4
    assert document.line(("b", "x")) == 1


def test_a_number_is_as_long_as_any_key_could_ask_for() -> None:
    assert YamlDocument(f"a: {'9' * 100}\n").value == {"a": 10**100 - 1}
    assert YamlDocument(f'a: "{"9" * 5000}"\n').value == {"a": "9" * 5000}


def test_the_first_of_several_merged_maps_wins() -> None:
    document = YamlDocument("a: &a {x: 1}\nb: &b {x: 2, y: 2}\nc: {<<: [*a, *b]}\n")

    assert document.value["c"] == {"x": 1, "y": 2}


@pytest.mark.parametrize(
    ("text", "message", "line"),
    [
        ("a: 1\nb: 2\na: 3\n", 'the key "a" is there twice', 3),
        ("a: 1\n1: 2\n", 'the key "1" is not text', 2),
        ("a: !!binary aGk=\n", 'the tag "tag:yaml.org,2002:binary" is not supported', 1),
        ("a: !!int x\n", 'the tag "tag:yaml.org,2002:int" is not supported', 1),
        ("a: !x {}\n", 'the tag "!x" is not supported', 1),
        ("a: &a\n  b: *a\n", "an alias contains itself", 1),
        ("a: 1\n---\nb: 2\n", "more than one YAML document", 2),
        ("a: {<<: 1}\n", '"<<" merges mappings only', 1),
        ("a: {<<: {x: 1},\n    <<: {x: 2}}\n", 'the key "<<" is there twice', 2),
        # Python itself refuses from 4,301 digits on, with a ValueError.
        (f"a: 1\nb: {'9' * 5000}\n", "a number of 5000 characters", 2),
        (f"a: 1\nb: -{'9' * 100}\n", "a number of 101 characters", 2),
        (f"a: 0x{'f' * 5000}\n", "a number of 5002 characters", 1),
    ],
)
def test_what_is_refused_is_named_with_its_line(text: str, message: str, line: int) -> None:
    with pytest.raises(YamlError) as caught:
        YamlDocument(text)

    assert (caught.value.message, caught.value.line) == (message, line)


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("hosts: [*]\n", 'put a value that starts with "*" in quotes'),
        ("hosts:\n  - *.example.com\n", 'put a value that starts with "*" in quotes'),
        ("a:\n\tb: 1\n", "indent with spaces, not with tabs"),
        ("a: b: c\n", 'put a value that contains ": " in quotes'),
    ],
)
def test_common_syntax_errors_have_a_hint(text: str, hint: str) -> None:
    with pytest.raises(YamlError) as caught:
        YamlDocument(text)

    assert caught.value.message.startswith("not YAML: ")
    assert caught.value.hint == hint
    assert caught.value.line > 0


def test_control_characters_are_no_yaml() -> None:
    with pytest.raises(YamlError) as caught:
        YamlDocument("a: 1\nb: \x01\n")

    assert caught.value.line == 2


def test_aliases_of_aliases_cannot_grow_without_bound() -> None:
    levels = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    levels += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 9)]

    with pytest.raises(YamlError, match="too many values"):
        YamlDocument("\n".join(levels))


def test_deep_nesting_is_refused_and_not_a_crash() -> None:
    with pytest.raises(YamlError):
        YamlDocument("[" * 20_000 + "]" * 20_000)


def test_a_path_reads_like_code() -> None:
    assert format_path(("sites", 0, "rules", 1, "expression")) == "sites[0].rules[1].expression"
