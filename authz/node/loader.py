# SPDX-License-Identifier: Apache-2.0
"""The process that loads a policy: started for it, and gone when it is loaded (ADR-0014).

`python -m authz.node.loader FD`, FD being its end of a socket pair. What reads YAML, certificates
and lists is imported here, and what building takes in memory is given back by ending. It has the
operator's files and no listener; what it says ends up in a file and in messages.

Imports come first and the order is read afterwards: whoever starts it is busy meanwhile.
"""

from __future__ import annotations

import os
import signal
import socket
import sys
import threading
from typing import TYPE_CHECKING, NoReturn

from authz.node.channel import Channel, ChannelClosedError
from authz.node.loader_messages import LoadPolicy
from authz.node.plan import plan_of
from authz.observability.log import configure_logging, flush, get_logger

if TYPE_CHECKING:
    import msgspec

    from authz.settings import Settings


class Loader:
    """One conversation: an order, and what came of it."""

    def __init__(self, channel: Channel[LoadPolicy]) -> None:
        self._channel = channel

    def run(self) -> int:
        """Wait for the order and carry it out; the exit status."""
        from authz.node.policy_build import Build

        order = self._channel.receive()
        if order is None:
            return 0  # nobody is there to load for
        configure_logging(order.log_format, order.log_level)
        # The end of the stream is the end of whom this is for.
        threading.Thread(target=self._watch, name="channel", daemon=True).start()
        try:
            Build(order, self._say).run()
        except ChannelClosedError:
            return 0
        except Exception as error:  # noqa: BLE001 - ours, and nobody else would log it
            get_logger().error("the policy could not be loaded", exc_info=error)
            return 1
        return 0

    def _say(self, message: msgspec.Struct) -> None:
        self._channel.send(message)

    def _watch(self) -> None:
        self._channel.receive()
        os._exit(0)


def leave_signals() -> None:
    """Control-C and service managers signal a whole group; who ordered this says what it means."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)


def end(status: int) -> NoReturn:
    """End the process at once: tearing down a million objects one by one takes longer."""
    flush()
    sys.stderr.flush()
    os._exit(status)


def prepare(settings: Settings, end_of_pair: socket.socket) -> NoReturn:
    """Say what the settings are to a process that was launched so, and load its policy.

    Raises:
        SettingsError, TransportError: the settings cannot be used.
    """
    plan = plan_of(settings)
    leave_signals()
    channel: Channel[LoadPolicy] = Channel(end_of_pair, LoadPolicy)
    channel.send(plan)
    end(Loader(channel).run())


def main(arguments: list[str]) -> int:
    """Load for the process at the other end of file descriptor `arguments[0]`."""
    leave_signals()
    channel: Channel[LoadPolicy] = Channel(socket.socket(fileno=int(arguments[0])), LoadPolicy)
    return Loader(channel).run()


if __name__ == "__main__":
    end(main(sys.argv[1:]))
