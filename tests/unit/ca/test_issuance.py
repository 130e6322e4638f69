# SPDX-License-Identifier: Apache-2.0
"""Prepared once, looked at, issued once."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from authz.ca.authority import create_root
from authz.ca.issuance import (
    CertificateRequest,
    Prepared,
    PublicationUrls,
    issue,
    prepare,
)
from authz.ca.key_kinds import KeyKind
from authz.ca.keys import generate_key
from authz.ca.names import AlternativeNames, KeptName, Subject
from authz.ca.profiles import CLIENT, INTERMEDIATE, ROOT
from authz.certs.certificate import Certificate
from authz.certs.profile import check_end_entity
from authz.certs.signature import Signed, signed_by
from authz.demo.pki import make_root
from authz.errors import (
    InvalidRequestError,
    IssuerInactiveError,
    KeyUnavailableError,
    LintFailedError,
    WeakKeyError,
)
from tests.factories.issuing import URLS, issue_client, issuing, openssl, root, write_certificates
from tests.factories.pki import AT

if TYPE_CHECKING:
    from pathlib import Path

DAY = 86400
SPKI = generate_key().spki


def _request(
    *, subject: Subject | KeptName | None = None, days: int | None = None, spki: bytes = SPKI
) -> CertificateRequest:
    return CertificateRequest(
        subject=Subject.of("alice") if subject is None else subject, spki=spki, days=days
    )


def _prepared(request: CertificateRequest | None = None, *, at: float = AT) -> Prepared:
    return prepare(
        request or _request(), profile=CLIENT, issuer=issuing().certificate, at=at, urls=URLS
    )


def test_what_was_prepared_is_what_is_issued() -> None:
    prepared = _prepared()
    certificate = issue(prepared, issuing().signer)

    assert certificate.parsed.tbs_certificate_bytes == prepared.tbs
    assert certificate.serial_number == prepared.serial
    assert (certificate.not_before_at, certificate.not_after_at) == (
        prepared.not_before,
        prepared.not_after,
    )
    assert signed_by(certificate, issuing().certificate) is Signed.YES
    assert check_end_entity(certificate) is None
    assert prepared.warnings == ()


def test_openssl_verifies_it_strictly(tmp_path: Path) -> None:
    anchors = write_certificates(tmp_path / "root.pem", root().certificate)
    chain = write_certificates(tmp_path / "chain.pem", issuing().certificate)
    client = write_certificates(tmp_path / "client.pem", issue_client().certificate)

    assert "OK" in openssl(
        *("verify", "-x509_strict", "-purpose", "sslclient", "-attime", int(AT)),
        *("-CAfile", anchors, "-untrusted", chain, client),
    )


def test_it_is_issued_once() -> None:
    prepared = _prepared()
    issue(prepared, issuing().signer)

    with pytest.raises(RuntimeError, match="issued already"):
        issue(prepared, issuing().signer)


def test_another_authority_does_not_issue_it_and_the_right_one_still_does() -> None:
    prepared = _prepared()

    with pytest.raises(KeyUnavailableError, match="not that of the issuer"):
        issue(prepared, root().signer)
    assert issue(prepared, issuing().signer)


def test_nobody_else_makes_something_prepared() -> None:
    with pytest.raises(TypeError, match="only prepare"):
        Prepared(None, b"", (), b"", maker=object())  # type: ignore[arg-type]  # refused before it is used


def test_the_validity_is_whole_days_with_their_last_second() -> None:
    prepared = _prepared(_request(days=90))

    assert prepared.not_before == AT - 300
    assert prepared.not_after == prepared.not_before + 90 * DAY - 1


def test_it_does_not_begin_before_its_issuer() -> None:
    # The authority was made at the same moment: both are dated back, and not twice.
    assert _prepared().not_before == issuing().certificate.not_before_at

    authority = create_root(Subject.of("New"), at=AT, profile=replace(ROOT, backdate_seconds=0))
    assert issue_client(by=authority).certificate.not_before_at == AT


def test_without_days_it_is_the_default_or_as_long_as_the_issuer_lasts() -> None:
    short = create_root(Subject.of("Short"), at=AT, days=100)
    after_ten_days = AT + 10 * DAY

    assert _prepared().not_after - _prepared().not_before == 365 * DAY - 1
    client = issue_client(by=short, at=after_ten_days).certificate
    assert client.not_after_at <= short.certificate.not_after_at
    assert client.not_after_at - client.not_before_at == 90 * DAY - 1


def test_days_beyond_the_issuers_end_are_an_error_that_says_how_many_it_could_be() -> None:
    short = create_root(Subject.of("Short"), at=AT, days=100)

    with pytest.raises(IssuerInactiveError, match="expires on 2026-06-09") as error:
        issue_client(by=short, at=AT + 10 * DAY, days=91)
    assert "at most 90 days" in str(error.value.hint)
    assert issue_client(by=short, at=AT + 10 * DAY, days=90)


def test_the_ends_of_what_may_be_asked_for_are_part_of_it() -> None:
    hundred = create_root(Subject.of("Hundred"), at=AT, days=100)
    long = create_root(Subject.of("Long"), at=AT)

    # Both begin at the same second, and end at the same one.
    client = issue_client(by=hundred, days=100).certificate
    assert client.not_after_at == hundred.certificate.not_after_at
    assert issue_client(by=long, days=1)
    assert issue_client(by=long, days=5475)
    assert issue_client(by=hundred, at=hundred.certificate.not_before_at)
    last_day = issue_client(by=hundred, at=AT + 99 * DAY).certificate
    assert last_day.not_after_at - last_day.not_before_at == DAY - 1


@pytest.mark.parametrize(
    ("at", "message"),
    [
        (AT - 301, "is not valid before 2026-03-01"),
        (AT - 300 + 100 * DAY - 0.5, "expires on 2026-06-09, before the certificate would"),
        (AT - 300 + 100 * DAY, "has expired on 2026-06-09"),
        (AT + 100 * DAY, "has expired on 2026-06-09"),
        (AT + 99 * DAY + 3600, "expires on 2026-06-09, before the certificate would"),
    ],
)
def test_an_issuer_that_is_not_valid_does_not_issue(at: float, message: str) -> None:
    short = create_root(Subject.of("Short"), at=AT, days=100)

    with pytest.raises(IssuerInactiveError, match=message):
        issue_client(by=short, at=at)


def test_an_issuer_whose_key_is_not_supported_does_not_issue() -> None:
    from authz.demo.keys import KeyKind as AnyKind

    weak = Certificate.from_der(make_root("old", at=AT, kind=AnyKind.RSA1024).der)

    with pytest.raises(IssuerInactiveError, match="RSA 1024"):
        prepare(_request(), profile=CLIENT, issuer=weak, at=AT)


@pytest.mark.parametrize("days", [0, -1, 5476])
def test_days_outside_the_profile_are_refused(days: int) -> None:
    with pytest.raises(InvalidRequestError, match=f"{days} days are outside"):
        _prepared(_request(days=days))


def test_a_certificate_is_about_somebody() -> None:
    with pytest.raises(InvalidRequestError, match="neither a subject nor"):
        _prepared(_request(subject=Subject()))


def test_an_authority_has_no_alternative_names() -> None:
    request = replace(_request(), names=AlternativeNames(dns=("a.example",)))

    with pytest.raises(InvalidRequestError, match="have no alternative names"):
        prepare(request, profile=INTERMEDIATE, issuer=root().certificate, at=AT)


def test_a_weak_key_is_refused() -> None:
    with pytest.raises(WeakKeyError):
        _prepared(_request(spki=b"no key"))


def test_nothing_lasts_beyond_what_can_be_written() -> None:
    last = 253402300799
    made = create_root(Subject.of("Last"), at=last - DAY + 301, days=1)

    assert made.certificate.not_after_at == last
    with pytest.raises(InvalidRequestError, match="after the year 9999"):
        create_root(Subject.of("Eternal"), at=last - DAY + 302, days=1)


def test_what_breaks_a_rule_is_not_prepared_and_every_rule_is_told() -> None:
    request = _request(subject=KeptName(Subject.of("x").der), spki=issuing().certificate.spki)

    with pytest.raises(LintFailedError, match="key_of_its_own"):
        _prepared(request)
    with pytest.raises(LintFailedError) as error:
        prepare(request, profile=INTERMEDIATE, issuer=issuing().certificate, at=AT)
    messages = [str(one) for one in (error.value, *error.value.others)]
    assert [one[one.index("lint ") :].split(",")[0] for one in messages] == [
        "lint path_length",
        "lint key_of_its_own",
    ]


def test_a_name_that_exists_may_break_the_rules_for_new_ones() -> None:
    from authz.ca import encode

    pair = encode.sequence(encode.oid("2.5.4.3"), encode.tlv(0x14, b"Old CA"))
    old = encode.sequence(encode.tlv(encode.SET, pair))

    assert create_root(KeptName(old), at=AT).certificate.subject_raw == old


@pytest.mark.parametrize("kind", [KeyKind.ECDSA_P384, KeyKind.RSA_2048])
def test_other_keys_of_authorities_issue_too(kind: KeyKind) -> None:
    authority = create_root(Subject.of("Other"), at=AT, kind=kind)

    assert signed_by(issue_client(by=authority).certificate, authority.certificate) is Signed.YES


@pytest.mark.parametrize("kind", ["crl", "ocsp", "issuer"])
def test_addresses_are_http(kind: str) -> None:
    with pytest.raises(InvalidRequestError, match="no address"):
        PublicationUrls(**{kind: ("https://a.example/",)})
