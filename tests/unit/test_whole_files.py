# SPDX-License-Identifier: Apache-2.0
"""Files are there whole or not at all, and remains go when nobody is writing them any more."""

from __future__ import annotations

import fcntl
import math
import os
import subprocess
import sys
from io import FileIO
from pathlib import Path
from typing import Any

import pytest

from authz import whole_files as module
from authz.whole_files import hold, remove_remains, remove_unheld, write_whole

# Writes until its standard input ends, which is when somebody kills it.
_WRITER = """
import sys
from pathlib import Path
from authz.whole_files import write_whole

def parts():
    yield b"first"
    print("writing", flush=True)
    sys.stdin.read()
    yield b"second"

write_whole(Path(sys.argv[1]), parts())
"""


def names(directory: Path) -> list[str]:
    return sorted(path.name for path in directory.iterdir())


def test_a_file_has_all_its_parts(tmp_path: Path) -> None:
    write_whole(tmp_path / "file", [b"a", b"", b"b"])

    assert (tmp_path / "file").read_bytes() == b"ab"
    assert names(tmp_path) == ["file"]
    assert (tmp_path / "file").stat().st_mode & 0o777 == 0o600


def test_an_interrupted_write_leaves_what_was_there(tmp_path: Path) -> None:
    target = tmp_path / "file"
    target.write_bytes(b"old")

    def parts() -> Any:
        yield b"new"
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_whole(target, parts())

    assert [path.read_bytes() for path in tmp_path.iterdir()] == [b"old"]


def test_what_another_process_is_writing_stays_until_it_is_killed(tmp_path: Path) -> None:
    target = tmp_path / "file"
    with subprocess.Popen(
        [sys.executable, "-c", _WRITER, target],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        cwd=Path(__file__).parents[2],
    ) as writer:
        assert writer.stdout is not None
        assert writer.stdout.readline() == b"writing\n"
        (temporary,) = names(tmp_path)

        remove_remains(tmp_path)
        assert names(tmp_path) == [temporary]

        writer.kill()
        writer.wait()
        assert names(tmp_path) == [temporary]
        remove_remains(tmp_path)
        assert names(tmp_path) == []


def test_what_another_process_is_writing_gets_its_name(tmp_path: Path) -> None:
    target = tmp_path / "file"
    with subprocess.Popen(
        [sys.executable, "-c", _WRITER, target],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        cwd=Path(__file__).parents[2],
    ) as writer:
        assert writer.stdout is not None
        assert writer.stdout.readline() == b"writing\n"
        remove_remains(tmp_path)
        writer.communicate()

    assert writer.returncode == 0
    assert target.read_bytes() == b"firstsecond"
    assert names(tmp_path) == ["file"]


def test_only_what_has_our_names_and_is_a_file_of_ours_goes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / ".a1_b2c3d.tmp").write_bytes(b"cut sho")
    (tmp_path / ".notes.tmp").write_text("mine")
    (tmp_path / "a1_b2c3d.tmp").write_text("mine")
    (tmp_path / ".a1_b2c3d.tmp.bak").write_text("mine")
    elsewhere = tmp_path / "elsewhere"
    elsewhere.write_text("mine")
    (tmp_path / ".link0000.tmp").symlink_to(elsewhere)
    (tmp_path / ".dir00000.tmp").mkdir()
    os.mkfifo(tmp_path / ".fifo0000.tmp")
    kept = [name for name in names(tmp_path) if name != ".a1_b2c3d.tmp"]

    with monkeypatch.context() as patched:
        patched.setattr(os, "geteuid", lambda: os.getuid() + 1)
        remove_remains(tmp_path)
        assert len(names(tmp_path)) == len(kept) + 1
    remove_remains(tmp_path)

    assert names(tmp_path) == kept
    remove_remains(tmp_path / "missing")


def test_a_file_that_is_taken_for_remains_before_it_is_locked_is_made_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[str] = []
    make = module.tempfile.mkstemp

    def mkstemp(**options: Any) -> tuple[int, str]:
        descriptor, name = make(**options)
        made.append(name)
        if len(made) == 1:
            remove_remains(tmp_path)
        return descriptor, name

    monkeypatch.setattr(module.tempfile, "mkstemp", mkstemp)

    write_whole(tmp_path / "file", [b"all"])

    assert len(made) == 2
    assert (tmp_path / "file").read_bytes() == b"all"
    assert names(tmp_path) == ["file"]


def test_without_locks_files_are_written_and_remains_stay(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def flock(*_: object) -> None:
        raise OSError(95, "Operation not supported")

    monkeypatch.setattr(fcntl, "flock", flock)
    (tmp_path / ".a1_b2c3d.tmp").write_bytes(b"cut sho")

    remove_remains(tmp_path)
    write_whole(tmp_path / "file", [b"all"])

    assert names(tmp_path) == [".a1_b2c3d.tmp", "file"]


# --- files that are held -------------------------------------------------------------------------


def _remove(file: Path) -> bool:
    return remove_unheld(file, before=math.inf, before_without_locks=math.inf)


def test_what_is_held_stays_until_the_last_one_lets_go(tmp_path: Path) -> None:
    file = tmp_path / "file"
    write_whole(file, [b"all"])
    with hold(file) as held, hold(file):
        assert held.read() == b"all"
        assert not _remove(file)
    with hold(file):
        assert not _remove(file)
    assert _remove(file)
    assert not file.exists()
    assert _remove(file), "it is gone"


def test_what_is_being_given_its_name_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rename = Path.rename

    def then_remove(self: Path, target: Path) -> None:
        rename(self, target)
        assert not _remove(target)

    monkeypatch.setattr(Path, "rename", then_remove)
    write_whole(tmp_path / "file", [b"all"])
    assert (tmp_path / "file").exists()


def test_what_is_removed_before_it_is_locked_is_not_held(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "file"
    file.write_bytes(b"all")
    opened: list[Any] = []

    def open_and_lose(path: Path) -> Any:
        opened.append(FileIO(path))
        assert _remove(path)
        return opened[0]

    monkeypatch.setattr(module, "FileIO", open_and_lose)
    with pytest.raises(FileNotFoundError):
        hold(file)
    assert opened[0].closed


def test_what_is_newer_or_cannot_be_opened_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "file"
    file.write_bytes(b"all")
    os.utime(file, (1000.0, 1000.0))
    (tmp_path / "link").symlink_to(file)
    assert not remove_unheld(file, before=999.0, before_without_locks=math.inf)
    assert not _remove(tmp_path / "link")
    assert not _remove(tmp_path)

    def flock(*_: object) -> None:
        raise OSError(95, "Operation not supported")

    monkeypatch.setattr(fcntl, "flock", flock)
    with hold(file):
        assert not remove_unheld(file, before=math.inf, before_without_locks=999.0)
        assert remove_unheld(file, before=0.0, before_without_locks=1000.0)
