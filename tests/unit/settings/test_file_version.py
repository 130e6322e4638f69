# SPDX-License-Identifier: Apache-2.0
"""A file of a later form is refused as a whole, with one message."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from authz.errors import PolicyError, SettingsError
from authz.settings import load_settings
from authz.settings.file_version import FILE_VERSION
from authz.sources.policy_file import load_policy

if TYPE_CHECKING:
    from pathlib import Path


def test_settings_of_a_later_form_are_refused_for_that_alone(tmp_path: Path) -> None:
    file = tmp_path / "authz.yaml"
    file.write_text("listeners: []\ngrpc: {workers: none}\nversion: 2\n", encoding="utf-8")

    with pytest.raises(SettingsError, match="the file is of version 2") as caught:
        load_settings(file)

    assert caught.value.where == f"{file}:3: version"
    assert "newer authz" in str(caught.value.hint)
    assert caught.value.others == ()


def test_a_policy_of_a_later_form_is_refused_for_that_alone(tmp_path: Path) -> None:
    file = tmp_path / "policy.yaml"
    file.write_text("version: 9\nsites: none\nroutes: []\n", encoding="utf-8")

    with pytest.raises(PolicyError, match="the file is of version 9") as caught:
        load_policy(file)

    assert caught.value.others == ()


def test_what_is_wrong_besides_is_told_where_the_version_is_no_number(tmp_path: Path) -> None:
    file = tmp_path / "authz.yaml"
    file.write_text("version: true\nlisteners: []\n", encoding="utf-8")

    with pytest.raises(SettingsError, match="expected a whole number") as caught:
        load_settings(file)

    assert len(caught.value.others) == 1


@pytest.mark.parametrize("text", ["", f"version: {FILE_VERSION}\n"])
def test_no_version_and_the_version_of_this_program_are_the_same(text: str, tmp_path: Path) -> None:
    file = tmp_path / "authz.yaml"
    file.write_text(text, encoding="utf-8")

    assert load_settings(file).version == FILE_VERSION
