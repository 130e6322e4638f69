# SPDX-License-Identifier: Apache-2.0
"""The profile's own edges; its rules are in tests/vectors/certs (eku, ku, ca, key, critical)."""

from __future__ import annotations

import pytest
from cryptography import x509

from authz.certs.certificate import Certificate
from authz.certs.failure import VerifyFailure
from authz.certs.profile import (
    Problem,
    check_authority_certificate,
    check_constraints,
    check_end_entity,
    check_issuer,
)
from authz.demo.pki import SERVER_AUTH, common_name, make_root
from authz.errors import CertificateError, UnsupportedCertificateError
from tests.factories.pki import AT, KeyKind, fixed_key, root


def _read(made: object) -> Certificate:
    return Certificate.from_der(made.der)  # type: ignore[attr-defined]


def _failure(problem: Problem | None) -> VerifyFailure | None:
    return problem.failure if problem else None


def test_the_defaults_are_good() -> None:
    assert check_end_entity(_read(root().client("alice"))) is None
    assert check_issuer(_read(root())) is None
    check_authority_certificate(_read(root()))


@pytest.mark.parametrize(("bits", "failure"), [(159, None), (160, None), (161, "unsupported")])
def test_a_serial_number_has_at_most_20_octets(bits: int, failure: str | None) -> None:
    # cryptography writes no more than 159 bits, so the number is put where it was read.
    certificate = _read(root().client("alice"))
    certificate.serial_number = (1 << bits) - 1

    assert _failure(check_end_entity(certificate)) == failure


def test_the_first_problem_is_the_one_that_is_named() -> None:
    weak = root().client("a", key=fixed_key("a", KeyKind.RSA1024), eku=[SERVER_AUTH])

    assert _failure(check_end_entity(_read(weak))) is VerifyFailure.UNSUPPORTED


def test_a_name_in_a_detail_is_bounded() -> None:
    long = x509.Name([x509.NameAttribute(x509.NameOID.ORGANIZATION_NAME, "x" * 60_000)])
    server = root().intermediate(subject=long, eku=[SERVER_AUTH])
    problem = check_issuer(_read(server))

    assert problem is not None
    assert len(problem.detail) < 400


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        ({"basic_constraints": None}, CertificateError, "not a CA certificate"),
        ({"eku": [SERVER_AUTH]}, CertificateError, "lacks clientAuth"),
        ({"subject": common_name("")}, UnsupportedCertificateError, "without a name"),
        (
            {"key": fixed_key("k", KeyKind.SECP256K1)},
            UnsupportedCertificateError,
            "curve 1.3.132.0.10",
        ),
        (
            {
                "name_constraints": x509.NameConstraints(
                    [x509.DirectoryName(common_name("a"))], None
                )
            },
            UnsupportedCertificateError,
            "directory names",
        ),
    ],
)
def test_an_operator_is_told_why_a_certificate_cannot_be_trusted(
    changes: dict[str, object], error: type[CertificateError], message: str
) -> None:
    made = make_root(at=AT, **changes)  # type: ignore[arg-type]

    with pytest.raises(error, match=message) as raised:
        check_authority_certificate(_read(made))
    assert raised.value.hint


@pytest.mark.parametrize(
    ("san", "failure"),
    [(None, VerifyFailure.CONSTRAINT_VIOLATED), ([x509.RFC822Name("a@a.test")], None)],
)
def test_a_mail_constraint_reaches_the_subject(
    san: list[x509.GeneralName] | None, failure: VerifyFailure | None
) -> None:
    mail = x509.NameConstraints([x509.RFC822Name("a.test")], None)
    ca = root().intermediate("mail", name_constraints=mail)
    subject = x509.Name([x509.NameAttribute(x509.NameOID.EMAIL_ADDRESS, "a@b.test")])
    leaf = ca.client(subject=subject, san=san)

    assert _failure(check_constraints([_read(leaf), _read(ca), _read(root())])) == failure
