# SPDX-License-Identifier: Apache-2.0
"""What is signed is verified at once."""

from __future__ import annotations

import hashlib

import pytest
from cryptography import x509

from authz.ca import encode
from authz.ca.key_kinds import Digest, KeyKind
from authz.ca.keys import generate_key
from authz.ca.signing import draft, key_id, key_id_of, sign
from authz.certs import der
from authz.certs.certificate import Certificate
from authz.errors import KeyUnavailableError
from tests.factories.issuing import issuing
from tests.factories.pki import root


class Faulty:
    """A token that signs with another key than it says."""

    def __init__(self) -> None:
        self.spki = generate_key().spki

    def sign(self, data: bytes, digest: Digest) -> bytes:
        return generate_key().sign(data, digest)


def test_a_signer_with_another_key_is_found_out() -> None:
    with pytest.raises(KeyUnavailableError, match="does not belong to its public key"):
        sign(encode.sequence(), Faulty())


@pytest.mark.parametrize("kind", [KeyKind.ECDSA_P384, KeyKind.RSA_2048])
def test_a_draft_differs_in_its_signature_only(kind: KeyKind) -> None:
    signer = generate_key(kind)
    tbs = encode.sequence(encode.integer(1))
    parts, drafted = (
        der.children(der.read(one)[0].content)
        for one in (sign(tbs, signer), draft(tbs, signer.spki))
    )

    assert [one.raw for one in parts[:2]] == [one.raw for one in drafted[:2]]
    assert parts[2].raw != drafted[2].raw


def test_key_identifiers_are_those_of_the_standard() -> None:
    certificate = root().certificate
    expected = x509.SubjectKeyIdentifier.from_public_key(certificate.public_key()).digest

    assert key_id(Certificate.from_der(root().der).spki) == expected
    assert key_id_of(issuing().certificate).hex().upper() == issuing().certificate.ski


def test_without_an_identifier_of_its_own_the_key_is_hashed() -> None:
    from authz.demo.pki import make_root

    bare = make_root("bare", subject_key_id=None)
    spki = Certificate.from_der(bare.der).spki

    assert key_id_of(Certificate.from_der(bare.der)) == key_id(spki)
    assert len(key_id(spki)) == hashlib.sha1(usedforsecurity=False).digest_size
