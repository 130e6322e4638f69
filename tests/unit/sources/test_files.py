# SPDX-License-Identifier: Apache-2.0
"""Reading regular files, and remembering what was read."""

from __future__ import annotations

import hashlib
import os
from typing import TYPE_CHECKING

import pytest

from authz.sources import files
from authz.sources.files import (
    FileReader,
    UnreadableFileError,
    digest_of,
    digest_of_file,
    read_file,
)

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


def test_the_digest_of_a_file_is_that_of_its_bytes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(files, "_PIECE", 2)
    (tmp_path / "a").write_bytes(b"abcde")

    assert digest_of_file(tmp_path / "a") == digest_of(b"abcde")
    assert digest_of_file(tmp_path / "missing") is None
    assert digest_of_file(tmp_path) is None
    monkeypatch.setattr(files, "MAX_FILE_BYTES", 4)
    assert digest_of_file(tmp_path / "a") is None


# --- whole or half --------------------------------------------------------------------------


@pytest.fixture(params=[256, 0])
def most_open(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> int:
    """With and without room for files that are kept open."""
    monkeypatch.setattr(files, "MAX_OPEN", request.param)
    return int(request.param)


def _replace(path: Path, content: bytes) -> None:
    new = path.with_suffix(".new")
    new.write_bytes(content)
    new.replace(path)


@pytest.mark.usefixtures("most_open")
def test_what_keeps_still_is_whole(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"x")
    with FileReader(keep=True) as reader:
        reader.read(tmp_path / "a")
        with pytest.raises(UnreadableFileError):
            reader.read(tmp_path / "missing")

        assert reader.is_one_moment()
        assert reader.is_whole()


@pytest.mark.usefixtures("most_open")
@pytest.mark.parametrize("content", [b"", b"y", b"xx"])
def test_what_is_written_in_place_is_not(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a").write_bytes(b"x")
    with FileReader(keep=True) as reader:
        reader.read(tmp_path / "a")
        (tmp_path / "a").write_bytes(content)

        assert not reader.is_whole()


def test_what_another_file_was_renamed_over_was_whole(tmp_path: Path, most_open: int) -> None:
    (tmp_path / "a").write_bytes(b"x")
    with FileReader(keep=True) as reader:
        reader.read(tmp_path / "a")
        _replace(tmp_path / "a", b"y")

        assert not reader.is_one_moment()
        # Of one that could not be kept open, nothing is known.
        assert reader.is_whole() is (most_open > 0)


@pytest.mark.usefixtures("most_open")
def test_a_file_that_appears_or_vanishes_is_another_moment(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"x")
    with FileReader(keep=True) as reader:
        reader.read(tmp_path / "a")
        (tmp_path / "a").unlink()
        assert not reader.is_one_moment()
    with FileReader(keep=True) as reader:
        with pytest.raises(UnreadableFileError):
            reader.read(tmp_path / "b")
        (tmp_path / "b").write_bytes(b"x")
        assert not reader.is_one_moment()
        assert not reader.is_whole()


class _Stale:
    """A file of NFS that another host removed."""

    def seek(self, _: int) -> None:
        raise OSError(116, "Stale file handle")

    def close(self) -> None:
        """Nothing to give back."""


def test_a_file_that_cannot_be_read_any_more_is_not_whole(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"x")
    with FileReader(keep=True) as reader:
        reader.read(tmp_path / "a")
        kept = reader._open[tmp_path / "a"]
        kept.file.close()
        reader._open[tmp_path / "a"] = files._Open(_Stale(), kept.identity)  # type: ignore[arg-type]

        assert reader.is_one_moment()
        assert not reader.is_whole()
