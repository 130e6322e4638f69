# SPDX-License-Identifier: Apache-2.0
"""Pages of ours that somebody is to come back to, told from places that are not ours."""

from __future__ import annotations

from typing import Final
from urllib.parse import urlsplit

_MAX_LENGTH: Final = 2000


def local(wanted: str) -> str:
    """A page of ours to go to; the overview where something else is asked for."""
    try:
        parts = urlsplit(wanted)
    except ValueError:
        return "/"
    # Browsers read a backslash as a slash, and leave out tabs and line ends.
    is_ours = wanted.startswith("/") and not wanted.startswith(("//", "/\\"))
    is_plain = not (parts.scheme or parts.netloc) and wanted.isprintable()
    is_page = not wanted.startswith(("/sign-in", "/sign-out")) and len(wanted) <= _MAX_LENGTH
    return wanted if is_ours and is_plain and is_page else "/"
