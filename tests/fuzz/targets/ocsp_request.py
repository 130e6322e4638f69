# SPDX-License-Identifier: Apache-2.0
"""Any bytes as an OCSP request, which an open port takes from anybody, get one whole answer: signed
if it says something of a certificate, and otherwise a refusal of five bytes."""

from __future__ import annotations

from typing import Final

from cryptography.x509 import ocsp

from authz.ca.keys import LocalSigner
from authz.ca.ocsp import CertificateStatus, Responder, answer
from authz.certs import der
from authz.certs.certificate import Certificate
from tests.factories.pki import AT, intermediate

_ISSUER: Final = Certificate.from_der(intermediate().der)
#: The issuer itself, whose key is the same in every run: the inputs to begin with ask about it.
_RESPONDER: Final = Responder(
    issuer=_ISSUER,
    certificate=_ISSUER,
    signer=LocalSigner(intermediate().key),  # type: ignore[arg-type] # EC
)


def run(data: bytes) -> None:
    """Answer it, of certificates that are all good."""
    response = answer(
        data, [_RESPONDER], lambda *_: CertificateStatus(), at=AT, validity_seconds=60
    )
    assert der.read(response)[1] == len(response)
    read = ocsp.load_der_ocsp_response(response)
    if read.response_status is ocsp.OCSPResponseStatus.SUCCESSFUL:
        for one in read.responses:
            assert one.certificate_status is not ocsp.OCSPCertStatus.REVOKED
    else:
        assert len(response) == 5
