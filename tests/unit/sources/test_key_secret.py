# SPDX-License-Identifier: Apache-2.0
"""The secret that private keys are encrypted by."""

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING

import pytest

from authz.errors import SettingsError
from authz.sources import key_secret
from authz.sources.key_secret import KeySecret, first_line, is_exposed, read_secret

if TYPE_CHECKING:
    from pathlib import Path


def _file(path: Path, data: bytes, mode: int = 0o600) -> Path:
    path.write_bytes(data)
    path.chmod(mode)
    return path


def test_it_is_made_when_it_is_first_needed(tmp_path: Path) -> None:
    directory = tmp_path / "data"
    secret = read_secret(None, None, directory, create=True)

    made = directory / "ca.key"
    assert secret == KeySecret(key_file=made.read_bytes())
    assert len(secret.key_file) == 32
    assert stat.S_IMODE(made.stat().st_mode) == 0o600
    assert read_secret(None, None, directory, create=False) == secret
    assert [one.name for one in directory.iterdir()] == ["ca.key"]


def test_it_is_not_made_where_keys_need_the_old_one(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="is not there, and private keys are encrypted by it"):
        read_secret(None, None, tmp_path, create=False)

    assert list(tmp_path.iterdir()) == []


def test_of_two_that_make_it_one_wins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    link = key_secret.os.link

    def other_was_quicker(source: Path, target: Path) -> None:
        _file(target, b"x" * 32)
        link(source, target)

    monkeypatch.setattr(key_secret.os, "link", other_was_quicker)

    assert read_secret(None, None, tmp_path, create=True).key_file == b"x" * 32


def test_a_key_file_of_the_settings(tmp_path: Path) -> None:
    named = _file(tmp_path / "k", b"k" * 32)

    assert read_secret(named, None, tmp_path, create=True).key_file == b"k" * 32
    assert not (tmp_path / "ca.key").exists()


def test_a_passphrase_is_the_first_line(tmp_path: Path) -> None:
    named = _file(tmp_path / "p", "pass wörd\r\nmore".encode())

    secret = read_secret(None, named, tmp_path, create=True)
    assert secret == KeySecret(passphrase="pass wörd")
    assert "wörd" not in repr(secret)


@pytest.mark.parametrize(("data", "message"), [(b"\nx", "is empty"), (b"\xff", "is not UTF-8")])
def test_what_is_no_passphrase(tmp_path: Path, data: bytes, message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        first_line(_file(tmp_path / "p", data), where="w")


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620])
def test_a_secret_that_others_can_read_is_refused(tmp_path: Path, mode: int) -> None:
    named = _file(tmp_path / "k", b"k" * 32, mode)

    with pytest.raises(SettingsError, match=rf"can be read by other users \(mode {mode:04o}\)"):
        read_secret(named, None, tmp_path, create=True)


@pytest.mark.parametrize(
    ("mode", "owner", "user", "exposed"),
    [
        (0o440, 0, 65532, False),
        (0o400, 0, 65532, False),
        (0o640, 0, 65532, False),
        (0o460, 0, 65532, True),
        (0o444, 0, 65532, True),
        (0o440, 65532, 65532, True),
        (0o440, 1000, 65532, True),
        (0o440, 0, 0, True),
        (0o400, 65532, 65532, False),
    ],
)
def test_the_group_may_read_what_belongs_to_root(
    mode: int, owner: int, user: int, exposed: bool
) -> None:
    status = os.stat_result((stat.S_IFREG | mode, 1, 1, 1, owner, 65532, 32, 0, 0, 0))

    assert is_exposed(status, user) is exposed


def test_a_file_that_is_not_there_or_none(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="does not exist") as caught:
        read_secret(tmp_path / "gone", None, tmp_path, create=True)
    assert caught.value.where == "keys.key_file"
    with pytest.raises(SettingsError, match="is a directory"):
        read_secret(None, tmp_path, tmp_path, create=True)
    with pytest.raises(SettingsError, match="cannot be read"):
        read_secret(_file(tmp_path / "f", b"") / "below", None, tmp_path, create=True)


def test_a_directory_that_cannot_be_written_to(tmp_path: Path) -> None:
    _file(tmp_path / "data", b"")

    with pytest.raises(SettingsError, match="cannot be made: "):
        read_secret(None, None, tmp_path / "data", create=True)
