# SPDX-License-Identifier: Apache-2.0
"""Files of sections: whole, or not there. What they mean for snapshots is in test_snapshot_file."""

from __future__ import annotations

import math
import os
from typing import TYPE_CHECKING

import pytest

from authz.node.section_files import map_section, prune_sections, write_section
from authz.packed import Section

if TYPE_CHECKING:
    from pathlib import Path

SECTION = Section(b"x" * 5000)


def test_a_section_is_found_under_its_hash(tmp_path: Path) -> None:
    write_section(tmp_path / "sections", SECTION)

    file = tmp_path / "sections" / SECTION.sha256.hex()
    mapped = map_section(file, SECTION.sha256, 5000)
    assert mapped == SECTION
    assert mapped is not None
    assert mapped.data[:] == SECTION.data
    assert map_section(file, SECTION.sha256, 4999) is None
    assert map_section(file, b"\0" * 32, 5000) is None
    with pytest.raises(FileNotFoundError):
        map_section(tmp_path / "none", SECTION.sha256, 5000)


def test_a_section_that_is_there_is_not_written_again_but_new_again(tmp_path: Path) -> None:
    write_section(tmp_path, SECTION)
    file = tmp_path / SECTION.sha256.hex()
    os.utime(file, (1000.0, 1000.0))
    before = file.stat()

    write_section(tmp_path, SECTION)

    assert file.stat().st_ino == before.st_ino
    prune_sections(tmp_path, (), before=1000.0)
    assert file.exists()
    os.utime(file, (1000.0, 1000.0))
    prune_sections(tmp_path, (), before=1000.0)
    assert not file.exists()


def test_a_mapped_section_can_be_written(tmp_path: Path) -> None:
    write_section(tmp_path / "one", SECTION)
    mapped = map_section(tmp_path / "one" / SECTION.sha256.hex(), SECTION.sha256, 5000)
    assert mapped is not None

    write_section(tmp_path / "two", mapped)

    assert (tmp_path / "two" / SECTION.sha256.hex()).read_bytes() == SECTION.data


def test_only_sections_are_removed(tmp_path: Path) -> None:
    write_section(tmp_path, SECTION)
    other = Section(b"other")
    write_section(tmp_path, other)
    (tmp_path / "notes.txt").write_text("mine")

    prune_sections(tmp_path, {other.sha256}, before=math.inf)

    assert sorted(path.name for path in tmp_path.iterdir()) == [other.sha256.hex(), "notes.txt"]
    prune_sections(tmp_path / "missing", (), before=math.inf)
