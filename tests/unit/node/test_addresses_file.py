# SPDX-License-Identifier: Apache-2.0
"""addresses.json: there while the node serves, and never in the way."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING

from authz.node.addresses_file import AddressesFile, read_addresses
from authz.observability.log import flush

if TYPE_CHECKING:
    from pathlib import Path

    import pytest


def test_it_says_where_the_node_listens(tmp_path: Path) -> None:
    file = AddressesFile(tmp_path / "data")
    file.write(grpc=["127.0.0.1:1", "127.0.0.1:2"], metrics=None)
    assert json.loads(file.path.read_text()) == {
        "pid": os.getpid(),
        "grpc": ["127.0.0.1:1", "127.0.0.1:2"],
        "metrics": None,
        "sds": None,
        "publication": None,
        "admin": None,
    }
    assert [path.name for path in file.path.parent.iterdir()] == ["addresses.json"]


def test_it_is_gone_afterwards(tmp_path: Path) -> None:
    file = AddressesFile(tmp_path)
    file.write(grpc=[], metrics=None)
    file.remove()
    assert not file.path.exists()


def test_one_that_another_node_has_written_since_stays(tmp_path: Path) -> None:
    file = AddressesFile(tmp_path)
    file.write(grpc=[], metrics=None)
    file.path.write_text('{"pid": 1}')
    file.remove()
    assert file.path.exists()


def test_a_directory_that_cannot_be_written_to_is_only_logged(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").write_text("in the way")
    file = AddressesFile(tmp_path / "file")
    file.write(grpc=[], metrics=None)
    file.remove()
    flush()
    assert "addresses.json is not written" in capfd.readouterr().err


def test_what_is_none_of_ours_says_nothing(tmp_path: Path) -> None:
    assert read_addresses(tmp_path) == {}
    for text in ("", "[]", "{"):
        (tmp_path / "addresses.json").write_text(text)
        assert read_addresses(tmp_path) == {}
    (tmp_path / "addresses.json").write_text('{"sds": "127.0.0.1:1"}')
    assert read_addresses(tmp_path) == {"sds": "127.0.0.1:1"}
