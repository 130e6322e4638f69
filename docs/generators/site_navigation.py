# SPDX-License-Identifier: Apache-2.0
"""The order of the site's pages: from the folders, so that a new page is in it by itself.

What a section's index.md links comes first, in that order and under its headings; what it does
not name follows by title. docs/index.md is the front page.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, TypeAlias

#: Folder and title of each section, in their order: Diátaxis, then what is about the project.
SECTIONS = (
    ("tutorial", "Tutorial"),
    ("how-to", "How-to"),
    ("reference", "Reference"),
    ("explanation", "Explanation"),
    ("adr", "Decisions"),
    ("project", "Project"),
)
#: Pages below no section stand in this one.
_MORE = "project"

Entry: TypeAlias = "dict[str, Any]"


def navigation(pages: dict[str, str], docs: Path = Path(__file__).parents[1]) -> list[Entry]:
    """The navigation for pages (titles by path): every page is in it once."""
    left = dict(pages)
    entries: list[Entry] = [{left.pop("index.md"): "index.md"}]
    for folder, title in SECTIONS:
        inside = [
            path
            for path in left
            if path.startswith(f"{folder}/")
            or (folder == _MORE and path.split("/")[0] not in dict(SECTIONS))
        ]
        if inside:
            found = {path: left.pop(path) for path in inside}
            entries.append({title: _section(folder, found, docs / folder / "index.md")})
    return entries


def _section(folder: str, pages: dict[str, str], index: Path) -> list[Entry | str]:
    """One section: its index page, the groups that the page makes, the rest."""
    left = dict(pages)
    entries: list[Entry | str] = []
    if left.pop(f"{folder}/index.md", None) is not None:
        entries.append(f"{folder}/index.md")
    if index.exists():
        for heading, links in _groups(index.read_text(encoding="utf-8")):
            group = [
                {left.pop(path): path} for name in links if (path := f"{folder}/{name}") in left
            ]
            entries.extend([{heading: group}] if heading and group else group)
    by_title = sorted(left.items(), key=lambda item: item[1].lower())
    if folder == "adr":
        by_title = sorted(left.items())
    entries.extend({title: path} for path, title in by_title)
    return entries


def _groups(text: str) -> list[tuple[str, list[str]]]:
    """Headings of the second level, each with the pages that are linked below it."""
    first, *rest = re.split(r"^## ", text, flags=re.MULTILINE)
    links = re.compile(r"\]\(([\w./-]+\.md)\)")
    return [("", links.findall(first))] + [
        (part.partition("\n")[0].strip(), links.findall(part)) for part in rest
    ]
