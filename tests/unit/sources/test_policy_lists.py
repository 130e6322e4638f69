# SPDX-License-Identifier: Apache-2.0
"""Items in the policy, items in files."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import pytest

from authz.errors import PolicyError
from authz.rules.lists import compile_list
from authz.settings.yaml_document import YamlDocument
from authz.sources.building import Building
from authz.sources.files import FileReader
from authz.sources.policy_document import ListDocument
from authz.sources.policy_lists import PACKED_FROM, build_lists

if TYPE_CHECKING:
    from pathlib import Path

    from authz.rules.lists import ListModel


def items(directory: Path, **value: Any) -> tuple[str, ...]:
    building = Building(directory / "policy.yaml", YamlDocument(""), FileReader())
    (built,) = build_lists({"office": ListDocument.model_validate(value)}, building)
    building.check()
    return built.items


def test_numbers_are_items_of_number_lists(tmp_path: Path) -> None:
    assert items(tmp_path, kind="asn", items=[64512, "13335"]) == ("64512", "13335")
    assert items(tmp_path, kind="integer", items=[-1]) == ("-1",)


@pytest.mark.parametrize("kind", ["ip", "hostname", "string"])
def test_numbers_in_other_lists_are_a_mistake(tmp_path: Path, kind: str) -> None:
    with pytest.raises(PolicyError, match=r"items\[1\]: the number 5 in a list of kind"):
        items(tmp_path, kind=kind, items=["a", 5])


def test_a_list_may_be_empty_but_must_say_so(tmp_path: Path) -> None:
    assert items(tmp_path, kind="ip", items=[]) == ()
    with pytest.raises(PolicyError, match="the list has no items"):
        items(tmp_path, kind="ip")


def test_a_file_adds_to_the_items(tmp_path: Path) -> None:
    (tmp_path / "more").write_text("b\nc # d\n")

    assert items(tmp_path, kind="string", items=["a"], items_file="more") == ("a", "b", "c")


def test_a_missing_file_and_a_file_that_is_no_text(tmp_path: Path) -> None:
    (tmp_path / "binary").write_bytes(b"a\n\xff")

    with pytest.raises(PolicyError, match='"gone" does not exist'):
        items(tmp_path, kind="ip", items_file="gone")
    with pytest.raises(PolicyError, match='"binary": line 2 is not UTF-8 text'):
        items(tmp_path, kind="ip", items_file="binary")


def build(directory: Path, earlier: ListModel | None = None, **value: Any) -> ListModel:
    building = Building(directory / "policy.yaml", YamlDocument(""), FileReader())
    document = {"office": ListDocument.model_validate(value)}
    (built,) = build_lists(document, building, {"office": earlier} if earlier else None)
    building.check()
    return built


def test_a_large_list_is_packed(tmp_path: Path) -> None:
    (tmp_path / "more").write_text("".join(f"item {n}\n" for n in range(PACKED_FROM)))

    built = build(tmp_path, kind="string", items=["first"], items_file="more")

    assert built.items == ()
    compiled = compile_list(built)
    assert compiled.size == PACKED_FROM + 1
    assert compiled.has(b"first")
    assert compiled.has(b"item 999")
    assert not compiled.has(b"item 1000")


def test_a_large_list_without_a_file_is_packed(tmp_path: Path) -> None:
    numbers = list(range(PACKED_FROM + 1))

    built = build(tmp_path, kind="integer", items=numbers)

    assert built.packed is not None
    assert compile_list(built).has(1000)


def test_a_bad_item_is_named_with_its_file_and_line(tmp_path: Path) -> None:
    for count in (3, PACKED_FROM + 1):
        good = "".join(f"10.0.{n // 256}.{n % 256}\n" for n in range(count))
        (tmp_path / "more").write_text(f"# head\n{good}\n10.0.0.1/8\n")

        built = build(tmp_path, kind="ip", items=["10.0.0.1"], items_file="more")
        with pytest.raises(PolicyError) as caught:
            compile_list(built)

        assert str(caught.value) == (
            f'{tmp_path}/policy.yaml:1: lists.office: list "office", "more" line {count + 3}: '
            '"10.0.0.1/8" has bits set beyond its prefix length'
        )
        assert caught.value.hint


def test_a_small_list_keeps_the_lines_of_its_file(tmp_path: Path) -> None:
    (tmp_path / "more").write_text("# head\nb\n\nc\n")

    built = build(tmp_path, kind="string", items=["a"], items_file="more")

    assert (built.items, built.file, built.lines) == (("a", "b", "c"), "more", (2, 4))


def test_a_bad_item_of_the_policy_is_named_with_its_position(tmp_path: Path) -> None:
    (tmp_path / "more").write_text("10.0.0.1\n")
    built = build(tmp_path, kind="ip", items=["10.0.0.1", "x"], items_file="more")
    with pytest.raises(PolicyError, match='list "office", item 2: "x" is not'):
        compile_list(built)

    many = build(tmp_path, kind="ip", items=["10.0.0.1"] * PACKED_FROM + ["x"])
    with pytest.raises(PolicyError, match='list "office", item 1001: "x" is not'):
        compile_list(many)


def test_a_list_that_is_the_same_is_not_packed_again(tmp_path: Path) -> None:
    (tmp_path / "more").write_text("".join(f"{n}\n" for n in range(PACKED_FROM + 1)))
    first = build(tmp_path, kind="string", items_file="more")

    again = build(tmp_path, first, kind="string", items_file="more")
    assert again.packed is first.packed
    for changed in ({"kind": "integer"}, {"kind": "string", "items": ["x"]}):
        other = build(tmp_path, first, items_file="more", **changed)
        assert other.packed != first.packed
    (tmp_path / "more").write_text("".join(f"{n}\n" for n in range(PACKED_FROM + 2)))
    assert build(tmp_path, first, kind="string", items_file="more").packed != first.packed


@pytest.mark.acceptance
def test_a_million_lines_take_at_most_three_seconds(tmp_path: Path) -> None:
    (tmp_path / "many").write_bytes(b"".join(b"host-%d.example.com\n" % n for n in range(10**6)))

    started = time.process_time()
    built = build(tmp_path, kind="hostname", items_file="many")

    assert time.process_time() - started < 3
    assert built.packed is not None
    assert built.packed.size == 10**6
