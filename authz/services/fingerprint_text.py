# SPDX-License-Identifier: Apache-2.0
"""Fingerprints (SHA-256 of a certificate) as people have them on their clipboard.

    253E08C1AB67EB76…                                    as Cloudflare's page has it
    sha256 Fingerprint=25:3E:08:C1:AB:67:EB:76:…         openssl x509 -fingerprint -sha256
    SHA2-256(stdin)= 253e08c1ab67eb76…                   openssl dgst
    253e08c1ab67eb76…  client.der                        sha256sum
    -----BEGIN CERTIFICATE----- …                        the certificate itself

What comes of them is what rules compare with: 64 hexadecimal digits in small letters.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from authz.certs.certificate import Certificate
from authz.certs.pem import split_pem, without_private_keys
from authz.errors import CertificateError, InvalidInputError
from authz.rules.problems import shown

if TYPE_CHECKING:
    from collections.abc import Iterator

#: Pasted at once. More would not be an expression: they belong into a list.
MAX_CHARACTERS: Final = 256 * 1024

_PEM: Final = re.compile(r"-----BEGIN [A-Z0-9 ]+-----[^-]*-----END [A-Z0-9 ]+-----")
_FINGERPRINT: Final = re.compile(
    r"(?<![0-9A-Fa-f:])(?:[0-9A-Fa-f]{2}[: ]?){31}[0-9A-Fa-f]{2}(?![0-9A-Fa-f:]| [0-9A-Fa-f]{2}\b)"
)
#: Digests that openssl prints besides, by how many digits they have.
_OTHERS: Final = {32: "MD5", 40: "SHA-1", 96: "SHA-384", 128: "SHA-512"}
_DIGITS: Final = re.compile(r"(?:[0-9A-Fa-f]{2}[: ]?){15,63}[0-9A-Fa-f]{2}\Z")


def read_fingerprints(text: str) -> tuple[str, ...]:
    """Every fingerprint in a text, each once, in order.

    Raises:
        InvalidInputError: a line has none; or a certificate cannot be read.
    """
    if len(text) > MAX_CHARACTERS:
        raise InvalidInputError(
            f"the fingerprints have {len(text)} characters, {MAX_CHARACTERS} are possible",
            hint="put them into a list, and compare with that",
        )
    return tuple(dict.fromkeys(_found(text)))


def _found(text: str) -> Iterator[str]:
    end = 0
    for block in _PEM.finditer(text):
        yield from _of_lines(text[end : block.start()])
        yield from _of_certificates(block[0])
        end = block.end()
    yield from _of_lines(text[end:])


def _of_lines(text: str) -> Iterator[str]:
    for line in re.split(r"[\n,;]", text):
        if not line.strip():
            continue
        found = _FINGERPRINT.findall(line)
        if not found:
            raise _wrong(line.strip())
        for one in found:
            yield re.sub(r"[: ]", "", one).lower()


def _of_certificates(block: str) -> Iterator[str]:
    try:
        # What people have is often one file with its key: that is not what is asked for.
        ders = split_pem(without_private_keys(block.encode()))
        for der in ders:
            yield Certificate.from_der(der).fingerprint_sha256
    except CertificateError as error:
        raise InvalidInputError(
            f"a certificate cannot be read: {error.message}",
            hint="paste its fingerprint, or the whole block from BEGIN to END",
        ) from None


def _wrong(line: str) -> InvalidInputError:
    value = line.rpartition("=")[2].strip()
    digits = len(re.sub(r"[: ]", "", value)) if _DIGITS.match(value) else 0
    if digits in _OTHERS:
        return InvalidInputError(
            f"{shown(line)} is a fingerprint of {_OTHERS[digits]}, not of SHA-256",
            hint="openssl x509 -noout -fingerprint -sha256 -in client.pem prints the right one",
        )
    return InvalidInputError(
        f"{shown(line)} is no fingerprint (SHA-256): that has 64 hexadecimal digits",
        hint="write one a line, with colons or without",
    )
