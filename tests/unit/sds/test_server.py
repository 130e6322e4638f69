# SPDX-License-Identifier: Apache-2.0
"""The server: what clients of grpcio get from it, and when it ends their streams."""

from __future__ import annotations

import contextlib
import json
import queue
import threading
import time
from typing import TYPE_CHECKING, Any

import grpc
import pytest

from authz.certs.nobody import nobody_certificate
from authz.errors import TransportError
from authz.pb import secret_pb2 as pb
from authz.pb.core_pb2 import Status
from authz.sds.server import (
    DELTA_SECRETS,
    FETCH_SECRETS,
    MAX_REQUEST_BYTES,
    STREAM_SECRETS,
    SdsServer,
)
from authz.settings.addresses import ListenAddress
from tests.factories.pki import AT, root
from tests.factories.trust_material import bundle, crls, material, of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from authz.sds.material import TrustMaterial

#: How long a test waits for what should happen at once.
PATIENCE = 10.0
LOOPBACK = ListenAddress(host="127.0.0.1", port=0)
FIRST = material(api=of())
SECOND = material(api=of(root("Other CA")))


def wait_for(condition: Callable[[], bool]) -> None:
    until = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < until, "it did not happen"
        time.sleep(0.002)


@contextlib.contextmanager
def running(listen: ListenAddress = LOOPBACK, **options: Any) -> Iterator[SdsServer]:
    server = SdsServer(listen, **{"clock": lambda: AT, **options})
    server.start()
    try:
        yield server
    finally:
        server.stop(0)


class Client:
    """One stream of a client that says what it is told to."""

    def __init__(self, channel: grpc.Channel, path: str = STREAM_SECRETS) -> None:
        self._requests: queue.Queue[bytes | None] = queue.Queue()
        call: Any = channel.stream_stream(path)
        self.call = call(iter(self._requests.get, None), timeout=PATIENCE)
        self._delta = path == DELTA_SECRETS

    def send(self, request: Any) -> None:
        data = request if isinstance(request, bytes) else request.SerializeToString()
        self._requests.put(data)

    def ask(self, *names: str, nonce: str = "", error: str = "") -> None:
        kind = pb.DeltaDiscoveryRequest if self._delta else pb.DiscoveryRequest
        field = "resource_names_subscribe" if self._delta else "resource_names"
        request: Any = kind(response_nonce=nonce, **{field: names})
        if error:
            request.error_detail.CopyFrom(Status(code=13, message=error))
        self.send(request)

    def done(self) -> None:
        self._requests.put(None)

    def next(self) -> Any:
        data = next(self.call)
        kind = pb.DeltaDiscoveryResponse if self._delta else pb.DiscoveryResponse
        return kind.FromString(data)

    def next_secret(self) -> bytes:
        """The only secret of the next response."""
        (resource,) = self.next().resources
        return bytes(resource.resource.value if self._delta else resource.value)

    def ends(self) -> tuple[grpc.StatusCode, str]:
        with contextlib.suppress(grpc.RpcError):
            assert list(self.call) == []
        return self.call.code(), self.call.details()


@pytest.fixture
def server() -> Iterator[SdsServer]:
    with running() as server:
        yield server


@pytest.fixture
def channel(server: SdsServer) -> Iterator[grpc.Channel]:
    with grpc.insecure_channel(server.address) as channel:
        yield channel


@pytest.mark.parametrize("path", [STREAM_SECRETS, DELTA_SECRETS])
def test_a_publication_reaches_the_streams_that_it_concerns(
    path: str, server: SdsServer, channel: grpc.Channel
) -> None:
    other = material(api=of(), other=of(root("Other CA"), name="other"))
    server.publish(FIRST, 1)
    client = Client(channel, path)
    client.ask("trust/api")
    assert bundle(client.next_secret()) == (root().der,)

    server.publish(other, 2)
    server.publish(SECOND, 3)

    # The second of the three did not change it.
    assert bundle(client.next_secret()) == (root("Other CA").der,)
    kind = "sotw" if path == STREAM_SECRETS else "delta"
    assert server.metrics.export()["updates"] == [[kind, 2]]
    client.done()


def test_a_stream_waits_for_the_first_publication(server: SdsServer, channel: grpc.Channel) -> None:
    client = Client(channel)
    client.ask("trust")
    wait_for(lambda: server.metrics.streams == 1)
    assert server.metrics.export()["updates"] == []

    server.publish(FIRST, 1)

    assert bundle(client.next_secret()) == (root().der,)


def test_any_thread_may_publish(server: SdsServer, channel: grpc.Channel) -> None:
    client = Client(channel)
    client.ask("trust")

    publisher = threading.Thread(target=server.publish, args=(FIRST, 9))
    publisher.start()

    assert client.next().version_info.startswith("9.")
    publisher.join()
    assert server.metrics.export()["generation"] == 9
    assert server.metrics.export()["secrets"] == [["trust", 2]]


def test_a_refusal_is_counted_and_logged_with_the_clients_words(
    server: SdsServer, channel: grpc.Channel, capsys: pytest.CaptureFixture[str]
) -> None:
    server.publish(FIRST, 1)
    client = Client(channel)
    client.send(pb.DiscoveryRequest(resource_names=["trust"], node=pb.Node(id="e1", cluster="c")))
    nonce = client.next().nonce

    for _ in range(2):
        client.ask("trust", nonce=nonce, error="Failed to load trusted CA certificates")

    wait_for(lambda: server.metrics.export()["rejections"] == 2)
    line, *_ = map(json.loads, capsys.readouterr().err.splitlines())
    assert line["level"] == "error"
    assert line["node"] == "c/e1"
    assert line["secrets"] == ["trust"]
    assert line["reason"] == "Failed to load trusted CA certificates"
    # Not sent again, but what comes next is.
    server.publish(SECOND, 2)
    assert bundle(client.next_secret()) == (root("Other CA").der,)
    assert server.metrics.export()["updates"] == [["sotw", 2]]


def warnings_of(captured: pytest.CaptureFixture[str]) -> list[tuple[str, str]]:
    lines = map(json.loads, captured.readouterr().err.splitlines())
    return [(line["secret"], line["reason"]) for line in lines if line["level"] == "warning"]


def test_who_asks_for_an_unknown_name_is_told_nothing_and_the_operator_once(
    server: SdsServer, channel: grpc.Channel, capsys: pytest.CaptureFixture[str]
) -> None:
    server.publish(FIRST, 1)
    for _ in range(3):
        client = Client(channel)
        client.ask("trust/new")
        assert bundle(client.next_secret()) == (nobody_certificate(),)
    assert warnings_of(capsys) == [("trust/new", "no site has this name")]

    # It comes to exist, and goes.
    server.publish(material(new=of()), 2)
    assert bundle(client.next_secret()) == (root().der,)
    server.publish(material(new=()), 3)
    assert bundle(client.next_secret()) == (nobody_certificate(),)
    assert ("trust/new", "the site trusts no authority") in warnings_of(capsys)


def test_names_that_are_warned_of_are_few(
    server: SdsServer,
    channel: grpc.Channel,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("authz.sds.server._MAX_WARNED", 2)
    server.publish(FIRST, 1)
    client = Client(channel)
    client.ask("trust/1", "trust/2", "trust/3")
    assert len(client.next().resources) == 3

    assert [name for name, _ in warnings_of(capsys)] == ["trust/1", "trust/2"]


def test_crls_are_sent_where_they_are_wanted(capsys: pytest.CaptureFixture[str]) -> None:
    crl = root().crl().der
    with running(crls=True) as server, grpc.insecure_channel(server.address) as channel:
        server.publish(material(api=of(root(), crls=(crl,))), 1)
        client = Client(channel)
        client.ask("trust")
        secret = client.next_secret()
        assert (bundle(secret), crls(secret)) == ((root().der,), (crl,))

        server.publish(material(api=of()), 2)
        secret = client.next_secret()
        assert (bundle(secret), crls(secret)) == ((root().der,), ())
        missing = "there is no complete and current CRL of 'CN=Test Root CA'"
        assert warnings_of(capsys) == [("trust", missing)]


def test_bytes_that_are_no_request_end_the_stream(server: SdsServer, channel: grpc.Channel) -> None:
    client = Client(channel)
    client.send(b"\xff\xff")

    expected = (grpc.StatusCode.INVALID_ARGUMENT, "the request is no DiscoveryRequest")
    assert client.ends() == expected
    wait_for(lambda: server.metrics.streams == 0)


def test_a_request_has_a_limit(server: SdsServer, channel: grpc.Channel) -> None:
    client = Client(channel)
    client.send(b"\0" * (MAX_REQUEST_BYTES + 1))

    code, _ = client.ends()
    assert code is grpc.StatusCode.RESOURCE_EXHAUSTED
    wait_for(lambda: server.metrics.streams == 0)


def test_streams_beyond_the_limit_are_refused() -> None:
    with (
        running(max_streams=2) as server,
        grpc.insecure_channel(server.address) as channel,
    ):
        server.publish(FIRST, 1)
        clients = [Client(channel) for _ in range(2)]
        for client in clients:
            client.ask("trust")
            client.next()

        code, details = Client(channel).ends()
        assert code is grpc.StatusCode.RESOURCE_EXHAUSTED
        assert details == "there are 2 streams already"
        assert server.metrics.export()["refused"] == 1

        # One that ends makes room.
        clients[0].done()
        assert clients[0].ends() == (grpc.StatusCode.OK, "")
        wait_for(lambda: server.metrics.streams == 1)
        another = Client(channel)
        another.ask("trust")
        another.next()


def test_names_beyond_what_all_streams_may_follow_are_refused() -> None:
    with (
        running(max_names=3) as server,
        grpc.insecure_channel(server.address) as channel,
    ):
        server.publish(FIRST, 1)
        first = Client(channel)
        first.ask("trust", "trust/a", "trust/b")
        first.next()
        # As Envoy asks: it is served all the same.
        envoy = Client(channel)
        envoy.ask("trust")
        envoy.next()
        envoy.done()
        assert envoy.ends() == (grpc.StatusCode.OK, "")
        wait_for(lambda: server.metrics.streams == 1)
        second = Client(channel)
        second.ask("trust", "trust/a", "trust/c")

        assert second.ends() == (
            grpc.StatusCode.RESOURCE_EXHAUSTED,
            "more than 3 names on all streams of more than 2",
        )
        assert server.metrics.export()["refused"] == 1
        # What it named counts no more, nor what the first one names no more.
        wait_for(lambda: server.metrics.streams == 1)
        first.done()
        assert first.ends() == (grpc.StatusCode.OK, "")
        wait_for(lambda: server.metrics.streams == 0)
        third = Client(channel)
        third.ask("trust", "trust/b", "trust/c")
        third.next()


@pytest.mark.parametrize("path", [STREAM_SECRETS, DELTA_SECRETS])
def test_streams_of_few_names_take_nothing_of_what_the_others_may_follow(path: str) -> None:
    with (
        running(max_names=4) as server,
        grpc.insecure_channel(server.address) as channel,
    ):
        server.publish(FIRST, 1)
        first = Client(channel, path)
        first.ask("trust", "trust/a", "trust/b")
        first.next()
        others = [Client(channel, path) for _ in range(4)]
        for other in others:
            other.ask("trust", "trust/a")
            other.next()

        # An ACK, and what is published next.
        names = () if path == DELTA_SECRETS else ("trust", "trust/a", "trust/b")
        first.ask(*names, nonce="1")
        server.publish(SECOND, 2)
        assert first.next().nonce == "2"
        for other in others:
            assert other.next().nonce == "2"
        # Another one of more names is within the limit as long as it stays.
        first.done()
        assert first.ends() == (grpc.StatusCode.OK, "")
        wait_for(lambda: server.metrics.streams == len(others))
        again = Client(channel, path)
        again.ask("trust", "trust/b", "trust/c")
        again.next()
        assert server.metrics.export()["refused"] == 0

        # One of few that grows counts from then on with all of its names.
        names = ("trust/x",) if path == DELTA_SECRETS else ("trust", "trust/a", "trust/x")
        others[0].ask(*names, nonce="2")
        assert others[0].ends()[0] is grpc.StatusCode.RESOURCE_EXHAUSTED
        assert server.metrics.export()["refused"] == 1


def test_a_stream_that_is_served_goes_on_when_others_ask_for_too_much() -> None:
    with (
        running(max_names=3) as server,
        grpc.insecure_channel(server.address) as channel,
    ):
        server.publish(FIRST, 1)
        first = Client(channel)
        first.ask("trust", "trust/a", "trust/b")
        first.next()
        # As if another stream's names were there, in the moment before it is ended.
        server._names += 3
        first.ask("trust", "trust/a", "trust/b", nonce="1")
        first.ask("trust", "trust/a", "trust/c", nonce="1")
        assert len(first.next().resources) == 3
        first.ask("trust", nonce="2")
        wait_for(lambda: server._names == 3)
        assert server.metrics.export()["refused"] == 0


def test_many_streams_need_no_thread_each(server: SdsServer, channel: grpc.Channel) -> None:
    server.publish(FIRST, 1)
    first = Client(channel)
    first.ask("trust")
    first.next()

    def threads_of_ours() -> int:
        # The clients of this test have one each.
        names = [thread.name for thread in threading.enumerate()]
        return sum(name.startswith("authz-sds") for name in names)

    before = threads_of_ours()
    clients = [Client(channel) for _ in range(100)]
    for client in clients:
        client.ask("trust")
    for client in clients:
        client.next()

    assert server.metrics.streams == 101
    assert threads_of_ours() == before == 1
    for client in clients:
        client.call.cancel()
    wait_for(lambda: server.metrics.streams == 1)


def test_stopping_ends_every_stream_without_waiting_for_the_grace() -> None:
    with running() as server, grpc.insecure_channel(server.address) as channel:
        server.publish(FIRST, 1)
        clients = [Client(channel), Client(channel)]
        clients[0].ask("trust")
        clients[0].next()
        wait_for(lambda: server.metrics.streams == 2)

        start = time.monotonic()
        server.stop(PATIENCE)

        assert time.monotonic() - start < PATIENCE / 2
        assert [client.ends()[0] for client in clients] == [grpc.StatusCode.OK] * 2
        assert server.metrics.streams == 0
        server.stop(0)
        server.publish(SECOND, 2)


class TestFetch:
    def fetch(self, channel: grpc.Channel, request: Any) -> pb.DiscoveryResponse:
        call: Any = channel.unary_unary(FETCH_SECRETS)
        data = request if isinstance(request, bytes) else request.SerializeToString()
        return pb.DiscoveryResponse.FromString(call(data, timeout=PATIENCE))

    def test_a_request_without_a_stream_is_answered_at_once(
        self, server: SdsServer, channel: grpc.Channel
    ) -> None:
        server.publish(FIRST, 4)

        response = self.fetch(channel, pb.DiscoveryRequest(resource_names=["trust", "trust/api"]))

        assert response.version_info.startswith("4.")
        assert [bundle(one.value) for one in response.resources] == [(root().der,)] * 2
        assert server.metrics.export()["updates"] == [["fetch", 1]]
        assert server.metrics.streams == 0

    @pytest.mark.parametrize(
        ("published", "request_", "code", "details"),
        [
            (None, pb.DiscoveryRequest(resource_names=["trust"]), "UNAVAILABLE", "nothing is"),
            (FIRST, pb.DiscoveryRequest(), "INVALID_ARGUMENT", "the request names no secret"),
            (FIRST, b"\xff", "INVALID_ARGUMENT", "the request is no DiscoveryRequest"),
        ],
    )
    def test_otherwise_it_is_refused(
        self,
        server: SdsServer,
        channel: grpc.Channel,
        published: TrustMaterial | None,
        request_: Any,
        code: str,
        details: str,
    ) -> None:
        if published is not None:
            server.publish(published, 1)

        with pytest.raises(grpc.RpcError) as raised:
            self.fetch(channel, request_)

        error: Any = raised.value
        assert error.code() is grpc.StatusCode[code]
        assert error.details().startswith(details)


def test_other_methods_and_reflection_are_unimplemented(channel: grpc.Channel) -> None:
    for path in (
        "/envoy.service.secret.v3.SecretDiscoveryService/Other",
        "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo",
    ):
        client = Client(channel, path)
        client.done()
        assert client.ends()[0] is grpc.StatusCode.UNIMPLEMENTED


def test_the_system_chooses_a_port_and_an_address_that_is_taken_is_refused(
    server: SdsServer,
) -> None:
    host, _, port = server.address.rpartition(":")
    assert host == "127.0.0.1"
    assert int(port) > 0

    with pytest.raises(TransportError) as raised:
        SdsServer(ListenAddress(host=host, port=int(port)))

    assert raised.value.message.startswith(f"cannot listen on {server.address} for SDS: ")
    assert "GRPC_VERBOSITY" not in raised.value.message
    assert raised.value.hint is not None
    assert "another process" in raised.value.hint


def test_an_ipv6_address_is_written_with_brackets(capsys: pytest.CaptureFixture[str]) -> None:
    with running(ListenAddress(host="::1", port=0)) as server:
        assert server.address.startswith("[::1]:")
        assert capsys.readouterr().err == ""


def test_listening_beyond_this_machine_is_warned_of(capsys: pytest.CaptureFixture[str]) -> None:
    with running(ListenAddress(host="0.0.0.0", port=0)):
        assert "without TLS" in capsys.readouterr().err
