# SPDX-License-Identifier: Apache-2.0
"""Reading one CRL; what it then means is in test_revocation.py and tests/vectors/certs."""

from __future__ import annotations

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec

from authz.certs.certificate import Certificate
from authz.certs.crl import compile_crl, read_crl
from authz.certs.der import children, read
from authz.demo.pki import key_usage, make_root
from authz.errors import CertificateError, MalformedCertificateError, UnsupportedCertificateError
from tests.factories.pki import AT, DAY, der, intermediate, root

_ISSUERS = [Certificate.from_der(root().der), Certificate.from_der(intermediate().der)]


def test_a_complete_crl_is_sets_and_times() -> None:
    made = root().crl([5, 6], number=9, this_update=AT, next_update=AT + DAY)

    crl = compile_crl(read_crl(made.der, _ISSUERS, where=""))

    assert (crl.number, crl.base_number) == (9, None)
    assert (crl.this_update, crl.next_update) == (AT, AT + DAY)
    assert (set(crl.revoked), set(crl.removed)) == ({5, 6}, set())
    assert (crl.covers_end_entity, crl.covers_ca) == (True, True)
    assert crl.spki == _ISSUERS[0].spki


def test_a_delta_names_its_base_and_what_it_removes() -> None:
    made = intermediate().crl([5], removed=[6], number=9, base_number=8)

    crl = compile_crl(read_crl(made.der, _ISSUERS, where=""))

    assert (crl.number, crl.base_number) == (9, 8)
    assert (set(crl.revoked), set(crl.removed)) == ({5}, {6})
    assert crl.spki == _ISSUERS[1].spki


def test_the_key_tells_issuers_of_one_name_apart() -> None:
    impostor = make_root("Test Root CA", at=AT)
    both = [Certificate.from_der(impostor.der), *_ISSUERS]

    assert read_crl(root().crl().der, both, where="").spki == _ISSUERS[0].spki


@pytest.mark.parametrize("data", [b"", b"junk", root().der, root().crl().der[:-1]])
def test_other_bytes_are_malformed(data: bytes) -> None:
    with pytest.raises(MalformedCertificateError) as raised:
        read_crl(data, _ISSUERS, where="here")

    assert raised.value.where == "here"
    assert raised.value.hint


def test_a_damaged_signature_is_explained() -> None:
    good = root().crl([5]).der

    with pytest.raises(CertificateError, match="signature is not by the key") as raised:
        read_crl(good[:-1] + bytes([good[-1] ^ 1]), _ISSUERS, where="here")

    assert raised.value.hint
    assert raised.value.where == "here"


def test_a_stranger_is_named() -> None:
    with pytest.raises(CertificateError, match="CN=Stranger") as raised:
        read_crl(make_root("Stranger", at=AT).crl().der, _ISSUERS, where="")

    assert raised.value.hint


def test_an_issuer_that_may_not_sign_crls_is_refused() -> None:
    ca = make_root(at=AT, key_usage=key_usage("key_cert_sign"))

    with pytest.raises(CertificateError, match="cRLSign"):
        read_crl(ca.crl().der, [Certificate.from_der(ca.der)], where="")


def test_a_crl_that_cannot_become_stale_is_refused() -> None:
    made = root().crl(this_update=AT, next_update=AT + DAY).crl
    # The second UTCTime is taken out, and the list signed again.
    time = der(0x17, b"260302120000Z")
    tbs = made.tbs_certlist_bytes
    assert tbs.count(time) == 1
    start = 3 if tbs[1] == 0x81 else 2

    with pytest.raises(UnsupportedCertificateError, match="nextUpdate"):
        read_crl(signed(tbs[start:].replace(time, b"")), _ISSUERS, where="")


def test_a_crl_of_an_unknown_version_is_malformed() -> None:
    der = root().crl().der
    # RFC 5280 5.1.2.1: version 2 is the integer 1, at the start of the signed part.
    damaged = der.replace(b"\x02\x01\x01\x30", b"\x02\x01\x00\x30", 1)
    assert 0 <= der.index(b"\x02\x01\x01\x30") < 10

    with pytest.raises(MalformedCertificateError):
        read_crl(damaged, [Certificate.from_der(root().der)], where="acme.crl")


def test_serials_that_no_verified_certificate_has_are_left_out() -> None:
    """They would make each of a million others wider, and are not looked for."""
    parts = children(read(root().crl([9]).crl.tbs_certlist_bytes)[0].content)
    when = der(0x17, b"260301110000Z")
    serials = (b"\5", b"\x7f" * 21, b"\x80", b"\0\xff" + b"\xee" * 19)
    entries = der(0x30, *(der(0x30, der(2, serial), when) for serial in serials))
    body = b"".join(entries if place == 5 else part.raw for place, part in enumerate(parts))

    crl = compile_crl(read_crl(signed(body), _ISSUERS, where=""))

    assert set(crl.revoked) == {5, int.from_bytes(b"\xff" + b"\xee" * 19)}


def signed(body: bytes) -> bytes:
    """A CRL of `root()` with this signed part."""
    key = root().key
    assert isinstance(key, ec.EllipticCurvePrivateKey)
    whole = der(0x30, body)
    signature = key.sign(whole, ec.ECDSA(hashes.SHA256()))
    return der(0x30, whole, bytes.fromhex("300a06082a8648ce3d040302"), der(3, b"\0", signature))


def test_numbers_of_twenty_octets_are_kept() -> None:
    made = root().crl(number=2**159 - 1, base_number=2**158)

    crl = compile_crl(read_crl(made.der, _ISSUERS, where=""))

    assert (crl.number, crl.base_number) == (2**159 - 1, 2**158)


def test_two_names_for_the_signature_algorithm_are_refused() -> None:
    good = root().crl([5]).der
    sha256, sha384 = bytes.fromhex("06082a8648ce3d040302"), bytes.fromhex("06082a8648ce3d040303")
    assert good.count(sha256) == 2
    for damaged in (
        good.replace(sha256, sha384, 1),
        sha384.join(good.rsplit(sha256, 1)),
    ):
        with pytest.raises(MalformedCertificateError) as raised:
            read_crl(damaged, _ISSUERS, where="here")
        assert raised.value.where == "here"
