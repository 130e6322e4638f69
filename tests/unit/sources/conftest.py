# SPDX-License-Identifier: Apache-2.0
"""A directory with a policy file and what it may name."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.factories.pki import root

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    """A directory with `ca.pem` (one certificate) and `both.pem` (two)."""
    (tmp_path / "ca.pem").write_bytes(root().pem)
    (tmp_path / "both.pem").write_bytes(root().pem + root("Other Root CA").pem)
    return tmp_path
