# SPDX-License-Identifier: Apache-2.0
"""What is logged, as data."""

from __future__ import annotations

import json
from typing import Any

import pytest

from authz.observability import log


@pytest.fixture
def log_lines(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """The log lines of the test so far."""
    lines: list[dict[str, Any]] = []
    monkeypatch.setattr(log._writer, "put", lambda line: lines.append(json.loads(line)))
    return lines
