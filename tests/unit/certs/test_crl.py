# SPDX-License-Identifier: Apache-2.0
"""Reading one CRL; what it then means is in test_revocation.py and tests/vectors/certs."""

from __future__ import annotations

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec

from authz.certs.certificate import Certificate
from authz.certs.crl import compile_crl
from authz.demo.pki import key_usage, make_root
from authz.errors import CertificateError, MalformedCertificateError, UnsupportedCertificateError
from tests.factories.pki import AT, DAY, der, intermediate, root

_ISSUERS = [Certificate.from_der(root().der), Certificate.from_der(intermediate().der)]


def test_a_complete_crl_is_sets_and_times() -> None:
    made = root().crl([5, 6], number=9, this_update=AT, next_update=AT + DAY)

    crl = compile_crl(made.der, _ISSUERS, where="")

    assert (crl.number, crl.base_number) == (9, None)
    assert (crl.this_update, crl.next_update) == (AT, AT + DAY)
    assert (crl.revoked, crl.removed) == (frozenset({5, 6}), frozenset())
    assert (crl.covers_end_entity, crl.covers_ca) == (True, True)
    assert crl.spki == _ISSUERS[0].spki


def test_a_delta_names_its_base_and_what_it_removes() -> None:
    made = intermediate().crl([5], removed=[6], number=9, base_number=8)

    crl = compile_crl(made.der, _ISSUERS, where="")

    assert (crl.number, crl.base_number) == (9, 8)
    assert (crl.revoked, crl.removed) == (frozenset({5}), frozenset({6}))
    assert crl.spki == _ISSUERS[1].spki


def test_the_key_tells_issuers_of_one_name_apart() -> None:
    impostor = make_root("Test Root CA", at=AT)
    both = [Certificate.from_der(impostor.der), *_ISSUERS]

    assert compile_crl(root().crl().der, both, where="").spki == _ISSUERS[0].spki


@pytest.mark.parametrize("data", [b"", b"junk", root().der, root().crl().der[:-1]])
def test_other_bytes_are_malformed(data: bytes) -> None:
    with pytest.raises(MalformedCertificateError) as raised:
        compile_crl(data, _ISSUERS, where="here")

    assert raised.value.where == "here"
    assert raised.value.hint


def test_a_damaged_signature_is_explained() -> None:
    good = root().crl([5]).der

    with pytest.raises(CertificateError, match="signature is not by the key") as raised:
        compile_crl(good[:-1] + bytes([good[-1] ^ 1]), _ISSUERS, where="here")

    assert raised.value.hint
    assert raised.value.where == "here"


def test_a_stranger_is_named() -> None:
    with pytest.raises(CertificateError, match="CN=Stranger") as raised:
        compile_crl(make_root("Stranger", at=AT).crl().der, _ISSUERS, where="")

    assert raised.value.hint


def test_an_issuer_that_may_not_sign_crls_is_refused() -> None:
    ca = make_root(at=AT, key_usage=key_usage("key_cert_sign"))

    with pytest.raises(CertificateError, match="cRLSign"):
        compile_crl(ca.crl().der, [Certificate.from_der(ca.der)], where="")


def test_a_crl_that_cannot_become_stale_is_refused() -> None:
    made = root().crl(this_update=AT, next_update=AT + DAY).crl
    # The second UTCTime is taken out, and the list signed again.
    time = der(0x17, b"260302120000Z")
    tbs = made.tbs_certlist_bytes
    assert tbs.count(time) == 1
    start = 3 if tbs[1] == 0x81 else 2
    body = der(0x30, tbs[start:].replace(time, b""))
    key = root().key
    assert isinstance(key, ec.EllipticCurvePrivateKey)
    signature = key.sign(body, ec.ECDSA(hashes.SHA256()))
    algorithm = bytes.fromhex("300a06082a8648ce3d040302")

    with pytest.raises(UnsupportedCertificateError, match="nextUpdate"):
        compile_crl(der(0x30, body, algorithm, der(3, b"\0", signature)), _ISSUERS, where="")


def test_a_crl_of_an_unknown_version_is_malformed() -> None:
    der = root().crl().der
    # RFC 5280 5.1.2.1: version 2 is the integer 1, at the start of the signed part.
    damaged = der.replace(b"\x02\x01\x01\x30", b"\x02\x01\x00\x30", 1)
    assert 0 <= der.index(b"\x02\x01\x01\x30") < 10

    with pytest.raises(MalformedCertificateError):
        compile_crl(damaged, [Certificate.from_der(root().der)], where="acme.crl")
