# SPDX-License-Identifier: Apache-2.0
"""A test double of `authz serve` that allows every check, after a while, and counts them."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Self

import grpc

from authz.extauthz.health import HEALTH_CHECK, SERVING
from authz.extauthz.transport import CHECK
from authz.pb.core_pb2 import Status
from authz.pb.ext_authz_pb2 import CheckResponse, OkHttpResponse

if TYPE_CHECKING:
    from types import TracebackType

_ALLOWED = CheckResponse(status=Status(), ok_response=OkHttpResponse()).SerializeToString()
#: Checks that wait at once, and health checks, which must not wait for them.
_THREADS = 16


class SlowAuthorizer:
    """A context manager. Health is SERVING throughout.

    Attributes:
        delay: seconds that a check takes from now on.
        asked: checks that have come, each try of a check among them.
        answered: checks that were answered, whether or not somebody still waited.
    """

    def __init__(self) -> None:
        self.delay = 0.0
        self.asked = 0
        self.answered = 0
        self._lock = threading.Lock()
        self._server = grpc.server(ThreadPoolExecutor(max_workers=_THREADS))
        for path, answer in ((CHECK, self._check), (HEALTH_CHECK, lambda *_: SERVING)):
            service, _, method = path.strip("/").rpartition("/")
            handler = grpc.unary_unary_rpc_method_handler(answer)
            self._server.add_generic_rpc_handlers(
                (grpc.method_handlers_generic_handler(service, {method: handler}),)
            )
        self.address = f"127.0.0.1:{self._server.add_insecure_port('127.0.0.1:0')}"

    def _check(self, _: bytes, __: grpc.ServicerContext) -> bytes:
        with self._lock:
            self.asked += 1
        # Not to wait for anything: that it takes this long is what is tested.
        time.sleep(self.delay)
        with self._lock:
            self.answered += 1
        return _ALLOWED

    def __enter__(self) -> Self:
        self._server.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._server.stop(grace=None).wait()
