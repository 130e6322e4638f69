# SPDX-License-Identifier: Apache-2.0
"""What the documentation site is made of: docs/, and every file of the repository it links to.

Pages link to files as they lie in the repository, so that the links work where the repository is
read. Here they are laid out anew: a page outside docs/ becomes a page below `project/`, another
file one below `files/` that shows its text, a folder its README or the list of its files.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

_LINK = re.compile(r"(!?\[[^\]]*\])\(([^)\s]+)\)")
#: What links are not looked for in: fenced blocks and code within a line.
_CODE = re.compile(r"^(```+).*?^\1[ \t]*$|(`+)(?!`).+?(?<!`)\2(?!`)", re.DOTALL | re.MULTILINE)
_TITLE = re.compile(r"^# (.+)$", re.MULTILINE)
_LANGUAGES = {".yaml": "yaml", ".yml": "yaml", ".json": "json", ".py": "python", ".sh": "bash"}


class Stage:
    """The pages of the site, laid out in a folder of their own.

    Attributes:
        pages: the title of each page by its path in the site; complete after `write`.
    """

    def __init__(self, root: Path, target: Path) -> None:
        self.pages: dict[str, str] = {}
        self._root = root
        self._docs = root / "docs"
        self._target = target
        self._done: set[Path] = set()
        self._waiting: list[Path] = []

    def write(self) -> dict[str, str]:
        """Lay everything out: the titles by path."""
        if self._target.exists():
            shutil.rmtree(self._target)
        self._waiting = sorted(self._docs.rglob("*.md"))
        while self._waiting:
            source = self._waiting.pop()
            if source not in self._done:
                self._done.add(source)
                self._write(source)
        return self.pages

    def place(self, source: Path) -> str:
        """Where a file or folder of the repository is in the site."""
        if source.is_dir():
            readme = source / "README.md"
            return self.place(readme) if readme.exists() else self._listed(source) + "/index.md"
        if source.is_relative_to(self._docs):
            inside = source.relative_to(self._docs).as_posix()
            # Pictures, and what pages offer to take away, are what they are.
            return inside if _is_asset(source) or source.suffix == ".md" else inside + ".md"
        name = source.relative_to(self._root).as_posix()
        return f"project/{name.lower()}" if source.suffix == ".md" else f"files/{name}.md"

    def _listed(self, folder: Path) -> str:
        base = self._docs if folder.is_relative_to(self._docs) else self._root
        return ("" if base == self._docs else "files/") + folder.relative_to(base).as_posix()

    def _write(self, source: Path) -> None:
        place = self.place(source)
        target = self._target / place
        target.parent.mkdir(parents=True, exist_ok=True)
        if not source.is_dir() and _is_asset(source):
            shutil.copyfile(source, target)
            return
        name = source.relative_to(self._root).as_posix()
        if source.is_dir():
            text = f"# {name}/\n\n" + "".join(
                f"- [{file.name}]({_link(place, self._wanted(file))})\n"
                for file in _tracked(source)
            )
        elif source.suffix == ".md":
            text = self._rewritten(source, place)
        else:
            shown = source.read_text(encoding="utf-8")
            text = f"# {name}\n\n````{_LANGUAGES.get(source.suffix, 'text')}\n{shown}\n````\n"
        target.write_text(text, encoding="utf-8")
        title = _TITLE.search(text)
        self.pages[place] = title[1].replace("`", "") if title else place

    def _rewritten(self, source: Path, place: str) -> str:
        """A page with its links as they are in the site."""
        text = source.read_text(encoding="utf-8")

        def link(found: re.Match[str]) -> str:
            shown, address = found.groups()
            file, hash_, anchor = address.partition("#")
            if not file or re.match(r"[a-z]+:", address):
                return found[0]
            linked = (source.parent / file).resolve()
            return f"{shown}({_link(place, self._wanted(linked))}{hash_}{anchor})"

        parts, last = [], 0
        for code in _CODE.finditer(text):
            parts += [_LINK.sub(link, text[last : code.start()]), code[0]]
            last = code.end()
        return "".join([*parts, _LINK.sub(link, text[last:])])

    def _wanted(self, source: Path) -> str:
        """The place of a file that something links to; it is laid out, too."""
        if source.is_dir() and (source / "README.md").exists():
            source /= "README.md"
        self._waiting.append(source)
        return self.place(source)


def _is_asset(source: Path) -> bool:
    return source.suffix in {".png", ".svg", ".json", ".txt"}


def _link(place: str, target: str) -> str:
    return os.path.relpath(target, Path(place).parent)


def _tracked(folder: Path) -> list[Path]:
    """The files of a folder that git knows, or would."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "."],
        cwd=folder,
        check=True,
        capture_output=True,
        text=True,
    ).stdout.splitlines()
    return sorted(folder / name for name in listed)
