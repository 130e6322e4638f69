# SPDX-License-Identifier: Apache-2.0
"""Secret bytes at rest: one versioned record each, encrypted and bound to what it belongs to.

A record says how it was made, so that parameters can change while old records stay readable:

    "AZKR" | version 1 | method | parameters | salt (16) | nonce (12) | ciphertext and tag
    method 1: passphrase, scrypt (RFC 7914); parameters log2(N), r, p, one octet each
    method 2: key file, HKDF-SHA256 (RFC 5869); no parameters

AES-256-GCM with a key of its own for every record (salt); everything before the ciphertext and
`bound_to` are associated data, so a record cannot be changed or put in another one's place. What
this protects from whom: ADR-0013.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Final, Protocol

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

from authz.errors import KeyUnavailableError

_MAGIC: Final = b"AZKR\x01"
_SALT: Final = 16
_NONCE: Final = 12
_TAG: Final = 16
_KEY: Final = 32
_PASSPHRASE: Final = 1
_KEY_FILE: Final = 2
_PURPOSE: Final = b"authz private key record 1"

#: scrypt with N = 2**17, r = 8, p = 1: 128 MiB for every guess (OWASP's recommendation).
SCRYPT_LOG2_N: Final = 17
_SCRYPT_R: Final = 8
_SCRYPT_P: Final = 1
#: A damaged record must not take a gigabyte to be found out.
_MAX_SCRYPT: Final = (19, 8, 4)

MIN_KEY_FILE_BYTES: Final = 32
MIN_PASSPHRASE_CHARACTERS: Final = 8


class Secret(Protocol):
    """What keys of records are derived from."""

    @property
    def method(self) -> int:
        """The number in the record."""

    def parameters(self) -> bytes:
        """Those for a new record."""

    def derive(self, parameters: bytes, salt: bytes) -> bytes:
        """The key of one record."""


@dataclass(frozen=True, slots=True, repr=False)
class Passphrase:
    """A secret that a person can remember: guessing it is made slow."""

    text: bytes
    log2_n: int = SCRYPT_LOG2_N

    @property
    def method(self) -> int:
        """The number in the record."""
        return _PASSPHRASE

    def parameters(self) -> bytes:
        """Those for a new record."""
        return bytes((self.log2_n, _SCRYPT_R, _SCRYPT_P))

    def derive(self, parameters: bytes, salt: bytes) -> bytes:
        """The key of one record."""
        log2_n, r, p = parameters
        if not all(1 <= one <= most for one, most in zip(parameters, _MAX_SCRYPT, strict=True)):
            raise _damaged()
        return Scrypt(salt=salt, length=_KEY, n=1 << log2_n, r=r, p=p).derive(self.text)


@dataclass(frozen=True, slots=True, repr=False)
class KeyFile:
    """A secret that is random already."""

    data: bytes

    @property
    def method(self) -> int:
        """The number in the record."""
        return _KEY_FILE

    def parameters(self) -> bytes:
        """Those for a new record."""
        return b""

    def derive(self, parameters: bytes, salt: bytes) -> bytes:
        """The key of one record."""
        return HKDF(SHA256(), _KEY, salt, _PURPOSE + parameters).derive(self.data)


_PARAMETER_BYTES: Final = {_PASSPHRASE: 3, _KEY_FILE: 0}
_METHODS: Final = {_PASSPHRASE: "a passphrase", _KEY_FILE: "a key file"}


def seal(secret: Secret, content: bytes, *, bound_to: bytes) -> bytes:
    """A new record of `content` that opens with the same secret and the same `bound_to`."""
    salt = os.urandom(_SALT)
    nonce = os.urandom(_NONCE)
    parameters = secret.parameters()
    header = _MAGIC + bytes((secret.method,)) + parameters + salt + nonce
    key = secret.derive(parameters, salt)
    return header + AESGCM(key).encrypt(nonce, content, header + bound_to)


def open_sealed(secret: Secret, record: bytes, *, bound_to: bytes) -> bytes:
    """The content of a record.

    Raises:
        KeyUnavailableError: it is of another secret, belongs elsewhere, or is damaged.
    """
    start, salt, nonce, end = _parts(record)
    method = record[start - 1]
    if method != secret.method:
        raise KeyUnavailableError(
            f"the private key is encrypted with {_METHODS[method]}, "
            f"and {_METHODS[secret.method]} is configured",
            hint="configure the secret that the key was encrypted with",
        )
    key = secret.derive(record[start:salt], record[salt:nonce])
    try:
        return AESGCM(key).decrypt(record[nonce:end], record[end:], record[:end] + bound_to)
    except InvalidTag:
        raise KeyUnavailableError(
            "the private key cannot be decrypted",
            hint="the passphrase or key file is another one than it was encrypted with, "
            "or the record is damaged or was moved: see keys in the settings",
        ) from None


def check_form(record: bytes) -> None:
    """Make sure that a record could be opened by some secret, as far as can be told without it.

    Raises:
        KeyUnavailableError: it is damaged.
    """
    _parts(record)


def _parts(record: bytes) -> tuple[int, int, int, int]:
    """Where parameters, salt, nonce and what is encrypted begin."""
    start = len(_MAGIC) + 1
    if record[: start - 1] != _MAGIC or len(record) < start:
        raise _damaged()
    method = record[start - 1]
    if method not in _METHODS:
        raise _damaged()
    salt = start + _PARAMETER_BYTES[method]
    nonce = salt + _SALT
    end = nonce + _NONCE
    if len(record) < end + _TAG:
        raise _damaged()
    return start, salt, nonce, end


def _damaged() -> KeyUnavailableError:
    return KeyUnavailableError(
        "the record of the private key is damaged", hint="restore the database from a backup"
    )
