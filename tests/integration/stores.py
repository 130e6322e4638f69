# SPDX-License-Identifier: Apache-2.0
"""A node that answers by a store, and the store, as commands would have it."""

from __future__ import annotations

import json
import signal
import time
from typing import TYPE_CHECKING, Any

import grpc

from authz.extauthz.transport import CHECK
from authz.pb.ext_authz_pb2 import CheckResponse
from authz.store.engine import open_store
from tests.factories.populated import World, check_of
from tests.integration.harness import PATIENCE, Node

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    import psutil

    from tests.integration.asking import Questions

#: google.rpc.Code: PERMISSION_DENIED, a certificate was presented.
ALLOWED, DENIED = 0, 7


class StoreNode(Node):
    """`authz serve` that answers by a store; its data directory outlives it.

    `settings` are added to those of `authz.yaml`.
    """

    def __init__(
        self,
        directory: Path,
        *options: str,
        database: str = "sqlite",
        policy: str | None = None,
        settings: Mapping[str, Any] | None = None,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        self.database = database
        config = directory / "authz.yaml"
        config.write_text(json.dumps({"store": "on", "database": database, **(settings or {})}))
        super().__init__(
            directory, "--config", str(config), *options, policy=policy, environment=environment
        )

    def control(self) -> psutil.Process | None:
        """The control process, None while there is none."""
        found = self._children("authz.node.control")
        return found[0] if found else None

    def supervise_and_kill(self) -> None:
        """SIGKILL the supervisor; what it started ends by itself."""
        self.signal(signal.SIGKILL)
        self.wait()


def world_of(database: str, data: Path, clock: Callable[[], float] = time.time) -> World:
    """The store as a command would open it, with a protected host when it is new."""
    data.mkdir(mode=0o700, parents=True, exist_ok=True)
    world = World(open_store(database, data), clock)
    with world.store.read() as session:
        is_new = not session.authorities.all()
    if is_new:
        world.protect()
    return world


def questions_of(world: World) -> Questions:
    """What a node of this store lets in and what it does not, whatever else a test changes."""
    let_in, revoked = world.issue("let in"), world.issue("revoked")
    world.revoke(revoked)
    return (check_of(let_in), ALLOWED), (check_of(revoked), DENIED)


class Asker:
    """Asks one worker; `ask` gives the code of the CheckResponse, None without an answer."""

    def __init__(self, address: str) -> None:
        self.channel = grpc.insecure_channel(
            address,
            options=[
                ("grpc.use_local_subchannel_pool", 1),
                ("grpc.initial_reconnect_backoff_ms", 20),
                ("grpc.min_reconnect_backoff_ms", 20),
                ("grpc.max_reconnect_backoff_ms", 20),
            ],
        )
        self._check: Any = self.channel.unary_unary(CHECK, None, None)

    def ask(self, request: bytes, *, wait_for_ready: bool = True) -> int:
        """One check."""
        data = self._check(request, timeout=PATIENCE, wait_for_ready=wait_for_ready)
        return int(CheckResponse.FromString(data).status.code)

    def seconds_until(self, request: bytes, code: int, limit: float = PATIENCE) -> float:
        """How long it takes until a check has this answer; asks all the time."""
        began = time.monotonic()
        while self.ask(request) != code:
            assert time.monotonic() - began < limit, f"not {code} within {limit:g} s"
        return time.monotonic() - began

    def close(self) -> None:
        """Hang up."""
        self.channel.close()
