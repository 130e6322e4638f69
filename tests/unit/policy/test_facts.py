# SPDX-License-Identifier: Apache-2.0
"""What decoding supplies is all that the decision asks for."""

from __future__ import annotations

from authz.extauthz.decode import DecodeOptions, decode
from authz.policy.facts import RequestFacts
from tests.factories.checks import check_request

PARTS = [name for name, value in vars(RequestFacts).items() if isinstance(value, property)]


def test_every_part_is_supplied() -> None:
    facts = decode(check_request().SerializeToString(), DecodeOptions())

    assert len(PARTS) > 20
    assert [name for name in PARTS if not hasattr(facts, name)] == []
