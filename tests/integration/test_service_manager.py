# SPDX-License-Identifier: Apache-2.0
"""What a service manager hears of a real node, on a socket as systemd opens one."""

from __future__ import annotations

import signal
import socket
import struct
from typing import TYPE_CHECKING

import pytest

from tests.integration.harness import BROKEN, PATIENCE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.integration.harness import Node

    Start = Callable[..., Node]

#: unix(7): struct ucred is a process id, a user id and a group id.
_CREDENTIALS = struct.Struct("3i")


class Manager:
    """The socket of NOTIFY_SOCKET."""

    def __init__(self, listener: socket.socket) -> None:
        self._listener = listener
        #: Who sent the last message. systemd believes the process that it started and no other.
        self.sender = 0

    def hear(self) -> dict[str, str]:
        """The next message, by name."""
        data, ancillary, *_ = self._listener.recvmsg(4096, socket.CMSG_SPACE(_CREDENTIALS.size))
        self.sender = _CREDENTIALS.unpack(ancillary[0][2])[0]
        return dict(line.split("=", 1) for line in data.decode().split("\n"))  # type: ignore[misc]


@pytest.fixture
def manager(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Manager]:
    path = str(tmp_path / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
        listener.bind(path)
        listener.settimeout(PATIENCE)
        monkeypatch.setenv("NOTIFY_SOCKET", path)
        yield Manager(listener)


@pytest.mark.parametrize("workers", ["1", "2"])
def test_it_is_told_of_readiness_reloads_and_the_drain(
    start: Start, manager: Manager, workers: str
) -> None:
    node = start("--workers", workers)

    first = manager.hear()
    assert first["READY"] == "1"
    node.until_serving()
    assert first["STATUS"] == f"answering checks on {', '.join(node.addresses)}"
    assert manager.sender == node.process.pid

    # What was asked for is over when it was tried, whatever came of it.
    for policy in (None, BROKEN):
        if policy is not None:
            node.policy.write_text(policy)
        node.signal(signal.SIGHUP)
        began = manager.hear()
        assert began["RELOADING"] == "1"
        assert int(began["MONOTONIC_USEC"]) > 0
        assert manager.hear() == {"READY": "1"}

    node.signal(signal.SIGTERM)
    assert manager.hear() == {"STOPPING": "1", "STATUS": "draining"}
    assert manager.sender == node.process.pid
    assert node.wait() == 0


@pytest.mark.parametrize("workers", ["1", "2"])
def test_a_manager_that_watches_hears_that_it_works(
    start: Start, manager: Manager, monkeypatch: pytest.MonkeyPatch, workers: str
) -> None:
    monkeypatch.setenv("WATCHDOG_USEC", "30000000")
    node = start("--workers", workers)

    heard: list[dict[str, str]] = []
    while heard.count({"WATCHDOG": "1"}) < 2:
        heard.append(manager.hear())
        assert manager.sender == node.process.pid
    assert [one for one in heard if "READY" in one]
