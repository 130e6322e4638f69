# SPDX-License-Identifier: Apache-2.0
"""Tests that pages name as proof exist: a threat whose test is gone is a claim without proof."""

from __future__ import annotations

import ast
import re
from functools import cache

import pytest

from tests.factories.page_blocks import ROOT, pages

_NAMED = re.compile(r"`(tests/[\w/]+\.py)(?:::(\w+))?`")
NAMED = sorted(
    {
        (page.relative_to(ROOT).as_posix(), *found)
        for page in pages()
        for found in _NAMED.findall(page.read_text(encoding="utf-8"))
    }
)
THREATS = (ROOT / "docs" / "explanation" / "threat-model.md").read_text(encoding="utf-8")


@cache
def functions(file: str) -> frozenset[str]:
    """The names of a test file's functions."""
    tree = ast.parse((ROOT / file).read_text(encoding="utf-8"))
    return frozenset(node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef))


@pytest.mark.parametrize(("page", "file", "name"), NAMED)
def test_a_named_test_exists(page: str, file: str, name: str) -> None:
    assert (ROOT / file).is_file(), f"{page} names {file}"
    assert not name or name in functions(file), f"{page} names {file}::{name}"


def test_every_threat_has_a_control_and_a_named_test() -> None:
    rows = [
        [cell.strip() for cell in line.strip("|").split("|")]
        for part in THREATS.split("\n## ")
        if "| proved by |" in part
        for line in part.splitlines()
        if line.startswith("| ") and not line.startswith("| threat |")
    ]

    assert len(rows) > 40
    assert [
        row[0] for row in rows if len(row) != 3 or not row[1] or not _NAMED.search(row[2])
    ] == []
