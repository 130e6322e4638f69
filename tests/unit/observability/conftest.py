# SPDX-License-Identifier: Apache-2.0
"""Who takes spans and log records in these tests."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.factories.otlp import Collector

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def collector() -> Iterator[Collector]:
    with Collector() as running:
        yield running
