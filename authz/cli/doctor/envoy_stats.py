# SPDX-License-Identifier: Apache-2.0
"""What Envoy has counted about the authorizer (`/stats?format=json`)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from authz.cli.doctor.findings import Finding, many

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

#: Fewer may all have been wrong.
ENOUGH_REQUESTS: Final = 10


def look(stats: Any, clusters: Iterable[str], where: str) -> Iterator[Finding]:
    """Findings about the counters of an Envoy whose authorizers are `clusters`."""
    values = {
        one["name"]: one["value"]
        for one in (stats.get("stats", []) if isinstance(stats, dict) else [])
        if isinstance(one, dict) and isinstance(one.get("value"), int) and "name" in one
    }

    def total(counter: str) -> int:
        # The same numbers are also kept per cluster: those of the connection managers suffice.
        return sum(
            value
            for name, value in values.items()
            if name.startswith("http.") and name.endswith(f".ext_authz.{counter}")
        ) or sum(
            value
            for name, value in values.items()
            if name.startswith("cluster.") and name.endswith(f".ext_authz.{counter}")
        )

    allowed = total("failure_mode_allowed")
    if allowed:
        yield Finding(
            id="failure-mode-allowed",
            where=where,
            what=f"{many(allowed, 'request')} got through because the authorizer did not answer",
            do="set failure_mode_allow: false",
        )
    errors = total("error")
    if errors:
        yield Finding(
            id="authorizer-errors",
            where=where,
            what=f"{many(errors, 'check')} got no answer in time",
            do="is authz running and reachable, and the timeout long enough?",
        )
    disabled = total("disabled")
    if disabled:
        yield Finding(
            id="filter-disabled",
            where=where,
            what=f"{many(disabled, 'request')} passed the filter while it was disabled",
            do="remove filter_enabled, or set deny_at_disable",
        )
    invalid = total("invalid")
    if invalid:
        yield Finding(
            id="invalid-answers",
            where=where,
            what=f"invalid header mutations: Envoy refused {many(invalid, 'answer')}",
            do="please report it, with the certificate's names",
        )
    denied = total("denied")
    if denied >= ENOUGH_REQUESTS and not (total("ok") or allowed):
        yield Finding(
            id="everything-denied",
            where=where,
            what=f"all {denied} requests were denied",
            do="authz check --explain decides one of them again and says why; Envoy's access log "
            "has the reasons",
        )
    if not (total("ok") or total("denied") or errors or allowed):
        yield Finding(
            id="never-asked",
            where=where,
            what="Envoy has not asked the authorizer yet",
            do="send a request; if this stays, the filter is not on that request's way",
        )
    for cluster in sorted(set(clusters)):
        healthy = values.get(f"cluster.{cluster}.membership_healthy")
        if healthy == 0:
            yield Finding(
                id="authorizer-unhealthy",
                where=f"{where}: cluster {cluster}",
                what="no endpoint of the authorizer is healthy: every request is denied",
                do="is authz serving (its /readyz says), on the address of this cluster?",
            )
