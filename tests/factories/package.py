# SPDX-License-Identifier: Apache-2.0
"""The package as `make wheel` and `make sbom` build it, from copies of the working tree."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

from tests.conftest import absent

if TYPE_CHECKING:
    from collections.abc import Mapping

ROOT = Path(__file__).parents[2]
#: The environment of the dependency group `package`.
PROGRAMS = ROOT / ".venv-package" / "bin"


def tracked() -> set[str]:
    """Every file of the project, relative to it: what git has, or would have."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    ).stdout.split("\0")
    # Links are a developer's, into other working trees; files may be gone and not yet committed.
    paths = (Path(ROOT, name) for name in listed if name)
    return {str(one.relative_to(ROOT)) for one in paths if one.is_file() and not one.is_symlink()}


def copy_of_the_project(target: Path, *, mtime: int, umask: int = 0o022) -> Path:
    """Its files alone, as a download has them: without history, at whatever time."""
    for name in tracked():
        copied = target / name
        copied.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(ROOT / name, copied)
        copied.chmod((0o777 if os.access(ROOT / name, os.X_OK) else 0o666) & ~umask)
        os.utime(copied, (mtime, mtime))
    return target


def last_commit() -> str:
    """Its time, which a release has for its own."""
    command = ["git", "-C", str(ROOT), "log", "-1", "--format=%ct"]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


def programs() -> Path:
    """Where build, twine, pipx and the like are; the test is skipped without them.

    It fails instead where `AUTHZ_REQUIRE` names `package`.
    """
    if not (PROGRAMS / "python").exists():
        absent("package", "there is no .venv-package: make .venv-package/.installed makes it")
    return PROGRAMS


def built(what: str, tree: Path, out: Path, changes: Mapping[str, str], umask: int = 0o022) -> Path:
    """`make wheel` or `make sbom` of a tree, into `out`."""
    environ = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    done = subprocess.run(
        [programs() / "python", tree / ".ci" / "artefacts.py", what, out],
        cwd=tree,
        env={**environ, **changes},
        umask=umask,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return out
