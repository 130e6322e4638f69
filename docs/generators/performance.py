# SPDX-License-Identifier: Apache-2.0
"""The page of measured speed, made of what `make bench` wrote down."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

RESULTS = Path(__file__).resolve().parents[2] / "benchmarks" / "results" / "latest.json"


def performance_page() -> str:
    """docs/reference/performance.md."""
    return page(json.loads(RESULTS.read_text(encoding="utf-8")))


def page(results: dict[str, Any]) -> str:
    """The page of one run's results."""
    machine = results["machine"]
    versions = ", ".join(f"{name} {value}" for name, value in results["versions"].items())
    return (
        f"""\
# Performance

What `make bench` measured on {results["date"]}.
How it measures, and what the figures do and do not say, is in
[Performance explained](../explanation/performance.md).

- Machine: {machine["processor"]}, {machine["cores"]} cores, {machine["system"]};
  {machine["pinning"]}.
- Versions: {versions}.
- Medians of {results["rounds"]} interleaved rounds, lowest and highest round behind them.

## Limits

`make bench-check` fails when one of these is missed.

| what | measured | limit | |
|---|---|---|---|
"""
        + "".join(_limit_rows(results["limits"]))
        + "".join(_section(group) for group in results["groups"].values())
    )


def _limit_rows(limits: list[dict[str, Any]]) -> Iterator[str]:
    for limit in limits:
        value = limit["value"]
        shown = "not measured" if value is None else f"{_number(value)} {limit['unit']}".strip()
        yield (
            f"| {limit['says']} | {shown} | {limit['bound']} | "
            f"{'kept' if limit['kept'] else 'missed'} |\n"
        )


def _section(group: dict[str, Any]) -> str:
    rows = group["rows"].values()
    with_cpu = any("cpu_microseconds" in row for row in rows)
    heading = "| what | median | rounds |" + (" CPU a check |" if with_cpu else "")
    lines = [heading, "|---|---|---|" + ("---|" if with_cpu else "")]
    for row in rows:
        cpu = row.get("cpu_microseconds")
        cell = f" {_number(cpu)} µs |" if cpu is not None else " |" if with_cpu else ""
        lines.append(f"| {row['label']} | {_cells(row, 'median')} |{cell}")
    figures = [f"| {key} | {_cells(figure, 'value')} |" for key, figure in group["figures"].items()]
    if figures:
        lines += ["", "| figure | median | rounds |", "|---|---|---|", *figures]
    notes = [f"\n{note}" for note in group["notes"]]
    if "date" in group:
        notes.append(
            f"\nMeasured by itself, on {group['date']}, in {group['rounds']} rounds, "
            f"at a load of {group['load']:g}."
        )
    return "\n".join(["", f"## {group['title']}", "", *lines, *notes]) + "\n"


def _cells(found: dict[str, Any], middle: str) -> str:
    if middle not in found:
        return f"{found.get('note', '')} | "
    unit = found["unit"]
    value = f"{_number(found[middle])} {unit}".strip()
    spread = (
        ""
        if found["low"] == found["high"]
        else f"{_number(found['low'])} to {_number(found['high'])}"
    )
    note = "; ".join(
        text
        for text in (found.get("note", ""), "machine busy" if found.get("disturbed") else "")
        if text
    )
    return f"{value} | {spread}{f' ({note})' if note else ''}".rstrip()


def _number(value: float) -> str:
    return f"{value:,}" if abs(value) >= 1000 else f"{value:g}"
