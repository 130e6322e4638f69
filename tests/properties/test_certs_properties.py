# SPDX-License-Identifier: Apache-2.0
"""Properties of authz.certs: hostile bytes are values and raise nothing."""

from __future__ import annotations

import base64
import math
from contextlib import suppress
from ipaddress import ip_address

from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID
from hypothesis import example, given
from hypothesis import strategies as st

from authz.certs import names
from authz.certs.certificate import Certificate
from authz.certs.distribution import delta_urls_of_crl
from authz.certs.failure import VerifyFailure
from authz.certs.judgement import Judgement, judge
from authz.certs.ocsp import read_answer
from authz.certs.presented import CertificateSource, Presented
from authz.certs.revocation import revocation_of
from authz.certs.trust import compile_trust
from authz.certs.xfcc import XfccElement, format_xfcc, format_xfcc_json, parse_xfcc
from authz.errors import (
    CertificateError,
    MalformedCertificateError,
    UnsupportedCertificateError,
)
from tests.factories.ocsp import answer
from tests.factories.pki import AT, DAY, authority, der, intermediate, presented, root, url_encoded
from tests.vectors.build_fields import certificates

_CA = intermediate()
_LEAF = _CA.client("alice", serial=4711)
_NAMED = _CA.client(
    "named",
    san=[
        x509.DNSName("a.example.com"),
        x509.UniformResourceIdentifier("spiffe://example.com/a"),
        x509.RFC822Name("a@example.com"),
        x509.IPAddress(ip_address("192.0.2.1")),
    ],
)
_CRLS = [_CA.crl([4711]).der, root().crl().der]
_BUNDLE = compile_trust([authority(root(), _CA, crls=_CRLS)])
_SEEDS = [_LEAF.der, _NAMED.der, _CA.der, root().der, *(data for _, _, data in certificates())]
#: Facts that a rule may ask for of any certificate that could be read.
_TEXTS = (
    "subject_dn",
    "issuer_dn",
    "subject_dn_legacy",
    "issuer_dn_legacy",
    "serial",
    "fingerprint_sha256",
    "fingerprint_sha1",
    "not_before",
    "not_after",
    "ski",
    "authority_key_id",
    "spki_sha256",
)
#: The same for lists of them; names may hold any character.
_LISTS = ("san_dns", "san_uri", "san_email", "san_ip")


@st.composite
def mutated(draw: st.DrawFn, seeds: list[bytes]) -> bytes:
    """One of the seeds with a few bytes changed, taken out, repeated or put in."""
    data = bytearray(draw(st.sampled_from(seeds)))
    for _ in range(draw(st.integers(1, 4))):
        start = draw(st.integers(0, max(0, len(data) - 1)))
        length = draw(st.integers(0, 8))
        data[start : start + length] = draw(st.binary(max_size=8))
    return bytes(data)


def _pem(data: bytes) -> str:
    text = base64.b64encode(data).decode()
    return f"-----BEGIN CERTIFICATE-----\n{text}\n-----END CERTIFICATE-----\n"


def _consistent(judgement: Judgement, at: float) -> None:
    """What holds of every judgement, whatever was presented."""
    assert (judgement.failure is None) == (len(judgement.path) >= 2)
    assert (judgement.failure is None) == bool(judgement.authority)
    assert judgement.valid_from <= at < judgement.valid_until
    assert judgement.failure is None or judgement.detail
    assert judgement.detail.isprintable()
    if judgement.certificate is not None:
        for name in _TEXTS:
            text = getattr(judgement.certificate, name)
            assert text.isascii()
            assert text.isprintable()
        for name in _LISTS:
            assert isinstance(getattr(judgement.certificate, name), tuple)
        assert all(isinstance(one, str) for one in judgement.certificate.san_dns)
    status = revocation_of(judgement, _BUNDLE, at)
    assert not (status.revoked and (judgement.failure or status.failure))


@given(mutated(_SEEDS))
def test_a_mutated_certificate_is_judged(data: bytes) -> None:
    judgement = judge(Presented(certificate=url_encoded(_pem(data))), _BUNDLE, AT)

    _consistent(judgement, AT)
    # Only bytes that the CA signed are verified; unused bits of the signature's end may differ.
    if judgement.failure is None:
        original = Certificate.from_der(next(one for one in _SEEDS if _tbs(one) == _tbs(data)))
        assert judgement.path[0].parsed.tbs_certificate_bytes == (
            original.parsed.tbs_certificate_bytes
        )


def _tbs(data: bytes) -> bytes:
    try:
        return Certificate.from_der(data).parsed.tbs_certificate_bytes
    except (MalformedCertificateError, UnsupportedCertificateError):
        return b""


@given(st.lists(mutated(_SEEDS), max_size=4))
def test_mutated_intermediates_never_verify_a_stranger(sent: list[bytes]) -> None:
    stranger = root("Stranger").client("mallory")
    text = url_encoded(stranger.pem.decode() + "".join(map(_pem, sent)))
    judgement = judge(Presented(certificate=text), _BUNDLE, AT)

    _consistent(judgement, AT)
    assert judgement.failure is VerifyFailure.UNKNOWN_ISSUER


@given(mutated([presented(_LEAF, _CA).certificate.encode(), _LEAF.pem, _CA.chain_pem]))
def test_mutated_pem_is_judged(text: bytes) -> None:
    for encoded in (text.decode("latin-1"), url_encoded(text.decode("latin-1"))):
        _consistent(judge(Presented(certificate=encoded), _BUNDLE, AT), AT)
        _consistent(judge(Presented(chain=encoded), _BUNDLE, AT), AT)


@given(st.text(), st.text(), st.text(max_size=10))
@example("\ud800", "%", "")
def test_any_text_is_judged(certificate: str, chain: str, defect: str) -> None:
    peer = Presented(CertificateSource.XFCC, certificate, chain, defect)
    judgement = judge(peer, _BUNDLE, AT)

    assert judgement.presented is not peer.is_absent
    assert judgement.failure is not None


@given(st.binary())
@example(b"\x30\x00")
def test_any_bytes_are_a_certificate_or_malformed(data: bytes) -> None:
    with suppress(MalformedCertificateError, UnsupportedCertificateError):
        Certificate.from_der(data)


@given(mutated([*_SEEDS, *_CRLS]), mutated([*_SEEDS, *_CRLS]))
def test_an_operators_bytes_raise_our_errors_only(certificate: bytes, crl: bytes) -> None:
    model = authority(root())
    for given_model in (
        type(model)(name="a", certificates=(certificate,)),
        type(model)(name="a", certificates=model.certificates, crls=(crl,)),
    ):
        with suppress(CertificateError):
            compile_trust([given_model])


@given(
    st.floats(AT - 400 * DAY, AT + 400 * DAY),
    st.floats(-120 * DAY, 0),
    st.floats(1, 120 * DAY),
    st.floats(0, 1),
)
def test_a_judgement_holds_for_its_whole_span(
    at: float, before: float, after: float, where: float
) -> None:
    ca = root().intermediate("CA", key=_CA.key, not_before=AT + before, not_after=AT + after)
    peer = presented(ca.client("a"), ca)
    judgement = judge(peer, _BUNDLE, at)

    _consistent(judgement, at)
    start = max(judgement.valid_from, AT - 1000 * DAY)
    end = min(judgement.valid_until, AT + 4000 * DAY)
    other = min(start + where * (end - start), math.nextafter(end, -math.inf))
    again = judge(peer, _BUNDLE, other)
    assert (again.failure, again.authority) == (judgement.failure, judgement.authority)
    assert (again.valid_from, again.valid_until) == (judgement.valid_from, judgement.valid_until)


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 255), st.binary(max_size=6))))
def test_any_name_has_texts_that_keep_its_attributes_apart(
    parts: list[tuple[int, int, bytes]],
) -> None:
    oids = [bytes.fromhex(text) for text in ("0603550403", "060355040a", "06032a0304", "060100")]
    raw = der(
        0x30,
        *(
            der(0x31, der(0x30, oids[kind], der(tag if tag & 0x1F != 0x1F else 0x0C, value)))
            for kind, tag, value in parts
        ),
    )
    attributes = names.parse_name(raw)

    for text in (names.rfc2253(attributes), names.one_line(attributes)):
        assert text.isascii()
        assert text.isprintable() or not text
    # OpenSSL does not escape the escape: after a value that ends in one the form is ambiguous.
    if not any(b"\\" in value for _, _, value in parts):
        assert names.one_line(attributes).replace("\\/", "").count("/") == len(parts)


_TEXT = st.text(st.characters(codec="utf-8"), min_size=1)
_ELEMENT = st.builds(
    XfccElement,
    by=st.lists(st.text(st.characters(codec="utf-8")), max_size=2).map(tuple),
    hash=st.text("0123456789abcdef", min_size=1, max_size=64),
    cert=st.one_of(st.just(""), _TEXT),
    chain=st.one_of(st.just(""), _TEXT),
    subject=st.one_of(st.just(""), _TEXT),
    issuer=st.one_of(st.just(""), _TEXT),
    uri=st.lists(_TEXT, max_size=3).map(tuple),
    dns=st.lists(_TEXT, max_size=3).map(tuple),
)


@given(st.lists(_ELEMENT, min_size=1, max_size=5).map(tuple))
def test_xfcc_that_is_written_is_read_back(elements: tuple[XfccElement, ...]) -> None:
    assert parse_xfcc(format_xfcc(elements)) == elements
    assert parse_xfcc(format_xfcc_json(elements)) == elements
    assert parse_xfcc(format_xfcc(elements).encode()) == elements


@given(st.one_of(st.binary(), st.text(), st.text('HashCertBy=";,\\[]{}: \t01')))
def test_any_header_has_elements_or_one_defect(value: bytes | str) -> None:
    elements = parse_xfcc(value)

    if any(element.defect for element in elements):
        assert elements == (XfccElement(defect=elements[0].defect),)
    else:
        full = tuple(one for one in elements if one != XfccElement())
        assert parse_xfcc(format_xfcc(full)) == full


_ANSWERS = [
    answer(_LEAF, _CA),
    answer(_LEAF, _CA, status="revoked", nonce=b"n" * 16),
    answer(_LEAF, _CA, signer=_CA.client("responder", eku=[ExtendedKeyUsageOID.OCSP_SIGNING])),
]


_FOUND = [
    read_answer(
        one, Certificate.from_der(_LEAF.der), Certificate.from_der(_CA.der), at=AT, where=""
    )
    for one in _ANSWERS
]


@given(data=st.binary(max_size=200) | mutated(_ANSWERS))
def test_any_bytes_are_an_ocsp_answer_or_an_error(data: bytes) -> None:
    leaf, ca = Certificate.from_der(_LEAF.der), Certificate.from_der(_CA.der)

    with suppress(CertificateError):
        found = read_answer(data, leaf, ca, at=AT, where="x")
        # What is signed cannot be changed without anybody noticing.
        assert found in _FOUND


@given(data=st.binary(max_size=100) | mutated([root().crl().der]))
def test_any_bytes_name_deltas_or_are_no_crl(data: bytes) -> None:
    with suppress(MalformedCertificateError):
        delta_urls_of_crl(data)
