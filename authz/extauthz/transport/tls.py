# SPDX-License-Identifier: Apache-2.0
"""TLS for the gRPC port: server credentials that follow their files.

Read again at each handshake and replaced when their content changed (Envoy keeps its connections,
so handshakes are rare). A pair that does not fit together, as in the middle of a rotation, is left
alone: the last good one stays. Only grpcio speaks TLS.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import grpc

from authz.errors import TransportError
from authz.extauthz.transport.tls_files import load, read
from authz.observability.log import RateLimit, get_logger

if TYPE_CHECKING:
    from collections.abc import Callable

    from authz.extauthz.transport.base import TlsFiles
    from authz.extauthz.transport.tls_files import Content

_LOG_INTERVAL_SECONDS = 60.0


def server_credentials(
    files: TlsFiles, failed: Callable[[], None] = lambda: None
) -> grpc.ServerCredentials:
    """Credentials that present `files.certificate`, and ask for a certificate of `client_ca`.

    Args:
        failed: told once of each new content that cannot be used.

    Raises:
        TransportError: a file cannot be read, or they do not fit together.
    """
    content = load(files)
    fetcher = _Fetcher(files, content, failed)
    return grpc.dynamic_ssl_server_credentials(
        _configuration(content),
        fetcher,  # type: ignore[arg-type] # the stubs do not know that None keeps the present one
        require_client_authentication=content[2] is not None,
    )


class _Fetcher:
    """Asked by grpcio at each handshake for a new configuration; None keeps the present one."""

    def __init__(self, files: TlsFiles, content: Content, failed: Callable[[], None]) -> None:
        self._files = files
        self._content = content
        self._failed = failed
        #: What could not be used the last time: a broken file is counted once, not per handshake.
        self._unusable: Content | str | None = None
        self._log_limit = RateLimit(_LOG_INTERVAL_SECONDS)

    def __call__(self) -> grpc.ServerCertificateConfiguration | None:
        seen: Content | None = None
        try:
            seen = read(self._files)
            content = seen if seen == self._content else load(self._files)
        except TransportError as error:
            self._note(error, seen or str(error))
            return None
        self._unusable = None
        if content == self._content:
            return None
        self._content = content
        get_logger().info("TLS files replaced", certificate=str(self._files.certificate))
        return _configuration(content)

    def _note(self, error: TransportError, unusable: Content | str) -> None:
        if unusable != self._unusable:
            self._unusable = unusable
            self._failed()
        if self._log_limit.admit(time.monotonic()) is not None:
            get_logger().error(
                "the new TLS files cannot be used; the last good ones stay", reason=str(error)
            )


def _configuration(content: Content) -> grpc.ServerCertificateConfiguration:
    certificate, key, client_ca = content
    return grpc.ssl_server_certificate_configuration([(key, certificate)], client_ca)
