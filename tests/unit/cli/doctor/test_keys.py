# SPDX-License-Identifier: Apache-2.0
"""A secret that does not open the keys is found before somebody needs a certificate."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from authz.cli.doctor.keys import look
from authz.cli.main import main
from authz.settings import Settings
from authz.store.engine import open_store

if TYPE_CHECKING:
    from pathlib import Path


def _found(data_dir: Path) -> list[tuple[str, str]]:
    settings = Settings.model_validate({"data_dir": str(data_dir)})
    return [(one.id, one.what) for one in look(settings)]


@pytest.fixture
def filled(tmp_path: Path) -> Path:
    with pytest.raises(SystemExit):
        main(["ca", "create", "--name", "Acme", "--data-dir", str(tmp_path)])
    return tmp_path


def test_the_right_secret(filled: Path) -> None:
    assert _found(filled) == []


def test_another_secret(filled: Path) -> None:
    (filled / "ca.key").write_bytes(bytes(32))

    ((kind, what),) = _found(filled)
    assert kind == "keys"
    assert what == "the private key cannot be decrypted: its authority can sign nothing"


def test_no_secret(filled: Path) -> None:
    (filled / "ca.key").unlink()

    ((kind, what),) = _found(filled)
    assert kind == "keys"
    assert "is not there, and private keys are encrypted by it" in what


def test_no_keys_no_store_and_one_that_cannot_be_read(tmp_path: Path) -> None:
    assert _found(tmp_path) == []
    open_store("sqlite", tmp_path).close()
    assert _found(tmp_path) == []
    (tmp_path / "authz.db").write_bytes(b"nothing" * 9_000)
    assert _found(tmp_path) == []
