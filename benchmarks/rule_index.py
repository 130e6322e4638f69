# SPDX-License-Identifier: Apache-2.0
"""What a thousand rules cost a check beyond one, with the rule index and without.

    python benchmarks/rule_index.py [--json] [--check]

Microseconds of `Ruleset.run` alone, medians of interleaved rounds, with the field values of a fresh
request each time. Rulesets: RULES rules on HOSTS hosts, as somebody has them who lists the
protected paths of each; the same number that pin the fingerprint of one client each; half of
both. Each is compared with the one rule of it that the request is for. Besides, the rules of FEW
hosts, where an index begins to be worth its look-up, and what compiling the policy takes.

`--check` ends with 1 when RULES rules cost more than LIMIT microseconds beyond one. Absolute times
belong to the machine.
"""

from __future__ import annotations

import json
import statistics
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from authz.certs.judgement import judge
from authz.policy.client import identify
from authz.policy.fields import FieldValues
from authz.policy.model import Action, SkipParameters
from authz.policy.rule_index import index_of
from tests.factories.pki import AT, presented, root
from tests.factories.policies import facts, rule, site, snapshot

if TYPE_CHECKING:
    from collections.abc import Callable

    from authz.policy.model import RuleModel
    from authz.policy.ruleset import Ruleset

RULES = 1000
HOSTS = 200
FEW = (2, 4, 8, 16, 32)
ROUNDS = 15
LIMIT = 0.5
#: The host that the request is for, and its first rule: in the middle of the ruleset.
HOST = HOSTS // 2
_NOTHING: frozenset[str] = frozenset()

_CERTIFICATE = presented(root().client("alice"))
_TLS = "cf.tls_client_auth."


def host_rule(number: int, hosts: int = HOSTS) -> RuleModel:
    """Protects two paths of a host; a host has RULES / HOSTS of them."""
    host, part = number % hosts, number // hosts
    return rule(
        f'http.host eq "h{host}.example" and http.request.uri.path in {{"/v{part}" "/admin{part}"}}'
        f" and not {_TLS}cert_verified",
        ref=f"host-{number}",
    )


def pinned_rule(number: int) -> RuleModel:
    """Lets one client in."""
    return rule(
        f'{_TLS}cert_fingerprint_sha256 eq "{number:064x}" and {_TLS}cert_verified'
        f" and not {_TLS}cert_revoked",
        ref=f"pin-{number}",
        action=Action.SKIP,
        skip=SkipParameters(current=True),
    )


def pairs() -> dict[str, tuple[list[RuleModel], RuleModel]]:
    """Rulesets, each with the one rule of it to compare with."""
    hosts = [host_rule(number) for number in range(RULES)]
    pinned = [pinned_rule(number) for number in range(RULES)]
    half = [*pinned[: RULES // 2], *hosts[: RULES // 2]]
    return {
        f"{RULES} rules on {HOSTS} hosts": (hosts, hosts[HOST]),
        f"{RULES} pinned fingerprints": (pinned, pinned[0]),
        "half of both": (half, hosts[HOST]),
    }


def ruleset(rules: list[RuleModel]) -> Ruleset:
    """Compiled as a site's."""
    return snapshot(site(*rules)).sites[0].ruleset


def runner(rules: Ruleset) -> Callable[[], object]:
    """One run over a fresh request, which matches no rule: all candidates are evaluated."""
    request = facts(host=f"h{HOST}.example".encode(), path=b"/public")
    trust = snapshot().sites[0].trust
    client = identify(_CERTIFICATE, trust, AT, judge)

    def run() -> object:
        return rules.run(FieldValues(request, client, "api", b"/public", AT), _NOTHING)

    assert not rules.run(FieldValues(request, client, "api", b"/public", AT), _NOTHING).rule
    return run


def medians(runs: dict[str, Callable[[], object]]) -> dict[str, float]:
    """Microseconds of each, in turns."""
    calls = {name: _calls(run) for name, run in runs.items()}
    rounds: dict[str, list[float]] = {name: [] for name in runs}
    for _ in range(ROUNDS):
        for name, run in runs.items():
            started = time.perf_counter()
            for _ in range(calls[name]):
                run()
            rounds[name].append((time.perf_counter() - started) / calls[name] * 1e6)
    return {name: statistics.median(values) for name, values in rounds.items()}


def _calls(run: Callable[[], object]) -> int:
    """How many take about 20 ms."""
    started = time.perf_counter()
    for _ in range(10):
        run()
    return max(1, int(0.02 / ((time.perf_counter() - started) / 10)))


def large() -> list[dict[str, object]]:
    """RULES rules and one, indexed and not."""
    rows: list[dict[str, object]] = []
    for name, (rules, alone) in pairs().items():
        many = ruleset(rules)
        found = medians(
            {
                "one": runner(ruleset([alone])),
                "indexed": runner(many),
                "in_order": runner(replace(many, index=None)),
            }
        )
        rows.append({"rules": name, **{key: round(value, 3) for key, value in found.items()}})
    return rows


def small() -> list[dict[str, object]]:
    """Few rules, each on a host of its own: where an index begins to pay."""
    rows: list[dict[str, object]] = []
    for number in FEW:
        plain = replace(ruleset([host_rule(n + HOST) for n in range(number)]), index=None)
        index = index_of([one.filter.expression for one in plain.rules], fewest=1)
        assert index
        found = medians({"indexed": runner(replace(plain, index=index)), "in_order": runner(plain)})
        rows.append({"rules": number, **{key: round(value, 3) for key, value in found.items()}})
    return rows


def compiling() -> dict[str, float]:
    """Seconds for the ruleset of hosts: the whole policy, and the index in it."""
    rules, _ = next(iter(pairs().values()))
    whole, index = [], []
    for _ in range(3):
        started = time.perf_counter()
        compiled = ruleset(rules)
        whole.append(time.perf_counter() - started)
        expressions = [one.filter.expression for one in compiled.rules]
        started = time.perf_counter()
        index_of(expressions)
        index.append(time.perf_counter() - started)
    return {"policy": round(min(whole), 3), "index": round(min(index), 3)}


def main() -> int:
    """Measure and print."""
    many, few, seconds = large(), small(), compiling()
    if "--json" in sys.argv:
        print(json.dumps({"large": many, "small": few, "compile_seconds": seconds}, indent=2))
    else:
        print(f"µs of Ruleset.run, medians of {ROUNDS} rounds")
        for row in many:
            beyond = float(str(row["indexed"])) - float(str(row["one"]))
            print(
                f"  {row['rules']!s:26} one rule {row['one']:7}   indexed {row['indexed']:7} "
                f"({beyond:+.3f})   in order {row['in_order']:8}"
            )
        for row in few:
            print(
                f"  {row['rules']:4} rules, one candidate   indexed {row['indexed']:7}   "
                f"in order {row['in_order']:8}"
            )
        print(f"compiling {RULES} rules: {seconds['policy']} s, the index {seconds['index']} s")
    missed = any(float(str(row["indexed"])) - float(str(row["one"])) > LIMIT for row in many)
    return int(missed and "--check" in sys.argv)


if __name__ == "__main__":
    raise SystemExit(main())
