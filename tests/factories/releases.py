# SPDX-License-Identifier: Apache-2.0
"""Another release of this program: a copy of it with a version, a snapshot layout and tables of its
own, as a later one would have them."""

from __future__ import annotations

import re
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import authz
from authz.store.schema import SCHEMA

#: What the other one calls itself.
VERSION: Final = "99.0.0"

_MIGRATION: Final = '''\
# SPDX-License-Identifier: Apache-2.0
"""A column and a table more."""

import sqlalchemy as sa
from alembic import op

revision = "{number:04}"
down_revision = "{before:04}"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("zones", sa.Column("colour", sa.String(16), nullable=True))
    op.create_table("moons", sa.Column("id", sa.String(32), primary_key=True))
    {more}
'''

#: Of a release whose tables the one before cannot use.
TAKES_AWAY: Final = 'op.execute("UPDATE state SET schema_minimum = {number}")'


@dataclass(frozen=True, kw_only=True)
class Release:
    """A release that can be run.

    Args:
        program: the `authz` command, as a list of words.
    """

    program: tuple[str, ...]

    @property
    def command(self) -> str:
        """The same for a shell."""
        return " ".join(self.program)


def this_release() -> Release:
    """The one that is being tested."""
    return Release(program=(sys.executable, "-m", "authz"))


def later_release(directory: Path, *, takes_away: bool = False) -> Release:
    """One more than this, made in a directory that is not there yet.

    Args:
        takes_away: whether its migration leaves tables that this one cannot use.
    """
    package = directory / "authz"
    source = Path(authz.__file__).parent
    shutil.copytree(source, package, ignore=shutil.ignore_patterns("__pycache__"))
    _change(package / "__init__.py", r'(__version__ = )"[^"]*"', rf'\1"{VERSION}"')
    _change(package / "node" / "snapshot_layout.py", r"^VERSION = (\d+)$", "VERSION = 1000")
    _change(package / "store" / "schema.py", r"^(SCHEMA: Final) = \d+$", rf"\1 = {SCHEMA + 1}")
    more = TAKES_AWAY.format(number=SCHEMA + 1) if takes_away else ""
    (package / "store" / "migrations" / "versions" / f"{SCHEMA + 1:04}_later.py").write_text(
        _MIGRATION.format(number=SCHEMA + 1, before=SCHEMA, more=more)
    )
    path = ":".join([str(directory), *(one for one in sys.path if one)])
    # -P: not what the working directory has.
    return Release(
        program=("env", f"PYTHONPATH={path}", "PYTHONSAFEPATH=1", sys.executable, "-m", "authz")
    )


def _change(file: Path, pattern: str, by: str) -> None:
    text, count = re.subn(pattern, by, file.read_text(encoding="utf-8"), flags=re.MULTILINE)
    assert count == 1, f"{file}: {pattern}"
    file.write_text(text, encoding="utf-8")
