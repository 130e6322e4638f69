# SPDX-License-Identifier: Apache-2.0
"""Telling a service manager what this node is doing: ready, alive, stopping (sd_notify(3)).

The protocol is a datagram of `NAME=value` lines to the socket that NOTIFY_SOCKET names: systemd's
`Type=notify`, and container engines that do the same. Only the process that was started tells
anything; its children have the variable too and leave it alone. Without it nothing is sent, and a
manager that does not listen keeps nobody from answering checks.
"""

from __future__ import annotations

import os
import socket
import time
from typing import Final

from authz.observability.log import get_logger

#: How long a manager may take to read what came before.
SEND_SECONDS: Final = 1.0


class _State:
    answering = False


_state: Final = _State()


def ready(status: str) -> None:
    """Checks are answered from now on; `status` is what people are shown."""
    _state.answering = True
    _tell("READY=1", f"STATUS={status}")


def reloading() -> None:
    """What is answered by is being read again; `reloaded` is the end of it."""
    # systemd 253 and later want the moment, to tell this reload from an earlier one.
    if _state.answering:
        _tell("RELOADING=1", f"MONOTONIC_USEC={time.monotonic_ns() // 1000}")


def reloaded() -> None:
    """It was read, whatever came of it. Says nothing of a node that is not ready yet, or drains."""
    if _state.answering:
        _tell("READY=1")


def stopping() -> None:
    """The node drains and ends."""
    _state.answering = False
    _tell("STOPPING=1", "STATUS=draining")


def is_watched() -> bool:
    """Whether a manager takes silence for a defect (WatchdogSec=), of this process and no other."""
    watched = os.environ.get("WATCHDOG_USEC", "").strip("0").isdigit()
    # sd_watchdog_enabled(3): without a number, whoever has the variable is meant.
    return watched and os.environ.get("WATCHDOG_PID", "") in ("", str(os.getpid()))


def alive() -> None:
    """This node still does its work. Every two seconds (node.supervisor), if somebody watches."""
    if is_watched():
        _tell("WATCHDOG=1")


def _tell(*lines: str) -> None:
    name = os.environ.get("NOTIFY_SOCKET", "")
    # sd_notify(3): a path, or "@" for a name without a file (unix(7), abstract).
    if not name.startswith(("/", "@")):
        return
    # A line's end in a value would begin another line.
    text = "\n".join(line.replace("\n", " ") for line in lines)
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as sender:
            sender.settimeout(SEND_SECONDS)
            sender.sendto(text.encode(), name.replace("@", "\0", 1) if name[0] == "@" else name)
    except OSError as error:
        get_logger().warning("the service manager cannot be told", reason=str(error))
