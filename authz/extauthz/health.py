# SPDX-License-Identifier: Apache-2.0
"""The gRPC health service's state: what both transports answer to Check and Watch.

NOT_SERVING until somebody says otherwise (no policy is loaded yet), and again while draining. Does
not know how a stream is written: a watcher is a function that takes the next message.
Source: grpc.health.v1 (the gRPC health checking protocol).
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Final

from google.protobuf.message import DecodeError

from authz.pb.health_pb2 import HealthCheckRequest, HealthCheckResponse

if TYPE_CHECKING:
    from collections.abc import Callable

    Watcher = Callable[[bytes], bool]

HEALTH_CHECK: Final = "/grpc.health.v1.Health/Check"
HEALTH_WATCH: Final = "/grpc.health.v1.Health/Watch"

#: Services whose health can be asked for; "" is the server as a whole.
SERVICES: Final = frozenset(("", "envoy.service.auth.v3.Authorization", "grpc.health.v1.Health"))

SERVING: Final = HealthCheckResponse(status=HealthCheckResponse.SERVING).SerializeToString()
NOT_SERVING: Final = HealthCheckResponse(status=HealthCheckResponse.NOT_SERVING).SerializeToString()
SERVICE_UNKNOWN: Final = HealthCheckResponse(
    status=HealthCheckResponse.SERVICE_UNKNOWN
).SerializeToString()


class HealthState:
    """Whether this worker wants checks; all services share one state."""

    def __init__(self) -> None:
        self._serving = False
        self._watchers: dict[object, Watcher] = {}
        self._lock = threading.Lock()

    @property
    def serving(self) -> bool:
        """True when SERVING."""
        return self._serving

    @property
    def watchers(self) -> int:
        """How many Watch streams are told of changes."""
        return len(self._watchers)

    def set_serving(self, serving: bool) -> None:
        """Change the state and tell every watcher, if it is a change."""
        with self._lock:
            if serving == self._serving:
                return
            self._serving = serving
            # Told under the lock: two changes in a row reach every watcher in their order.
            gone = [key for key, send in self._watchers.items() if not send(self.status())]
            for key in gone:
                del self._watchers[key]

    def status(self) -> bytes:
        """The HealthCheckResponse of a known service."""
        return SERVING if self._serving else NOT_SERVING

    def check(self, data: bytes) -> bytes | None:
        """The answer to Health/Check, None for a service that does not exist (NOT_FOUND)."""
        return self.status() if _service(data) in SERVICES else None

    def watch(self, data: bytes, key: object, watcher: Watcher) -> None:
        """Start a Watch stream: `watcher` gets the state now and after every change.

        An unknown service is told so and nothing more: it will not come to exist, and the protocol
        keeps the stream open. `watcher` must not block nor raise; false means its stream is gone.
        """
        with self._lock:
            if _service(data) not in SERVICES:
                watcher(SERVICE_UNKNOWN)
            elif watcher(self.status()):
                self._watchers[key] = watcher

    def unwatch(self, key: object) -> None:
        """Forget a stream that ended; unknown keys are fine."""
        with self._lock:
            self._watchers.pop(key, None)


def _service(data: bytes) -> str | None:
    try:
        return HealthCheckRequest.FromString(data).service
    except DecodeError:
        return None
