# SPDX-License-Identifier: Apache-2.0
"""Any bytes as an OCSP answer are one that was signed for this certificate, or an error of ours."""

from __future__ import annotations

from contextlib import suppress
from typing import Final

from authz.certs.certificate import Certificate
from authz.certs.ocsp import read_answer
from authz.errors import CertificateError
from tests.factories.pki import AT, intermediate
from tests.fuzz.targets import seeds_of

#: Of the certificate that the answers to begin with are about.
SERIAL: Final = 4711

_ISSUER: Final = Certificate.from_der(intermediate().der)
_LEAF: Final = Certificate.from_der(intermediate().client("alice", serial=SERIAL).der)


def _read(data: bytes) -> object:
    with suppress(CertificateError):
        return read_answer(data, _LEAF, _ISSUER, at=AT, where="x")
    return None


_SIGNED: Final = [_read(path.read_bytes()) for path in seeds_of("ocsp")]
assert any(_SIGNED), "one of the inputs to begin with is an answer"


def run(data: bytes) -> None:
    """What was signed cannot be changed without anybody noticing."""
    assert _read(data) in [None, *_SIGNED]
