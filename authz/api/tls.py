# SPDX-License-Identifier: Apache-2.0
"""TLS of the admin port: certificate and key, and whose certificates callers must show.

The files are looked at again from time to time: a certificate that was renewed counts without a
restart, and files that cannot be used leave the ones before in force.
"""

from __future__ import annotations

import ssl
import time
from typing import TYPE_CHECKING, Final

from authz.errors import TransportError
from authz.extauthz.transport.tls_files import load, read
from authz.observability.log import get_logger

if TYPE_CHECKING:
    from collections.abc import Callable

    from authz.extauthz.transport import TlsFiles

#: From one look at the files to the next.
LOOK_SECONDS: Final = 5.0


class ServerTls:
    """A TLS context that follows its files.

    Raises:
        TransportError: the files cannot be used.
    """

    def __init__(self, files: TlsFiles, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._files = files
        self._clock = clock
        self._looked = clock()
        self._content = load(files)
        self._context = _context(files)
        self._told = ""

    def context(self) -> ssl.SSLContext:
        """What to speak TLS with now."""
        now = self._clock()
        if now - self._looked >= LOOK_SECONDS:
            self._looked = now
            try:
                self._renew()
            except TransportError as error:
                if str(error) != self._told:
                    self._told = str(error)
                    get_logger().error(
                        "TLS files cannot be used; the ones before stay in force",
                        reason=str(error),
                        hint=error.hint,
                    )
        return self._context

    def _renew(self) -> None:
        if read(self._files) == self._content:
            self._told = ""
            return
        self._content = load(self._files)
        self._context = _context(self._files)
        self._told = ""
        get_logger().info("TLS files are renewed", certificate=str(self._files.certificate))


def _context(files: TlsFiles) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["http/1.1"])
    # An empty password: without one, an encrypted key would make OpenSSL ask on the terminal.
    context.load_cert_chain(files.certificate, files.key, password="")
    if files.client_ca is not None:
        context.load_verify_locations(files.client_ca)
        context.verify_mode = ssl.CERT_REQUIRED
    return context
