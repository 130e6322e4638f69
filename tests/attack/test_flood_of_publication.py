# SPDX-License-Identifier: Apache-2.0
"""The port that serves CRLs and answers OCSP, plain HTTP for everybody, is flooded.

Checks are answered meanwhile, and so is whoever asks that port for a CRL and about a certificate;
what the control process takes has a bound.
"""

from __future__ import annotations

import base64
import contextlib
import http.client
import itertools
import socket
from typing import TYPE_CHECKING, Final
from urllib.parse import quote

import pytest

from authz.ca import encode
from authz.ca.ocsp import MAX_REQUEST_BYTES
from authz.certs.certificate import Certificate
from authz.certs.ocsp import build_request
from authz.node.control.publication import LIMITS
from authz.store.engine import open_store
from tests.attack.flooded_control import Fetching, FloodedControl
from tests.attack.flooding import DEADLINE, counted
from tests.factories.ocsp import question
from tests.factories.populated import World
from tests.integration.asking import PROTECTED
from tests.integration.harness import eventually
from tests.integration.members import Member

if TYPE_CHECKING:
    from collections.abc import Iterator


pytestmark = pytest.mark.attack

#: As many as can be held open, and those that come on top.
CONNECTIONS: Final = LIMITS.connections


class Published(FloodedControl):
    """A node that publishes."""

    def __init__(self, node: Member, crl: str, issuer: Certificate, client: Certificate) -> None:
        super().__init__(node, "publication", node.control_process().pid)
        self.port = node.address("publication")
        self.crl = crl
        self.issuer = issuer
        self.question = build_request(client, issuer)

    def fetching(self) -> Verifying:
        """One who verifies certificates."""
        return Verifying(self)

    def open(self) -> socket.socket:
        """A connection to the port that is flooded."""
        host, _, port = self.port.rpartition(":")
        return socket.create_connection((host, int(port)), DEADLINE)


class Verifying(Fetching):
    """Fetches a CRL and asks about a certificate in turn, as one who verifies does."""

    def __init__(self, flooded: Published) -> None:
        super().__init__()
        self._flooded = flooded

    def fetch(self) -> None:
        """Both, one after the other."""
        for method, path, body in (
            ("GET", self._flooded.crl, None),
            ("POST", "/ocsp", self._flooded.question),
        ):
            connection = http.client.HTTPConnection(self._flooded.port, timeout=DEADLINE)
            try:
                connection.request(method, path, body)
                response = connection.getresponse()
                told = response.read()
                if response.status != 200 or len(told) < 100:
                    self.wrong.append(f"{path}: {response.status}, {told[:100]!r}")
            except (OSError, http.client.HTTPException) as error:
                self.unanswered.append(f"{path}: {error!r}")
            finally:
                connection.close()


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Published]:
    """One node for all floods of the module."""
    directory = tmp_path_factory.mktemp("published")
    (directory / "data").mkdir(mode=0o700)
    world = World(open_store("sqlite", directory / "data"))
    world.protect("published.example.com")
    client = Certificate.from_der(world.issue().certificate.der)
    with world.store.read() as session:
        issuing = next(one for one in session.authorities.certificates() if one.key_id)
    world.store.close()
    key = directory / "key"
    key.write_bytes(bytes(range(32)))
    key.chmod(0o600)
    (directory / "policy.yaml").write_text(PROTECTED)
    settings = {
        "publication": {"listen": "127.0.0.1:0"},
        "keys": {"key_file": str(key)},
        "policy": str(directory / "policy.yaml"),
    }
    node = Member(directory, "sqlite", **settings)
    try:
        node.until_serving()
        crl = f"/crl/{issuing.id}.crl"
        one = Published(node, crl, Certificate.from_der(issuing.der), client)
        with one.fetching() as fetching:
            # Until its first CRL is signed there is none.
            eventually(lambda: fetching.times > len(fetching.wrong), "it publishes")
        yield one
    finally:
        node.destroy()


def test_idle_connections(published: Published) -> None:
    with published.flooded("idle connections") as flood, contextlib.ExitStack() as stack:
        for _ in range(max(2 * CONNECTIONS, counted(5_000))):
            stack.enter_context(published.open())
            flood.times += 1


@pytest.mark.parametrize("part", [pytest.param("headers", marks=pytest.mark.acceptance), "body"])
def test_a_byte_at_a_time(published: Published, part: str) -> None:
    """Of as many as there may be, more than may be held, and all but the last byte."""
    head = b"POST /ocsp HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n" % len(published.question)
    at_once, slowly = (b"", head) if part == "headers" else (head, published.question)
    with published.flooded(f"a {part} byte at a time") as flood, contextlib.ExitStack() as stack:
        slow = [
            stack.enter_context(published.open())
            for _ in range(max(CONNECTIONS + 16, counted(500)))
        ]
        for at in range(-1, min(len(slowly) - 1, max(20, counted(1_000)))):
            octets = at_once if at < 0 else slowly[at : at + 1]
            flood.times += sum(_sent(one, octets) for one in slow)


@pytest.mark.acceptance
def test_answers_that_nobody_reads(published: Published) -> None:
    ask = b"GET %b HTTP/1.1\r\n\r\n" % published.crl.encode()
    with published.flooded("answers that nobody reads") as flood, contextlib.ExitStack() as stack:
        for _ in range(max(2 * CONNECTIONS, counted(5_000))):
            flood.times += _sent(stack.enter_context(published.open()), ask)


@pytest.mark.parametrize(
    ("what", "request_"),
    [
        ("a header of 1 MB", b"GET / HTTP/1.1\r\nX: " + b"a" * 2**20),
        ("a hundred thousand headers", b"GET / HTTP/1.1\r\n" + b"A: b\r\n" * 100_000),
        ("a target of 1 MB", b"GET /" + b"a" * 2**20),
        (
            "a body of 1 TB that is announced",
            b"POST /ocsp HTTP/1.1\r\nContent-Length: 1000000000000\r\n\r\n" + b"a" * 2**20,
        ),
        (
            "a length of ten thousand digits",
            b"POST /ocsp HTTP/1.1\r\nContent-Length: " + b"9" * 10_000 + b"\r\n\r\n",
        ),
        (
            "a body in chunks",
            b"POST /ocsp HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n"
            + b"ffff\r\n" * 2
            + b"a" * 2**20,
        ),
        ("requests in a pipeline", b"GET /crl/a.crl HTTP/1.1\r\nHost: a\r\n\r\n" * 10_000),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_large_requests(published: Published, what: str, request_: bytes) -> None:
    with published.flooded(what) as flood:
        for _ in range(counted(1_000)):
            with published.open() as one:
                _sent(one, request_)
                flood.times += 1
                # One answer at most, none where it was cut off, and the connection ends.
                flood.wrong += _until_closed(one).count(b"HTTP/1.0 ") > 1


def _bombs(published: Published) -> dict[str, bytes]:
    nested = b""
    while len(nested) < MAX_REQUEST_BYTES - 100:
        nested = encode.sequence(nested)
    asked = question(published.issuer, 5)
    # OCSPRequest → tbsRequest → requestList → the Request.
    inner = asked
    for _ in range(3):
        inner = inner[2:] if inner[1] < 0x80 else inner[2 + (inner[1] & 0x7F) :]
    many = encode.sequence(encode.sequence(encode.sequence(inner * 150)))
    return {
        "OCSP requests that are nested": nested,
        "OCSP requests about many": many,
        "OCSP requests of a length that lies": b"\x30\x84\xff\xff\xff\xff" + asked,
        "OCSP requests of an endless length": b"\x30\x80" * 8_000,
        "OCSP requests that are too large": asked + b"\0" * 48_000,
    }


@pytest.mark.parametrize("number", range(5))
def test_ocsp_requests_that_are_bombs(published: Published, number: int) -> None:
    what, der = list(_bombs(published).items())[number]
    with published.flooded(what) as flood:
        for turn in range(counted(4_000)):
            status, answer = _ask(published, der, by_get=turn % 2 == 1)
            flood.times += 1
            # Malformed (1), and nothing is said of anything; or too long for a line of HTTP.
            flood.wrong += (status, answer) != (200, b"\x30\x03\x0a\x01\x01") and status != 414


@pytest.mark.acceptance
def test_ocsp_requests_of_which_each_is_another(published: Published) -> None:
    """Answers to GET are remembered for who asks the same."""
    with published.flooded("OCSP requests of which each is another") as flood:
        for serial in itertools.islice(itertools.count(1), counted(4_000)):
            status, _ = _ask(published, question(published.issuer, serial), by_get=True)
            flood.times += 1
            flood.wrong += status != 200


def _ask(published: Published, der: bytes, *, by_get: bool) -> tuple[int, bytes]:
    connection = http.client.HTTPConnection(published.port, timeout=DEADLINE)
    try:
        if by_get:
            connection.request("GET", f"/ocsp/{quote(base64.b64encode(der).decode(), safe='')}")
        else:
            connection.request("POST", "/ocsp", der)
        response = connection.getresponse()
        return response.status, response.read()
    finally:
        connection.close()


def _sent(one: socket.socket, octets: bytes) -> bool:
    """Whether they were taken: not, when the server has cut it off."""
    try:
        one.sendall(octets)
    except OSError:
        return False
    return True


def _until_closed(one: socket.socket) -> bytes:
    """What comes until the server closes, or cuts off what it has not read."""
    came = b""
    with contextlib.suppress(ConnectionError):
        while octets := one.recv(1 << 16):
            came += octets
    return came
