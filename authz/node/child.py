# SPDX-License-Identifier: Apache-2.0
"""A module of ours as a child process, with a conversation.

Apart from node.python, which is imported before anything else when the service starts.
"""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import sys
from typing import Final

from authz.node.python import safe_path

#: How much a process gives way to who answers checks (nice(2)).
NICE: Final = 5


def start_module(module: str, *descriptors: int) -> tuple[subprocess.Popen[bytes], socket.socket]:
    """Start `python -m MODULE FD …`, FD being its end of a socket pair: the process, and our end.

    Args:
        descriptors: what else it is given, and told of behind FD.

    Raises:
        OSError: the system has no process, memory or descriptor left.
    """
    ours, theirs = socket.socketpair()
    passed = (theirs.fileno(), *descriptors)
    try:
        process = subprocess.Popen(  # noqa: S603  our own interpreter and module
            [sys.executable, *safe_path(), "-m", module, *map(str, passed)],
            stdin=subprocess.DEVNULL,
            pass_fds=passed,
        )
    except BaseException:
        ours.close()
        raise
    finally:
        # Only the child may hold its end: then its death is the end of the stream.
        theirs.close()
    return process, ours


def give_way(pid: int) -> None:
    """Let a process have less of a busy core than those that answer checks.

    It is told so from outside, right after its start: much of what it does is to import, and at
    the priority of those who answer checks that would already cost them a queue.
    """
    with contextlib.suppress(OSError):  # it is gone
        os.setpriority(os.PRIO_PROCESS, pid, os.getpriority(os.PRIO_PROCESS, pid) + NICE)
    with contextlib.suppress(OSError, AttributeError):  # not Linux, or not allowed
        os.sched_setscheduler(pid, os.SCHED_BATCH, os.sched_param(0))
