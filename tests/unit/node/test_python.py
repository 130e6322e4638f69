# SPDX-License-Identifier: Apache-2.0
"""Our own modules are started from this installation, whatever the working directory holds."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import authz
from authz.node.python import safe_path

if TYPE_CHECKING:
    import pytest


def test_the_working_directory_is_no_place_for_modules(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert safe_path() == ["-P"]


def test_but_for_the_source_tree_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(Path(authz.__file__).resolve().parents[1])
    assert safe_path() == []
