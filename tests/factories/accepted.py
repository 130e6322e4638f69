# SPDX-License-Identifier: Apache-2.0
"""Which real program accepted what is shipped: tests say it, `make verify-deploy` prints it.

A file or a name (`accepted`), a page of docs (`followed`), a case of a listener (`answered`).
Without `AUTHZ_ACCEPTED`, the file to write to, nothing is kept.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from pathlib import Path

from tests.conftest import absent

ROOT = Path(__file__).parents[2]
#: Programs that are built once by `make .tools/.installed`: not in Debian, and not in a wheel.
TOOLS = ROOT / ".tools" / "bin"


def accepted(artefact: Path | str, program: str, what: str) -> None:
    """Say that `program` (name and version) accepted `artefact`.

    `artefact` is a file, or a name where several files make one (a chart with its values);
    `what` says in a few words how it was looked at.
    """
    if isinstance(artefact, Path):
        artefact = str(artefact.resolve().relative_to(ROOT))
    _write(artefact=artefact, program=program, what=what, case="")


def answered(form: str, case: str, program: str, what: str) -> None:
    """Say that a form of listener answered a case of tests.factories.listener_cases with `what`."""
    _write(artefact=form, program=program, what=what, case=case)


def _write(**line: str) -> None:
    target = os.environ.get("AUTHZ_ACCEPTED")
    if not target:
        return
    # One write of one line: tests run side by side.
    with Path(target).open("a", encoding="utf-8") as file:
        file.write(json.dumps(line) + "\n")


def followed(page: str, program: str, what: str) -> None:
    """Say that a page of docs was followed, with `program` (name and version) doing what it says.

    `page` is relative to docs/, as `how-to/install.md`; `what` says in a few words how. A test that
    says it carries `pytest.mark.deploy`, or `make verify-deploy` does not run it.
    """
    file = ROOT / "docs" / page
    assert file.is_file(), f"docs/{page}: there is no such page"
    accepted(file, program, what)


def go_module(path: str) -> Path:
    """The newest version of a Go module that the Makefile has fetched; skipped without it.

    It fails instead where `AUTHZ_REQUIRE` names the last part of its path.
    """
    name = path.rpartition("/")[2]
    go = shutil.which("go")
    found: list[Path] = []
    if go is not None:
        cache = subprocess.run(
            [go, "env", "GOMODCACHE"], capture_output=True, text=True, timeout=60, check=True
        ).stdout.strip()
        found = sorted((Path(cache) / path).parent.glob(f"{name}@v*"))
    if not found:
        absent(name, f"the Go module {path} is not there: make .tools/.installed fetches it")
    return found[-1]


def built_version(name: str) -> str:
    """`kubeconform v0.8.0`: what the Makefile built, of programs that do not know it."""
    text = (ROOT / "Makefile").read_text(encoding="utf-8")
    (version,) = re.findall(rf"^{name.upper().replace('-', '_')} := (\S+)$", text, re.MULTILINE)
    return f"{name} {version}"


def tool(name: str) -> Path:
    """The path of a program of `.tools/bin` or of the system; the test is skipped without it.

    It fails instead where `AUTHZ_REQUIRE` names the program.
    """
    built = TOOLS / name
    found = built if built.is_file() else shutil.which(name)
    if found is None:
        absent(name, f"{name} is not there: make .tools/.installed .system-packages gets it")
    return Path(found)
