# SPDX-License-Identifier: Apache-2.0
"""The README shows the demo's rows and steps as they are."""

from __future__ import annotations

import re
from pathlib import Path

from authz.demo.scenario import ROWS
from authz.demo.story_steps import STEPS

README = Path(__file__).resolve().parents[2] / "README.md"


def demo_table() -> str:
    """The rows as the README's Markdown table."""
    lines = ["| request | to | certificate | answer | decided by |", "|---|---|---|---|---|"]
    for row in ROWS:
        decided = f"rule `{row.rule}`" if row.reason == "rule" else f"`{row.reason}`"
        because = f", `{row.failure}`" if row.failure else ""
        lines.append(
            f"| {row.says} | `{row.host}{row.path}` | {row.certificate or 'none'} | {row.status} "
            f"| {decided + because if row.reason else 'Envoy'} |"
        )
    return "\n".join(lines) + "\n"


def test_the_readme_shows_the_rows_of_the_demo() -> None:
    assert demo_table() in README.read_text(), f"the README's table should be:\n{demo_table()}"


def story_table() -> str:
    """The steps as the README's Markdown table."""
    lines = ["| request | to | answer | within |", "|---|---|---|---|"]
    for step in STEPS:
        within = "" if step.within is None else f"{step.within:g} s"
        lines.append(f"| {step.says} | `{step.to}` | {step.expected} | {within} |")
    return "\n".join(lines) + "\n"


def test_the_readme_shows_the_steps_of_the_demo() -> None:
    assert story_table() in README.read_text(), f"the README's table should be:\n{story_table()}"


def test_the_picture_is_of_this_demo_and_loads_nothing() -> None:
    picture = (README.parent / "docs" / "images" / "demo.svg").read_text(encoding="utf-8")
    shown = picture.replace("&#160;", " ")

    # From the first certificate to its restoration.
    assert [step.says for step in STEPS[:7] if step.says not in shown] == []
    assert not re.search(r"@import|@font-face|<image|href=", picture)


def test_the_readme_names_the_two_commands() -> None:
    text = README.read_text()

    assert "\nmake demo\n" in text
    assert "\nmake test\n" in text
