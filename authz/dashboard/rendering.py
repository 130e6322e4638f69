# SPDX-License-Identifier: Apache-2.0
"""Templates and files of the dashboard: everything that a client or an operator wrote is escaped.

Files are read once, and served under a path with their digest, so that browsers keep them until
they change.
"""

from __future__ import annotations

import functools
import gzip
import hashlib
import mimetypes
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from authz import __version__
from authz.dashboard import shown

if TYPE_CHECKING:
    from collections.abc import Mapping

_HERE: Final = Path(__file__).parent
_TYPES: Final[Mapping[str, str]] = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class File:
    """A file for the browser; `packed` is the same, compressed by gzip."""

    body: bytes
    packed: bytes
    media_type: str


class Renderer:
    """What makes text of templates.

    Attributes:
        digest: of all files.
    """

    def __init__(self) -> None:
        root = _HERE / "static"
        paths = sorted(one for one in root.rglob("*") if one.is_file())
        self._files = {one.relative_to(root).as_posix(): _file(one) for one in paths}
        whole = hashlib.sha256()
        for name, file in self._files.items():
            whole.update(name.encode() + b"\0" + hashlib.sha256(file.body).digest())
        self.digest = whole.hexdigest()[:16]
        self._environment = Environment(
            loader=FileSystemLoader(_HERE / "templates"),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
            auto_reload=False,
        )
        self._environment.filters.update(shown.FILTERS)
        self._environment.globals.update(static=self.url_of, version=__version__)

    def render(self, template: str, values: Mapping[str, Any]) -> str:
        """A page."""
        return self._environment.get_template(template).render(values)

    def url_of(self, name: str) -> str:
        """Where a file is served."""
        if name not in self._files:
            raise LookupError(f"there is no file {name}")
        return f"/static/{self.digest}/{name}"

    def file(self, name: str) -> File | None:
        """A file by its name, None when there is none."""
        return self._files.get(name)


@functools.cache
def shared_renderer() -> Renderer:
    """The one of this process: the program's files stay as they are, and reading and compiling
    them takes a while."""
    return Renderer()


def _file(path: Path) -> File:
    kind = _TYPES.get(path.suffix) or mimetypes.guess_type(path.name)[0]
    body = path.read_bytes()
    return File(
        body=body,
        packed=gzip.compress(body, mtime=0),
        media_type=kind or "application/octet-stream",
    )
