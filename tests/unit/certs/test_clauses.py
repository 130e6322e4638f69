# SPDX-License-Identifier: Apache-2.0
"""Every failure has its clause, and no name that a client chooses leads to another."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from authz.certs.clauses import clause_of
from authz.certs.failure import VerifyFailure

PAGE = Path(__file__).parents[3] / "docs" / "reference" / "certificate-failures.md"


@pytest.mark.parametrize("failure", VerifyFailure)
def test_every_failure_has_a_clause(failure: VerifyFailure) -> None:
    clause = clause_of(failure)

    assert clause.says
    assert clause.source.startswith("RFC ") or failure is VerifyFailure.TOO_LARGE
    assert f"## `{failure}`" in PAGE.read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("failure", "detail", "source"),
    [
        (VerifyFailure.WRONG_USAGE, "its extended key usage lacks clientAuth", "§4.2.1.12"),
        (
            VerifyFailure.WRONG_USAGE,
            "the extended key usage of 'CN=a' lacks clientAuth",
            "§4.2.1.12",
        ),
        (VerifyFailure.WRONG_USAGE, "the key usage of 'CN=a' lacks keyCertSign", "§4.2.1.3"),
        (
            VerifyFailure.WRONG_USAGE,
            "its key usage does not allow digital signatures",
            "§4.2.1.3",
        ),
        (VerifyFailure.WRONG_USAGE, "'CN=a' is not a CA certificate", "§4.2.1.9"),
        (
            VerifyFailure.WRONG_USAGE,
            "'CN=extended key usage' is not a CA certificate",
            "§4.2.1.9",
        ),
        (
            VerifyFailure.WRONG_USAGE,
            '"CN=it\'s extended key usage" is not a CA certificate',
            "§4.2.1.9",
        ),
        (VerifyFailure.UNSUPPORTED, "the certificate is not X.509 version 3", "§4.1.2.1"),
        (
            VerifyFailure.UNSUPPORTED,
            "the certificate has a critical extension that is not supported (1.2.3)",
            "§4.2",
        ),
        (
            VerifyFailure.UNSUPPORTED,
            "the certificate has a serial number of more than 20 octets",
            "§4.1.2.2",
        ),
        (VerifyFailure.UNSUPPORTED, "a signature is of a kind that is not supported", "RFC 9155"),
        (
            VerifyFailure.CONSTRAINT_VIOLATED,
            "the chain is longer than a CA of it allows",
            "§4.2.1.9",
        ),
        (VerifyFailure.CONSTRAINT_VIOLATED, "a CA's name constraints are not kept", "§4.2.1.10"),
        (VerifyFailure.EXPIRED, "the certificate was valid until Jan 1", "§4.1.2.5"),
    ],
)
def test_the_detail_says_which_clause(failure: VerifyFailure, detail: str, source: str) -> None:
    assert clause_of(failure, detail).source.endswith(source)
    assert json.dumps(clause_of(failure, detail).says)
