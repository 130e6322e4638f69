# SPDX-License-Identifier: Apache-2.0
"""Files for people: whole, private where they are secret, never written over by mistake."""

from __future__ import annotations

import io
import os
import select
import stat
from pathlib import Path

import pytest

from authz.cli import files
from authz.errors import InvalidInputError


class _Terminal(io.TextIOWrapper):
    def isatty(self) -> bool:
        return True


def _mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_a_file_is_read_or_the_error_names_it(tmp_path: Path) -> None:
    (tmp_path / "f").write_bytes(b"x")

    assert files.read_input(tmp_path / "f") == b"x"
    with pytest.raises(InvalidInputError, match="the file does not exist") as caught:
        files.read_input(tmp_path / "gone")
    assert caught.value.where == str(tmp_path / "gone")


def test_a_dash_is_standard_input(monkeypatch: pytest.MonkeyPatch) -> None:
    """A pipe, as in a container: as a file it is refused, by whatever name."""
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b"x")))
    assert files.read_input(Path("-")) == b"x"

    reading, writing = os.pipe()
    try:
        with pytest.raises(InvalidInputError, match="no regular file"):
            files.read_input(Path(f"/dev/fd/{reading}"))
    finally:
        os.close(reading)
        os.close(writing)


def test_a_pipe_that_does_not_wait_is_read_to_its_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """As somebody else left it: its first part is no whole file, and nothing yet no end."""
    reading, writing = os.pipe()
    os.set_blocking(reading, False)
    waits: list[object] = []

    def arrives(*_: object) -> None:
        waits.append(os.write(writing, b"part") if len(waits) < 2 else os.close(writing))

    monkeypatch.setattr(select, "select", arrives)
    with os.fdopen(reading, encoding="ascii") as stdin:
        monkeypatch.setattr("sys.stdin", stdin)
        assert files.read_input(Path("-")) == b"partpart"
    assert waits == [4, 4, None]


def test_without_standard_input_that_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    """`authz … - <&-`."""
    monkeypatch.setattr("sys.stdin", None)
    with pytest.raises(InvalidInputError, match="there is no standard input"):
        files.read_input(Path("-"))


def test_standard_input_is_one_file() -> None:
    files.check_one_stream(Path("-"), Path("key"))
    with pytest.raises(InvalidInputError, match="one file only"):
        files.check_one_stream(Path("-"), Path("-"))


def test_standard_input_has_an_end_and_is_no_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("authz.sources.files.MAX_FILE_BYTES", 4)
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b"12345")))
    with pytest.raises(InvalidInputError, match="larger than 4 bytes"):
        files.read_input(Path("-"))
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b"1234")))
    assert files.read_input(Path("-")) == b"1234"
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b"1234")))
    with pytest.raises(InvalidInputError, match="larger than 3 bytes"):
        files.read_input(Path("-"), 3)

    monkeypatch.setattr("sys.stdin", _Terminal(io.BytesIO(b"shown")))
    with pytest.raises(InvalidInputError, match="not read from a terminal"):
        files.read_input(Path("-"))


def test_modes(tmp_path: Path) -> None:
    before = os.umask(0o027)
    try:
        files.write_output(tmp_path / "public", b"x")
        files.write_output(tmp_path / "secret", b"y", private=True)
    finally:
        os.umask(before)

    assert _mode(tmp_path / "public") == 0o640
    assert _mode(tmp_path / "secret") == 0o600
    assert (tmp_path / "secret").read_bytes() == b"y"


def test_what_is_there_stays_without_force(tmp_path: Path) -> None:
    (tmp_path / "f").touch()
    (tmp_path / "link").symlink_to("nowhere")

    for name in ("f", "link"):
        with pytest.raises(InvalidInputError, match="is there already"):
            files.check_absent([tmp_path / "new", tmp_path / name], force=False)
    files.check_absent([tmp_path / "f"], force=True)
    files.check_absent([tmp_path / "new"], force=False)


def test_a_directory_is_made_or_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files.check_directory(tmp_path / "a" / "b")
    assert not (tmp_path / "a").exists()
    files.make_directory(tmp_path / "a" / "b")
    assert (tmp_path / "a" / "b").is_dir()
    (tmp_path / "f").touch()
    with pytest.raises(InvalidInputError, match="nothing can be written there"):
        files.check_directory(tmp_path / "f" / "below")
    monkeypatch.setattr(files.os, "access", lambda *_: False)
    with pytest.raises(InvalidInputError, match="permission denied"):
        files.check_directory(tmp_path)


def test_what_cannot_be_written(tmp_path: Path) -> None:
    with pytest.raises(InvalidInputError, match="the file cannot be written: no such file"):
        files.write_output(tmp_path / "gone" / "f", b"x")
