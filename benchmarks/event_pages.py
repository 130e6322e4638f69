# SPDX-License-Identifier: Apache-2.0
"""A hundred thousand events in the store: how long the dashboard's pages of them take.

    python benchmarks/event_pages.py [--events N] [--check]

Pages are asked for without a network. Prints the best of five, the least processor time and the
size of each, and with --check ends with 1 when one takes longer than LIMIT_MS.
"""

from __future__ import annotations

import argparse
import contextlib
import sys
import tempfile
import time
from pathlib import Path
from typing import Final

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from authz.observability.log import configure_logging
from authz.store.engine import open_store
from tests.factories.busy import fingerprint, make_busy
from tests.factories.dashboard import Bench, Visitor

LIMIT_MS: Final = 300.0
_TIMES: Final = 5

_EVENTS: Final = "/zones/{zone}/events"
PAGES: Final = {
    "overview": "/zones/{zone}",
    "events": _EVENTS,
    "events of every zone": "/events",
    "events of an hour": f"{_EVENTS}?span=1h",
    "events of 30 days by rule": f"{_EVENTS}?span=30d&by=rule",
    "an exact time": f"{_EVENTS}?span=exact&since=2026-09-21T00:00&until=2026-09-21T12:00",
    "a rule": f"{_EVENTS}?rule=protect-admin",
    "a rule that is not there": f"{_EVENTS}?rule=gone",
    "a host by rule": f"{_EVENTS}?host=shop.example.com&by=rule",
    "paths that begin alike": f"{_EVENTS}?path=/v1/*&verdict=deny",
    "a path that is not there": f"{_EVENTS}?path=/gone",
    "a rare certificate": f"{_EVENTS}?certificate={fingerprint(1_999)}",
    "an older page": f"{_EVENTS}?before=5000",
    "what came since": f"{_EVENTS}/tail?after=0",
    "one event": f"{_EVENTS}/{99:032x}",
}
#: When the last event is: 2026-09-21 14:13 UTC.
_NOW: Final = 1_790_000_000.0


def main() -> int:
    """Measure; the exit status."""
    options = argparse.ArgumentParser()
    options.add_argument("--events", type=int, default=100_000)
    options.add_argument("--check", action="store_true")
    given = options.parse_args()
    configure_logging("json", "error")
    slowest = 0.0
    with (
        tempfile.TemporaryDirectory() as directory,
        contextlib.closing(open_store("sqlite", Path(directory))) as store,
    ):
        make_busy(store, events=given.events, now=_NOW)
        bench = Bench(store)
        bench.now = _NOW
        visitor = Visitor(bench)
        for name, path in PAGES.items():
            took, worked = [], []
            for _ in range(_TIMES):
                begun, worked_before = time.perf_counter(), time.process_time()
                page = visitor.get(path)
                took.append((time.perf_counter() - begun) * 1000)
                worked.append((time.process_time() - worked_before) * 1000)
            slowest = max(slowest, min(took))
            print(
                f"{name:28} {min(took):7.1f} ms {min(worked):7.1f} ms CPU "
                f"{len(page) / 1000:7.1f} kB"
            )
        bench.close()
    kept = slowest <= LIMIT_MS
    print(f"limit: {LIMIT_MS:g} ms each: {'kept' if kept else 'not kept'}")
    return 1 if given.check and not kept else 0


if __name__ == "__main__":
    sys.exit(main())
