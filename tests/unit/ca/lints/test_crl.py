# SPDX-License-Identifier: Apache-2.0
"""Each lint over CRLs has a case that breaks it and no other."""

from __future__ import annotations

from dataclasses import replace

import pytest

from authz.ca import encode
from authz.ca.lints import CRL_LINTS, lint_crl
from authz.ca.lints import view as v
from authz.ca.lints.crl import CRL_NUMBER, DELTA_INDICATOR, DISTRIBUTION_POINT, FRESHEST_CRL
from authz.ca.names import Subject
from authz.ca.tbs import distribution_points, extension
from authz.certs.certificate import Certificate
from authz.errors import CertificateError
from tests.factories.issuing import issuing
from tests.factories.pki import AT
from tests.factories.tbs import crl, entry, intermediate

OTHER_ALGORITHM = encode.sequence(encode.oid("1.2.840.10045.4.3.3"))


def _ext(oid: str, value: bytes, *, critical: bool = False) -> dict[str, bytes | None]:
    return {oid: extension(oid, value, critical=critical)}


def _number(value: int, *, critical: bool = False) -> dict[str, bytes | None]:
    return _ext(CRL_NUMBER, encode.integer(value), critical=critical)


def _delta(base: int, *, critical: bool = True) -> dict[str, bytes | None]:
    indicator = _ext(DELTA_INDICATOR, encode.integer(base), critical=critical)
    return {**indicator, FRESHEST_CRL: None}


SCOPE = encode.sequence(encode.tlv(0x81, b"\xff"))  # onlyContainsUserCerts

CASES: list[tuple[str, bytes]] = [
    ("crl_version_2", crl(version=b"")),
    ("crl_algorithms_equal", crl(inner=OTHER_ALGORITHM)),
    ("crl_algorithm_of_issuer", crl(inner=OTHER_ALGORITHM, outer=OTHER_ALGORITHM)),
    ("crl_issuer_name", crl(issuer_name=Subject.of("Somebody").der)),
    ("crl_time_form", crl(this_update=encode.tlv(0x17, b"2606010000Z"))),
    ("crl_time_form", crl(next_update=encode.tlv(0x17, b"2606010000Z"))),
    ("crl_next_update", crl(next_update=b"")),
    ("crl_update_order", crl(next_update=encode.time(AT))),
    ("crl_number", crl(extensions={CRL_NUMBER: None})),
    ("crl_number", crl(extensions=_number(-1))),
    ("crl_number", crl(extensions=_number(2**159))),
    ("crl_base_number", crl(extensions=_delta(7))),
    ("crl_authority_key_id", crl(extensions={v.AUTHORITY_KEY_ID: None})),
    (
        "crl_authority_key_id",
        crl(extensions=_ext(v.AUTHORITY_KEY_ID, encode.sequence(encode.tlv(0x80, b"x")))),
    ),
    ("crl_extension_once", crl(more=[extension(CRL_NUMBER, encode.integer(7))])),
    ("crl_criticality", crl(extensions=_delta(3, critical=False))),
    ("crl_criticality", crl(extensions=_ext(DISTRIBUTION_POINT, SCOPE))),
    ("crl_criticality", crl(extensions=_number(7, critical=True))),
    ("crl_extension_known", crl(more=[extension("2.5.29.18", encode.sequence())])),
    (
        "crl_freshest_in_complete",
        crl(more=[extension(DELTA_INDICATOR, encode.integer(3), critical=True)]),
    ),
    ("crl_url", crl(extensions=_ext(FRESHEST_CRL, distribution_points(["https://a.b/c"])))),
    ("crl_url", crl(extensions=_ext(FRESHEST_CRL, encode.sequence()))),
    ("crl_serial_once", crl(entries=[entry(5), entry(5)])),
    ("crl_serial_once", crl(entries=[entry(5), entry(5, 8)], extensions=_delta(3))),
    ("crl_serial_form", crl(entries=[entry(0)])),
    ("crl_serial_form", crl(entries=[entry(-5)])),
    ("crl_serial_form", crl(entries=[entry(2**160)])),
    ("crl_removed_in_delta", crl(entries=[entry(5), entry(6, 8)])),
    ("crl_no_unspecified", crl(entries=[entry(5), entry(6, 0)])),
]


def _found(data: bytes, issuer: bytes | None = None) -> list[str]:
    return [one.id for one in lint_crl(data, issuer or issuing().certificate.der)]


@pytest.mark.parametrize(
    ("lint", "data"), CASES, ids=[f"{index}-{lint}" for index, (lint, _) in enumerate(CASES)]
)
def test_a_crl_breaks_one_rule(lint: str, data: bytes) -> None:
    assert _found(data) == [lint]


def test_what_is_right_passes() -> None:
    scope = _ext(DISTRIBUTION_POINT, SCOPE, critical=True)

    assert _found(crl()) == []
    assert _found(crl(entries=[])) == []
    assert _found(crl(entries=[entry(2**160 - 1)])) == []
    assert _found(crl(extensions=scope)) == []
    assert _found(crl(extensions=_number(0))) == []
    assert _found(crl(extensions=_number(2**159 - 1))) == []
    assert _found(crl(entries=[entry(5), entry(6, 8)], extensions=_delta(3))) == []


def test_the_issuer_must_be_allowed_to_sign_crls() -> None:
    usage = extension(v.KEY_USAGE, encode.named_bits(5), critical=True)
    for given, expected in ((usage, ["crl_issuer_may_sign"]), (None, [])):
        issuer = intermediate(extensions={v.KEY_USAGE: given})
        authority = replace(issuing(), certificate=Certificate(issuer, 1))

        assert _found(crl(authority), issuer) == expected


def test_an_issuer_without_a_key_identifier_asks_for_none() -> None:
    issuer = intermediate(extensions={v.SUBJECT_KEY_ID: None})
    authority = replace(issuing(), certificate=Certificate(issuer, 1))

    assert _found(crl(authority), issuer) == []


def test_entries_that_cannot_be_read_are_an_error() -> None:
    with pytest.raises(CertificateError):
        lint_crl(crl(entries=[entry(5, 7)]), issuing().certificate.der)


def test_every_lint_has_a_case() -> None:
    ids = [lint.id for lint in CRL_LINTS]

    assert len(ids) == len(set(ids))
    assert set(ids) == {lint for lint, _ in CASES} | {"crl_issuer_may_sign"}
    assert all("RFC" in lint.clause for lint in CRL_LINTS)
