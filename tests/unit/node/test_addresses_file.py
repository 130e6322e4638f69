# SPDX-License-Identifier: Apache-2.0
"""addresses.json: there while the node serves, and never in the way."""

from __future__ import annotations

import errno
import fcntl
import json
import os
import signal
import subprocess
import sys
from typing import TYPE_CHECKING

from authz.node.addresses_file import AddressesFile, asked_address, metrics_address, read_addresses
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
        "locked": True,
    }
    assert [path.name for path in file.path.parent.iterdir()] == ["addresses.json"]
    file.remove()


def test_it_is_gone_afterwards(tmp_path: Path) -> None:
    file = AddressesFile(tmp_path)
    file.write(grpc=[], metrics=None)
    file.remove()
    assert not file.path.exists()


def test_one_that_another_node_has_written_since_stays(tmp_path: Path) -> None:
    """In containers both of them are process 1."""
    first, second = AddressesFile(tmp_path), AddressesFile(tmp_path)
    first.write(grpc=[], metrics="127.0.0.1:1")
    second.write(grpc=[], metrics="127.0.0.1:2")

    first.remove()

    assert read_addresses(tmp_path)["metrics"] == "127.0.0.1:2"
    second.remove()
    assert not second.path.exists()
    second.remove()


_KILLED = """
import os, signal, sys
from pathlib import Path
from authz.node.addresses_file import AddressesFile
file = AddressesFile(Path(sys.argv[1]))
file.write(grpc=["127.0.0.1:1"], metrics="127.0.0.1:2")
print("written", flush=True)
sys.stdin.read()
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_what_a_killed_node_left_says_nothing_whatever_its_number(tmp_path: Path) -> None:
    """As when a container ends by a signal and the next one, process 1 again, has its volume."""
    with subprocess.Popen(
        [sys.executable, "-c", _KILLED, str(tmp_path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as node:
        assert node.stdin is not None
        assert node.stdout is not None
        assert node.stdout.readline() == b"written\n"
        assert metrics_address(tmp_path) == "127.0.0.1:2"
    assert node.returncode == -signal.SIGKILL

    left = json.loads((tmp_path / "addresses.json").read_text())
    (tmp_path / "addresses.json").write_text(json.dumps({**left, "pid": os.getpid()}))
    assert read_addresses(tmp_path) == {}
    assert metrics_address(tmp_path) is None

    AddressesFile(tmp_path).remove()
    assert (tmp_path / "addresses.json").exists()
    mine = AddressesFile(tmp_path)
    mine.write(grpc=["127.0.0.1:3"], metrics=None)
    assert read_addresses(tmp_path)["grpc"] == ["127.0.0.1:3"]
    mine.remove()


def test_one_that_an_earlier_release_wrote_counts_without_a_lock(tmp_path: Path) -> None:
    (tmp_path / "addresses.json").write_text('{"pid": 1, "metrics": "127.0.0.1:1"}')

    assert metrics_address(tmp_path) == "127.0.0.1:1"


def test_where_there_are_no_locks_what_is_there_counts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def none(_file: object, _operation: int) -> None:
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    monkeypatch.setattr(fcntl, "flock", none)
    file = AddressesFile(tmp_path)
    file.write(grpc=[], metrics="127.0.0.1:1")

    assert metrics_address(tmp_path) == "127.0.0.1:1"
    file.remove()
    assert not file.path.exists()


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


def test_only_of_port_0_the_running_node_is_asked(tmp_path: Path) -> None:
    assert asked_address("127.0.0.1:9464", tmp_path) == "127.0.0.1:9464"
    assert asked_address("127.0.0.1:0", tmp_path) is None
    running = AddressesFile(tmp_path)
    running.write(grpc=[], metrics="127.0.0.1:7")
    assert asked_address("127.0.0.1:0", tmp_path) == "127.0.0.1:7"
    running.remove()
