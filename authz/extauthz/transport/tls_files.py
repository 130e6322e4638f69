# SPDX-License-Identifier: Apache-2.0
"""The PEM files of a port, read and found to fit together; without grpcio.

Used before anything else is loaded (node.plan), and at each change of the files (tls, api.tls).
"""

from __future__ import annotations

import ssl
from typing import TYPE_CHECKING

from authz.errors import TransportError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from authz.extauthz.transport.base import TlsFiles

#: Certificate, key and client CA.
Content = tuple[bytes, bytes, bytes | None]


def load(files: TlsFiles, where: Callable[[str], str | None] = lambda _: None) -> Content:
    """The content of `files`, once it has proved to fit together.

    Args:
        where: the place of `certificate`, `key` or `client_ca` in the settings, for errors.

    Raises:
        TransportError: a file cannot be read, or they do not fit together.
    """
    before = read(files, where)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    # Alone first: load_cert_chain does not say which of its two files is at fault.
    _check_certificates(context, files.certificate, "certificate", where)
    try:
        # An empty password: without one, an encrypted key would make OpenSSL ask on the terminal.
        context.load_cert_chain(files.certificate, files.key, password="")
    except (OSError, ValueError) as error:
        raise TransportError(
            f"{files.certificate} and {files.key} are no certificate and its key: {error}",
            hint="give PEM files of one pair, the key without a passphrase",
            where=where("key"),
        ) from error
    if files.client_ca is not None:
        _check_certificates(context, files.client_ca, "client_ca", where)
    if read(files, where) != before:
        raise TransportError("the TLS files changed while they were read", hint="try again")
    return before


def read(files: TlsFiles, where: Callable[[str], str | None] = lambda _: None) -> Content:
    """The content of `files` as it is.

    Raises:
        TransportError: one cannot be read.
    """
    return (
        _read_file(files.certificate, where("certificate")),
        _read_file(files.key, where("key")),
        None if files.client_ca is None else _read_file(files.client_ca, where("client_ca")),
    )


_HINTS = {
    "certificate": "give a PEM file: the server certificate and its chain",
    "client_ca": "give the PEM file of the authority that issued the callers' certificates",
}


def _check_certificates(
    context: ssl.SSLContext, file: Path, key: str, where: Callable[[str], str | None]
) -> None:
    try:
        context.load_verify_locations(file)
    except (OSError, ValueError) as error:
        raise TransportError(
            f"{file} holds no certificates: {error}", hint=_HINTS[key], where=where(key)
        ) from error


def _read_file(path: Path, where: str | None) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise TransportError(
            f"cannot read {path}: {error.strerror}",
            hint="check that the name is right and that this user may read the file",
            where=where,
        ) from error
