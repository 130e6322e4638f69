# SPDX-License-Identifier: Apache-2.0
"""A certificate in the forms it is handed out in: PEM with its chain, PKCS #12 with its key."""

from __future__ import annotations

from typing import TYPE_CHECKING

from authz.certs.pem import write_pem

if TYPE_CHECKING:
    from collections.abc import Sequence

    from authz.ca.keys import LocalSigner
    from authz.certs.certificate import Certificate


def pem_bundle(certificate: Certificate, chain: Sequence[Certificate] = ()) -> str:
    """The certificate and those above it in PEM, as a TLS client sends them.

    A root among them is left out: whoever verifies has it, or does not trust it (RFC 8446 §4.4.2).
    """
    kept = (certificate, *_without_root(chain))
    return "".join(write_pem(one.der, "CERTIFICATE") for one in kept)


def pkcs12(
    certificate: Certificate,
    signer: LocalSigner,
    chain: Sequence[Certificate] = (),
    *,
    password: str,
    name: str,
) -> bytes:
    """Certificate, private key and chain as a PKCS #12 file (RFC 7292) that browsers import.

    `name` is shown beside it. Encrypted with AES-256 and HMAC-SHA-256 (PBES2), which systems of
    the years of 3DES cannot read.

    Raises:
        InvalidRequestError: the password is empty.
    """
    ders = tuple(one.der for one in _without_root(chain))
    return signer.to_pkcs12(certificate.der, ders, name=name, password=password)


def _without_root(chain: Sequence[Certificate]) -> tuple[Certificate, ...]:
    return tuple(one for one in chain if not one.is_self_issued)
