# SPDX-License-Identifier: Apache-2.0
"""The secret discovery service on a TCP port: bytes between Envoys and the state of their streams.

grpcio's asyncio server on one thread (loop.py): a stream that waits, and nearly all of them always
do, is a coroutine, where the thread of the other servers would be held for as long as Envoy runs
(ADR-0026). What is sent to whom, streams.py decides; what is in it, secrets.py. There is no TLS
here: whoever can connect can read the bundles, and who can get in between can replace them.
"""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Any, Final

import grpc
import grpc.aio

from authz.errors import TransportError
from authz.observability.log import RateLimit, get_logger
from authz.sds.loop import run_in_loop, sds_loop
from authz.sds.metrics import SdsMetrics
from authz.sds.secrets import SecretKind, SecretSet
from authz.sds.streams import MAX_NAMES, DeltaStream, StateOfTheWorldStream

if TYPE_CHECKING:
    from collections.abc import Callable

    from authz.sds.material import TrustMaterial
    from authz.sds.streams import Rejection, Response, Stream
    from authz.settings.addresses import ListenAddress

_SERVICE: Final = "/envoy.service.secret.v3.SecretDiscoveryService/"
#: The gRPC paths, written out because our protos have their own package.
STREAM_SECRETS: Final = _SERVICE + "StreamSecrets"
DELTA_SECRETS: Final = _SERVICE + "DeltaSecrets"
FETCH_SECRETS: Final = _SERVICE + "FetchSecrets"

#: Streams at once; each takes some 45 KB with a connection of its own, 27 KB on a shared one.
#: Envoy opens one for each secret that its listeners name.
MAX_STREAMS: Final = 10_000

#: The largest request: a delta client that reconnects names all that it has.
MAX_REQUEST_BYTES: Final = 1024 * 1024

#: Names that all streams of more than a few follow together, twice what one may. For each, a client
#: that does not read holds a secret here: of a name that nobody has, 1 KB that it need not even
#: know.
MAX_ALL_NAMES: Final = 2 * MAX_NAMES

#: A stream with so few is served whoever follows the rest, and takes nothing of it: Envoy's have
#: one. How many of them there are, MAX_STREAMS bounds.
FEW_NAMES: Final = 2

#: Names of which it is remembered that a warning was logged.
_MAX_WARNED: Final = 1024

#: Calls that have begun and that Python has not taken yet. By default grpcio ends some from 1,000
#: on, whosever they are, as in extauthz/transport/grpcio.py, which has the place in its source.
_MOST_PENDING: Final = 2 * MAX_STREAMS

#: Bytes of the headers of a call; from 8 KB on grpcio otherwise refuses some at random.
_MOST_METADATA: Final = 16 * 1024

_OPTIONS: Final = (
    ("grpc.so_reuseport", 0),
    ("grpc.server.max_pending_requests", _MOST_PENDING),
    ("grpc.server.max_pending_requests_hard_limit", _MOST_PENDING),
    ("grpc.max_metadata_size", _MOST_METADATA),
    ("grpc.absolute_max_metadata_size", _MOST_METADATA),
    ("grpc.max_receive_message_length", MAX_REQUEST_BYTES),
    # An Envoy whose machine is gone says nothing; its streams must end some time.
    ("grpc.keepalive_time_ms", 60_000),
    ("grpc.keepalive_timeout_ms", 20_000),
    ("grpc.keepalive_permit_without_calls", 1),
    ("grpc.http2.min_ping_interval_without_data_ms", 5000),
)


class SdsServer:
    """Serves the latest published trust material; until there is any, streams wait.

    Bound when it is made. `start`, `publish` and `stop` may be called from any thread.

    Args:
        listen: a TCP address; port 0 lets the system choose.
        crls: whether Envoy gets CRLs (`sds.crls`).
        max_streams: streams beyond are refused with RESOURCE_EXHAUSTED.
        max_names: so is a request after which the streams of more than a few names follow more
            than this together; what a stream follows already, it goes on to follow.
        clock: Unix seconds.

    Attributes:
        address: where it listens, with the actual port.
        metrics: what it counts.

    Raises:
        TransportError: the address cannot be bound.
    """

    def __init__(
        self,
        listen: ListenAddress,
        *,
        crls: bool = False,
        max_streams: int = MAX_STREAMS,
        max_names: int = MAX_ALL_NAMES,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.metrics = SdsMetrics()
        self._crls = crls
        self._max_streams = max_streams
        self._max_names = max_names
        self._names = 0
        self._clock = clock
        self._secrets: SecretSet | None = None
        self._stopping = False
        # An event for each open stream: "look again whether something is due".
        self._wakes: set[asyncio.Event] = set()
        self._warned: dict[str, str] = {}
        self._rejections_told = RateLimit(1.0)
        try:
            port = run_in_loop(self._open(str(listen)))
        except RuntimeError as error:
            raise _cannot_listen(listen, error) from error
        host = f"[{listen.host}]" if ":" in listen.host else listen.host
        self.address = f"{host}:{port}"
        if not listen.is_local:
            get_logger().warning(
                "SDS listens beyond this machine without TLS: "
                "whoever gets in between decides whom Envoy trusts",
                address=self.address,
            )

    def start(self) -> None:
        """Begin to answer."""
        run_in_loop(self._server.start())

    def publish(self, material: TrustMaterial, generation: int) -> None:
        """Serve this from now on: streams whose secrets it changes are sent it at once.

        Returns before they have it. After `stop` nobody is.
        """
        secrets = SecretSet(material, generation, crls=self._crls, at=self._clock())
        kinds: dict[str, int] = {}
        for name in secrets.names():
            kind = secrets.kind(name).value
            kinds[kind] = kinds.get(kind, 0) + 1
        sds_loop().call_soon_threadsafe(self._adopt, secrets, kinds)

    def stop(self, grace: float) -> None:
        """End every stream, wait for `grace` seconds at most, and close. Again is harmless.

        Envoy keeps the bundles that it has and tries to connect again.
        """
        run_in_loop(self._close(grace))

    # --- On the loop's thread from here on ---------------------------------------------------

    async def _open(self, target: str) -> int:
        # Made here: it belongs to the loop that runs.
        self._server = grpc.aio.server(options=_OPTIONS)
        self._server.add_generic_rpc_handlers((_Handlers(self),))
        return self._server.add_insecure_port(target)

    async def _close(self, grace: float) -> None:
        self._stopping = True
        self._wake_all()
        await self._server.stop(grace)

    def _adopt(self, secrets: SecretSet, kinds: dict[str, int]) -> None:
        self._secrets = secrets
        self.metrics.published(secrets.generation, kinds)
        self._wake_all()

    def _wake_all(self) -> None:
        for wake in self._wakes:
            wake.set()

    async def serve(self, stream: Stream, context: Any) -> None:
        """One stream, from its first request to its end."""
        if len(self._wakes) >= self._max_streams:
            self.metrics.refused()
            limit = f"there are {self._max_streams} streams already"
            await context.abort(grpc.StatusCode.RESOURCE_EXHAUSTED, limit)
        wake = asyncio.Event()
        reading = asyncio.ensure_future(self._read(stream, context, wake))
        reading.add_done_callback(lambda _: wake.set())
        self._wakes.add(wake)
        self.metrics.streams = len(self._wakes)
        try:
            while not (self._stopping or reading.done()):
                if response := self._due(stream):
                    self._count(stream.kind, response)
                    # Waits while Envoy does not read. What is published meanwhile is sent once,
                    # as it then is.
                    await context.write(response.data)
                else:
                    await wake.wait()
                    wake.clear()
            if reading.done() and (ended := reading.result()) is not None:
                await context.abort(*ended)
        finally:
            reading.cancel()
            self._names -= _counted(stream)
            self._wakes.discard(wake)
            self.metrics.streams = len(self._wakes)

    async def _read(
        self, stream: Stream, context: Any, wake: asyncio.Event
    ) -> tuple[grpc.StatusCode, str] | None:
        """Take requests until there are no more, or until one is no good: how it ends, and why."""
        while (data := await context.read()) is not grpc.aio.EOF:  # type: ignore[attr-defined] # not in the stubs
            before = _counted(stream)
            received = stream.receive(data)
            more = _counted(stream) - before
            self._names += more
            if received.problem:
                return grpc.StatusCode.INVALID_ARGUMENT, received.problem
            if more > 0 and self._names > self._max_names:
                self.metrics.refused()
                limit = f"more than {self._max_names} names on all streams of more than {FEW_NAMES}"
                return grpc.StatusCode.RESOURCE_EXHAUSTED, limit
            if received.rejection is not None:
                self._rejected(received.rejection)
            wake.set()
        return None

    def _rejected(self, rejection: Rejection) -> None:
        self.metrics.rejected()
        # Thousands of Envoys refuse the same bundle.
        suppressed = self._rejections_told.admit(time.monotonic())
        if suppressed is not None:
            get_logger().error(
                "Envoy refused a trust bundle and keeps the one it has",
                node=rejection.node,
                secrets=rejection.names[:10],
                nonce=rejection.nonce,
                reason=rejection.message,
                suppressed=suppressed,
            )

    async def fetch(self, data: bytes, context: Any) -> bytes:
        """The answer to one DiscoveryRequest, without a stream."""
        stream = StateOfTheWorldStream()
        received = stream.receive(data)
        if received.problem:
            await context.abort(grpc.StatusCode.INVALID_ARGUMENT, received.problem)
        if self._secrets is None:
            await context.abort(grpc.StatusCode.UNAVAILABLE, "nothing is published yet")
        response = self._due(stream)
        if response is None:
            await context.abort(grpc.StatusCode.INVALID_ARGUMENT, "the request names no secret")
            raise AssertionError  # abort does not return
        self._count("fetch", response)
        return response.data

    def _due(self, stream: Stream) -> Response | None:
        return None if self._secrets is None else stream.due(self._secrets)

    def _count(self, kind: str, response: Response) -> None:
        self.metrics.updated(kind)
        for secret in response.secrets:
            if secret.kind is SecretKind.TRUST:
                self._warned.pop(secret.name, None)
            elif self._warned.get(secret.name) != secret.why and len(self._warned) < _MAX_WARNED:
                self._warned[secret.name] = secret.why
                get_logger().warning(_WARNINGS[secret.kind], secret=secret.name, reason=secret.why)


_WARNINGS: Final = {
    SecretKind.NOBODY: "Envoy asks for a trust bundle that is empty: "
    "it gets one that nobody can satisfy",
    SecretKind.WITHOUT_CRLS: "Envoy gets a trust bundle without CRLs",
}


class _Handlers(grpc.GenericRpcHandler):  # type: ignore[type-arg] # not generic at run time
    """Finds the handler of a method path; what it does not know is UNIMPLEMENTED."""

    def __init__(self, server: SdsServer) -> None:
        async def stream_secrets(_: Any, context: Any) -> None:
            await server.serve(StateOfTheWorldStream(), context)

        async def delta_secrets(_: Any, context: Any) -> None:
            await server.serve(DeltaStream(), context)

        self._methods: dict[str, Any] = {
            STREAM_SECRETS: grpc.stream_stream_rpc_method_handler(stream_secrets),
            DELTA_SECRETS: grpc.stream_stream_rpc_method_handler(delta_secrets),
            FETCH_SECRETS: grpc.unary_unary_rpc_method_handler(server.fetch),
        }

    def service(self, handler_call_details: grpc.HandlerCallDetails) -> Any:
        return self._methods.get(handler_call_details.method)


def _counted(stream: Stream) -> int:
    """How many of a stream's names count towards those of all together."""
    return stream.names if stream.names > FEW_NAMES else 0


def _cannot_listen(listen: ListenAddress, error: Exception) -> TransportError:
    # grpcio goes on with advice about its own debug output.
    what = str(error).partition(";")[0]
    return TransportError(
        f"cannot listen on {listen} for SDS: {what}",
        hint="is another process listening there, or does the address belong to another machine? "
        "(sds.listen in authz.yaml)",
    )
