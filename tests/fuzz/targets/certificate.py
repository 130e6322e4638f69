# SPDX-License-Identifier: Apache-2.0
"""Any bytes, from a client or an operator, are a judgement of a certificate or an error of ours."""

from __future__ import annotations

from contextlib import suppress
from typing import Final
from urllib.parse import quote_from_bytes

from authz.certs.authority import AuthorityModel
from authz.certs.certificate import Certificate
from authz.certs.judgement import judge
from authz.certs.pem import split_pem
from authz.certs.presented import Presented
from authz.certs.trust import compile_trust
from authz.errors import CertificateError
from tests.factories.pki import AT, authority, intermediate, root

_BUNDLE: Final = compile_trust([authority(root(), intermediate())])
_FACTS: Final = (
    *("subject_dn", "issuer_dn", "subject_dn_legacy", "issuer_dn_legacy", "serial", "ski"),
    *("fingerprint_sha256", "fingerprint_sha1", "not_before", "not_after", "authority_key_id"),
    *("spki_sha256", "san_dns", "san_uri", "san_email", "san_ip"),
)


def run(data: bytes) -> None:
    """As a peer, as a trust anchor, as a certificate alone."""
    for peer in (
        Presented(certificate=quote_from_bytes(data)),
        Presented(chain=data.decode("latin-1")),
    ):
        judgement = judge(peer, _BUNDLE, AT)
        assert (judgement.failure is None) == (len(judgement.path) >= 2)
        assert judgement.detail.isprintable()
        if judgement.certificate is not None:
            for name in _FACTS:
                getattr(judgement.certificate, name)
    ders: tuple[bytes, ...] = (data,)
    with suppress(CertificateError):
        ders = split_pem(data, where="x")
    with suppress(CertificateError):
        compile_trust([AuthorityModel(name="a", certificates=ders)])
    with suppress(CertificateError):
        certificate = Certificate.from_der(data)
        for name in _FACTS:
            getattr(certificate, name)
