# SPDX-License-Identifier: Apache-2.0
"""`authz db backup -` and `restore -`, as processes: what goes over a pipe is a whole backup."""

from __future__ import annotations

import os
import pty
import signal
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

from authz.store.engine import open_store
from tests.factories.played import eventually

if TYPE_CHECKING:
    from pathlib import Path


def authz(directory: Path, *words: str, **more: Any) -> subprocess.CompletedProcess[bytes]:
    options: dict[str, Any] = {"stdout": subprocess.PIPE, **more}
    return subprocess.run(
        [sys.executable, "-m", "authz", *words, "--data-dir", str(directory)],
        stderr=subprocess.PIPE,
        timeout=60,
        check=False,
        **options,
    )


def streams(directory: Path) -> list[Path]:
    """What is there for as long as a command runs."""
    return [one for one in directory.iterdir() if "stream" in one.name]


@pytest.fixture
def store(tmp_path: Path) -> Path:
    directory = tmp_path / "data"
    made = authz(directory, "ca", "create", "--name", "Acme")
    assert made.returncode == 0, made.stderr
    return directory


def test_a_backup_over_a_pipe_is_restored_over_a_pipe(store: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()

    made = authz(store, "db", "backup", "-")
    restored = authz(other, "db", "restore", "-", input=made.stdout)

    assert made.returncode == 0, made.stderr
    assert made.stdout.startswith(b"SQLite format 3\0")
    assert made.stderr.decode() == f"authz: note: revision 2, {len(made.stdout):,} bytes\n"
    assert restored.returncode == 0, restored.stderr
    assert restored.stdout.startswith(b"ok: - is in force as revision ")
    assert b"Acme" in authz(other, "ca", "list").stdout
    # Nothing is left of the files that were needed, and none has the name.
    for directory in (store, other):
        assert not [one for one in directory.iterdir() if "stream" in one.name]
    assert b'"file": "-"' in authz(store, "audit", "--json").stdout


def test_in_the_place_of_everything_only_with_yes(store: Path) -> None:
    made = authz(store, "db", "backup", "-").stdout

    assert b"--yes" in authz(store, "db", "restore", "-", "--replace", input=made).stderr
    assert authz(store, "db", "restore", "-", "--replace", "--yes", input=made).returncode == 0


@pytest.mark.parametrize("half", [0, 4096, -1])
def test_half_a_backup_is_none(store: Path, tmp_path: Path, half: int) -> None:
    made = authz(store, "db", "backup", "-").stdout

    refused = authz(tmp_path / "other", "db", "restore", "-", input=made[:half])

    assert refused.returncode == 2
    assert b"this is no backup, or a damaged one" in refused.stderr


def test_nobody_who_reads_is_no_backup(store: Path) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    try:
        broken = authz(store, "db", "backup", "-", stdout=writing)
    finally:
        os.close(writing)

    assert broken.returncode == 2
    assert broken.stderr.decode() == (
        "authz: error: -: the backup was not written: broken pipe\n"
        "authz: hint: read all of standard output\n"
    )
    assert b"store.backup" not in authz(store, "audit", "--json").stdout


@pytest.mark.parametrize(
    ("command", "number"),
    [
        ("backup", signal.SIGTERM),
        ("backup", signal.SIGINT),
        ("backup", signal.SIGHUP),
        ("restore", signal.SIGTERM),
    ],
)
def test_one_that_is_ended_leaves_nothing_behind(
    store: Path, command: str, number: signal.Signals
) -> None:
    """While it waits for whoever reads, or writes, the other end of its pipe."""
    with subprocess.Popen(
        [sys.executable, "-m", "authz", "db", command, "-", "--data-dir", str(store)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as running:
        assert running.stdout is not None
        assert running.stdin is not None
        if command == "backup":
            # It writes: a pipe has room for less than a backup.
            assert running.stdout.read(1) == b"S"
        else:
            running.stdin.write(b"SQLite format 3")
            running.stdin.flush()
            eventually(lambda: bool(streams(store)))
        assert len(streams(store)) == 1
        running.send_signal(number)
        _, said = running.communicate(timeout=60)

    assert running.returncode == -number
    assert b"Traceback" not in said
    assert streams(store) == []


def test_who_is_told_to_ignore_a_signal_does(store: Path) -> None:
    """As `nohup` tells it."""
    with subprocess.Popen(
        [
            *("sh", "-c", 'trap "" HUP; exec "$@"', "sh"),
            *(sys.executable, "-m", "authz", "db", "backup", "-", "--data-dir", str(store)),
        ],
        stdout=subprocess.PIPE,
    ) as running:
        assert running.stdout is not None
        assert running.stdout.read(1) == b"S"
        running.send_signal(signal.SIGHUP)
        assert len(running.stdout.read()) > 4096

    assert running.returncode == 0


def test_a_terminal_is_refused(store: Path) -> None:
    ours, theirs = pty.openpty()
    try:
        written = authz(store, "db", "backup", "-", stdout=theirs)
        read = authz(store, "db", "restore", "-", stdin=theirs)
    finally:
        os.close(ours)
        os.close(theirs)

    assert (written.returncode, read.returncode) == (2, 2)
    assert b"a backup is nothing for a terminal" in written.stderr
    assert b"there is no backup on a terminal" in read.stderr


def test_json_would_be_in_the_backup(store: Path) -> None:
    refused = authz(store, "db", "backup", "-", "--json")

    assert (refused.returncode, refused.stdout) == (2, b"")


def test_without_a_database_nothing_is_written(tmp_path: Path) -> None:
    refused = authz(tmp_path / "nothing", "db", "backup", "-")

    assert (refused.returncode, refused.stdout) == (2, b"")


@pytest.mark.skipif(os.geteuid() == 0, reason="root writes everywhere")
def test_where_nothing_can_be_written_it_works_as_well(tmp_path: Path) -> None:
    open_store("sqlite", tmp_path).close()
    tmp_path.chmod(0o500)
    try:
        made = authz(tmp_path, "db", "backup", "-")
    finally:
        tmp_path.chmod(0o700)

    assert made.returncode == 0, made.stderr
    assert made.stdout.startswith(b"SQLite format 3\0")
