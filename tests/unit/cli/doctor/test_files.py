# SPDX-License-Identifier: Apache-2.0
"""Modes, room and mounts of the data directory, and server certificates of the service's own."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import pytest

from authz.cli.doctor import files
from authz.settings import Settings
from authz.store.engine import open_store
from tests.factories.pki import AT, DAY, root

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A data directory as serve makes it, with a store and a first token."""
    directory = tmp_path / "data"
    directory.mkdir(mode=0o700)
    open_store("sqlite", directory).close()
    for name in ("ca.key", "admin-token"):
        (directory / name).write_text("secret")
        (directory / name).chmod(0o600)
    os.utime(directory / "admin-token", (AT, AT))
    return directory


def ids(data: Path, at: float = AT, **values: Any) -> list[str]:
    settings = Settings.model_validate({"data_dir": str(data), **values})
    return [one.id for one in files.look(settings, at)]


def test_what_serve_makes_has_no_findings(data: Path) -> None:
    assert ids(data) == []
    assert ids(data / "not-there") == []


def test_a_directory_that_others_may_write_to(data: Path) -> None:
    data.chmod(0o770)
    assert ids(data) == ["open-data-dir"]


@pytest.mark.parametrize("name", ["ca.key", "admin-token", "authz.db"])
@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620])
def test_secrets_that_others_may_read(data: Path, name: str, mode: int) -> None:
    (data / name).chmod(mode)
    # Nobody else comes into the directory.
    assert ids(data) == []

    data.chmod(0o755)
    assert ids(data) == ["readable-secret"]


@pytest.mark.parametrize(
    ("mode", "found"),
    [(0o600, []), (0o440, []), (0o644, ["readable-secret"]), (0o620, ["readable-secret"])],
)
def test_the_address_of_the_database_has_a_password(
    data: Path, tmp_path: Path, mode: int, found: list[str]
) -> None:
    tmp_path.chmod(0o755)
    file = tmp_path / "url"
    file.write_text("postgresql://authz:secret@db.example/authz")
    file.chmod(mode)

    assert ids(data, database_file=str(file)) == found


def test_a_first_token_that_lies_about(data: Path) -> None:
    assert ids(data, AT + 6.9 * DAY) == []
    assert ids(data, AT + 7.1 * DAY) == ["admin-token-file"]


def test_a_directory_that_cannot_be_written_to(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Root may write anywhere: what the system says is said here."""
    monkeypatch.setattr(os, "access", lambda _path, mode: not mode & os.W_OK)
    assert ids(data) == ["data-dir-read-only"]


def test_a_disk_that_is_nearly_full(data: Path) -> None:
    disk = os.statvfs(data)
    free = disk.f_bavail * disk.f_frsize

    assert [*files._room(data, least=0)] == []
    (found,) = files._room(data, least=free * 2 + 1)
    assert found.id == "disk-nearly-full"


MOUNTS = """\
/dev/vda / ext4 rw 0 0
tmpfs {memory} tmpfs rw 0 0
/dev/vdb {memory}/disk xfs rw 0 0
tmpfs {memory}/with\\040blank tmpfs rw 0 0
short
"""


@pytest.mark.parametrize(
    ("below", "kind"),
    [
        ("", "tmpfs"),
        ("a/b", "tmpfs"),
        ("disk", "xfs"),
        ("disk/a", "xfs"),
        ("with blank/a", "tmpfs"),
    ],
)
def test_the_longest_mount_point_says_what_a_directory_is_on(
    tmp_path: Path, below: str, kind: str
) -> None:
    memory = tmp_path / "memory"
    (tmp_path / "mounts").write_text(MOUNTS.format(memory=memory))

    assert files.file_system_of(memory / below, tmp_path / "mounts") == kind
    assert files.file_system_of(tmp_path, tmp_path / "mounts") == "ext4"
    assert files.file_system_of(tmp_path, tmp_path / "none") == ""


def test_a_store_in_memory_is_gone_after_a_restart(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(files, "file_system_of", lambda _: "tmpfs")

    assert ids(data) == ["data-dir-in-memory"]
    # What answers by a file alone needs to keep nothing.
    assert ids(data, policy="p.yaml") == []
    assert ids(data, database="postgresql://x/y") == []


def test_more_workers_than_cores(data: Path) -> None:
    cores = len(os.sched_getaffinity(0))

    assert ids(data, grpc={"workers": cores}) == []
    assert ids(data, grpc={"workers": cores + 1}) == ["workers-beyond-cores"]


@pytest.mark.parametrize("port", ["grpc", "admin"])
def test_server_certificates_of_our_own(data: Path, tmp_path: Path, port: str) -> None:
    issued = root().client("server", at=AT)
    end = issued.certificate.not_valid_after_utc.timestamp()
    (tmp_path / "s.crt").write_bytes(issued.pem)
    (tmp_path / "s.key").write_bytes(b"key")
    (tmp_path / "s.key").chmod(0o600)
    tls = {"tls": {"certificate": str(tmp_path / "s.crt"), "key": str(tmp_path / "s.key")}}

    def found(at: float) -> list[str]:
        os.utime(data / "admin-token", (at, at))
        return ids(data, at, **{port: tls})

    assert found(end - 8 * DAY) == []
    assert found(end - 6 * DAY) == ["server-certificate"]
    assert found(end + DAY) == ["server-certificate"]

    tmp_path.chmod(0o755)
    (tmp_path / "s.key").chmod(0o640)
    assert found(end - 8 * DAY) == []
    (tmp_path / "s.key").chmod(0o644)
    assert found(end - 8 * DAY) == ["readable-secret"]

    (tmp_path / "s.crt").write_text("nothing")
    assert found(end - 8 * DAY) == ["readable-secret", "server-certificate"]
