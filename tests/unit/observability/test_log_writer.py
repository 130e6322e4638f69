# SPDX-License-Identifier: Apache-2.0
"""Log lines never hold anybody up, whatever became of standard error."""

from __future__ import annotations

import fcntl
import io
import os
import subprocess
import sys
import threading
from typing import TYPE_CHECKING

import pytest

from authz.observability import log
from authz.observability.log_writer import MAX_LINES, LogWriter

if TYPE_CHECKING:
    from collections.abc import Iterator

LINE = "x" * 99 + "\n"


class _Pipe:
    """Standard error as a small pipe; `read` and `hang_up` are its reader's."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self._patch = monkeypatch
        self._reader, writer = os.pipe()
        fcntl.fcntl(writer, fcntl.F_SETPIPE_SZ, 4096)
        self.stream = os.fdopen(writer, "w")

    def writer(self) -> LogWriter:
        """A writer to this pipe. Called in the test: pytest sets sys.stderr before each phase."""
        self._patch.setattr(sys, "stderr", self.stream)
        return LogWriter()

    def hang_up(self) -> None:
        os.close(self._reader)
        self._reader = -1

    def read_all(self) -> bytes:
        """Everything until the writing end is closed."""
        with os.fdopen(self._reader, "rb") as reader:
            self._reader = -1
            return reader.read()

    def close(self) -> None:
        if self._reader >= 0:
            os.close(self._reader)
        self.stream.close()


@pytest.fixture
def pipe(monkeypatch: pytest.MonkeyPatch) -> Iterator[_Pipe]:
    made = _Pipe(monkeypatch)
    yield made
    made.close()


def test_lines_arrive_in_order(pipe: _Pipe) -> None:
    writer = pipe.writer()
    for number in range(20):
        writer.put(f"{number}\n")

    assert writer.flush(10)
    pipe.stream.close()
    assert pipe.read_all() == b"".join(b"%d\n" % number for number in range(20))
    assert writer.dropped == 0


def test_a_reader_that_is_gone_costs_lines_and_nothing_else(pipe: _Pipe) -> None:
    writer = pipe.writer()
    pipe.hang_up()
    for _ in range(3):
        writer.put(LINE)

    assert writer.flush(10)
    assert writer.dropped == 3


def test_writing_goes_on_when_there_is_a_reader_again(
    pipe: _Pipe, monkeypatch: pytest.MonkeyPatch
) -> None:
    writer = pipe.writer()
    pipe.hang_up()
    writer.put(LINE)
    writer.flush(10)
    again = io.StringIO()
    monkeypatch.setattr(sys, "stderr", again)
    writer.put("back\n")

    assert writer.flush(10)
    assert again.getvalue() == "back\n"


def test_a_reader_that_does_not_read_blocks_nobody_and_the_rest_is_counted(pipe: _Pipe) -> None:
    writer = pipe.writer()
    total = MAX_LINES + 4096 // len(LINE) + 100
    for _ in range(total):
        writer.put(LINE)  # would never return if it waited for the pipe

    assert not writer.flush(0.001)
    assert 0 < writer.dropped < total
    # Somebody begins to read: everything that was kept arrives.
    received: list[bytes] = []
    reader = threading.Thread(target=lambda: received.append(pipe.read_all()))
    reader.start()
    assert writer.flush(10)
    pipe.stream.close()
    reader.join(10)
    assert received[0].count(b"\n") == total - writer.dropped


def test_a_stream_without_a_file_is_written_to(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = io.StringIO()
    monkeypatch.setattr(sys, "stderr", stream)
    writer = LogWriter()
    writer.put("line\n")

    assert writer.flush(10)
    assert stream.getvalue() == "line\n"


def test_no_standard_error_is_no_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stderr", None)
    writer = LogWriter()
    writer.put(LINE)

    assert writer.flush(10)


def test_a_closed_stream_is_no_error(pipe: _Pipe) -> None:
    pipe.stream.close()
    writer = pipe.writer()
    writer.put(LINE)

    assert writer.flush(10)
    assert writer.dropped == 1


def test_text_that_is_no_text_is_written_with_escapes(pipe: _Pipe) -> None:
    writer = pipe.writer()
    writer.put("\ud800\n")

    assert writer.flush(10)
    pipe.stream.close()
    assert pipe.read_all() == b"\\ud800\n"


def test_nothing_to_flush_takes_no_time_and_no_thread() -> None:
    writer = LogWriter()

    assert writer.flush(3600)
    assert writer._thread is None


def test_a_thread_that_cannot_be_started_is_started_by_a_later_line(
    pipe: _Pipe, monkeypatch: pytest.MonkeyPatch
) -> None:
    writer = pipe.writer()

    def none_left(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", none_left)
        writer.put("one\n")
    assert not writer.flush(0.001)
    writer.put("two\n")

    assert writer.flush(10)
    pipe.stream.close()
    assert pipe.read_all() == b"one\ntwo\n"


def test_what_a_field_cannot_say_is_dropped_and_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    class Mute:
        def __str__(self) -> str:
            raise OSError("no")

    monkeypatch.setattr(log, "_writer", LogWriter())
    log.get_logger().info("seen", thing=Mute())

    assert log.lines_dropped() == 1


_LAST_LINE = """
import sys
from authz.observability.log import get_logger
get_logger().error("the last line")
sys.exit(3)
"""


def _run(stderr: int) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        [sys.executable, "-c", _LAST_LINE], stderr=stderr, timeout=30, check=False
    )


def test_the_last_line_of_a_process_is_not_lost() -> None:
    done = _run(subprocess.PIPE)

    assert done.returncode == 3
    assert b"the last line" in done.stderr


def test_a_process_ends_though_nobody_reads_what_it_said() -> None:
    reader, writer = os.pipe()
    try:
        fcntl.fcntl(writer, fcntl.F_SETPIPE_SZ, 4096)
        os.write(writer, b"x" * 4096)

        assert _run(writer).returncode == 3
    finally:
        os.close(reader)
        os.close(writer)


def test_a_process_ends_with_its_own_status_though_the_reader_is_gone() -> None:
    reader, writer = os.pipe()
    os.close(reader)
    try:
        assert _run(writer).returncode == 3
    finally:
        os.close(writer)
