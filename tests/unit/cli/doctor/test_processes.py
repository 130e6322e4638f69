# SPDX-License-Identifier: Apache-2.0
"""What a running authz says of its own processes."""

from __future__ import annotations

import pytest

from authz import __version__
from authz.cli.doctor import processes, service
from authz.settings import Settings

WELL = f"""\
authz_build_info{{version="{__version__}"}} 1.0
authz_workers_ready 2.0
authz_worker_restarts_total 2.0
authz_snapshot_generation{{worker="0"}} 7.0
authz_snapshot_generation{{worker="1"}} 7.0
authz_api_up 1.0
authz_log_lines_dropped_total 0.0
authz_events_dropped_total 0.0
"""


def ids(text: str) -> list[str]:
    settings = Settings.model_validate(
        {"grpc": {"workers": 2, "port_per_worker": True}, "sds": {"listen": "off"}}
    )
    return [one.id for one in processes.look(service.parse_metrics(text), settings, "authz")]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (WELL, []),
        ("", []),
        (WELL.replace(__version__, "9.9.9"), ["other-version"]),
        (WELL.replace("ready 2", "ready 1"), ["workers-missing"]),
        (WELL.replace("restarts_total 2", "restarts_total 7"), ["worker-restarts"]),
        (WELL.replace('worker="1"} 7', 'worker="1"} 6'), ["workers-differ"]),
        (WELL.replace("api_up 1", "api_up 0"), ["api-down"]),
        (WELL.replace("lines_dropped_total 0", "lines_dropped_total 4"), ["lost"]),
        (WELL.replace("events_dropped_total 0", "events_dropped_total 4"), ["lost"]),
        (
            WELL
            + 'authz_decision_log_dropped_total{why="full"} 2\n'
            + 'authz_decision_log_records_dropped_total{why="export"} 1\n'
            + 'authz_log_records_dropped_total{why="export"} 1\n'
            + 'authz_spans_dropped_total{why="refused"} 1\n',
            ["lost"] * 4,
        ),
        (WELL + "authz_events_not_kept_total 1\nauthz_counts_not_kept_total 1\n", ["lost"] * 2),
    ],
)
def test_what_it_says(text: str, found: list[str]) -> None:
    assert ids(text) == found
