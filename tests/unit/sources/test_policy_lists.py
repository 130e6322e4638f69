# SPDX-License-Identifier: Apache-2.0
"""Items in the policy, items in files."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import pytest

from authz.errors import PolicyError
from authz.settings.yaml_document import YamlDocument
from authz.sources.building import Building
from authz.sources.files import FileReader
from authz.sources.policy_document import ListDocument
from authz.sources.policy_lists import build_lists

if TYPE_CHECKING:
    from pathlib import Path


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


@pytest.mark.acceptance
def test_a_million_lines_take_at_most_three_seconds(tmp_path: Path) -> None:
    (tmp_path / "many").write_bytes(b"".join(b"host-%d.example.com\n" % n for n in range(10**6)))

    started = time.process_time()
    found = items(tmp_path, kind="hostname", items_file="many")

    assert time.process_time() - started < 3
    assert len(found) == 10**6
