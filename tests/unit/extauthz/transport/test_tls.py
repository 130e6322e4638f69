# SPDX-License-Identifier: Apache-2.0
"""TLS and mutual TLS of the gRPC port, and certificates that are replaced on disk."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import grpc
import pytest
from cryptography import x509

from authz.demo.pki import make_root
from authz.errors import TransportError
from authz.extauthz.health import HealthState
from authz.extauthz.transport import (
    CHECK,
    TlsFiles,
    TransportKind,
    TransportOptions,
    open_transport,
)
from authz.extauthz.transport.grpcio import GrpcioTransport
from authz.extauthz.transport.tls import server_credentials
from tests.unit.extauthz.transport.conftest import LOOPBACK, Service

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from authz.demo.pki import Issued

PATIENCE = 10.0


@dataclass
class Pki:
    """A CA of today (TLS stacks look at the clock) and the files of the server."""

    ca: Issued
    directory: Path

    def write(self, server: Issued, *, mutual: bool = False) -> TlsFiles:
        files = TlsFiles(
            certificate=self.directory / "tls.crt",
            key=self.directory / "tls.key",
            client_ca=self.directory / "ca.pem" if mutual else None,
        )
        files.certificate.write_bytes(server.pem)
        files.key.write_bytes(server.key_pem)
        (self.directory / "ca.pem").write_bytes(self.ca.pem)
        return files

    def server(self) -> Issued:
        return self.ca.server("localhost", at=time.time())


@pytest.fixture(scope="module")
def ca() -> Issued:
    return make_root("gRPC CA", at=time.time())


@pytest.fixture
def pki(ca: Issued, tmp_path: Path) -> Pki:
    return Pki(ca, tmp_path)


@pytest.fixture
def opened(pki: Pki) -> Iterator[Any]:
    running: list[Any] = []

    def open_with(files: TlsFiles) -> str:
        options = TransportOptions(listen=LOOPBACK, tls=files)
        transport = open_transport(options, Service(), HealthState())
        transport.start()
        running.append(transport)
        return transport.address

    yield open_with
    for transport in running:
        transport.stop(0)


def ask(address: str, ca: Issued, client: Issued | None = None) -> bytes:
    credentials = grpc.ssl_channel_credentials(
        ca.pem, client.key_pem if client else None, client.pem if client else None
    )
    options = [("grpc.ssl_target_name_override", "localhost")]
    # A subchannel pool of its own: otherwise the next channel would reuse this connection.
    options.append(("grpc.use_local_subchannel_pool", 1))  # type: ignore[arg-type]
    with grpc.secure_channel(address, credentials, options=options) as channel:
        return bytes(channel.unary_unary(CHECK)(b"x", timeout=PATIENCE))


def presented_by(address: str) -> int:
    """The serial number of the certificate the server shows."""
    import socket
    import ssl

    host, _, port = address.rpartition(":")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.set_alpn_protocols(["h2"])
    with (
        socket.create_connection((host, int(port)), timeout=PATIENCE) as raw,
        context.wrap_socket(raw) as tls,
    ):
        der = tls.getpeercert(binary_form=True)
    assert der is not None
    return x509.load_der_x509_certificate(der).serial_number


def test_tls_is_served_by_grpcio(pki: Pki, opened: Any) -> None:
    address = opened(pki.write(pki.server()))

    assert ask(address, pki.ca) == b"answer to x"


def test_plaintext_is_refused(pki: Pki, opened: Any) -> None:
    address = opened(pki.write(pki.server()))

    with grpc.insecure_channel(address) as channel, pytest.raises(grpc.RpcError):
        channel.unary_unary(CHECK)(b"x", timeout=PATIENCE)


def test_mutual_tls_lets_in_whom_the_client_ca_issued(pki: Pki, opened: Any) -> None:
    address = opened(pki.write(pki.server(), mutual=True))

    assert ask(address, pki.ca, pki.ca.client("envoy", at=time.time())) == b"answer to x"


def test_mutual_tls_keeps_out_a_client_without_a_certificate(pki: Pki, opened: Any) -> None:
    address = opened(pki.write(pki.server(), mutual=True))

    with pytest.raises(grpc.RpcError):
        ask(address, pki.ca)


def test_mutual_tls_keeps_out_another_cas_client(pki: Pki, opened: Any) -> None:
    address = opened(pki.write(pki.server(), mutual=True))
    stranger = make_root("Other CA", at=time.time()).client("envoy", at=time.time())

    with pytest.raises(grpc.RpcError):
        ask(address, pki.ca, stranger)


def test_a_replaced_certificate_is_shown_to_the_next_connection(pki: Pki, opened: Any) -> None:
    first, second = pki.server(), pki.server()
    address = opened(pki.write(first))
    assert presented_by(address) == first.serial

    pki.write(second)

    assert presented_by(address) == second.serial
    assert ask(address, pki.ca) == b"answer to x"


def test_half_a_rotation_leaves_the_last_good_pair(
    pki: Pki, opened: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    first, second = pki.server(), pki.server()
    files = pki.write(first)
    address = opened(files)
    files.certificate.write_bytes(second.pem)

    assert presented_by(address) == first.serial
    assert presented_by(address) == first.serial
    assert capsys.readouterr().err.count("the last good ones stay") == 1

    files.key.write_bytes(second.key_pem)
    assert presented_by(address) == second.serial


@pytest.fixture
def failures() -> list[str]:
    return []


@pytest.fixture
def counted(pki: Pki, failures: list[str]) -> Iterator[tuple[TlsFiles, str]]:
    """A listener that notes each reload that failed: its files and address."""
    files = pki.write(pki.server())
    options = TransportOptions(
        listen=LOOPBACK, tls=files, tls_failed=lambda: failures.append("failed")
    )
    transport = open_transport(options, Service(), HealthState())
    transport.start()
    yield files, transport.address
    transport.stop(0)


def test_each_content_that_cannot_be_used_is_counted_once(
    pki: Pki, counted: tuple[TlsFiles, str], failures: list[str]
) -> None:
    files, address = counted
    good = files.certificate.read_bytes(), files.key.read_bytes()

    def failures_after(certificate: bytes, key: bytes) -> int:
        files.certificate.write_bytes(certificate)
        files.key.write_bytes(key)
        presented_by(address)
        presented_by(address)
        return len(failures)

    assert failures_after(*good) == 0
    assert failures_after(pki.server().pem, good[1]) == 1
    assert failures_after(pki.server().pem, good[1]) == 2
    assert failures_after(b"", b"") == 3
    assert failures_after(*good) == 3
    # The same fault again, after all was well in between.
    assert failures_after(b"", b"") == 4


def test_a_file_that_vanished_is_counted_once(
    counted: tuple[TlsFiles, str], failures: list[str]
) -> None:
    files, address = counted
    files.key.unlink()

    presented_by(address)
    presented_by(address)

    assert failures == ["failed"]


def test_files_that_vanish_leave_the_last_good_pair(pki: Pki, opened: Any) -> None:
    first = pki.server()
    files = pki.write(first)
    address = opened(files)
    files.key.unlink()

    assert presented_by(address) == first.serial


def test_a_replaced_client_ca_counts_from_the_next_connection(pki: Pki, opened: Any) -> None:
    files = pki.write(pki.server(), mutual=True)
    address = opened(files)
    other = make_root("Other CA", at=time.time())
    stranger = other.client("envoy", at=time.time())
    assert files.client_ca is not None

    files.client_ca.write_bytes(other.pem)

    assert ask(address, pki.ca, stranger) == b"answer to x"
    with pytest.raises(grpc.RpcError):
        ask(address, pki.ca, pki.ca.client("envoy", at=time.time()))


def test_a_key_of_another_certificate_is_refused_at_start(pki: Pki) -> None:
    files = pki.write(pki.server())
    files.key.write_bytes(pki.server().key_pem)

    with pytest.raises(TransportError, match="no certificate and its key"):
        server_credentials(files)


def test_a_missing_file_is_named(pki: Pki) -> None:
    files = pki.write(pki.server())
    files.certificate.unlink()

    with pytest.raises(TransportError, match=r"tls\.crt") as raised:
        server_credentials(files)

    assert raised.value.hint


def test_a_client_ca_without_certificates_is_refused(pki: Pki) -> None:
    files = pki.write(pki.server(), mutual=True)
    assert files.client_ca is not None
    files.client_ca.write_text("nothing\n")

    with pytest.raises(TransportError, match="holds no certificates"):
        server_credentials(files)


def test_an_encrypted_key_is_refused_without_asking_for_a_passphrase(pki: Pki) -> None:
    from cryptography.hazmat.primitives import serialization

    server = pki.server()
    files = pki.write(server)
    key = serialization.load_pem_private_key(server.key_pem, None)
    files.key.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.BestAvailableEncryption(b"secret"),
        )
    )

    with pytest.raises(TransportError, match="no certificate and its key"):
        server_credentials(files)


def test_a_listener_whose_tls_fails_is_not_left_open(pki: Pki) -> None:
    files = pki.write(pki.server())
    files.key.write_text("")
    options = TransportOptions(listen=LOOPBACK, kind=TransportKind.GRPCIO, tls=files)

    with pytest.raises(TransportError):
        GrpcioTransport(options, Service(), HealthState(), "test")
