# SPDX-License-Identifier: Apache-2.0
"""Pages over a real SQLite store, visited without a network by somebody who is signed in."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from authz.observability import log
from tests.factories.dashboard import visiting

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.factories.dashboard import Visitor


@pytest.fixture
def visitor(tmp_path: Path, empty_store: Path) -> Iterator[Visitor]:
    """Somebody who may do everything."""
    with visiting(tmp_path, empty_store) as one:
        yield one


@pytest.fixture
def log_lines(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """The log lines of the test so far, as data."""
    lines: list[dict[str, Any]] = []
    monkeypatch.setattr(log._writer, "put", lambda line: lines.append(json.loads(line)))
    return lines
