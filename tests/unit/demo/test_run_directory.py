# SPDX-License-Identifier: Apache-2.0
"""The directory of a demo that stays up: its own, and one demo's at a time."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from authz.demo.run import _fresh
from authz.errors import DemoError

if TYPE_CHECKING:
    from pathlib import Path


def test_what_an_earlier_demo_left_is_removed(tmp_path: Path) -> None:
    directory = tmp_path / "demo"
    with _fresh(directory) as made:
        (made / "client.pem").touch()
    with _fresh(directory) as made:
        assert [one.name for one in made.iterdir()] == [".authz-demo"]


def test_a_demo_that_runs_keeps_its_directory(tmp_path: Path) -> None:
    directory = tmp_path / "demo"
    with _fresh(directory) as made:
        (made / "client.pem").touch()
        with pytest.raises(DemoError, match="a demo is running"), _fresh(directory):
            pass
        assert (made / "client.pem").exists()


def test_somebody_elses_directory_stays(tmp_path: Path) -> None:
    (tmp_path / "demo").mkdir()
    with pytest.raises(DemoError, match="was not made by the demo"), _fresh(tmp_path / "demo"):
        pass
