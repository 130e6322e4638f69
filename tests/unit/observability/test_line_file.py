# SPDX-License-Identifier: Apache-2.0
"""Lines are appended whole, wherever the file went and however many write it."""

from __future__ import annotations

import contextlib
import json
import os
import resource
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from authz.observability.line_file import MAX_PIPE_WRITE, MODE, LineFile

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


def lines(*texts: str) -> list[bytes]:
    return [text.encode() + b"\n" for text in texts]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "log.jsonl"


@pytest.fixture
def file(path: Path) -> Iterator[LineFile]:
    made = LineFile(str(path))
    yield made
    made.close()


def test_lines_are_appended_and_the_file_is_for_its_owner_and_group(
    path: Path, file: LineFile
) -> None:
    path_before = path.exists()
    assert file.append(lines("a", "b")) == 2
    assert file.append(lines("c")) == 1

    assert not path_before
    assert path.read_text() == "a\nb\nc\n"
    assert path.stat().st_mode & 0o777 == MODE & ~_umask()


def _umask() -> int:
    umask = os.umask(0)
    os.umask(umask)
    return umask


def test_what_was_there_stays(path: Path, file: LineFile) -> None:
    path.write_text("before\n")
    file.append(lines("after"))

    assert path.read_text() == "before\nafter\n"


def test_a_file_that_was_moved_is_made_anew(path: Path, file: LineFile) -> None:
    file.append(lines("a"))
    path.rename(path.with_suffix(".1"))
    file.append(lines("b"))

    assert path.with_suffix(".1").read_text() == "a\n"
    assert path.read_text() == "b\n"


def test_a_file_that_somebody_else_made_in_its_place_is_used(path: Path, file: LineFile) -> None:
    file.append(lines("a"))
    path.rename(path.with_suffix(".1"))
    path.write_text("header\n")
    file.append(lines("b"))

    assert path.read_text() == "header\nb\n"


def test_a_file_that_was_truncated_begins_at_its_beginning(path: Path, file: LineFile) -> None:
    file.append(lines("a"))
    os.truncate(path, 0)
    file.append(lines("b"))

    assert path.read_bytes() == b"b\n"


def test_a_directory_that_is_gone_is_an_error_until_it_is_back(path: Path) -> None:
    path = path.parent / "logs" / path.name
    file = LineFile(str(path))
    with pytest.raises(FileNotFoundError):
        file.append(lines("a"))
    path.parent.mkdir()
    assert file.append(lines("a")) == 1
    file.close()

    assert path.read_text() == "a\n"


def test_half_a_line_of_a_process_that_was_killed_stays_by_itself(
    path: Path, file: LineFile
) -> None:
    path.write_text('{"id": "whole"}\n{"id": "hal')
    file.append(lines('{"id": "next"}'))

    assert path.read_text().splitlines() == ['{"id": "whole"}', '{"id": "hal', '{"id": "next"}']


@pytest.fixture
def limit() -> Iterator[int]:
    """The largest file that may be written: the system says so in the middle of a write."""
    import signal

    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (10, before[1]))
    yield 10
    resource.setrlimit(resource.RLIMIT_FSIZE, before)
    signal.signal(signal.SIGXFSZ, handler)


@pytest.mark.parametrize(
    ("texts", "there", "found"),
    [
        # "aaaa\n" twice fills it: the third is not even begun.
        (["aaaa", "bbbb", "cccc"], 2, ["aaaa", "bbbb"]),
        (["aaaa", "bbbbbb", "cccc"], 1, ["aaaa", "bbbbb"]),
        # All of it but the line feed.
        (["aaaa", "bbbbb", "cccc"], 1, ["aaaa", "bbbbb"]),
    ],
)
def test_what_a_full_disk_took_is_known_and_the_rest_is_written_whole_when_there_is_room(
    path: Path, file: LineFile, limit: int, texts: list[str], there: int, found: list[str]
) -> None:
    wanted = lines(*texts)
    assert file.append(wanted) == there
    assert path.read_text().splitlines() == found
    with pytest.raises(OSError):
        file.append(wanted[there:])
    # Somebody makes room, and keeps what is there.
    resource.setrlimit(
        resource.RLIMIT_FSIZE,
        (resource.RLIM_INFINITY, resource.getrlimit(resource.RLIMIT_FSIZE)[1]),
    )
    assert file.append(wanted[there:]) == len(wanted) - there

    whole = path.read_text().splitlines()
    assert [line for line in whole if line in texts] == texts
    assert path.read_text().endswith("\n")


def test_a_pipe_that_nobody_reads_is_an_error_and_no_wait(path: Path, file: LineFile) -> None:
    os.mkfifo(path)
    with pytest.raises(OSError):
        file.append(lines("a"))
    reader = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    try:
        assert file.append(lines("a")) == 1
        assert os.read(reader, 100) == b"a\n"
        # Nobody reads: it fills up, with whole lines only, and is an error then.
        taken = 0
        long = lines("x" * 4000)
        with contextlib.suppress(BlockingIOError):
            while taken < 1000:
                taken += file.append(long)
        with pytest.raises(BlockingIOError):
            file.append(long)
        assert taken > 10
        received = b""
        while len(received) < taken * 4001:
            received += os.read(reader, 1 << 20)
        assert received == long[0] * taken
    finally:
        os.close(reader)


def test_into_a_pipe_no_more_goes_at_once_than_stays_in_one_piece(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    reader, writer = os.pipe()
    written: list[int] = []
    real = os.write

    def write(descriptor: int, data: bytes) -> int:
        written.append(len(data))
        return real(descriptor, data)

    monkeypatch.setattr("authz.observability.line_file._STDOUT_DESCRIPTOR", writer)
    monkeypatch.setattr(os, "write", write)
    file = LineFile("-")
    assert file.append(lines(*["y" * 999] * 20)) == 20
    file.close()
    os.close(writer)
    with os.fdopen(reader, "rb") as stream:
        assert stream.read().count(b"\n") == 20
    assert max(written) <= MAX_PIPE_WRITE
    assert len(written) == 5


_WRITER = """
import sys
from authz.observability.line_file import LineFile
file, name = LineFile(sys.argv[1]), sys.argv[2]
for number in range(400):
    lines = [b'{"of": "%s", "n": %d, "x": "%s"}\\n' % (name.encode(), number * 5 + i, b"z" * 700)
             for i in range(5)]
    while lines:
        del lines[:file.append(lines)]
"""


def test_lines_of_several_processes_do_not_mix_while_the_file_is_moved(path: Path) -> None:
    writers = [
        subprocess.Popen([sys.executable, "-c", _WRITER, str(path), name]) for name in ("a", "b")
    ]
    moved = 0
    while any(writer.poll() is None for writer in writers):
        if path.exists() and path.stat().st_size > 20_000:
            path.rename(path.with_name(f"moved-{moved}"))
            moved += 1
    assert [writer.wait() for writer in writers] == [0, 0]

    found: dict[str, list[int]] = {"a": [], "b": []}
    for file in [*(path.with_name(f"moved-{n}") for n in range(moved)), path]:
        if file.exists():
            for line in file.read_text().splitlines():
                one = json.loads(line)
                found[one["of"]].append(one["n"])
    assert moved > 1
    assert {name: sorted(numbers) for name, numbers in found.items()} == {
        "a": list(range(2000)),
        "b": list(range(2000)),
    }
