# SPDX-License-Identifier: Apache-2.0
"""The built package, once for all tests that look at it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.factories.package import built, copy_of_the_project, last_commit, programs

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(scope="session")
def release(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What `make wheel` makes: wheel, source archive, constraints.txt, SHA256SUMS."""
    programs()
    directory = tmp_path_factory.mktemp("release")
    tree = copy_of_the_project(directory / "tree", mtime=1_600_000_000)
    return built("wheel", tree, directory / "dist", {"SOURCE_DATE_EPOCH": last_commit()})
