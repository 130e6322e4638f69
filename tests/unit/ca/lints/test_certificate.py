# SPDX-License-Identifier: Apache-2.0
"""Each lint over certificates has a case that breaks it and no other."""

from __future__ import annotations

from dataclasses import replace

import pytest

from authz.ca import encode
from authz.ca.authority import NewAuthority, create_root
from authz.ca.key_kinds import KeyKind
from authz.ca.lints import CERTIFICATE_LINTS, Severity, lint_certificate
from authz.ca.lints import view as v
from authz.ca.names import Subject
from authz.ca.profiles import ROOT
from authz.ca.tbs import distribution_points, extension
from authz.certs.certificate import Certificate
from authz.demo.keys import KeyKind as AnyKind
from tests.factories import tbs
from tests.factories.issuing import issuing, root
from tests.factories.pki import AT, fixed_key
from tests.factories.tbs import DAY, client, intermediate, name, self_signed

OTHER_ALGORITHM = encode.sequence(encode.oid("1.2.840.10045.4.3.3"))


def _above(certificate: bytes) -> NewAuthority:
    """An authority that is only looked at: its certificate is not signed."""
    return replace(issuing(), certificate=Certificate(certificate, 1))


def _ext(oid: str, value: bytes, *, critical: bool = False) -> dict[str, bytes | None]:
    return {oid: extension(oid, value, critical=critical)}


def _san(*names: tuple[int, bytes]) -> dict[str, bytes | None]:
    return _ext(v.ALTERNATIVE_NAME, tbs.general_names(*names))


def _usage(*bits: int) -> dict[str, bytes | None]:
    return _ext(v.KEY_USAGE, encode.named_bits(*bits), critical=True)


def _purposes(*oids: str) -> dict[str, bytes | None]:
    return _ext(v.EXTENDED_KEY_USAGE, encode.sequence(*map(encode.oid, oids)))


def _constraints(*parts: bytes, critical: bool = True) -> dict[str, bytes | None]:
    return _ext(v.BASIC_CONSTRAINTS, encode.sequence(*parts), critical=critical)


CLIENT_AUTH = "1.3.6.1.5.5.7.3.2"
SERVER_AUTH = "1.3.6.1.5.5.7.3.1"
OCSP_SIGNING = "1.3.6.1.5.5.7.3.9"
TRUE = encode.TRUE
LENGTH_0 = encode.integer(0)


def _weak() -> bytes:
    from cryptography.hazmat.primitives import serialization

    return (
        fixed_key("x", AnyKind.RSA1024)
        .public_key()
        .public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    )


def _utc(text: str) -> bytes:
    return encode.tlv(0x17, text.encode())


def _general(text: str) -> bytes:
    return encode.tlv(0x18, text.encode())


LATE = _general("20600601000000Z")
#: Below `issuing`.
CLIENT_CASES: list[tuple[str, bytes]] = [
    ("version_3", client(version=encode.explicit(0, encode.integer(1)))),
    ("version_3", client(version=b"")),
    ("serial_positive", client(serial=encode.integer(0))),
    ("serial_positive", client(serial=encode.integer(-(2**100)))),
    ("serial_length", client(serial=encode.integer(2**159))),
    ("serial_random", client(serial=encode.integer(2**64 - 1))),
    ("algorithms_equal", client(inner=OTHER_ALGORITHM)),
    ("algorithm_of_issuer", client(inner=OTHER_ALGORITHM, outer=OTHER_ALGORITHM)),
    ("time_form", client(not_after=_general("20260601000000Z"))),
    ("time_form", client(not_after=_utc("2606010000Z"))),
    ("time_form", client(not_after=_general("20510601000000.5Z"))),
    ("time_form", client(not_after=encode.tlv(0x0C, b"20510601000000Z"))),
    ("time_form", client(not_before=_utc("260601000000+0000"))),
    ("validity_order", client(not_after=encode.time(AT - 5))),
    ("validity_inclusive", client(not_after=encode.time(AT + 90 * DAY))),
    ("key_strength", client(spki=_weak())),
    ("subject_or_san", client(subject=encode.sequence())),
    (
        "subject_or_san",
        client(subject=encode.sequence(), extensions={v.ALTERNATIVE_NAME: None}),
    ),
    ("name_lengths", client(subject=name("2.5.4.3", encode.utf8_string("x" * 65)))),
    ("validity_inclusive", client(not_after=encode.time(AT))),
    ("serial_random", client(serial=encode.integer(1))),
    ("name_lengths", client(subject=name("2.5.4.5", encode.utf8_string("x" * 65)))),
    ("name_lengths", client(subject=name("2.5.4.7", encode.utf8_string("x" * 129)))),
    ("name_lengths", client(subject=name("2.5.4.8", encode.utf8_string("x" * 129)))),
    ("name_lengths", client(subject=name("2.5.4.10", encode.utf8_string("x" * 65)))),
    ("name_lengths", client(subject=name("2.5.4.11", encode.utf8_string("x" * 65)))),
    ("name_lengths", client(subject=name("2.5.4.10", encode.utf8_string("")))),
    ("name_strings", client(subject=name("2.5.4.3", encode.tlv(0x14, b"alice")))),
    ("country", client(subject=name("2.5.4.6", encode.printable_string("de")))),
    ("country", client(subject=name("2.5.4.6", encode.printable_string("DEU")))),
    ("country", client(subject=name("2.5.4.6", encode.utf8_string("DE")))),
    (
        "mail_in_subject",
        client(subject=name("1.2.840.113549.1.9.1", encode.tlv(0x16, b"a@b.example"))),
    ),
    ("extension_once", client(more=[extension(v.KEY_USAGE, encode.named_bits(0))])),
    ("extension_known", client(more=[extension("2.5.29.54", encode.integer(0))])),
    ("path_length_of_ca", client(extensions=_constraints(LENGTH_0))),
    ("end_entity_key_usage", client(extensions={v.KEY_USAGE: None})),
    ("end_entity_key_usage", client(extensions=_usage(2))),
    ("end_entity_key_usage", client(extensions=_usage(0, 5))),
    ("end_entity_key_usage", client(extensions=_usage(0, 6))),
    ("end_entity_key_usage", client(extensions=_ext(v.KEY_USAGE, encode.named_bits(0)))),
    ("purpose", client(extensions={v.EXTENDED_KEY_USAGE: None})),
    ("purpose", client(extensions=_purposes(SERVER_AUTH))),
    ("purpose", client(extensions=_purposes(CLIENT_AUTH, SERVER_AUTH))),
    ("ocsp_no_check", client(extensions=_purposes(OCSP_SIGNING))),
    ("ocsp_no_check", client(more=[extension(v.OCSP_NO_CHECK, encode.NULL)])),
    ("subject_key_id", client(extensions={v.SUBJECT_KEY_ID: None})),
    ("authority_key_id", client(extensions={v.AUTHORITY_KEY_ID: None})),
    (
        "authority_key_id",
        client(extensions=_ext(v.AUTHORITY_KEY_ID, encode.sequence(encode.tlv(0x80, b"x" * 20)))),
    ),
    (
        "not_critical",
        client(extensions=_ext(v.SUBJECT_KEY_ID, encode.octet_string(b"x" * 20), critical=True)),
    ),
    (
        "crl_url",
        client(extensions=_ext(v.CRL_DISTRIBUTION_POINTS, distribution_points(["https://a.b/c"]))),
    ),
    ("crl_url", client(extensions=_ext(v.CRL_DISTRIBUTION_POINTS, encode.sequence()))),
    (
        "access_url",
        client(extensions=_ext(v.AUTHORITY_INFORMATION_ACCESS, tbs.access("ldap://a.example"))),
    ),
    (
        "access_url",
        client(extensions=_ext(v.AUTHORITY_INFORMATION_ACCESS, tbs.access("http://a.b/c", 0x82))),
    ),
    ("san_form", client(extensions=_san())),
    ("san_form", client(extensions=_san((v.DNS, b"*.example.com")))),
    ("san_form", client(extensions=_san((v.DNS, b"a.example"), (v.MAIL, b"nobody")))),
    ("san_form", client(extensions=_san((v.URI, b"no uri")))),
    ("san_form", client(extensions=_san((v.ADDRESS, bytes(8))))),
    ("san_form", client(extensions=_san((0xA4, b"\x30\x00")))),
    ("issuer_name", client(issuer_name=Subject.of("Somebody").der)),
    (
        "within_issuer",
        client(
            not_before=encode.time(issuing().certificate.not_before_at - 1),
            not_after=encode.time(AT + 90 * DAY),
        ),
    ),
    (
        "within_issuer",
        client(not_after=encode.time(issuing().certificate.not_after_at + 60)),
    ),
    ("key_of_its_own", client(spki=issuing().certificate.spki)),
]

#: Below `root`.
INTERMEDIATE_CASES: list[tuple[str, bytes]] = [
    ("ca_named", intermediate(subject=encode.sequence())),
    (
        "basic_constraints_critical",
        intermediate(extensions=_constraints(TRUE, LENGTH_0, critical=False)),
    ),
    ("ca_key_usage", intermediate(extensions={v.KEY_USAGE: None})),
    ("ca_key_usage", intermediate(extensions=_usage(5))),
    ("ca_key_usage", intermediate(extensions=_usage(6))),
    ("ca_key_usage", intermediate(extensions=_ext(v.KEY_USAGE, encode.named_bits(5, 6)))),
    ("ca_purpose", intermediate(extensions=_purposes(SERVER_AUTH))),
    ("ca_subject_key_id", intermediate(extensions={v.SUBJECT_KEY_ID: None})),
]

#: Nothing is above them.
SELF_SIGNED_CASES: list[tuple[str, bytes]] = [
    (
        "authority_key_id",
        self_signed(
            extensions=_ext(v.AUTHORITY_KEY_ID, encode.sequence(encode.tlv(0x80, b"x" * 20)))
        ),
    ),
    ("time_form", self_signed(not_before=_utc("991231235958Z"))),
    ("time_form", self_signed(not_before=_utc("500101000000Z"))),
    ("time_form", self_signed(not_before=_general("20491231235959Z"), not_after=LATE)),
    ("issuer_name", self_signed(issuer_name=Subject.of("Somebody").der)),
]


def _found(certificate: bytes, issuer: bytes | None) -> list[str]:
    return [one.id for one in lint_certificate(certificate, issuer)]


def _ids(cases: list[tuple[str, bytes]]) -> list[str]:
    return [f"{index}-{lint}" for index, (lint, _) in enumerate(cases)]


@pytest.mark.parametrize(("lint", "certificate"), CLIENT_CASES, ids=_ids(CLIENT_CASES))
def test_a_client_certificate_breaks_one_rule(lint: str, certificate: bytes) -> None:
    assert _found(certificate, issuing().certificate.der) == [lint]


@pytest.mark.parametrize(("lint", "certificate"), INTERMEDIATE_CASES, ids=_ids(INTERMEDIATE_CASES))
def test_an_intermediate_breaks_one_rule(lint: str, certificate: bytes) -> None:
    assert _found(certificate, root().certificate.der) == [lint]


@pytest.mark.parametrize(("lint", "certificate"), SELF_SIGNED_CASES, ids=_ids(SELF_SIGNED_CASES))
def test_a_root_breaks_one_rule(lint: str, certificate: bytes) -> None:
    assert _found(certificate, None) == [lint]


def test_what_is_right_passes() -> None:
    responder = {
        **_purposes(OCSP_SIGNING),
        **_ext(v.OCSP_NO_CHECK, encode.NULL),
        v.ALTERNATIVE_NAME: None,
    }

    assert _found(client(), issuing().certificate.der) == []
    assert _found(client(extensions=responder), issuing().certificate.der) == []
    assert _found(intermediate(), root().certificate.der) == []
    assert _found(self_signed(), None) == []


def test_the_ends_of_what_is_right_pass() -> None:
    above = issuing().certificate.der

    assert _found(client(serial=encode.integer(2**64)), above) == []
    assert _found(client(serial=encode.integer(2**159 - 1)), above) == []
    for oid, most in (("2.5.4.3", 64), ("2.5.4.7", 128), ("2.5.4.11", 1)):
        subject = name(oid, encode.utf8_string("x" * most))
        assert _found(client(subject=subject), above) == []


def test_no_subject_is_fine_with_a_critical_alternative_name() -> None:
    names = _ext(v.ALTERNATIVE_NAME, tbs.general_names((v.DNS, b"a.example")), critical=True)
    certificate = client(subject=encode.sequence(), extensions=names)

    assert _found(certificate, issuing().certificate.der) == []


def test_dates_from_2050_are_generalized() -> None:
    authority = create_root(Subject.of("Long"), at=AT, days=36525)
    long = client(authority, not_after=encode.time(AT + 30 * 365 * DAY - 1))

    assert _found(long, authority.certificate.der) == []


def test_an_issuer_without_a_name_is_found() -> None:
    empty = self_signed(subject=encode.sequence())

    assert _found(empty, None) == ["issuer_named", "ca_named"]


@pytest.mark.parametrize(
    ("issuer", "message"),
    [
        (client(spki=tbs.spki_of("other")), "the issuer is no CA"),
        (intermediate(extensions=_usage(6)), "the issuer's key usage lacks keyCertSign"),
    ],
)
def test_an_issuer_must_be_a_ca_that_may_sign(issuer: bytes, message: str) -> None:
    found = lint_certificate(client(_above(issuer)), issuer)

    assert [(one.id, one.message) for one in found] == [("issuer_may_sign", message)]


def test_an_issuer_without_key_usage_may_sign() -> None:
    issuer = intermediate(extensions={v.KEY_USAGE: None})

    assert _found(client(_above(issuer)), issuer) == []


def test_an_issuer_without_a_key_identifier_asks_for_none() -> None:
    # The reader asks for the same bytes of the issuer as of the certificate.
    issuer = intermediate(extensions={v.SUBJECT_KEY_ID: None})

    assert _found(client(_above(issuer)), issuer) == []


@pytest.mark.parametrize(
    ("above", "own", "lint"),
    [
        (None, [TRUE], []),
        (1, [TRUE, LENGTH_0], []),
        (1, [TRUE], ["path_length"]),
        (1, [TRUE, encode.integer(1)], ["path_length"]),
        (0, [TRUE, LENGTH_0], ["path_length"]),
    ],
)
def test_path_lengths_go_down(above: int | None, own: list[bytes], lint: list[str]) -> None:
    authority = create_root(Subject.of("Limited"), at=AT, profile=replace(ROOT, path_length=above))
    certificate = intermediate(authority, extensions=_constraints(*own))

    assert _found(certificate, authority.certificate.der) == lint


def test_a_self_issued_certificate_does_not_count() -> None:
    authority = create_root(Subject.of("Same"), at=AT, profile=replace(ROOT, path_length=0))
    certificate = intermediate(authority, subject=authority.certificate.subject_raw)

    assert _found(certificate, authority.certificate.der) == []


def test_an_issuer_whose_times_cannot_be_read_limits_nothing() -> None:
    issuer = intermediate(not_after=_utc("2606010000Z"))

    assert _found(client(_above(intermediate())), issuer) == []


def test_a_weak_issuer_key_is_told_once() -> None:
    weak = self_signed(spki=_weak(), outer=OTHER_ALGORITHM)

    assert _found(weak, None) == ["key_strength"]


def test_every_lint_has_a_case() -> None:
    cases = {lint for lint, _ in (*CLIENT_CASES, *INTERMEDIATE_CASES, *SELF_SIGNED_CASES)}
    elsewhere = {"issuer_named", "issuer_may_sign", "path_length", "name_constraints"}

    assert {lint.id for lint in CERTIFICATE_LINTS} == cases | elsewhere


def test_lints_have_distinct_ids_and_clauses() -> None:
    ids = [lint.id for lint in CERTIFICATE_LINTS]

    assert len(ids) == len(set(ids))
    assert all("RFC" in lint.clause or "CA/Browser" in lint.clause for lint in CERTIFICATE_LINTS)
    assert [lint.id for lint in CERTIFICATE_LINTS if lint.severity is Severity.WARNING] == [
        "subject_key_id"
    ]


def test_a_kind_of_key_says_how_it_signs() -> None:
    authority = create_root(Subject.of("P-384"), at=AT, kind=KeyKind.ECDSA_P384)

    assert _found(client(authority), authority.certificate.der) == []
