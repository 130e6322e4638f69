# SPDX-License-Identifier: Apache-2.0
"""What the two transports have in common: options, method paths, Unix sockets."""

from __future__ import annotations

import socket
import stat
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Final, Protocol

from authz.errors import TransportError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from threading import Thread

    from authz.settings.addresses import ListenAddress

#: envoy.service.auth.v3.Authorization/Check, written out because our protos have their own package.
CHECK: Final = "/envoy.service.auth.v3.Authorization/Check"

#: Mode of a Unix socket: Envoy shares the group. Connecting needs write permission (unix(7)).
SOCKET_MODE: Final = 0o660


class TransportKind(StrEnum):
    """The setting `grpc.transport`."""

    AUTO = "auto"
    NATIVE = "native"
    GRPCIO = "grpcio"


class Service(Protocol):
    """What a transport carries (extauthz.service.CheckService)."""

    def check(self, data: bytes, remaining: float | None = None) -> bytes:
        """Answer one serialised CheckRequest."""

    def shed(self, data: bytes) -> bytes:
        """Answer one that came when there were too many."""


class Caller(Protocol):
    """Who is told of the calls themselves (observability.decision_feed), by `quietly`."""

    def arrived(self, metadata: Sequence[tuple[str, str | bytes]]) -> None:
        """A check with this metadata is about to be answered."""

    def gone(self) -> None:
        """Whoever asked that check had gone before its answer was there."""


class Transport(Protocol):
    """A listener; made by open_transport, which has bound it already.

    Attributes:
        name: `native` or `grpcio`.
        why: why it is this one, for the log.
        address: where it listens, with the actual port.
        threads: without which nobody is answered; complete once it has started. They are there
            before the first call, so that a system that gives no more of them refuses the start,
            and not a check. None of them ends before `stop`, but by a fault.
    """

    name: str
    why: str
    address: str
    threads: Sequence[Thread]

    def start(self) -> None:
        """Begin to answer."""

    def beats(self) -> int:
        """A number that goes on growing as long as the thread that answers checks comes round.

        Asked from another thread every second or two; does not wait for anything.
        """

    def stop(self, grace: float) -> None:
        """Finish what was begun, for `grace` seconds at most, and close; returns when closed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TlsFiles:
    """TLS of the gRPC port, PEM files; `client_ca` makes it mutual."""

    certificate: Path
    key: Path
    client_ca: Path | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TransportOptions:
    """Where to listen and how.

    `reuse_port` lets several workers share one port; the shipped form gives each its own, because
    a shared one loses requests when a worker restarts. `tls_failed` is told, from any thread, when
    changed TLS files cannot be used and the last good ones stay. `caller` hears of each call, on
    the thread that answers it, where somebody wants to know.
    """

    listen: ListenAddress
    kind: TransportKind = TransportKind.AUTO
    tls: TlsFiles | None = None
    reuse_port: bool = False
    tls_failed: Callable[[], None] = lambda: None
    caller: Caller | None = None


def quietly(tell: Callable[..., None], *arguments: object) -> None:
    """Tell somebody something. What comes of it is theirs: it changes no answer."""
    with suppress(BaseException):
        tell(*arguments)


def cannot_listen(listen: ListenAddress, error: Exception) -> TransportError:
    """The error for an address that cannot be bound."""
    what = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    return TransportError(
        f"cannot listen on {listen}: {what}",
        hint="is another process listening there, or does the address belong to another machine?",
    )


def cannot_start(error: Exception) -> TransportError:
    """The error for threads that the system does not give."""
    return TransportError(
        f"checks cannot be answered: {error}",
        hint="give it more memory or processes: see ulimit -a, and pids.max and memory.max of its "
        "control group",
    )


def claim_socket(listen: ListenAddress) -> None:
    """Make way for a Unix socket: remove one that a dead process left behind.

    Raises:
        TransportError: something else stands there, or somebody is listening.
    """
    if not listen.is_unix:
        return
    path = Path(listen.path)
    try:
        mode = path.stat().st_mode
    except FileNotFoundError:
        return
    except OSError as error:
        raise cannot_listen(listen, error) from error
    if not stat.S_ISSOCK(mode):
        raise TransportError(
            f"cannot listen on {listen}: a file that is no socket is in the way",
            hint="name another path, or move the file",
        )
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.settimeout(1)
        try:
            probe.connect(str(path))
        except ConnectionRefusedError:
            # Nobody accepts: its process is gone.
            path.unlink(missing_ok=True)
            return
        except OSError as error:
            raise cannot_listen(listen, error) from error
    raise TransportError(
        f"cannot listen on {listen}: another process is listening there",
        hint="stop it, or name another path",
    )


def protect_socket(listen: ListenAddress) -> None:
    """Let the group connect. Until then only the owner can (0755, and connecting is writing)."""
    if listen.is_unix:
        Path(listen.path).chmod(SOCKET_MODE)


def bound_address(listen: ListenAddress, port: int) -> str:
    """`listen` as text, with the port that was bound."""
    if listen.is_unix:
        return str(listen)
    host = f"[{listen.host}]" if ":" in listen.host else listen.host
    return f"{host}:{port}"
