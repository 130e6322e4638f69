# SPDX-License-Identifier: Apache-2.0
"""Certificates as RFC 9440 header values: `Client-Cert` and `Client-Cert-Chain`.

A Structured Fields byte sequence (RFC 8941 §3.3.5) is base64 between colons. Cloudflare leaves a
value empty and sets a flag when it is longer than a limit; that is decided here, whether a value
may be shown at all is not (architecture 4.4).
"""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

#: Cloudflare: `cert_rfc9440` is empty above 10 KiB, `cert_chain_rfc9440` above 16 KiB.
CERTIFICATE_LIMIT = 10 * 1024
CHAIN_LIMIT = 16 * 1024


def encode(der: bytes) -> str:
    """One certificate as a byte sequence: `:BASE64:`."""
    return f":{base64.b64encode(der).decode('ascii')}:"


def client_cert(der: bytes) -> str | None:
    """The `Client-Cert` value of this certificate, None when it is over 10 KiB."""
    value = encode(der)
    return None if len(value) > CERTIFICATE_LIMIT else value


def client_cert_chain(ders: Sequence[bytes]) -> str | None:
    """The `Client-Cert-Chain` value: these certificates in this order, without the leaf.

    `""` for none of them, None when the value is over 16 KiB.
    """
    value = ", ".join([encode(der) for der in ders])
    return None if len(value) > CHAIN_LIMIT else value
