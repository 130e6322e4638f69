# SPDX-License-Identifier: Apache-2.0
"""Microseconds of each stage of a check, in one process, medians of interleaved rounds.

    python benchmarks/stages.py [--json]

Absolute times belong to the machine; the shares and ratios are what to compare.
"""

from __future__ import annotations

import json
import statistics
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from authz.certs.judgement import judge
from authz.certs.presented import CertificateLimits
from authz.extauthz.decode import DecodeOptions, decode
from authz.extauthz.encode import DECISION_ID_LENGTH, encode
from authz.extauthz.service import CheckService
from authz.observability.metrics import Metrics
from authz.policy.authorizer import authorize
from authz.policy.fields import SCHEME
from authz.rules import compile_expression, parse
from tests.factories.checks import check_request
from tests.factories.pki import AT, presented, root
from tests.factories.policies import PROTECT_ADMIN, rule, site, snapshot

if TYPE_CHECKING:
    from collections.abc import Callable

ROUNDS = 7


def _stages() -> dict[str, Callable[[], object]]:
    certificate = presented(root().client("alice"))
    data = check_request(
        certificate=certificate.certificate, host="api.example.com", path="/admin"
    ).SerializeToString()
    options = DecodeOptions()
    service = CheckService(options, CertificateLimits(), Metrics(), clock=lambda: AT)
    policy = service.snapshot = snapshot(site(rule()))
    facts = decode(data, options)
    trust = policy.sites[0].trust
    decision = authorize(policy, facts, AT, service.memo.judge)
    identifier = "0" * DECISION_ID_LENGTH
    return {
        "parse and compile one rule": lambda: compile_expression(parse(PROTECT_ADMIN, SCHEME, {})),
        "judge a certificate, first sight": lambda: judge(certificate, trust, AT),
        "decode": lambda: decode(data, options),
        "judge a certificate, remembered": lambda: service.memo.judge(certificate, trust, AT),
        "authorize": lambda: authorize(policy, facts, AT, service.memo.judge),
        "encode": lambda: encode(decision, identifier),
        "check, everything": lambda: service.check(data),
    }


def _once(run: Callable[[], object]) -> float:
    """Microseconds of one call, over as many calls as fill 50 ms."""
    run()
    calls = 1
    while True:
        started = time.perf_counter()
        for _ in range(calls):
            run()
        seconds = time.perf_counter() - started
        if seconds > 0.05:
            return seconds / calls * 1e6
        calls *= 4


def main() -> None:
    """Measure and print."""
    stages = _stages()
    rounds: dict[str, list[float]] = {name: [] for name in stages}
    for _ in range(ROUNDS):
        for name, run in stages.items():
            rounds[name].append(_once(run))
    medians = {name: statistics.median(values) for name, values in rounds.items()}
    if "--json" in sys.argv:
        print(json.dumps({"unit": "microseconds", "rounds": ROUNDS, "medians": medians}))
        return
    print(f"medians of {ROUNDS} interleaved rounds")
    for name, value in medians.items():
        low, high = min(rounds[name]), max(rounds[name])
        print(f"  {name:34} {value:9.1f} µs   ({low:.1f} to {high:.1f})")


if __name__ == "__main__":
    main()
