# SPDX-License-Identifier: Apache-2.0
"""The first check of a certificate: read, chain built, signatures verified, decided, answered.

In one process and without a transport: milliseconds of a whole check, each with another
certificate. What is limited is the slowest kind.
"""

from __future__ import annotations

import statistics
import time
from functools import partial
from typing import TYPE_CHECKING

from authz.demo.keys import KeyKind, make_key
from benchmarks.cores import SERVER, on_core
from benchmarks.figures import Figure, Result, Row, Sample, interleaved
from benchmarks.inside import expect_allowed, service_for
from benchmarks.messages import HOST, check_for
from benchmarks.plan import workshop
from benchmarks.policies import MTLS, make_authority, rule, site, write_policy

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from authz.demo.pki import Issued
    from authz.extauthz.service import CheckService
    from benchmarks.plan import Plan


def measure(plan: Plan) -> Result:
    """A row for each kind of certificate: the median of many first checks, once a round."""
    each = plan.scaled(100, 5)
    with workshop() as (directory, _):
        authority = make_authority(directory)
        issuing = authority.root.intermediate("Bench Issuing CA")
        (directory / "ca.pem").write_bytes(authority.root.pem + issuing.pem)
        # One RSA key for all: making one takes longer than everything else here together.
        key = make_key(KeyKind.RSA2048)
        kinds: dict[str, Callable[[str], Issued]] = {
            "P-256, issued by the anchor": authority.root.client,
            "P-256, an intermediate between": issuing.client,
            "RSA-2048, an intermediate between": partial(issuing.client, key=key),
        }
        trust = authority.trust(crls=[str(directory / "acme.crl"), str(directory / "issuing.crl")])
        (directory / "issuing.crl").write_bytes(issuing.crl().pem)
        policy = write_policy(
            directory / "policy.yaml", [site("api", [HOST], [rule(MTLS, "mtls")], trust)]
        )
        service = service_for(policy)
        # Twice as many as are measured: the first round is for everything else that is cold.
        fresh = {
            label: iter([check_for(make(f"c{n}")) for n in range(each * (plan.rounds + 1))])
            for label, make in kinds.items()
        }
        measures = {label: partial(_median, service, fresh[label], each) for label in kinds}
        with on_core(SERVER):
            for measure_once in measures.values():
                measure_once()
            found = interleaved(measures, plan.rounds)
    result = Result(title="The first check of a certificate")
    for label, samples in found.items():
        result.rows[label] = Row(label=label, unit="ms", samples=samples)
    slowest = max(result.rows.values(), key=lambda row: statistics.median(row.values))
    result.figures.append(
        Figure(key="first sight", unit="ms", values=slowest.values, note=slowest.label)
    )
    return result


def _median(service: CheckService, fresh: Iterator[bytes], count: int) -> Sample:
    """Milliseconds of a check of which each has another certificate."""
    times = []
    for _ in range(count):
        message = next(fresh)
        started = time.perf_counter()
        answer = service.check(message)
        times.append(time.perf_counter() - started)
        expect_allowed(answer)
    return Sample(value=statistics.median(times) * 1e3)
