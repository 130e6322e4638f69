# SPDX-License-Identifier: Apache-2.0
"""A picture of a real run of `authz demo --check`, as docs/images/demo.svg (`make screenshots`).

    python docs/demo_picture.py [FILE]      FILE has the output of a run that was made before

Only whole parts of the output are shown, as they were printed: the story, up to where the
certificate is let in again. Text stays text; no font is loaded from anywhere.
"""

from __future__ import annotations

import io
import re
import subprocess
import sys
import tempfile
from pathlib import Path

from rich.console import CONSOLE_SVG_FORMAT, Console
from rich.text import Text

PICTURE = Path(__file__).parent / "images" / "demo.svg"
TITLE = "authz demo"
WIDTH = 132
#: The first and the last command of what is shown.
_FIRST, _LAST = "$ authz ca create", "$ authz cert list"
_COLOURS = (
    (re.compile(r"^\$ .*"), "bold cyan"),
    (re.compile(r"\b200\b"), "green"),
    (re.compile(r"\b(403|refused)\b"), "red"),
    (re.compile(r"\bok\b"), "bold green"),
    (re.compile(r"^-[- ]*$"), "dim"),
)


def shown(output: str) -> list[str]:
    """The part of the demo's output that the picture has."""
    lines = output.splitlines()
    first = next(at for at, line in enumerate(lines) if line.startswith(_FIRST))
    last = next(at for at, line in enumerate(lines) if line.startswith(_LAST))
    # The headings of the table stand above the first command.
    while first and lines[first - 1].strip():
        first -= 1
    return [line.replace(str(Path.home()), "~") for line in lines[first:last] if line.strip()]


def picture(lines: list[str]) -> str:
    """The lines as a terminal shows them."""
    console = Console(record=True, width=WIDTH, file=io.StringIO())
    for line in lines:
        text = Text(line if len(line) <= WIDTH else line[: WIDTH - 1] + "…")
        for pattern, style in _COLOURS:
            text.highlight_regex(pattern, style)
        console.print(text)
    template = re.sub(r"@font-face \{\{.*?\}\}", "", CONSOLE_SVG_FORMAT, flags=re.DOTALL)
    template = template.replace("Fira Code", "ui-monospace")
    svg = console.export_svg(title=TITLE, code_format=template, unique_id="demo")
    return "\n".join(line.rstrip() for line in svg.splitlines() if line.strip()) + "\n"


def main(arguments: list[str]) -> int:
    """See the module."""
    if arguments:
        output = Path(arguments[0]).read_text(encoding="utf-8")
    else:
        with tempfile.TemporaryDirectory() as directory:
            run = subprocess.run(
                [sys.executable, "-m", "authz", "demo", "--check"],
                cwd=directory,
                capture_output=True,
                text=True,
                check=True,
            )
        output = run.stdout
    PICTURE.write_text(picture(shown(output)), encoding="utf-8")
    print(f"{PICTURE.name}: {len(shown(output))} lines, {PICTURE.stat().st_size:,} bytes")
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
