# SPDX-License-Identifier: Apache-2.0
"""`authz serve` becomes two processes before anything is imported.

The child goes on as the command: it reads options, settings and the policy, with all that takes in
imports, hands over what a node needs, and ends. The process that was started, with its number and
its parent, begins anew as an interpreter that never imports any of that; meanwhile it imports what
answering checks takes.
"""

from __future__ import annotations

import os
import signal
import socket
import sys
from typing import Final, NamedTuple

from authz.node.python import safe_path

#: `-X authz=FD:PID` tells the interpreter that it was launched so: its end of a socket pair, and
#: the child. Not in the environment, which children inherit, nor among the command's options.
_OPTION: Final = "authz"


class Launched(NamedTuple):
    """What the process that was started knows: its end, and the child that reads the settings."""

    end: socket.socket
    child: int


class _State:
    """The child's end of the socket pair; one instance."""

    end: socket.socket | None = None


_state: Final = _State()


def child_end() -> socket.socket | None:
    """In the child, its end of the socket pair; None in any other process."""
    return _state.end


def launched() -> Launched | None:
    """How this process was launched; None when it was not."""
    option = sys._xoptions.get(_OPTION)
    if not isinstance(option, str):
        return None
    descriptor, _, child = option.partition(":")
    return Launched(socket.socket(fileno=int(descriptor)), int(child))


def launch() -> None:
    """Part in two; returns in the child, or in the same process where that is not possible."""
    if not sys.executable or not hasattr(os, "fork"):
        return
    ours, theirs = socket.socketpair()
    child = os.fork()
    if child == 0:
        ours.close()
        _state.end = theirs
        return
    theirs.close()
    ours.set_inheritable(True)
    command = [
        *(sys.executable, *safe_path(), "-X", f"{_OPTION}={ours.fileno()}:{child}"),
        *("-m", "authz", *sys.argv[1:]),
    ]
    try:
        os.execv(sys.executable, command)  # noqa: S606  our own interpreter and module, no shell
    except OSError:
        # Then everything happens here.
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        ours.close()
