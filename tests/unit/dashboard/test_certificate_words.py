# SPDX-License-Identifier: Apache-2.0
"""Everything that has a name for programs has one for people."""

from __future__ import annotations

from authz.ca.reasons import REASONS_TO_REVOKE, parse_reason
from authz.dashboard.certificate_words import BADGES, ORDERS, REASONS, STATES
from authz.services.certificate_table import CertificateOrder, CertificateState


def test_every_state_order_and_reason_has_words() -> None:
    assert set(STATES) == set(CertificateState)
    assert set(BADGES) == set(CertificateState) - {CertificateState.ALL}
    assert set(ORDERS) == set(CertificateOrder)
    assert [parse_reason(one) for one in REASONS] == list(REASONS_TO_REVOKE)
