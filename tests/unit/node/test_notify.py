# SPDX-License-Identifier: Apache-2.0
"""What a service manager is told, on a socket as it opens one."""

from __future__ import annotations

import contextlib
import os
import secrets
import socket
import time
from typing import TYPE_CHECKING

import pytest

from authz.node import notify

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture(params=["path", "abstract"])
def manager(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[socket.socket]:
    name = f"@{secrets.token_hex(8)}" if request.param == "abstract" else str(tmp_path / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.bind(name.replace("@", "\0") if request.param == "abstract" else name)
        listener.settimeout(10)
        monkeypatch.setenv("NOTIFY_SOCKET", name)
        yield listener


def test_each_state_is_one_datagram(manager: socket.socket) -> None:
    before = time.monotonic_ns() // 1000
    notify.reloading()
    notify.reloaded()
    notify.ready("answering checks on\nunix:/run/authz.sock")
    notify.reloading()
    notify.reloaded()
    notify.stopping()
    notify.reloading()
    notify.reloaded()

    assert manager.recv(4096) == b"READY=1\nSTATUS=answering checks on unix:/run/authz.sock"
    first, second = manager.recv(4096).split(b"\n")
    assert first == b"RELOADING=1"
    name, _, moment = second.partition(b"=")
    assert name == b"MONOTONIC_USEC"
    assert before <= int(moment) <= time.monotonic_ns() // 1000
    assert manager.recv(4096) == b"READY=1"
    assert manager.recv(4096) == b"STOPPING=1\nSTATUS=draining"
    # A reload before the node was ready, and after it began to drain, said nothing.
    manager.setblocking(False)
    with pytest.raises(BlockingIOError):
        manager.recv(4096)


@pytest.mark.parametrize("name", [None, "", "relative", "/nowhere/at/all"])
def test_without_a_manager_nothing_happens(
    name: str | None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    if name is None:
        monkeypatch.delenv("NOTIFY_SOCKET", raising=False)
    else:
        monkeypatch.setenv("NOTIFY_SOCKET", name)

    notify.ready("up")
    notify.stopping()

    assert list(tmp_path.iterdir()) == []


def test_a_manager_that_does_not_read_holds_nobody_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(notify, "SEND_SECONDS", 0.01)
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.bind(str(tmp_path / "notify"))
        monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as filler:
            filler.setblocking(False)
            with contextlib.suppress(BlockingIOError):
                while True:
                    filler.sendto(b"x", str(tmp_path / "notify"))

        began = time.monotonic()
        notify.ready("up")

        assert time.monotonic() - began < 5


@pytest.mark.parametrize(
    ("watchdog", "pid", "watched"),
    [
        ("30000000", "own", True),
        ("30000000", None, True),
        ("30000000", "1", False),
        ("0", None, False),
        ("soon", None, False),
        (None, None, False),
    ],
)
def test_a_sign_of_life_is_for_a_manager_that_watches_this_process(
    manager: socket.socket,
    monkeypatch: pytest.MonkeyPatch,
    watchdog: str | None,
    pid: str | None,
    watched: bool,
) -> None:
    pid = str(os.getpid()) if pid == "own" else pid
    for name, value in (("WATCHDOG_USEC", watchdog), ("WATCHDOG_PID", pid)):
        if value is None:
            monkeypatch.delenv(name, raising=False)
        else:
            monkeypatch.setenv(name, value)

    notify.alive()

    assert notify.is_watched() is watched
    manager.setblocking(False)
    if watched:
        assert manager.recv(4096) == b"WATCHDOG=1"
    with pytest.raises(BlockingIOError):
        manager.recv(4096)
