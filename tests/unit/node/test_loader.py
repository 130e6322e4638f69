# SPDX-License-Identifier: Apache-2.0
"""One order, what came of it, and the end."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

from authz.node import loader as module
from authz.node import policy_build
from authz.node.channel import Channel
from authz.node.loader import Loader, leave_signals, prepare
from authz.node.loader_messages import Built, Findings, FromLoader, GeoState, LoadPolicy
from authz.node.plan import Plan
from authz.observability import log
from authz.settings import Override, load_settings

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

GOOD = 'sites: [{name: api, hosts: ["*"]}]\n'


@pytest.fixture(autouse=True)
def _as_it_was(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A loader sets up its process: logging, signals."""
    monkeypatch.setattr(log._config, "level", log._config.level)
    monkeypatch.setattr(log._config, "json", log._config.json)
    # The end of the stream would end this process.
    monkeypatch.setattr(Loader, "_watch", lambda _: None)
    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    before = [signal.getsignal(number) for number in numbers]
    yield
    for number, handler in zip(numbers, before, strict=True):
        signal.signal(number, handler)


@pytest.fixture
def ends() -> Iterator[tuple[Channel[FromLoader], socket.socket]]:
    ours, theirs = socket.socketpair()
    channel: Channel[FromLoader] = Channel(ours, FromLoader)
    yield channel, theirs
    channel.close()
    theirs.close()


def _order(directory: Path, **changes: Any) -> LoadPolicy:
    (directory / "policy.yaml").write_text(GOOD)
    return LoadPolicy(
        **{
            "policy": str(directory / "policy.yaml"),
            "snapshots": str(directory / "snapshots"),
            "generation": 1,
            "earlier": None,
            "settled": False,
            "geoip": {},
            "geo_directory": str(directory / "geoip"),
            "geo": GeoState(),
            "log_format": "json",
            "log_level": "info",
            **changes,
        }
    )


def test_it_answers_and_says_what_is_odd(
    ends: tuple[Channel[FromLoader], socket.socket], tmp_path: Path
) -> None:
    ours, theirs = ends
    ours.send(_order(tmp_path, settled=True))

    assert Loader(Channel(theirs, LoadPolicy)).run() == 0
    assert isinstance(ours.receive(), Built)
    assert isinstance(ours.receive(), Findings)


def test_with_nobody_to_load_for_it_ends(
    ends: tuple[Channel[FromLoader], socket.socket],
) -> None:
    ours, theirs = ends
    ours.shutdown()

    assert Loader(Channel(theirs, LoadPolicy)).run() == 0


def test_with_nobody_left_to_tell_it_ends(
    ends: tuple[Channel[FromLoader], socket.socket], tmp_path: Path
) -> None:
    ours, theirs = ends
    ours.send(_order(tmp_path))
    ours.shutdown()

    assert Loader(Channel(theirs, LoadPolicy)).run() == 0


def test_a_defect_is_logged_and_is_a_status(
    ends: tuple[Channel[FromLoader], socket.socket],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    def defect(*_: object) -> None:
        raise ZeroDivisionError("a defect")

    monkeypatch.setattr(policy_build, "load_policy", defect)
    ours, theirs = ends
    ours.send(_order(tmp_path))

    assert Loader(Channel(theirs, LoadPolicy)).run() == 1
    log.flush()
    assert "a defect" in capfd.readouterr().err


def test_started_with_the_command_it_says_the_plan_first(
    ends: tuple[Channel[FromLoader], socket.socket],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    ours, theirs = ends
    order = _order(tmp_path)
    option = Override(option="--policy", path=("policy",), value=order.policy, is_path=True)
    statuses: list[int] = []
    monkeypatch.setattr(module, "end", statuses.append)
    ours.send(order)
    prepare(load_settings(None, [option]), theirs)
    plan = ours.receive()

    assert isinstance(plan, Plan)
    assert plan.policy == order.policy
    assert isinstance(ours.receive(), Built)
    assert statuses == [0]


def test_signals_of_the_group_are_left_to_others() -> None:
    leave_signals()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        assert signal.getsignal(number) is signal.SIG_IGN


def test_the_real_process_ends_with_whom_it_is_for(tmp_path: Path) -> None:
    """Even while it is busy: here, reading a policy that never ends."""
    ours, theirs = socket.socketpair()
    process = subprocess.Popen(
        [sys.executable, "-m", "authz.node.loader", str(theirs.fileno())],
        pass_fds=(theirs.fileno(),),
    )
    theirs.close()
    channel: Channel[FromLoader] = Channel(ours, FromLoader)
    rules = "".join(f'- {{expression: http.host eq "{n}", action: log}}\n' for n in range(200_000))
    order = _order(tmp_path)
    (tmp_path / "policy.yaml").write_text(f'sites:\n- name: a\n  hosts: ["*"]\n  rules:\n{rules}')
    channel.send(order)
    channel.close()
    try:
        assert process.wait(30) == 0
    finally:
        process.kill()
