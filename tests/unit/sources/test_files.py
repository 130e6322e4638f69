# SPDX-License-Identifier: Apache-2.0
"""Reading regular files, and remembering what was read."""

from __future__ import annotations

import hashlib
import os
from typing import TYPE_CHECKING

import pytest

from authz.sources import files
from authz.sources.files import FileReader, UnreadableFileError, digest_of, read_file

if TYPE_CHECKING:
    from pathlib import Path


def test_a_reader_remembers_the_digest_of_everything_it_was_asked_for(tmp_path: Path) -> None:
    present, missing = tmp_path / "a", tmp_path / "b"
    present.write_bytes(b"x")
    reader = FileReader()

    assert reader.read(present) == b"x"
    with pytest.raises(UnreadableFileError):
        reader.read(missing)
    assert reader.contents == {present: hashlib.sha256(b"x").hexdigest(), missing: None}


def test_a_file_that_changes_while_it_is_loaded_is_read_once(tmp_path: Path) -> None:
    file = tmp_path / "a"
    file.write_bytes(b"x")
    reader = FileReader()
    reader.read(file)
    file.write_bytes(b"y")

    assert reader.read(file) == b"x"
    assert reader.contents[file] == digest_of(b"x")


def test_links_are_followed(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"x")
    (tmp_path / "l").symlink_to("a")

    assert read_file(tmp_path / "l") == b"x"


def test_a_fifo_does_not_block_and_a_device_does_not_flood(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")

    for path in (tmp_path / "fifo", tmp_path / ".." / "../../../../../dev/zero", tmp_path):
        with pytest.raises(UnreadableFileError):
            read_file(path)


def test_what_does_not_exist_says_so(tmp_path: Path) -> None:
    with pytest.raises(UnreadableFileError) as caught:
        read_file(tmp_path / "a")

    assert caught.value.reason == "does not exist"


def test_a_file_over_the_limit_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "MAX_FILE_BYTES", 3)
    (tmp_path / "a").write_bytes(b"xxxx")

    with pytest.raises(UnreadableFileError, match="larger than 3 bytes"):
        read_file(tmp_path / "a")
