# SPDX-License-Identifier: Apache-2.0
"""What an operator has to do between versions is written down for every number that can change."""

from __future__ import annotations

import re
from pathlib import Path

from authz import __version__
from authz.node.snapshot_layout import VERSION
from authz.settings.file_version import FILE_VERSION
from authz.store.migration import SCRIPTS

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "how-to" / "upgrade-notes.md").read_text(encoding="utf-8")


def test_every_migration_has_its_row() -> None:
    numbers = {one.name[:4] for one in (SCRIPTS / "versions").glob("[0-9]*.py")}

    assert numbers
    assert set(re.findall(r"^\| `(\d{4})` \|", PAGE, re.M)) == numbers


def test_this_version_has_its_section_with_the_forms_that_it_reads() -> None:
    (section,) = re.findall(rf"^## {re.escape(__version__)}\b.*?(?=^## |\Z)", PAGE, re.S | re.M)

    assert f"Snapshots have format {VERSION}" in section
    assert f"version {FILE_VERSION}" in section


def test_every_version_of_the_changelog_has_a_section() -> None:
    changelog = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    versions = re.findall(r"^## \[(\d+\.\d+\.\d+)\]", changelog, re.M)

    assert not [one for one in versions if f"\n## {one}" not in PAGE]
