# SPDX-License-Identifier: Apache-2.0
"""`authz db backup -` and `restore -`, as processes: what goes over a pipe is a whole backup."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

from authz.store.engine import open_store

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
