# SPDX-License-Identifier: Apache-2.0
"""The grpcio transport: complete, with TLS and mutual TLS, about a ninth of the native rate.

Handlers take and return bytes, like everywhere behind the transports. Checks run on one thread:
they hold the interpreter lock, so more would only switch between each other (ADR-0010).
"""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final

import grpc

from authz.extauthz.encode import CONSTANT_DENIAL
from authz.extauthz.health import HEALTH_CHECK, HEALTH_WATCH
from authz.extauthz.service import MAX_CHECK_BYTES
from authz.extauthz.transport.base import (
    CHECK,
    bound_address,
    cannot_listen,
    cannot_start,
    claim_socket,
    protect_socket,
    quietly,
)
from authz.observability.log import RateLimit, get_logger

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from authz.extauthz.health import HealthState
    from authz.extauthz.transport.base import Caller, Service, TransportOptions

# A check beyond MAX_CHECK_BYTES is denied by the service; only far beyond it does grpcio refuse
# with an error of its own, to bound the memory one message can take.
_HARD_LIMIT: Final = 2 * MAX_CHECK_BYTES
# Calls at once on one connection, as with native. A caller that does not know the limit yet has
# what is beyond refused with an error, so it is more than the shipped Envoy has on its way. Without
# a limit, one connection that begins and resets calls by the thousand has calls of others ended
# (ADR-0042).
_MOST_STREAMS: Final = 1024
# Calls that arrived and that Python has not taken yet, on all connections. By default grpc ends
# some from 1,000 on, and all from 3,000 on, whosever they are (`pending_backlog_protector_` in
# src/core/server/server.h): an error, which is failure_mode_allow's to decide. Each takes up to
# 18 KB, so this many take 360 MB.
_MOST_PENDING: Final = 20_000
# Of a call's headers, as HTTP/2 counts them. By default some calls beyond half of it are refused
# at random (GRPC_ARG_MAX_METADATA_SIZE in include/grpc/impl/channel_arg_names.h).
_MOST_METADATA: Final = 16 * 1024

# Beyond the grace that calls have: when the thread that serves is gone, stopping has no end.
_STOP_MARGIN_SECONDS: Final = 1.0
# Calls that could not be answered are logged with a traceback this often at most.
_LOG_INTERVAL_SECONDS: Final = 10.0


class GrpcioTransport:
    """Serves checks and health over grpcio."""

    name = "grpcio"

    def __init__(
        self, options: TransportOptions, service: Service, health: HealthState, why: str
    ) -> None:
        self.why = why
        claim_socket(options.listen)
        self._pool = ThreadPoolExecutor(max_workers=1, thread_name_prefix="authz-grpcio")
        # Sending to a watcher waits for flow control: on a thread of its own, so that a watcher
        # that does not read delays neither checks nor a drain.
        self._watch_pool = ThreadPoolExecutor(max_workers=1, thread_name_prefix="authz-watch")
        # A pool begins its thread with the first piece of work. If there is none to be had then,
        # the server's own thread ends of it, and nobody is answered any more.
        try:
            self.threads: Sequence[threading.Thread] = [
                pool.submit(threading.current_thread).result()
                for pool in (self._pool, self._watch_pool)
            ]
        except RuntimeError as error:
            self._end_pools()
            raise cannot_start(error) from error
        self._beats = 0
        self._beat_asked = 0
        self._checks = 0
        handlers = _Handlers(service, health, self._watch_pool, options.caller, self._took_up)
        self._server = grpc.server(
            self._pool,
            handlers=[handlers],
            options=(
                ("grpc.so_reuseport", int(options.reuse_port)),
                ("grpc.max_receive_message_length", _HARD_LIMIT),
                ("grpc.max_concurrent_streams", _MOST_STREAMS),
                ("grpc.server.max_pending_requests", _MOST_PENDING),
                ("grpc.server.max_pending_requests_hard_limit", _MOST_PENDING),
                ("grpc.max_metadata_size", _MOST_METADATA),
                ("grpc.absolute_max_metadata_size", _MOST_METADATA),
                # Envoy keeps its connections open; its keepalive pings are welcome.
                ("grpc.http2.min_ping_interval_without_data_ms", 5000),
                ("grpc.keepalive_permit_without_calls", 1),
            ),
        )
        target = str(options.listen)
        try:
            if options.tls is None:
                port = self._server.add_insecure_port(target)
            else:
                from authz.extauthz.transport.tls import server_credentials

                credentials = server_credentials(options.tls, options.tls_failed)
                port = self._server.add_secure_port(target, credentials)
            if not port:
                raise OSError("the address cannot be bound")
            protect_socket(options.listen)
        except (RuntimeError, OSError) as error:
            self._server.stop(None)
            self._end_pools()
            raise cannot_listen(options.listen, error) from error
        self.address = bound_address(options.listen, port)

    def start(self) -> None:
        """Begin to answer.

        Raises:
            RuntimeError: the system gives no more threads. The server began without the one that
                serves it, and can be neither stopped nor collected: the process must end.
        """
        before = set(threading.enumerate())
        self._server.start()
        # The server's own, which hands over what arrives, has no other name.
        self.threads = [*self.threads, *(set(threading.enumerate()) - before)]

    def beats(self) -> int:
        """How many checks it has taken up, and how often it has done what it was asked to here."""
        if self._beat_asked == self._beats:
            self._beat_asked += 1
            # Closed: it does not come round any more.
            with suppress(RuntimeError):
                self._pool.submit(self._beat)
        # What is asked here waits behind all checks that are there already.
        return self._beats + self._checks

    def _beat(self) -> None:
        self._beats += 1

    def _took_up(self) -> None:
        self._checks += 1

    def stop(self, grace: float) -> None:
        """Take no new calls, finish those begun for `grace` seconds at most, and close."""
        self._server.stop(grace).wait(grace + _STOP_MARGIN_SECONDS)
        self._end_pools()

    def _end_pools(self) -> None:
        self._pool.shutdown(wait=False, cancel_futures=True)
        self._watch_pool.shutdown(wait=False, cancel_futures=True)


class _Handlers(grpc.GenericRpcHandler):  # type: ignore[type-arg] # not generic at run time
    """Finds the handler of a method path; what it does not know is UNIMPLEMENTED."""

    def __init__(
        self,
        service: Service,
        health: HealthState,
        pool: ThreadPoolExecutor,
        caller: Caller | None,
        took_up: Callable[[], None],
    ) -> None:
        self._methods = {
            CHECK: grpc.unary_unary_rpc_method_handler(_check_handler(service, caller, took_up)),
            HEALTH_CHECK: grpc.unary_unary_rpc_method_handler(_health_handler(health)),
            HEALTH_WATCH: grpc.unary_stream_rpc_method_handler(_watch_handler(health, pool)),
        }
        self._denied = grpc.unary_unary_rpc_method_handler(_deny)

    def service(self, handler_call_details: grpc.HandlerCallDetails) -> Any:
        try:
            return self._methods.get(handler_call_details.method)
        except BaseException:  # noqa: BLE001 - grpcio would answer with an error of its own
            # Nobody knows what was called. If it was a check, this is its answer.
            return self._denied


def _deny(_data: bytes, _context: Any) -> bytes:
    return CONSTANT_DENIAL


def _check_handler(
    service: Service, caller: Caller | None, took_up: Callable[[], None]
) -> Callable[[bytes, Any], bytes]:
    """Answers checks, whatever breaks: an error would be failure_mode_allow's to decide.

    A `caller` is told of each call. What comes of that changes no answer. `took_up` is told first.
    """
    log_limit = RateLimit(_LOG_INTERVAL_SECONDS)

    def arrived(context: Any) -> None:
        assert caller is not None
        caller.arrived([(name, value) for name, value in context.invocation_metadata()])

    def left(context: Any) -> None:
        assert caller is not None
        if not context.is_active():
            caller.gone()

    def handle(data: bytes, context: Any) -> bytes:
        answer = CONSTANT_DENIAL
        try:
            took_up()
            if caller is not None:
                quietly(arrived, context)
            answer = service.check(data, context.time_remaining())
            if caller is not None:
                quietly(left, context)
        except BaseException as error:  # noqa: BLE001 - as above
            # check() never raises. Should it, the caller still gets an answer, and a denial.
            with suppress(BaseException):
                suppressed = log_limit.admit(time.monotonic())
                if suppressed is not None:
                    get_logger().error(
                        "a call could not be answered", exc_info=error, suppressed=suppressed
                    )
        return answer

    return handle


def _health_handler(health: HealthState) -> Callable[[bytes, Any], bytes]:
    def handle(data: bytes, context: Any) -> bytes:
        answer = health.check(data)
        if answer is None:
            context.abort(grpc.StatusCode.NOT_FOUND, "unknown service")
        return answer or b""

    return handle


def _watch_handler(health: HealthState, pool: ThreadPoolExecutor) -> Callable[..., None]:
    def handle(data: bytes, context: Any, send: Callable[[bytes], None]) -> None:
        key = object()

        def watcher(message: bytes) -> bool:
            try:
                pool.submit(send, message)
            except RuntimeError:  # The pool is shut down, and the server with it.
                return False
            return bool(context.is_active())

        health.watch(data, key, watcher)
        # After watch(), or a stream that ends in between would be remembered for ever. False
        # when it has ended already.
        if not context.add_callback(lambda: health.unwatch(key)):
            health.unwatch(key)

    # grpcio then hands over a function that sends instead of occupying a thread for as long as
    # the stream lives; its own health service does the same.
    handle.experimental_non_blocking = True  # type: ignore[attr-defined] # read by grpcio
    return handle
