# SPDX-License-Identifier: Apache-2.0
"""Guides of docs/how-to, each followed as a page: its commands, in its order, by real programs.

What a service or an Envoy is needed for is started once for each module.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from authz.demo.processes import Children
from authz.demo.upstream import Upstream

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="module")
def upstream() -> Iterator[Upstream]:
    with Upstream() as running:
        yield running


@pytest.fixture(scope="module")
def children() -> Iterator[Children]:
    with Children() as running:
        yield running
