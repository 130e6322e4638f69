# SPDX-License-Identifier: Apache-2.0
"""What stands where a literal should be."""

from __future__ import annotations

import pytest

from tests.factories.slips import SLIPS, hint_of


@pytest.mark.parametrize(("source", "hint"), SLIPS["literals"])
def test_a_slip_gets_its_hint(source: str, hint: str | None) -> None:
    assert hint_of(source) == hint
