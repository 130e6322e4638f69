# SPDX-License-Identifier: Apache-2.0
"""The one way in which anything is signed: by the algorithm of the key, and verified at once."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from authz.ca import encode
from authz.ca.key_kinds import algorithm_of, check_public_key
from authz.ca.keys import throwaway_key, verifies
from authz.certs import der as der_reader
from authz.errors import KeyUnavailableError

if TYPE_CHECKING:
    from authz.ca.keys import Signer
    from authz.certs.certificate import Certificate


def sign(tbs: bytes, signer: Signer) -> bytes:
    """A signed structure (certificate or CRL): `tbs`, the algorithm, the signature.

    Raises:
        KeyUnavailableError: the signer does not sign, or with another key than it says.
        WeakKeyError: its key is not supported.
    """
    identifier, signature = signature_of(tbs, signer)
    return encode.sequence(tbs, identifier, signature)


def signature_of(data: bytes, signer: Signer) -> tuple[bytes, bytes]:
    """AlgorithmIdentifier and BIT STRING of a signature over `data`; raises as `sign`."""
    algorithm = algorithm_of(signer.spki)
    signature = signer.sign(data, algorithm.digest)
    # A fault while signing can give a key away (RSA-CRT), and a token may hold another key.
    if not verifies(signature, data, algorithm.digest, signer.spki):
        raise KeyUnavailableError(
            "the private key does not belong to its public key",
            hint="the record or the token holds another key: restore it from a backup",
        )
    return algorithm.identifier, encode.bit_string(signature)


def draft(tbs: bytes, spki: bytes) -> bytes:
    """What `sign` would make with the key of `spki`, signed by a throwaway key of its kind."""
    return sign(tbs, throwaway_key(check_public_key(spki).name))


def key_bits(spki: bytes) -> bytes:
    """The public key itself, without its algorithm: what key identifiers are hashes of."""
    _, bits = der_reader.children(der_reader.read(spki)[0].content)
    return bits.content[1:]


def key_id(spki: bytes) -> bytes:
    """The key identifier of RFC 5280 §4.2.1.2, method (1): a name, not a proof."""
    return hashlib.sha1(key_bits(spki), usedforsecurity=False).digest()


def key_id_of(certificate: Certificate) -> bytes:
    """How what a CA issues refers to its key: its own identifier (RFC 5280 §4.2.1.1)."""
    return bytes.fromhex(certificate.ski) or key_id(certificate.spki)
