# SPDX-License-Identifier: Apache-2.0
"""The README shows the demo's rows as they are."""

from __future__ import annotations

from pathlib import Path

from authz.demo.scenario import ROWS

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


def test_the_readme_names_the_two_commands() -> None:
    text = README.read_text()

    assert "\nmake demo\n" in text
    assert "\nmake test\n" in text
