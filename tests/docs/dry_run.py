# SPDX-License-Identifier: Apache-2.0
"""Runs the commands of a page without any program: bash reads them, and each call is recorded.

So quotes, variables, pipes, loops and here-documents are what bash makes of them, and what would
have been called is known as a list of words. Nothing is found on the PATH, files are neither read
nor written, and what a command would print is one word.
"""

from __future__ import annotations

import re
import subprocess
import tempfile
from pathlib import Path

from tests.factories.page_blocks import ROOT
from tests.factories.page_commands import scan

#: What each call prints.
ANSWER = "ANSWER"

_BEGIN = f"""\
command_not_found_handle() {{
    printf '%s\\0' "$@" $'\\x01' >>"$RECORD"
    echo {ANSWER}
}}
inner() {{
    while [[ $1 == *=* || $1 == -* ]]; do shift; done
    "$@"
}}
sudo() {{
    while [[ $1 == -* ]]; do
        [[ $1 == -[ugh] ]] && shift
        shift
    done
    inner "$@"
}}
exec() {{ inner "$@"; }}
env() {{ inner "$@"; }}
nohup() {{ inner "$@"; }}
cd() {{ :; }}
source() {{ :; }}
kill() {{ :; }}
wait() {{ :; }}
"""
_VARIABLE = re.compile(r"\$\{?([A-Za-z_]\w*)")


def calls_of(text: str, folder: Path = ROOT) -> list[list[str]]:
    """The words of each call, in order.

    Args:
        folder: that of the page: scripts are looked for there and in the project.

    Raises:
        AssertionError: bash does not understand it, or it calls a script that is not there.
    """
    with tempfile.TemporaryDirectory() as directory:
        home = Path(directory)
        record = home / "record"
        record.touch()
        work = home / "work"
        work.mkdir()
        # Programs stay where nobody finds them.
        script = _BEGIN + _with_stubs(_without_files(text).replace("PATH=", "PATH_="), folder)
        run = subprocess.run(
            ["/bin/bash", "-c", script],
            cwd=work,
            env={"PATH": "/nonexistent", "RECORD": str(record), **_variables(text)},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=20,
            check=False,
        )
        assert not run.stderr, run.stderr
        recorded = record.read_bytes().decode("utf-8")
    return [call.split("\0")[:-1] for call in recorded.split("\x01\0")[:-1]]


def _variables(text: str) -> dict[str, str]:
    """Values for the variables that the text uses: their own names."""
    return {name: name for name in _VARIABLE.findall(text) if name not in {"PATH", "RECORD"}}


def _without_files(text: str) -> str:
    """The text with redirections to a file of ours, and from none."""
    for redirect in reversed(scan(text).redirects):
        target = "/dev/null" if redirect.operator == "<" else "written"
        text = text[: redirect.start] + target + text[redirect.end :]
    return text


def _with_stubs(text: str, folder: Path) -> str:
    """The text with programs that are called by a path called by their names.

    Scripts of the repository are looked for; programs of environments need no path.
    """

    def name(found: re.Match[str]) -> str:
        path = found[2]
        if re.search(r"(^|/)s?bin/[\w.-]+$", path):
            return found[1] + Path(path).name
        for base in (folder, ROOT):
            if (base / path).is_file():
                script = (base / path).resolve().relative_to(ROOT)
                return f"{found[1]}repository-script {script}"
        return found[0]

    called = r"(^|[|;&(]\s*|\bsudo (?:-\w+ \w+ )*|\benv (?:\w+=\S+ )*)(/?(?:[$.\w{}-]+/)+[\w.-]+)"
    return re.sub(called, name, text, flags=re.MULTILINE)
