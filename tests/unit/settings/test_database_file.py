# SPDX-License-Identifier: Apache-2.0
"""The address of the database out of a mounted secret."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from authz.errors import SettingsError
from authz.settings import Override, load_settings
from authz.settings.database_file import MAX_BYTES

if TYPE_CHECKING:
    from pathlib import Path

ADDRESS = "postgresql://authz:secret@db.example/authz?sslmode=verify-full"


def write(directory: Path, settings: str, secret: bytes = ADDRESS.encode()) -> Path:
    (directory / "url").write_bytes(secret)
    file = directory / "authz.yaml"
    file.write_text(settings, encoding="utf-8")
    return file


@pytest.mark.parametrize("secret", [ADDRESS, f"{ADDRESS}\n", f"{ADDRESS}\r\nmore\n"])
def test_it_is_the_first_line_of_the_file(tmp_path: Path, secret: str) -> None:
    settings = load_settings(write(tmp_path, "database_file: url\n", secret.encode()))

    assert settings.database == ADDRESS
    assert settings.database_file == tmp_path / "url"


@pytest.mark.parametrize(
    "secret", [b"", b"\n" + ADDRESS.encode(), b"sqlite", b"mysql://u:secret@h/d", b"\xff\xfe"]
)
def test_what_is_no_address_is_refused_and_not_repeated(tmp_path: Path, secret: bytes) -> None:
    file = write(tmp_path, "grpc: {workers: 1}\ndatabase_file: url\n", secret)

    with pytest.raises(SettingsError, match=r"is no postgresql:// address") as caught:
        load_settings(file)

    assert caught.value.where == f"{file}:2: database_file"
    assert "secret" not in caught.value.render()


def test_a_file_that_is_far_too_long_is_another_one(tmp_path: Path) -> None:
    file = write(tmp_path, "database_file: url\n", ADDRESS.encode() + b"x" * MAX_BYTES)

    with pytest.raises(SettingsError, match=r"is no postgresql:// address"):
        load_settings(file)


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    file = write(tmp_path, "database_file: gone\n")

    with pytest.raises(SettingsError, match=r"cannot be read: no such file"):
        load_settings(file)


def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    file = write(tmp_path, "database_file: pipe\n")
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(SettingsError, match=r"is no regular file"):
        load_settings(file)


@pytest.mark.parametrize("name", ["/dev/zero", "/dev/null"])
def test_a_device_is_no_file(tmp_path: Path, name: str) -> None:
    with pytest.raises(SettingsError, match=r"is no regular file"):
        load_settings(write(tmp_path, f"database_file: {name}\n"))


def test_both_ways_at_once_are_refused(tmp_path: Path) -> None:
    file = write(tmp_path, "database: sqlite\ndatabase_file: url\n")

    with pytest.raises(SettingsError, match="both database and database_file are given"):
        load_settings(file)


def test_the_option_wins_over_the_file(tmp_path: Path) -> None:
    file = write(tmp_path, "database_file: gone\n")

    settings = load_settings(
        file, [Override(option="--database", path=("database",), value="sqlite")]
    )

    assert (settings.database, settings.database_file) == ("sqlite", None)


@pytest.mark.parametrize("value", ["7", '""', "[url]"])
def test_what_is_no_path_is_said_as_everywhere(tmp_path: Path, value: str) -> None:
    with pytest.raises(SettingsError) as caught:
        load_settings(write(tmp_path, f"database_file: {value}\n"))

    assert caught.value.where is not None
    assert caught.value.where.endswith("database_file")
