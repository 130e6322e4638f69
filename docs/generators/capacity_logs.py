# SPDX-License-Identifier: Apache-2.0
"""The part of the page about sizing that is about the decision log, traces and access logs."""

from __future__ import annotations

from typing import Any, Final

from authz.observability.decision_feed import MAX_QUEUED, MAX_QUEUED_BYTES, ROUND_SECONDS
from authz.settings.decision_log import SampleSettings

#: Of the decisions, as an example: how many deny.
DENIED: Final = 0.01
#: Of those that are let through, unless it is set.
SAMPLED: Final = float(SampleSettings().allowed)
#: Of the traces, as an example: how many are sampled.
TRACED: Final = 0.01

_DAY: Final = 86_400
_NOT_MEASURED: Final = """\
This run did not measure what the decision log and traces cost: `make bench` does, and then it stands here.
"""


def logs_section(results: dict[str, Any], rates: tuple[int, ...], check_us: float) -> str:
    """The section.

    Args:
        results: of one run; a run without the group `decisions` says so.
        rates: requests a second that are sized.
        check_us: processor time of a check, in microseconds.
    """
    group = results["groups"].get("decisions")
    return f"""\
## Logs and traces

{_NOT_MEASURED if group is None else _measured(group, results, rates, check_us)}
Envoy's access log has a line for each request, too. Measure yours, for its length is that of your paths and names: `tail -n 1000 FILE | wc -c`.
A thousandth of that, times the rate, times 86,400, is bytes a day: with 1,000 bytes a line, {" / ".join(_gigabytes(rate * 1000) for rate in rates)} a day at the three rates. At the highest one sample it (`runtime_filter`), or log denials only.
"""


def _measured(
    group: dict[str, Any], results: dict[str, Any], rates: tuple[int, ...], check_us: float
) -> str:
    rows = group["rows"]

    def median(row: str) -> float:
        return float(rows[row]["median"])

    none = median("allowed: no log")
    line_us = median("a check and its line, made and written") - none
    span_us = median("a check and its span, made and not sent") - none
    allowed, denied = median("line, allowed"), median("line, denied")
    every = (1 - DENIED) * allowed + DENIED * denied
    blocks = DENIED * denied
    sampled = (1 - DENIED) * SAMPLED * allowed + DENIED * denied
    lines = (1 - DENIED) * SAMPLED + DENIED
    head = f"| requests a second | {' | '.join(f'{rate:,}' for rate in rates)} |\n"
    head += f"|---|{'---|' * len(rates)}"

    def row(says: str, cell: Any) -> str:
        return f"| {says} | {' | '.join(cell(rate) for rate in rates)} |"

    when = group.get("date", results["date"])
    if group.get("load", 0) > results["machine"]["cores"]:
        when += (
            f", while other programs kept it busy (a load of {group['load']:g}), "
            "which makes processor times somewhat longer"
        )
    return f"""\
What the [decision log](../how-to/keep-a-decision-log.md) and [traces](../how-to/trace-checks.md) cost, measured in one process of the same machine (`python benchmarks/run.py --only decisions`) on {when}.

| a check that is let through and remembered | on its thread | besides, on another thread of the same process |
|---|---|---|
| without either | {none:g} µs | |
| `what: blocks` | {median("allowed: a log of blocks"):g} µs | |
| `what: sampled`, {SAMPLED:g} of those let through | {median("allowed: a log of one in 100"):g} µs | {line_us * SAMPLED:.2g} µs on average |
| `what: all` | {median("allowed: a log of everything"):g} µs | {line_us:.3g} µs to make and write the line |
| a disk that takes nothing, `what: all` | {median("allowed: a log whose file takes nothing"):g} µs | lines are lost, and counted |
| traces, this one not sampled | {median("allowed: traces, this one not sampled"):g} µs | |
| traces, this one sampled | {median("allowed: traces, this one sampled"):g} µs | {span_us:.3g} µs to make the span, and what sending takes |

The other thread shares the interpreter: what it takes, checks do not get.
With the {check_us:g} µs of a check of above, a line for each makes {check_us + line_us:.3g} µs of it, so that one core answers {1e6 / (check_us + line_us):,.0f} a second instead of {1e6 / check_us:,.0f}; with `what: sampled` and {DENIED:.0%} denied, {1e6 / (check_us + line_us * lines):,.0f}. Plan the workers with that figure.
(The check of that figure also has its transport in it; arithmetic, not a measurement.)

A line is {allowed:,.0f} bytes for a request that was let through with a certificate, and {denied:,.0f} for one that was denied without one; yours have your paths and names. With {DENIED:.0%} denied:

{head}
{row("processor time of lines, `what: all`", lambda rate: f"{rate * line_us / 1e6:.2g} cores")}
{row("the same, `what: sampled` as above", lambda rate: f"{rate * lines * line_us / 1e6:.2g} cores")}
{row("disk a day, `what: all`", lambda rate: _gigabytes(rate * every))}
{row("disk a day, `what: sampled` as above", lambda rate: _gigabytes(rate * sampled))}
{row("disk a day, `what: blocks`", lambda rate: _gigabytes(rate * blocks))}
{row(f"processor time of spans, {TRACED:.0%} of the traces", lambda rate: f"{rate * TRACED * span_us / 1e6:.2g} cores")}

- Sampling leaves out lines, not decisions: what was denied is all there, and `1 / sample_rate` of a line is how many it stands for.
- A burst waits in memory: {MAX_QUEUED:,} decisions and {MAX_QUEUED_BYTES >> 20} MB for each worker, looked at every {ROUND_SECONDS:g} s. A core makes {1e6 / line_us:,.0f} lines a second when it does nothing else; what finds the queue full is lost and in `authz_decision_log_dropped_total`.
- The disk must hold what rotation has not taken away yet; how far your lines compress, `gzip -c FILE | wc -c` says.
"""


def _gigabytes(bytes_a_second: float) -> str:
    return (
        f"{bytes_a_second * _DAY / 1e9:,.3g} GB"
        if bytes_a_second * _DAY < 1e12
        else (f"{bytes_a_second * _DAY / 1e9:,.0f} GB")
    )
