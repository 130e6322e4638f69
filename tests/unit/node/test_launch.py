# SPDX-License-Identifier: Apache-2.0
"""How `authz serve` becomes two processes. That both do their part: tests/integration."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from typing import Any

import pytest

from authz.node.launch import child_end, launch, launched


def test_a_process_knows_how_it_was_launched(monkeypatch: pytest.MonkeyPatch) -> None:
    ours, theirs = socket.socketpair()
    with ours:
        descriptor = theirs.detach()
        monkeypatch.setitem(sys._xoptions, "authz", f"{descriptor}:4711")
        how = launched()
        assert how is not None
        with how.end:
            assert (how.end.fileno(), how.child) == (descriptor, 4711)


@pytest.mark.parametrize("option", [None, True])
def test_any_other_process_was_not(monkeypatch: pytest.MonkeyPatch, option: Any) -> None:
    monkeypatch.setattr(sys, "_xoptions", {} if option is None else {"authz": option})
    assert launched() is None
    assert child_end() is None


def test_where_it_cannot_part_in_two_it_does_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", "")
    launch()
    assert child_end() is None


def test_when_the_interpreter_cannot_be_started_again_it_goes_on_alone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    killed: list[int] = []
    fork = os.fork

    def fork_without_work() -> int:
        pid = fork()
        if pid == 0:
            # The test's process once more; it may do nothing here.
            signal.pause()
        killed.append(pid)
        return pid

    def refuse(*_: object) -> None:
        raise OSError("exec format error")

    monkeypatch.setattr(os, "fork", fork_without_work)
    monkeypatch.setattr(os, "execv", refuse)
    launch()
    assert child_end() is None
    with pytest.raises(ProcessLookupError):
        os.kill(killed[0], 0)


def test_the_process_that_was_started_is_the_one_that_begins_anew() -> None:
    """With the same number, the same arguments, and a child at the other end."""
    program = (
        "import sys\n"
        "from authz.node.launch import launch, launched, child_end\n"
        "import os\n"
        "how = launched()\n"
        "if how is None:\n"
        "    sys.argv = ['authz', 'serve', '--no-such-option']\n"
        "    launch()\n"
        "    os._exit(7)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=False
    )
    # The child ended with 7 and without a word, so that is how the command ends.
    assert (done.returncode, done.stdout, done.stderr) == (7, "", "")
