# SPDX-License-Identifier: Apache-2.0
"""Every failure has its clause."""

from __future__ import annotations

import pytest

from authz.certs.failure import VerifyFailure
from authz.certs.failure_clauses import CLAUSES, REVOKED, clause_of


@pytest.mark.parametrize("failure", VerifyFailure)
def test_each_failure_has_a_meaning_a_source_and_a_remedy(failure: VerifyFailure) -> None:
    clause = CLAUSES[failure]

    assert clause.meaning.endswith(".")
    assert clause.remedy.endswith(".")
    assert clause.source
    assert clause_of(failure, revoked=False) is clause


def test_being_revoked_is_a_clause_and_being_in_order_is_none() -> None:
    assert clause_of(None, revoked=True) is REVOKED
    assert clause_of(None, revoked=False) is None
