# SPDX-License-Identifier: Apache-2.0
"""Children are started, awaited, stopped, and explained when they fail."""

from __future__ import annotations

import os
import signal
import socket
import sys
from typing import TYPE_CHECKING

import psutil
import pytest

from authz.demo.processes import Child, Children, free_port
from authz.errors import DemoError

if TYPE_CHECKING:
    from pathlib import Path

SLEEPER = "import time; print('up', flush=True); time.sleep(60)"
STUBBORN = (
    "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); "
    "print('up', flush=True); time.sleep(60)"
)


def python(children: Children, tmp_path: Path, program: str) -> Child:
    return children.start("child", [sys.executable, "-c", program], tmp_path / "log")


def wait_for_up(child: Child) -> None:
    child.wait_until(lambda: "up" in child.tail(), "it was up")


def test_leaving_the_context_stops_every_child(tmp_path: Path) -> None:
    with Children() as children:
        child = python(children, tmp_path, SLEEPER)
        wait_for_up(child)
        assert child.is_running

    assert child.exit_status == -signal.SIGTERM


def test_leaving_by_an_exception_stops_them_too(tmp_path: Path) -> None:
    started: list[Child] = []

    def fail() -> None:
        with Children() as children:
            started.append(python(children, tmp_path, SLEEPER))
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fail()
    assert not started[0].is_running


def test_a_child_that_ignores_sigterm_is_killed(tmp_path: Path) -> None:
    with Children() as children:
        child = python(children, tmp_path, STUBBORN)
        wait_for_up(child)

        child.stop(seconds=0.2)

        assert child.exit_status == -signal.SIGKILL


def test_a_child_that_ends_too_early_is_quoted(tmp_path: Path) -> None:
    with Children() as children:
        child = python(children, tmp_path, "print('no such file'); raise SystemExit(3)")

        with pytest.raises(DemoError, match="exit status 3 before it was up") as caught:
            child.wait_until(lambda: False, "it was up")

        assert "no such file" in str(caught.value.hint)


def test_waiting_ends(tmp_path: Path) -> None:
    with Children() as children:
        child = python(children, tmp_path, SLEEPER)

        with pytest.raises(DemoError, match=r"no sign of nothing after 0\.05 s"):
            child.wait_until(lambda: False, "nothing", 0.05)


def test_a_child_that_died_later_is_noticed(tmp_path: Path) -> None:
    with Children() as children:
        child = python(children, tmp_path, SLEEPER)
        wait_for_up(child)
        children.require_running()

        child.send_signal(signal.SIGKILL)
        child.wait()

        with pytest.raises(DemoError, match="exit status -9"):
            children.require_running()


def test_waiting_for_the_end_of_a_child_that_stays_is_an_error(tmp_path: Path) -> None:
    with Children() as children:
        child = python(children, tmp_path, SLEEPER)

        with pytest.raises(DemoError, match="still running"):
            child.wait(0.05)


def test_a_program_that_does_not_exist_is_named(tmp_path: Path) -> None:
    with pytest.raises(DemoError, match="no-such-program"):
        Child("child", ["no-such-program"], tmp_path / "log")


def test_a_log_that_cannot_be_written_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(DemoError, match="cannot be started"):
        Child("child", [sys.executable], tmp_path / "missing" / "log")


def test_the_environment_can_be_given(tmp_path: Path) -> None:
    with Children() as children:
        child = children.start(
            "child",
            [sys.executable, "-c", "import os; print(*os.environ)"],
            tmp_path / "log",
            {"ONLY": "this"},
        )
        child.wait()

    # Python adds LC_CTYPE where there is no locale (PEP 538).
    assert set(child.tail().split()) - {"LC_CTYPE"} == {"ONLY"}


@pytest.mark.skipif(sys.platform != "linux", reason="prctl is Linux")
def test_children_do_not_outlive_a_parent_that_is_killed(tmp_path: Path) -> None:
    parent = (
        "import sys; from pathlib import Path; from authz.demo.processes import Children\n"
        f"child = Children().start('c', [sys.executable, '-c', {SLEEPER!r}],"
        f" Path({str(tmp_path / 'grandchild')!r}))\n"
        "child.wait_until(lambda: 'up' in child.tail(), 'up')\n"
        "print('pid', child.pid, flush=True); child.wait(60)"
    )
    with Children() as children:
        child = python(children, tmp_path, parent)
        child.wait_until(lambda: "pid" in child.tail(), "the grandchild was up")
        grandchild = psutil.Process(int(child.tail().split()[-1]))

        child.send_signal(signal.SIGKILL)

        gone, _ = psutil.wait_procs([grandchild], timeout=10)
        # Where nobody reaps orphans it stays a zombie, which holds nothing.
        assert gone or grandchild.status() == psutil.STATUS_ZOMBIE


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
def test_a_free_port_can_be_bound(host: str) -> None:
    port = free_port(host)

    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as listener:
        listener.bind((host, port))
    assert 15000 <= port < 32000


def test_no_free_port_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        monkeypatch.setattr("authz.demo.processes.random.randrange", lambda *_: port)

        with pytest.raises(DemoError, match="no free TCP port"):
            free_port()


def test_a_child_has_a_process_id(tmp_path: Path) -> None:
    with Children() as children:
        child = python(children, tmp_path, SLEEPER)

        assert child.pid != os.getpid()
        assert psutil.pid_exists(child.pid)
