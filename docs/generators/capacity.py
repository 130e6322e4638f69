# SPDX-License-Identifier: Apache-2.0
"""The page about sizing: arithmetic with what `make bench` wrote down, and nothing else."""

from __future__ import annotations

import json
import math
from typing import Any, Final

from authz.settings.events import EventSettings
from generators.capacity_logs import logs_section
from generators.performance import RESULTS

#: Requests a second that are sized.
RATES: Final = (10, 1_000, 100_000)

#: How much of a core is planned to be used: the latencies that were measured are those at half
#: load.
UTILISATION: Final = 0.5

#: No fewer: one of them can be replaced without losing a request.
LEAST_WORKERS: Final = 2

#: What the pool of the API, the control process and LISTEN take of a PostgreSQL, for each node
#: (docs/how-to/use-postgresql.md).
CONNECTIONS: Final = 28 + 10 + 1

#: Events of denials a second, at most (observability.events).
MOST_EVENTS: Final = 1_000


def capacity_page() -> str:
    """docs/explanation/capacity.md."""
    return page(json.loads(RESULTS.read_text(encoding="utf-8")))


def page(results: dict[str, Any]) -> str:
    """The page of one run's results."""
    figures = _Figures(results)
    machine = results["machine"]
    events = EventSettings()
    return f"""\
# Capacity

How many cores, how much memory, and what else an installation needs.
Unless a section names another day, every figure here is from the run of `make bench` of {results["date"]} ({machine["processor"]}, {machine["cores"]} cores, one of them for the server) that [performance](../reference/performance.md) shows in full, and this page is made anew with it.
Your machine has others: run `make bench` there, and this page is about it.

## What one core does

| what | measured | row of `make bench` |
|---|---|---|
| checks a second, one core, `native` | {_count(figures.checks)} | `authz serve`, full decision, native |
| the same, another path each time | {_count(figures.paths)} | 20,000 paths in turn, Go client |
| the same over `grpcio` (for TLS and other machines; measured without TLS, on loopback) | {_count(figures.grpcio)} | full decision, grpcio |
| processor time of a check, another path each time | {figures.microseconds:g} µs | 20,000 paths in turn, Go client |
| the first check of a certificate | {figures.first_ms:g} ms | the first check, RSA-2048, an intermediate between |
| p99 at half load | {figures.p99_ms:g} ms | latency while the policy is replaced |
| requests a second through Envoy, which shares one core with client and application | {_count(figures.envoy)} | through Envoy |
| the same without ext_authz | {_count(figures.envoy_alone)} | through Envoy |

## What is held in memory

| what | measured | arithmetic |
|---|---|---|
| one worker, small policy | {figures.worker_mb:g} MB | |
| 10,000 certificates that it remembers | {figures.memo_mb:.1f} MB more | {figures.many_mb:g} - {figures.one_mb:g} |
| a million revoked serials and a list of a million | {figures.million_mb:.1f} MB more, in each worker's figure | {figures.with_million_mb:g} - {figures.without_million_mb:g} |
| one million entries of these | {figures.million_mb / 2:.1f} MB | half of it |
| the supervisor | {figures.supervisor_mb:g} MB | |

Large sets are files that every process maps, and the system holds them once: for N workers the third row counts once, though each of them shows it ([ADR 0006](../adr/0006-snapshot-and-generation.md); `make bench-sets` tells private and shared memory apart).
The control process and the process of the API hold more while they publish a large store; `python benchmarks/million_node.py` prints them for a million certificates. They are not part of this run, and not of the table below.

## Sizing

Half a core of load for each core that is there: above it queues grow, and a worker that is being replaced leaves its share to the others.
So with {_count(figures.paths)} checks a second on one core, one worker is planned for {_count(figures.paths * UTILISATION)}.

| requests a second | {" | ".join(_count(rate) for rate in RATES)} |
|---|{"---|" * len(RATES)}
| processor time of checks (rate × {figures.microseconds:g} µs) | {_row(figures.cores_used, "{:.4g} cores")} |
| workers: rate / ({_count(figures.paths)} × {UTILISATION:g}), {LEAST_WORKERS} at least | {_row(figures.workers)} |
| memory of workers and supervisor (workers × ({figures.worker_mb:g} + {figures.memo_mb:.1f}) + {figures.supervisor_mb:g}) | {_row(figures.memory_mb, "{:.0f} MB")} |
| a million revoked serials and a list of a million besides | {_row(lambda _: figures.million_mb, "{:.0f} MB")} |
| the same over `grpcio`: rate / ({_count(figures.grpcio)} × {UTILISATION:g}) | {_row(figures.grpcio_workers)} |
| Envoy, by the figure above: rate / ({_count(figures.envoy)} × {UTILISATION:g}) cores, client and application among them | {_row(figures.envoy_cores)} |
| new certificates a second that a tenth of one core takes (0.1 / {figures.first_ms:g} ms) | {_row(lambda _: math.floor(100 / figures.first_ms))} |

- **10**: anything will do. Two workers are for restarts without a lost request, not for load.
- **1,000**: the same two workers. Where Envoy is a sidecar of each of many pods, one process beside each is simpler: it holds {figures.worker_mb:g} MB and uses {figures.cores_used(1000):.2g} of a core at this rate.
- **100,000**: {figures.workers(100_000)} workers with ports of their own ([guide](../how-to/several-workers.md)). By far the most goes to Envoy: put authz on the machines of the Envoys, on loopback or a Unix socket, and it grows with them. Over the network it is `grpcio`'s figure that counts, which is ten times smaller.

Two workers on two cores, with the clients on the same two, did {figures.two_workers:.3g} times what one did. More workers than two were not measured here, so that the line above assumes what it does: that workers on cores of their own do not hinder each other.

## Envoy

- `ext_authz` holds each request until its answer is there: at R requests a second and t seconds for a check, R × t of them wait. At 100,000 and the {figures.p99_ms:g} ms of above that is {100_000 * figures.p99_ms / 1000:.0f} even when every one takes as long as the slowest in a hundred. The shipped circuit breaker lets 2,000 through at once, Envoy's own default 1,024; what is beyond is denied at once, which at an overload is better than to wait in vain ([ADR 0038](../adr/0038-shedding.md)).
- Its threads (`--concurrency`) each open a connection to each worker: 16 threads and 4 workers are 64.
- Health checks are one call to each worker every 0.4 s.

## PostgreSQL

No check asks it. For each node, up to {CONNECTIONS} connections: 28 of the API, some ten of its control process, one that listens; eight are kept. So {", ".join(f"{nodes} nodes: {nodes * CONNECTIONS}" for nodes in (2, 5, 20))}.
`max_connections` of PostgreSQL is 100 unless it is set: above two nodes, set it, or turn the API off on most of them (`admin: {{enabled: false}}`), which leaves eleven for each.

## Events

Denials and matches of `log` rules are told one by one, {_count(MOST_EVENTS)} a second at most, whatever the rate; the rest is counted in `authz_events_dropped_total`. Of what is let through, one for each client in {events.allowed_seconds} s, ten a second in all; or with `events.allowed_every: N` the rate / N:

| requests a second | {" | ".join(_count(rate) for rate in RATES)} |
|---|{"---|" * len(RATES)}
| allowed events a second, at most, with `allowed_every: 0` | {_row(lambda rate: min(rate, 10))} |
| with `allowed_every: 1000` | {_row(lambda rate: rate / 1000, "{:g}")} |
| events a day at ten a second | {_row(lambda rate: min(rate, 10) * 86_400)} |

The store keeps {_count(events.keep_events)} of them, {events.keep_days} days and {events.keep_megabytes} MB at most, whichever comes first: at ten a second {events.keep_events / 10 / 3600:.1f} hours. For longer, send Envoy's access log somewhere.

{logs_section(results, RATES, figures.microseconds)}
## What was not measured

- More than two cores, and rates that one machine's clients cannot make.
- Envoy on a core of its own: client, application and proxy shared one, so that the row about Envoy plans too many cores rather than too few.
- Memory of the control process and of the API in the same run (see above), and of Envoy.
- Networks: everything is on loopback.
- A rate that comes in bursts. `p99.9` and the latencies during changes are in [performance](../reference/performance.md).
"""


class _Figures:
    """The figures of one run that the page calculates with."""

    def __init__(self, results: dict[str, Any]) -> None:
        rows = {name: group["rows"] for name, group in results["groups"].items()}

        def median(group: str, row: str) -> float:
            return float(rows[group][row]["median"])

        self.checks = median("full", "ours")
        self.paths = median("full", "other paths")
        self.microseconds = float(rows["full"]["other paths"]["cpu_microseconds"])
        self.grpcio = median("full", "ours, grpcio")
        self.first_ms = median("first-sight", "RSA-2048, an intermediate between")
        self.p99_ms = median("swaps", "steady p99")
        self.envoy, self.envoy_alone = median("envoy", "ours"), median("envoy", "none")
        self.worker_mb = median("memory", "worker")
        self.one_mb = median("certificates", "memory, one")
        self.many_mb = median("certificates", "memory, many")
        self.memo_mb = self.many_mb - self.one_mb
        self.without_million_mb = median("million", "memory, none")
        self.with_million_mb = median("million", "memory, million")
        self.million_mb = self.with_million_mb - self.without_million_mb
        self.supervisor_mb = median("workers", "supervisor")
        self.two_workers = float(
            results["groups"]["workers"]["figures"]["2 workers/1 worker"]["value"]
        )

    def cores_used(self, rate: int) -> float:
        return rate * self.microseconds / 1e6

    def workers(self, rate: int) -> int:
        return max(LEAST_WORKERS, math.ceil(rate / (self.paths * UTILISATION)))

    def grpcio_workers(self, rate: int) -> int:
        return max(LEAST_WORKERS, math.ceil(rate / (self.grpcio * UTILISATION)))

    def envoy_cores(self, rate: int) -> int:
        return max(1, math.ceil(rate / (self.envoy * UTILISATION)))

    def memory_mb(self, rate: int) -> float:
        return self.workers(rate) * (self.worker_mb + self.memo_mb) + self.supervisor_mb


def _row(of: Any, form: str = "{:,}") -> str:
    return " | ".join(form.format(of(rate)) for rate in RATES)


def _count(value: float) -> str:
    return f"{value:,.0f}"
