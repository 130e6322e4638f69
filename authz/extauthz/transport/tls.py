# SPDX-License-Identifier: Apache-2.0
"""TLS for the gRPC port: server credentials that follow their files.

Read again at each handshake and replaced when their content changed (Envoy keeps its connections,
so handshakes are rare). A pair that does not fit together, as in the middle of a rotation, is left
alone: the last good one stays. Only grpcio speaks TLS.
"""

from __future__ import annotations

import ssl
import time
from typing import TYPE_CHECKING

import grpc

from authz.errors import TransportError
from authz.observability.log import RateLimit, get_logger

if TYPE_CHECKING:
    from pathlib import Path

    from authz.extauthz.transport.base import TlsFiles

Content = tuple[bytes, bytes, bytes | None]

_LOG_INTERVAL_SECONDS = 60.0


def server_credentials(files: TlsFiles) -> grpc.ServerCredentials:
    """Credentials that present `files.certificate`, and ask for a certificate of `client_ca`.

    Raises:
        TransportError: a file cannot be read, or they do not fit together.
    """
    content = _load(files)
    fetcher = _Fetcher(files, content)
    return grpc.dynamic_ssl_server_credentials(
        _configuration(content),
        fetcher,  # type: ignore[arg-type] # the stubs do not know that None keeps the present one
        require_client_authentication=content[2] is not None,
    )


class _Fetcher:
    """Asked by grpcio at each handshake for a new configuration; None keeps the present one."""

    def __init__(self, files: TlsFiles, content: Content) -> None:
        self._files = files
        self._content = content
        self._log_limit = RateLimit(_LOG_INTERVAL_SECONDS)

    def __call__(self) -> grpc.ServerCertificateConfiguration | None:
        try:
            if _read(self._files) == self._content:
                return None
            content = _load(self._files)
        except TransportError as error:
            if self._log_limit.admit(time.monotonic()) is not None:
                get_logger().error(
                    "the new TLS files cannot be used; the last good ones stay", reason=str(error)
                )
            return None
        if content == self._content:
            return None
        self._content = content
        get_logger().info("TLS files replaced", certificate=str(self._files.certificate))
        return _configuration(content)


def _configuration(content: Content) -> grpc.ServerCertificateConfiguration:
    certificate, key, client_ca = content
    return grpc.ssl_server_certificate_configuration([(key, certificate)], client_ca)


def _load(files: TlsFiles) -> Content:
    """The content of `files`, once it has proved to fit together."""
    before = _read(files)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    try:
        # An empty password: without one, an encrypted key would make OpenSSL ask on the terminal.
        context.load_cert_chain(files.certificate, files.key, password="")
    except (OSError, ValueError) as error:
        raise TransportError(
            f"{files.certificate} and {files.key} are no certificate and its key: {error}",
            hint="give PEM files of one pair, the key without a passphrase",
        ) from error
    if files.client_ca is not None:
        try:
            context.load_verify_locations(files.client_ca)
        except (OSError, ValueError) as error:
            raise TransportError(
                f"{files.client_ca} holds no certificates: {error}",
                hint="give the PEM file of the authority that issued Envoy's certificate",
            ) from error
    if _read(files) != before:
        raise TransportError("the TLS files changed while they were read", hint="try again")
    return before


def _read(files: TlsFiles) -> Content:
    return (
        _read_file(files.certificate),
        _read_file(files.key),
        None if files.client_ca is None else _read_file(files.client_ca),
    )


def _read_file(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise TransportError(
            f"cannot read {path}: {error.strerror}", hint="check grpc.tls and the file's mode"
        ) from error
