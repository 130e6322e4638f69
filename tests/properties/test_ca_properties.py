# SPDX-License-Identifier: Apache-2.0
"""Whatever is sent to the authority ends in an answer or in one of our errors."""

from __future__ import annotations

import base64
from functools import cache
from typing import TYPE_CHECKING

from hypothesis import given
from hypothesis import strategies as st

from authz.ca import encode
from authz.ca.crl import build_crl
from authz.ca.csr import read_csr
from authz.ca.names import AlternativeNames, Subject
from authz.ca.ocsp import CertificateStatus, Responder, answer, issue_responder
from authz.ca.reasons import RevocationReason
from authz.ca.signing import key_id
from authz.ca.uploaded import check_uploaded
from authz.certs import der
from authz.certs.crl import compile_crl, read_crl
from authz.errors import AuthzError
from tests.factories.issuing import csr, issuing
from tests.factories.pki import AT, DAY, root

if TYPE_CHECKING:
    from collections.abc import Callable


@cache
def _csr() -> bytes:
    return base64.b64decode(b"".join(csr("alice").splitlines()[1:-1]))


@cache
def _responder() -> Responder:
    return issue_responder(issuing().certificate, issuing().signer, at=AT)[0]


@cache
def _ocsp_request() -> bytes:
    ca = issuing().certificate
    algorithm = encode.sequence(encode.oid("1.3.14.3.2.26"))
    key_hash = encode.octet_string(key_id(ca.spki))
    cert_id = encode.sequence(
        algorithm, encode.octet_string(bytes(20)), key_hash, encode.integer(5)
    )
    return encode.sequence(encode.sequence(encode.sequence(encode.sequence(cert_id))))


_EDITS = st.lists(st.tuples(st.integers(0, 4096), st.integers(0, 255)), min_size=1, max_size=4)


def _edited(data: bytes, edits: list[tuple[int, int]]) -> bytes:
    changed = bytearray(data)
    for place, value in edits:
        changed[place % len(changed)] = value
    return bytes(changed)


def _error(read: Callable[[bytes | str], object], data: bytes | str) -> AuthzError | None:
    try:
        read(data)
    except AuthzError as error:
        return error
    return None


def _upload(data: bytes | str) -> object:
    return check_uploaded(data, at=AT)


@given(edits=_EDITS)
def test_a_damaged_request_is_an_error_of_ours(edits: list[tuple[int, int]]) -> None:
    error = _error(read_csr, _edited(_csr(), edits))

    assert error is None or error.hint


@given(data=st.one_of(st.binary(max_size=200), st.text(max_size=200)))
def test_anything_at_all_is_no_request(data: bytes | str) -> None:
    for read in (read_csr, _upload):
        error = _error(read, data)

        assert error
        assert error.hint


@given(edits=_EDITS)
def test_a_damaged_authority_is_an_error_of_ours(edits: list[tuple[int, int]]) -> None:
    body = base64.encodebytes(_edited(root().der, edits))
    pem = b"-----BEGIN CERTIFICATE-----\n" + body + b"-----END CERTIFICATE-----\n"
    error = _error(_upload, pem)

    assert error is None or error.hint


@given(edits=_EDITS, noise=st.binary(max_size=100))
def test_every_question_has_an_answer(edits: list[tuple[int, int]], noise: bytes) -> None:
    for request in (_edited(_ocsp_request(), edits), noise):
        response = answer(
            request, [_responder()], lambda *_: CertificateStatus(), at=AT, validity_seconds=60
        )

        assert der.read(response)[1] == len(response)


_SERIALS = st.integers(1, 2**159 - 1)


@given(
    revoked=st.dictionaries(
        _SERIALS,
        st.tuples(
            st.floats(0, 4e9), st.none() | st.sampled_from([r for r in RevocationReason if r != 8])
        ),
        max_size=8,
    ),
    removed=st.sets(_SERIALS, max_size=4),
)
def test_what_a_crl_was_told_is_read_in_it(
    revoked: dict[int, tuple[float, RevocationReason | None]], removed: set[int]
) -> None:
    ca = issuing()
    restored = removed - revoked.keys()
    crl = build_crl(
        ca.certificate,
        ca.signer,
        [(serial, at, reason) for serial, (at, reason) in revoked.items()],
        number=2,
        delta_base=1,
        removed=[(serial, AT) for serial in restored],
        this_update=AT,
        next_update=AT + DAY,
    )
    compiled = compile_crl(read_crl(crl, [ca.certificate], where="test"))

    assert set(compiled.revoked) == revoked.keys()
    assert set(compiled.removed) == restored


@given(text=st.text(max_size=70))
def test_a_subject_is_refused_or_written_as_it_is(text: str) -> None:
    try:
        subject = Subject.of(text, organization="Acme")
    except AuthzError:
        return
    assert subject.common_name == text
    assert der.read(subject.der)[1] == len(subject.der)


@given(text=st.text(max_size=70))
def test_an_alternative_name_is_refused_or_written_as_it_is(text: str) -> None:
    for kind in ("dns", "uri", "email", "ip"):
        try:
            names = AlternativeNames(**{kind: (text,)})
        except AuthzError:
            continue
        assert text.isascii()
        assert der.read(names.der)[1] == len(names.der)
