# SPDX-License-Identifier: Apache-2.0
"""A module of ours as a child process, with a conversation.

Apart from node.python, which is imported before anything else when the service starts.
"""

from __future__ import annotations

import socket
import subprocess
import sys

from authz.node.python import safe_path


def start_module(module: str) -> tuple[subprocess.Popen[bytes], socket.socket]:
    """Start `python -m MODULE FD`, FD being its end of a socket pair: the process, and our end.

    Raises:
        OSError: the system has no process, memory or descriptor left.
    """
    ours, theirs = socket.socketpair()
    try:
        process = subprocess.Popen(  # noqa: S603  our own interpreter and module
            [sys.executable, *safe_path(), "-m", module, str(theirs.fileno())],
            stdin=subprocess.DEVNULL,
            pass_fds=(theirs.fileno(),),
        )
    except BaseException:
        ours.close()
        raise
    finally:
        # Only the child may hold its end: then its death is the end of the stream.
        theirs.close()
    return process, ours
