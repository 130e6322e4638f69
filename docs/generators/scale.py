# SPDX-License-Identifier: Apache-2.0
"""The page about a thousand nodes: arithmetic with what `make bench` and `make bench-nodes` wrote
down, and nothing else."""

from __future__ import annotations

import json
from typing import Any, Final

from generators.capacity import CONNECTIONS, UTILISATION, _count, _Figures
from generators.performance import RESULTS

#: What `python benchmarks/nodes.py --output` wrote.
NODES_RESULTS: Final = RESULTS.with_name("nodes.json")

NODES: Final = 1_000
RATE: Final = 100_000_000
CERTIFICATES: Final = 50_000_000
#: Of a node without the API: the control process, and LISTEN.
WITHOUT_API: Final = 11
#: Certificates that a worker remembers (docs/explanation/capacity.md).
REMEMBERED: Final = 11_000
#: Shares of the certificates that are revoked.
REVOKED: Final = (0.001, 0.01, 0.1)
#: Changes a second, of all administrators and programs together.
CHANGES: Final = (0.1, 1, 10)
#: With fewer changes, nothing is beyond the 99th percentile.
_ENOUGH: Final = 100
#: A load of this for each core, and nobody takes the figures for the machine's.
_BUSY: Final = 1.0


def scale_page() -> str:
    """docs/explanation/scale.md."""
    return page(
        json.loads(RESULTS.read_text(encoding="utf-8")),
        json.loads(NODES_RESULTS.read_text(encoding="utf-8")),
    )


def page(results: dict[str, Any], nodes: dict[str, Any]) -> str:
    """The page of one run of each."""
    one = _Figures(results)
    most = nodes["nodes"][-1]
    rate = RATE // NODES
    workers = one.workers(rate)
    clients = CERTIFICATES // NODES
    hits = min(1.0, REMEMBERED / clients)
    spread = min(1.0, REMEMBERED * workers / clients)
    busy = _busy(nodes)
    idle_cores = NODES * most["idle_database_ms"] / 1000
    change_cores = NODES * most["change_database_ms"] / 1000
    measured = ", ".join(
        f"{_count(row['p99'])} ms with {row['nodes']} nodes ({_count(row['changes'])} changes)"
        for row in nodes["nodes"]
    )
    few = any(row["changes"] < _ENOUGH for row in nodes["nodes"])
    slowest = f", and of fewer than {_ENOUGH} changes that is the slowest one" if few else ""
    return f"""\
# Scale

What a thousand nodes, a hundred million requests a second and fifty million certificates would need, where this design breaks first, and what it does about it.
Nothing of that size was run. The figures of one node are those of `make bench` of {results["date"]} ([performance](../reference/performance.md), [capacity](capacity.md)), those of several nodes on one PostgreSQL are those of `make bench-nodes` of {nodes["date"]} ({nodes["machine"]["processor"]}, {nodes["machine"]["cores"]} cores for the nodes, the database and who measured); everything else on this page is multiplied.{busy}

A node here is a supervisor with its workers beside an Envoy; every node has the same store.

## Checks

They need nobody else, so they grow with the nodes.

| | of each node | of all |
|---|---|---|
| requests a second | {_count(rate)} | {_count(RATE)} |
| processor time of checks ({one.microseconds:g} µs each, another path each time) | {one.cores_used(rate):.1f} cores | {_count(one.cores_used(RATE))} cores |
| workers, at {UTILISATION:.0%} of a core each | {workers} | {_count(workers * NODES)} |
| Envoy, by the figure of the capacity page | {_count(one.envoy_cores(rate))} cores | {_count(one.envoy_cores(rate) * NODES)} cores |
| memory of workers and supervisor, all memories of certificates full | {one.memory_mb(rate) / 1000:.1f} GB | {_count(one.memory_mb(rate) * NODES / 1000)} GB |

Envoy needs by far the most of this, as on one node.

## Certificates

A worker remembers {_count(REMEMBERED)} certificates, and verifies one that it does not remember in {one.first_ms:g} ms.
Fifty million clients are {_count(clients)} on each node, when each keeps its connections to one. What of their requests is remembered decides more than anything else on this page:

| requests go to | remembered | processor time of verifying, of each node |
|---|---|---|
| any worker of the node, as Envoy shares them out | {hits:.0%} | {_verifying(one, rate, hits):.1f} cores |
| always the same worker for a client (a hash of the connection) | {spread:.0%} | {_verifying(one, rate, spread):.1f} cores |
| any node, a connection for each request | 0% | {_verifying(one, rate, 0.0):.1f} cores |

Revoked serial numbers are files that all workers of a node map once:

| revoked, of {_count(CERTIFICATES)} | {" | ".join(_count(CERTIFICATES * share) for share in REVOKED)} |
|---|{"---|" * len(REVOKED)}
| memory and disk of each node ({one.million_mb / 2:.1f} MB a million) | {" | ".join(f"{CERTIFICATES * share / 1e6 * one.million_mb / 2:.1f} MB" for share in REVOKED)} |

In PostgreSQL a certificate takes {_count(nodes["certificate_bytes"])} bytes with its indexes: {CERTIFICATES * nodes["certificate_bytes"] / 1e9:.0f} GB for all. No check, and no publication, reads them.

## The database

| | measured, each node | {_count(NODES)} nodes |
|---|---|---|
| connections while nothing changes | {most["connections"]:.1f} | {_count(most["connections"] * NODES)} |
| connections at most, with the API / without | {CONNECTIONS} / {WITHOUT_API} | {_count(CONNECTIONS * NODES)} / {_count(WITHOUT_API * NODES)} |
| transactions a second while nothing changes | {most["idle_statements"]:.1f} | {_count(most["idle_statements"] * NODES)} |
| processor time of PostgreSQL for them | {most["idle_database_ms"]:.1f} ms a second | {idle_cores:.1f} cores |
| transactions of a change, those of who changes among them | {most["change_statements"]:.1f} | {_count(most["change_statements"] * NODES)} |
| processor time of PostgreSQL for a change | {most["change_database_ms"]:.1f} ms | {change_cores:.1f} core seconds |
| processor time of a control process for a change | {most["change_ms"]:.1f} ms | |
| bytes of a snapshot without large sets | {_count(most["snapshot_bytes"])} | written by each node for itself |

A commit is one NOTIFY, and wakes all listeners; each reads what changed and makes its own snapshot.

| changes a second | {" | ".join(f"{rate:g}" for rate in CHANGES)} |
|---|{"---|" * len(CHANGES)}
| cores of PostgreSQL | {" | ".join(f"{rate * change_cores:.1f}" for rate in CHANGES)} |
| of each node's control process | {" | ".join(f"{rate * most['change_ms'] / 10:.1f} %" for rate in CHANGES)} |

From a commit to the last node's enforcement, the 99th percentile was {measured}, one after the other asked and all on one machine{slowest}; the limit that `make bench-nodes` keeps is 2 s.
Many commits at once become one publication on each node, so the second table is a bound from above.

## Where it breaks first

1. **Connections.** PostgreSQL takes hundreds of them, not {_count(most["connections"] * NODES)}: with 500 there is room for some {_count(500 / most["connections"])} nodes. A pooler does not help, because LISTEN belongs to a session. What to do: turn the API off on most nodes, and share one store among fewer nodes: one database for each region, with the same configuration from [GitOps](../how-to/gitops.md), and the revocations sent to each. A relay that listens once for many nodes does not exist.
2. **Verifying.** With more clients on a node than a worker remembers, verification takes more than all else of a check: more nodes with fewer clients each, or an Envoy that hashes clients to workers. The shipped cluster does not hash.
3. **The fan-out of changes.** {_count(NODES)} nodes that read the same revision at the same moment are {change_cores:.1f} core seconds of PostgreSQL; above some {1 / change_cores if change_cores else 0:.2g} changes a second for each of its cores they queue, and many changes become one publication: it gets slower, and nothing is lost.
4. **What is asked while nothing changes**, {idle_cores:.1f} cores of PostgreSQL: most of it looks for commits once a second, in case a notification was swallowed, and for the lease.
5. **One node fetches and signs for all** ([ADR 0040](../adr/0040-one-node-fetches-and-signs-for-all.md)): a CA sees one client. It asks about 10,000 certificates by OCSP at most: with more of them, take CRLs.
6. **Writers** stand in line for one row, the revision ([ADR 0008](../adr/0008-store.md)). `make bench-api` measures how many changes a second one node's API takes.

Nothing on this list stops a check: whoever cannot follow the database answers by what it has.

## What was not measured

- More than {most["nodes"]} nodes, and any network between them and the database.
- PostgreSQL on a machine of its own, and replicas of it.
- Fifty million certificates in the store: `make bench-store` does a million.
"""


def _verifying(one: _Figures, rate: int, hits: float) -> float:
    """Cores that verify what is not remembered."""
    return rate * (1 - hits) * one.first_ms / 1000


def _busy(nodes: dict[str, Any]) -> str:
    load = float(nodes.get("load", 0.0))
    if load <= _BUSY * nodes["machine"]["cores"]:
        return ""
    return (
        f"\nThe machine of the second was busy with other things (a load of {load:.1f} on "
        f"{nodes['machine']['cores']} cores): its times are longer than they need be."
    )
