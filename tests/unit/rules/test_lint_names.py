# SPDX-License-Identifier: Apache-2.0
"""Distinguished names that are in another form than their field."""

from __future__ import annotations

import pytest

from authz.certs.attribute_names import SHORT_NAMES
from authz.rules.lint_fault import Fault, Place
from authz.rules.lint_names import CAPITAL, one_line_fault, rfc2253_fault

_TLS = "cf.tls_client_auth."
_SUBJECT, _LEGACY = _TLS + "cert_subject_dn", _TLS + "cert_subject_dn_legacy"
_ISSUER, _ISSUER_LEGACY = _TLS + "cert_issuer_dn_rfc2253", _TLS + "cert_issuer_dn_legacy"


def test_types_in_capital_letters_have_no_other_spelling() -> None:
    names = {name.encode() for name in SHORT_NAMES.values()}

    assert names >= CAPITAL
    assert {name.upper() for name in names - CAPITAL}.isdisjoint(CAPITAL)
    # Where a type of a name ends is seen by what these have not in them.
    assert not any(set(name) & set(b" /,+=\\") for name in names)


def test_the_other_form_is_in_another_field() -> None:
    assert rfc2253_fault(_SUBJECT, b"/O=y/CN=x", Place.WHOLE) == Fault(
        why="the name is in the form CN=…,O=…", field=_LEGACY
    )
    assert rfc2253_fault(_ISSUER, b"/O=", Place.FIRST) == Fault(
        why="the name is in the form CN=…,O=…", field=_ISSUER_LEGACY
    )
    assert one_line_fault(_LEGACY, b"CN=x,O=y", Place.WHOLE) == Fault(
        why="the name is in the form /O=…/CN=…", field=_SUBJECT
    )
    assert one_line_fault(_ISSUER_LEGACY, b"CN=x", Place.FIRST) == Fault(
        why="the name is in the form /O=…/CN=…", field=_TLS + "cert_issuer_dn"
    )
    for fault in (
        rfc2253_fault(_SUBJECT, b"/x", Place.WHOLE),
        one_line_fault(_LEGACY, b"x", Place.WHOLE),
    ):
        assert fault is not None
        assert not fault.is_mended


@pytest.mark.parametrize(
    ("text", "fixed"),
    [
        (b"CN=x, O=y", b"CN=x,O=y"),
        (b"C = US, O = Acme, CN = x", b"CN=x,O=Acme,C=US"),
        (b"CN = x", b"CN=x"),
        (b"cn=x,o=y", b"CN=x,O=y"),
        ("CN=Jörg".encode(), rb"CN=J\C3\B6rg"),
        (rb"O=A\, B, CN=x", rb"O=A\, B,CN=x"),
        (b"CN= x", None),
    ],
)
def test_what_rfc_2253_writes_otherwise(text: bytes, fixed: bytes | None) -> None:
    fault = rfc2253_fault(_SUBJECT, text, Place.WHOLE)

    assert fault is not None
    assert fault.fixed == fixed
    assert fixed is None or rfc2253_fault(_SUBJECT, fixed, Place.WHOLE) is None


@pytest.mark.parametrize(
    ("place", "text"),
    [
        (Place.WHOLE, b""),
        (Place.WHOLE, b"CN=x,O=y"),
        (Place.WHOLE, rb"O=Acme\, Inc."),
        (Place.WHOLE, b"O=a = b"),
        (Place.WHOLE, b"1.2.3=#0400"),
        (Place.WHOLE, b"serialNumber=1"),
        # The backslash that escapes it may stand before.
        (Place.WITHIN, b", O=y"),
        (Place.LAST, rb"\\, y"),
        (Place.WITHIN, b"/O=y"),
        (Place.WITHIN, b"cn=x"),
        (Place.FIRST, b"c"),
    ],
)
def test_what_a_name_in_rfc_2253_form_may_have(place: Place, text: bytes) -> None:
    if text == rb"\\, y":
        assert rfc2253_fault(_SUBJECT, b"a" + text, place) is not None
        return
    assert rfc2253_fault(_SUBJECT, text, place) is None


@pytest.mark.parametrize(
    ("place", "text", "fixed"),
    [
        (Place.WHOLE, b"/cn=x/o=y", b"/CN=x/O=y"),
        (Place.FIRST, b"/cn=", b"/CN="),
        (Place.WITHIN, "Jörg".encode(), rb"J\xC3\xB6rg"),
    ],
)
def test_what_the_one_line_form_writes_otherwise(
    place: Place, text: bytes, fixed: bytes | None
) -> None:
    fault = one_line_fault(_LEGACY, text, place)

    assert fault is not None
    assert fault.fixed == fixed


@pytest.mark.parametrize(
    ("place", "text"),
    [
        (Place.WHOLE, b""),
        (Place.WHOLE, b"/O=y, z/CN=x"),
        (Place.WITHIN, b"CN=x,O=y"),
        (Place.WITHIN, b"cn=x"),
        (Place.LAST, b"x"),
    ],
)
def test_what_a_name_in_one_line_may_have(place: Place, text: bytes) -> None:
    assert one_line_fault(_LEGACY, text, place) is None
