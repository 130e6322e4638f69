# SPDX-License-Identifier: Apache-2.0
"""The floods at other forms of the service: a port with TLS, with client certificates, and workers.

Of several workers each has a port, and each port is flooded; somebody asks at every one meanwhile.
With TLS the floods come from whoever shakes hands, and there are floods of handshakes.
"""

from __future__ import annotations

import contextlib
import socket
import ssl
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import grpc
import pytest
import yaml

from authz.demo.pki import Issued, make_root
from tests.attack import frames
from tests.attack.flooding import GROWTH, Flood, Flooded, Tls, counted
from tests.attack.frames import NAME, STALLED, Connection, sent, streams
from tests.integration.asking import PROTECTED
from tests.integration.harness import Node

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path

pytestmark = pytest.mark.attack


@dataclass(frozen=True, kw_only=True)
class Form:
    """How a service is set up."""

    name: str
    transport: str
    workers: int = 1
    tls: bool = False
    mutual: bool = False


FORMS: Final = (
    Form(name="grpcio, TLS", transport="grpcio", tls=True),
    Form(name="grpcio, client certificates", transport="grpcio", tls=True, mutual=True),
    Form(name="native, 2 workers", transport="native", workers=2),
    Form(name="grpcio, 2 workers", transport="grpcio", workers=2),
)
ENCRYPTED: Final = pytest.mark.parametrize(
    "form",
    [one for one in FORMS if one.tls],
    indirect=True,
    scope="module",
    ids=lambda one: one.name,
)


@pytest.fixture(scope="module", params=FORMS, ids=lambda one: one.name)
def form(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Flooded]:
    """A node of each form, for all floods of a module."""
    wanted: Form = request.param
    directory = tmp_path_factory.mktemp("form")
    settings: dict[str, Any] = {
        "transport": wanted.transport,
        "workers": wanted.workers,
        "port_per_worker": wanted.workers > 1,
    }
    tls = None
    if wanted.tls:
        tls, settings["tls"] = _tls(directory, mutual=wanted.mutual)
    config = directory / "authz.yaml"
    config.write_text(yaml.safe_dump({"grpc": settings}), encoding="utf-8")
    node = Node(directory, "--config", str(config), policy=PROTECTED)
    try:
        node.until_serving()
        assert len(node.addresses) == wanted.workers
        yield Flooded(node, wanted.transport, kind=wanted.name, tls=tls)
    finally:
        node.destroy()


def _tls(directory: Path, *, mutual: bool) -> tuple[Tls, dict[str, str]]:
    """How to get through, and the settings of the port."""
    authority = make_root("Inner CA", at=time.time())
    names = {"inner-ca": authority, "authz": authority.server(NAME)}
    files = {"certificate": "authz.crt", "key": "authz.key"}
    client: Issued | None = None
    if mutual:
        client = names["envoy"] = authority.client("envoy")
        files["client_ca"] = "inner-ca.crt"
    for name, issued in names.items():
        (directory / f"{name}.crt").write_bytes(issued.chain_pem)
        (directory / f"{name}.key").write_bytes(issued.key_pem)
    context = _context(directory)
    strangers = []
    if mutual:
        strangers = [_context(directory), _context(directory)]
        other = make_root("Other CA", at=time.time()).client("stranger")
        (directory / "stranger.pem").write_bytes(other.chain_pem + other.key_pem)
        strangers[1].load_cert_chain(directory / "stranger.pem")
        context.load_cert_chain(directory / "envoy.crt", directory / "envoy.key")
    asking = grpc.ssl_channel_credentials(
        authority.pem,
        None if client is None else client.key_pem,
        None if client is None else client.chain_pem,
    )
    return Tls(frames=context, asking=asking, strangers=tuple(strangers)), files


def _context(directory: Path) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=str(directory / "inner-ca.crt"))
    context.set_alpn_protocols(["h2"])
    return context


def _flooded(form: Flooded, flood: Flood, parts: Callable[[], Iterable[bytes]], **how: Any) -> None:
    """Each of its ports by as much."""
    tls = form.tls and form.tls.frames
    for address in form.addresses:
        flood.times += sent(address, parts(), tls=tls, **how)


# --- frames --------------------------------------------------------------------------------------


def test_rapid_reset(form: Flooded) -> None:
    head = frames.block()
    each = counted(40_000)
    with form.flood("HEADERS, RST_STREAM") as flood:
        _flooded(
            form,
            flood,
            lambda: (frames.headers(one, head) + frames.reset(one) for one in streams(each)),
        )


@pytest.mark.parametrize("kind", ["PING", "SETTINGS"])
@pytest.mark.parametrize("reads", [True, False])
def test_frames_of_the_connection(form: Flooded, kind: str, reads: bool) -> None:
    """From somebody who takes what it answers, and from somebody who does not."""
    part = frames.ping() if kind == "PING" else frames.settings()
    count = counted(200_000)
    what = kind if reads else f"{kind}, answers not read"
    with form.flood(what) as flood:
        _flooded(form, flood, lambda: [part] * count, reads=reads, together=500)


# --- connections ---------------------------------------------------------------------------------


def test_many_connections(form: Flooded) -> None:
    """Silent ones and such as have said hello, all at once."""
    count = counted(2_000)
    # 16 KB each were measured without TLS (ADR-0042).
    growth = GROWTH + len(form.addresses) * count * 120 // 1000
    with form.flood("idle connections", growth=growth) as flood, contextlib.ExitStack() as stack:
        for turn in range(count):
            for address in form.addresses:
                stack.enter_context(form.connect(address, reads=False, hello=turn % 2 == 0))
                flood.times += 1


def test_connections_that_come_and_go(form: Flooded) -> None:
    """Each asks one thing and does not wait for the answer."""
    ask = frames.headers(1, frames.block()) + frames.data(1, frames.message(), last=True)
    with form.flood("connections that come and go") as flood:
        for _ in range(counted(2_000)):
            for address in form.addresses:
                with form.connect(address, reads=False) as one:
                    flood.times += one.send(ask)


def test_headers_a_byte_at_a_time(form: Flooded) -> None:
    """Of many at once, and all but the last byte; with TLS each in a record of its own."""
    head = frames.headers(1, frames.block())
    with form.flood("a headers byte at a time") as flood, contextlib.ExitStack() as stack:
        slow = [
            stack.enter_context(form.connect(address, reads=False))
            for _ in range(counted(300))
            for address in form.addresses
        ]
        for at in range(len(head) - 1):
            flood.times += sum(one.send(head[at : at + 1]) for one in slow)


# --- handshakes ----------------------------------------------------------------------------------


def _hello() -> bytes:
    """A ClientHello, as OpenSSL writes it."""
    outgoing = ssl.MemoryBIO()
    tls = ssl.create_default_context().wrap_bio(ssl.MemoryBIO(), outgoing, server_hostname=NAME)
    with contextlib.suppress(ssl.SSLWantReadError):
        tls.do_handshake()
    return outgoing.read()


def _plain(form: Flooded) -> socket.socket:
    host, _, port = form.address.rpartition(":")
    return socket.create_connection((host, int(port)), STALLED)


@ENCRYPTED
@pytest.mark.parametrize("part", ["nothing", "half", "all"])
def test_handshakes_that_are_begun(form: Flooded, part: str) -> None:
    """And held open: nothing is sent, half of the ClientHello, or all of it and then no more."""
    hello = _hello()
    octets = {"nothing": b"", "half": hello[: len(hello) // 2], "all": hello}[part]
    count = counted(2_000)
    growth = GROWTH + count * 120 // 1000
    what = f"handshakes that are begun, {part} of the ClientHello"
    with form.flood(what, growth=growth) as flood, contextlib.ExitStack() as stack:
        for _ in range(count):
            one = stack.enter_context(_plain(form))
            one.sendall(octets)
            flood.times += 1


@ENCRYPTED
def test_a_client_hello_a_byte_at_a_time(form: Flooded) -> None:
    hello = _hello()
    with form.flood("a ClientHello byte at a time") as flood, contextlib.ExitStack() as stack:
        slow = [stack.enter_context(_plain(form)) for _ in range(counted(300))]
        for at in range(len(hello) - 1):
            for one in slow:
                one.sendall(hello[at : at + 1])
                flood.times += 1


@ENCRYPTED
def test_handshakes_that_fail(form: Flooded) -> None:
    """HTTP/2 without TLS; where a certificate is asked for, none and a stranger's: no answer."""
    assert form.tls is not None
    ask = frames.headers(1, frames.block()) + frames.data(1, frames.message(), last=True)
    with form.flood("handshakes that fail") as flood:
        for _ in range(counted(2_000)):
            for tls in (None, *form.tls.strangers):
                # TLS 1.3 lets a client think that it is through, before it is refused.
                with contextlib.suppress(OSError), Connection(form.address, tls=tls) as one:
                    one.send(ask)
                    one.settle()
                    flood.wrong += bool(one.messages or one.ended)
                flood.times += 1
