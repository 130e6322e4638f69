# SPDX-License-Identifier: Apache-2.0
"""Any bytes as a CRL are one that its issuer signed, or an error of ours."""

from __future__ import annotations

from contextlib import suppress
from typing import Final

from cryptography import x509

from authz.certs.certificate import Certificate
from authz.certs.crl import compile_crl, read_crl
from authz.certs.crl_entries import read_entries
from authz.certs.distribution import delta_urls_of_crl
from authz.certs.pem import split_crls
from authz.errors import CertificateError
from tests.factories.pki import intermediate

_ISSUER: Final = Certificate.from_der(intermediate().der)


def run(data: bytes) -> None:
    """Split it, read it, compile it; read its entries by themselves."""
    ders: tuple[bytes, ...] = (data,)
    with suppress(CertificateError):
        ders = split_crls(data, where="x")
    for der in ders:
        with suppress(CertificateError):
            model = read_crl(der, [_ISSUER], where="x")
            compile_crl(model)
            signed = x509.load_der_x509_crl(der)
            assert signed.is_signature_valid(_ISSUER.parsed.public_key())  # type: ignore[arg-type]  # EC
        with suppress(CertificateError):
            read_entries(der, "x")
        with suppress(CertificateError):
            delta_urls_of_crl(der)
