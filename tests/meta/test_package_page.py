# SPDX-License-Identifier: Apache-2.0
"""What people read who have the package alone: nothing in it leads to files that they lack."""

from __future__ import annotations

import re
from pathlib import Path

from authz import __version__

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "authz" / "PACKAGE.md").read_text(encoding="utf-8")


def test_no_link_leads_into_the_repository() -> None:
    assert not re.findall(r"\]\((?![a-z]+:)[^)]*\)", PAGE)
    assert "<img" not in PAGE


def test_pages_that_name_the_wheel_name_this_version() -> None:
    pages = [ROOT / "docs" / "how-to" / name for name in ("install.md", "trace-checks.md")]
    for page in (PAGE, *(one.read_text(encoding="utf-8") for one in pages)):
        assert set(re.findall(r"envoy_mtls_authz-([\d.]+)-py3", page)) == {__version__}


def test_types_are_said_to_be_there_and_are() -> None:
    """PEP 561."""
    assert (ROOT / "authz" / "py.typed").is_file()
