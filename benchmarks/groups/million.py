# SPDX-License-Identifier: Apache-2.0
"""A million revoked serials and a list with a million entries, next to none of either.

The list is asked on every check, as somebody has it who keeps fingerprints of compromised keys.
"""

from __future__ import annotations

import random
import time
from functools import partial
from typing import TYPE_CHECKING, Final

from benchmarks.figures import Result, Row, Sample, interleaved
from benchmarks.messages import HOST, check_for, write_bodies
from benchmarks.plan import workshop
from benchmarks.policies import make_authority, pinned, rule, site, write_policy
from benchmarks.servers import start_ours

if TYPE_CHECKING:
    from pathlib import Path

    from benchmarks.plan import Plan

MILLION: Final = 1_000_000
_QUICK: Final = 10_000
_LABELS: Final = {
    "none": "no revoked serials beyond the CRL's, no list",
    "million": "1,000,000 revoked serials, a list of 1,000,000",
}


def measure(plan: Plan) -> Result:
    """Answers a second with each policy; seconds to load and memory of the large one."""
    count = plan.scaled(MILLION, _QUICK)
    result = Result(title="A million revoked serials, a list of a million")
    with workshop() as (directory, children):
        authority = make_authority(directory)
        message = check_for(authority.client)
        body = write_bodies(directory / "body", [message])
        _lines(directory / "serials.txt", count, 20)
        _lines(directory / "fingerprints.txt", count, 32)
        small = write_policy(
            directory / "none-policy.yaml",
            [
                site(
                    "api",
                    [HOST],
                    [rule(pinned(authority.client), "pinned")],
                    authority.trust(revoked_serials=[]),
                )
            ],
        )
        large = write_policy(
            directory / "million-policy.yaml",
            [
                site(
                    "api",
                    [HOST],
                    [
                        rule(
                            "cf.tls_client_auth.cert_fingerprint_sha256 in $compromised",
                            "compromised",
                        ),
                        rule(pinned(authority.client), "pinned"),
                    ],
                    authority.trust(
                        revoked_serials=[], revoked_serials_file=str(directory / "serials.txt")
                    ),
                )
            ],
            {
                "compromised": {
                    "kind": "string",
                    "items_file": str(directory / "fingerprints.txt"),
                }
            },
        )
        servers = {"none": start_ours(children, directory, small, "none")}
        started = time.perf_counter()
        servers["million"] = start_ours(children, directory, large, "million")
        result.rows["start"] = Row(
            label="from start to serving, the large one",
            unit="s",
            samples=(Sample(value=time.perf_counter() - started),),
        )
        for server in servers.values():
            server.expect_allowed(message)
        found = interleaved(
            {name: partial(one.saturate, body, plan.seconds) for name, one in servers.items()},
            plan.rounds,
        )
        for name, label in _LABELS.items():
            result.rows[name] = Row(label=label, unit="checks/s", samples=found[name])
        for name, server in servers.items():
            result.rows[f"memory, {name}"] = Row(
                label=f"resident memory: {_LABELS[name]}",
                unit="MB",
                samples=(Sample(value=server.resident_megabytes()[0]),),
            )
    result.ratio("million/none", "million", "none")
    return result


def _lines(file: Path, count: int, size: int) -> None:
    """That many random hexadecimal lines of `size` bytes; the same ones in every run."""
    draw = random.Random(size)
    # The first bit stays clear, as in a serial number (RFC 5280 4.1.2.2: positive).
    top = 1 << (8 * size - 1)
    file.write_text(
        "".join(f"{draw.randrange(1, top):0{2 * size}x}\n" for _ in range(count)),
        encoding="ascii",
    )
