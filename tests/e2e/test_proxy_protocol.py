# SPDX-License-Identifier: Apache-2.0
"""Behind a load balancer of layer 4: the client's address from its PROXY header, and from no other.

TLS and the client certificate reach Envoy untouched.
"""

from __future__ import annotations

import contextlib
import ipaddress
import json
import socket
import ssl
import struct
import time
from typing import TYPE_CHECKING

import pytest

from authz.demo.client import TIMEOUT_SECONDS, Connection
from authz.demo.credentials import make_credentials
from authz.demo.processes import Children
from authz.demo.scenario import ROWS, policy_yaml
from tests.e2e.harness import start_stack
from tests.factories.listener_cases import LARGE, Case, add_large_clients, judge

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from authz.demo.client import Answer
    from authz.demo.upstream import Upstream
    from tests.e2e.harness import Stack

#: Where the balancer connects from here, and a neighbour that is none.
BALANCER, NEIGHBOUR = "127.0.0.1", "127.0.0.2"
CLIENT = "192.0.2.77"
ONLY_FROM_CLIENT = """
  - name: by-address
    hosts: ["devices.localhost"]
    trust: *demo
    rules:
      - ref: one-address
        expression: 'ip.src ne 192.0.2.77'
        action: block
"""


def version_1(client: str) -> bytes:
    """The text form."""
    family = "TCP6" if ":" in client else "TCP4"
    server = "2001:db8::1" if ":" in client else "198.51.100.1"
    return f"PROXY {family} {client} {server} 40000 443\r\n".encode()


def version_2(client: str) -> bytes:
    """The binary form."""
    addresses = ipaddress.ip_address(client), ipaddress.ip_address(client)
    family = 0x11 if addresses[0].version == 4 else 0x21
    body = b"".join(one.packed for one in addresses) + struct.pack("!HH", 40000, 443)
    return b"\r\n\r\n\0\r\nQUIT\n" + struct.pack("!BBH", 0x21, family, len(body)) + body


class Balanced(Connection):
    """A connection with something in front of TLS, from an address of our own."""

    header = b""
    source = BALANCER

    def connect(self) -> None:
        plain = socket.create_connection(
            ("127.0.0.1", self.port), TIMEOUT_SECONDS, source_address=(self.source, 0)
        )
        try:
            plain.sendall(self.header)
            self.sock = self._tls.wrap_socket(plain, server_hostname=self._sni)
        except OSError:
            plain.close()
            raise


@pytest.fixture(scope="module")
def stack(
    tmp_path_factory: pytest.TempPathFactory, upstream: Upstream, transport: str
) -> Iterator[Stack]:
    """For reading only."""
    credentials = make_credentials(tmp_path_factory.mktemp("balanced"), at=time.time())
    with Children() as children:
        yield start_stack(
            children,
            credentials,
            policy_yaml(credentials) + ONLY_FROM_CLIENT,
            upstream=upstream,
            transport=transport,
            proxy_protocol_from=(f"{BALANCER}/32",),
        )


def get(
    stack: Stack,
    host: str,
    path: str = "/",
    certificate: str = "",
    *,
    header: bytes,
    source: str = BALANCER,
    sni: str = "",
    headers: tuple[tuple[str, str], ...] = (),
) -> Answer:
    credentials = stack.credentials
    file = credentials.client_file(certificate) if certificate else None
    connection = Balanced(stack.envoy.port, sni or host, credentials.server_ca, file)
    connection.header, connection.source = header, source
    with contextlib.closing(connection):
        return connection.send_request(path, hosts=(host,), headers=headers)


def client_hello() -> bytes:
    """How TLS begins."""
    sent = ssl.MemoryBIO()
    tls = ssl.create_default_context().wrap_bio(
        ssl.MemoryBIO(), sent, server_hostname="whoami.localhost"
    )
    with contextlib.suppress(ssl.SSLWantReadError):
        tls.do_handshake()
    return sent.read()


def answer_to(stack: Stack, data: bytes) -> bytes:
    """What Envoy sends first to the balancer that sends this; empty when it hangs up."""
    with socket.create_connection(
        ("127.0.0.1", stack.envoy.port), TIMEOUT_SECONDS, source_address=(BALANCER, 0)
    ) as plain:
        try:
            plain.sendall(data)
            return plain.recv(1)
        except ConnectionError:
            return b""


def test_every_row_holds(stack: Stack) -> None:
    header = version_2("192.0.2.1")

    assert {
        row.id: get(
            stack,
            row.host,
            row.path,
            row.certificate,
            header=header,
            sni=row.sni,
            headers=row.headers,
        ).status
        for row in ROWS
    } == {row.id: row.status for row in ROWS}


@pytest.mark.deploy
def test_the_cases(stack: Stack) -> None:
    header = version_2("192.0.2.1")

    def ask(case: Case, headers: tuple[tuple[str, str], ...]) -> int:
        return get(
            stack, case.host, case.path, case.certificate, header=header, headers=headers
        ).status

    judge("listener: PROXY protocol", ask, stack.credentials)


@pytest.mark.parametrize("version", [version_1, version_2])
def test_large_certificates(stack: Stack, version: Callable[[str], bytes]) -> None:
    """As without a balancer (test_rows.py), the address included."""
    add_large_clients(stack.credentials)

    for certificate, status in LARGE.items():
        answer = get(stack, "devices.localhost", "/", certificate, header=version(CLIENT))
        assert answer.status == 200, certificate
        judged = get(stack, "api.localhost", "/", certificate, header=version(CLIENT))
        assert judged.status == status, certificate
    assert stack.authz.metric("authz_certificates_total", result="too_large") >= 1


@pytest.mark.parametrize("version", [version_1, version_2])
@pytest.mark.parametrize(
    ("client", "status"), [(CLIENT, 200), ("192.0.2.78", 403), ("2001:db8::4d", 403)]
)
def test_rules_see_the_address_in_the_header(
    stack: Stack, version: object, client: str, status: int
) -> None:
    assert callable(version)

    answer = get(stack, "devices.localhost", "/", "valid", header=version(client))

    assert answer.status == status


def test_the_application_is_told_the_same_address(stack: Stack) -> None:
    answer = get(stack, "devices.localhost", "/", header=version_1(CLIENT))

    headers = dict(json.loads(answer.body)["headers"])
    assert headers["x-forwarded-for"] == CLIENT


@pytest.mark.parametrize("name", ["x-forwarded-for", "x-envoy-external-address", "x-real-ip"])
def test_what_a_client_says_about_its_address_does_not_count(stack: Stack, name: str) -> None:
    answer = get(
        stack,
        "devices.localhost",
        header=version_2("192.0.2.78"),
        headers=((name, CLIENT),),
    )

    assert answer.status == 403


@pytest.mark.parametrize("header", [b"", b"PROXY UNKNOWN nonsense", b"GET / HTTP/1.1\r\n\r\n"])
def test_a_connection_without_a_header_is_closed(stack: Stack, header: bytes) -> None:
    assert answer_to(stack, version_1(CLIENT) + client_hello())[:1] == b"\x16"

    assert answer_to(stack, header + client_hello()) == b""


@pytest.mark.parametrize("version", [version_1, version_2])
def test_a_header_from_anybody_else_is_not_believed(stack: Stack, version: object) -> None:
    """Not even the connection is taken."""
    assert callable(version)

    with pytest.raises(OSError):
        get(stack, "devices.localhost", "/", "valid", header=version(CLIENT), source=NEIGHBOUR)
    assert get(stack, "devices.localhost", "/", "valid", header=version(CLIENT)).status == 200


def test_a_second_header_is_part_of_the_connection(stack: Stack) -> None:
    """What a client writes stands behind the balancer's header, where TLS must begin."""
    with pytest.raises(OSError):
        get(
            stack,
            "devices.localhost",
            header=version_1("192.0.2.78") + version_1(CLIENT),
        )
