# SPDX-License-Identifier: Apache-2.0
"""What all tests share: a fixed time, and how hard the properties search."""

from __future__ import annotations

import os

import pytest
from hypothesis import HealthCheck, settings

from tests.factories.pki import AT

# Bounded counts in `make test`; `make fuzz` searches longer.
settings.register_profile(
    "default", max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.register_profile(
    "fuzz", max_examples=20_000, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "default"))


@pytest.fixture
def at() -> float:
    """A fixed time, Unix seconds."""
    return AT


def required(what: str) -> bool:
    """True when `AUTHZ_REQUIRE` names `what`: its absence is then a failure, not a skip."""
    return what in os.environ.get("AUTHZ_REQUIRE", "").split(",")
