# SPDX-License-Identifier: Apache-2.0
"""Revocation reasons: RFC 5280's numbers and names."""

from __future__ import annotations

import pytest
from cryptography import x509

from authz.ca.reasons import (
    REASONS_TO_REVOKE,
    RevocationReason,
    check_revocable,
    parse_reason,
)
from authz.errors import InvalidRequestError


@pytest.mark.parametrize("reason", list(RevocationReason))
def test_names_and_numbers_are_the_standards(reason: RevocationReason) -> None:
    theirs = x509.ReasonFlags(reason.text)

    if reason:
        assert x509.CRLReason(theirs).public_bytes()[-1] == reason


@pytest.mark.parametrize(
    "text", ["keyCompromise", "key_compromise", "KEY-COMPROMISE", " keycompromise "]
)
def test_a_name_is_read_in_any_spelling(text: str) -> None:
    assert parse_reason(text) is RevocationReason.KEY_COMPROMISE


@pytest.mark.parametrize("reason", REASONS_TO_REVOKE)
def test_a_reason_is_read_as_it_is_written(reason: RevocationReason) -> None:
    assert parse_reason(reason.text) is reason


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("removeFromCRL", "restore the certificate"),
        ("aACompromise", "attribute certificates"),
        ("because", "keyCompromise"),
    ],
)
def test_what_is_no_reason_to_revoke_is_refused(text: str, hint: str) -> None:
    with pytest.raises(InvalidRequestError) as error:
        parse_reason(text)

    assert hint in str(error.value.hint)


def test_the_two_are_refused_as_values_too() -> None:
    with pytest.raises(InvalidRequestError, match="no reason to revoke"):
        check_revocable(RevocationReason.REMOVE_FROM_CRL)
