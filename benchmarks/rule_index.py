# SPDX-License-Identifier: Apache-2.0
"""What a thousand rules cost a check beyond one, with the rule index and without.

    python benchmarks/rule_index.py [--json] [--check]

Microseconds of `Ruleset.run` alone, the best of interleaved rounds, with the field values of a
fresh request each time. Rulesets: RULES rules on HOSTS hosts, as somebody has them who lists the
protected paths of each; the same number that keep one client each from a path; half of both. Each
is compared with the one rule of it that needs evaluating, the half of both with one of each kind.
Besides, FEW rules, to see where an index begins to be worth its look-up, and what compiling the
policy takes: with the rules of hosts, and with those that benchmarks/rules.py compiles.

`--check` ends with 1 when RULES rules cost more than LIMIT microseconds beyond those. Absolute
times belong to the machine.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from authz.policy.client import identify
from authz.policy.fields import field_values
from authz.policy.rule_index import index_of
from authz.policy.ruleset import Ruleset
from benchmarks.rules import LENGTH, _rule_of
from tests.factories.pki import AT, presented, root
from tests.factories.policies import facts, rule, site, snapshot

if TYPE_CHECKING:
    from collections.abc import Callable

    from authz.policy.model import RuleModel
    from authz.policy.ruleset import Outcome

RULES = 1000
HOSTS = 200
FEW = (2, 4, 8, 16, 32)
ROUNDS = 80
LIMIT = 0.5
#: The host that the request is for, and its first rule: in the middle of the ruleset.
HOST = HOSTS // 2
_NOTHING: frozenset[str] = frozenset()

_CLIENT = identify(presented(root().client("alice")), snapshot().sites[0].trust, AT)
assert _CLIENT.verified
assert _CLIENT.certificate
_ALICE = _CLIENT.certificate.fingerprint_sha256
#: Protected by rule number HOST.
_PATH = b"/v0"
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
    """Keeps one client from a path; number HOST is the client of the request."""
    pin = _ALICE if number == HOST else f"{number:064x}"
    return rule(
        f'{_TLS}cert_fingerprint_sha256 eq "{pin}" and http.request.uri.path wildcard "/admin*"',
        ref=f"pin-{number}",
    )


def pairs() -> dict[str, tuple[list[RuleModel], list[RuleModel]]]:
    """Rulesets, each with the rules of it to compare with."""
    hosts = [host_rule(number) for number in range(RULES)]
    pinned = [pinned_rule(number) for number in range(RULES)]
    half = [*pinned[: RULES // 2], *hosts[: RULES // 2]]
    return {
        f"{RULES} rules on {HOSTS} hosts": (hosts, [hosts[HOST]]),
        f"{RULES} pinned fingerprints": (pinned, [pinned[HOST]]),
        "half of both": (half, [pinned[HOST], hosts[HOST]]),
    }


def ruleset(rules: list[RuleModel]) -> Ruleset:
    """Compiled as a site's."""
    return snapshot(site(*rules)).sites[0].ruleset


def in_order(rules: Ruleset) -> Ruleset:
    """The same without its index."""
    return Ruleset(rules.rules, rules.fields)


def runner(rules: Ruleset) -> Callable[[], object]:
    """One run over a fresh request, which no rule matches: every candidate is evaluated."""
    request = facts(host=f"h{HOST}.example".encode(), path=_PATH)

    def run() -> Outcome:
        return rules.run(field_values(request, _CLIENT, "api", _PATH, AT), _NOTHING)

    assert run().rule is None
    return run


def measured(runs: dict[str, Callable[[], object]]) -> dict[str, float]:
    """Microseconds of each, the best of rounds in turns, and the ratio of the first two.

    The best, because the machine has other things to do as well.
    """
    calls = {name: _calls(run) for name, run in runs.items()}
    rounds: dict[str, list[float]] = {name: [] for name in runs}
    for _ in range(ROUNDS):
        for name, run in runs.items():
            started = time.perf_counter()
            for _ in range(calls[name]):
                run()
            rounds[name].append((time.perf_counter() - started) / calls[name] * 1e6)
    best = {name: round(min(values), 3) for name, values in rounds.items()}
    first, second, *_ = best.values()
    return {**best, "ratio": round(first / second, 2)}


def _calls(run: Callable[[], object]) -> int:
    """How many take about 3 ms."""
    started = time.perf_counter()
    for _ in range(10):
        run()
    return max(1, int(0.003 / ((time.perf_counter() - started) / 10)))


def large() -> list[dict[str, Any]]:
    """RULES rules and one, indexed and not."""
    rows: list[dict[str, Any]] = []
    for name, (rules, alone) in pairs().items():
        many = ruleset(rules)
        found = measured(
            {
                "indexed": runner(many),
                "alone": runner(ruleset(alone)),
                "in_order": runner(in_order(many)),
            }
        )
        rows.append({"rules": name, **found})
    return rows


def small() -> list[dict[str, Any]]:
    """Few rules, each on a host of its own: where an index begins to pay."""
    rows: list[dict[str, Any]] = []
    for number in FEW:
        plain = in_order(ruleset([host_rule(n + HOST) for n in range(number)]))
        index = index_of([one.filter.expression for one in plain.rules], fewest=1)
        assert index
        found = measured(
            {
                "indexed": runner(Ruleset(plain.rules, plain.fields, index)),
                "in_order": runner(plain),
            }
        )
        rows.append({"rules": number, **found})
    return rows


def compiling() -> dict[str, dict[str, float]]:
    """Seconds for RULES rules: the whole policy, and the index in it."""
    hosts, _ = next(iter(pairs().values()))
    long = [rule(_rule_of(LENGTH, number), ref=f"long-{number}") for number in range(RULES)]
    return {"hosts": _compiled(hosts), f"{LENGTH} characters": _compiled(long)}


def _compiled(rules: list[RuleModel]) -> dict[str, float]:
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


def _beyond(row: dict[str, Any]) -> float:
    return float(row["indexed"] - row["alone"])


def main() -> int:
    """Measure and print."""
    many, few, seconds = large(), small(), compiling()
    if "--json" in sys.argv:
        print(json.dumps({"large": many, "small": few, "compile_seconds": seconds}, indent=2))
    else:
        print(f"µs of Ruleset.run, the best of {ROUNDS} rounds")
        for row in many:
            print(
                f"  {row['rules']!s:26} indexed {row['indexed']:6}, alone {row['alone']:6} "
                f"({_beyond(row):+.3f}, ratio {row['ratio']}), in order {row['in_order']}"
            )
        for row in few:
            print(
                f"  {row['rules']:2} rules, one candidate   indexed {row['indexed']:6}, "
                f"in order {row['in_order']:6} (ratio {row['ratio']})"
            )
        for name, one in seconds.items():
            print(f"compiling {RULES} rules, {name}: {one['policy']} s, the index {one['index']} s")
    missed = any(_beyond(row) > LIMIT for row in many)
    return int(missed and "--check" in sys.argv)


if __name__ == "__main__":
    raise SystemExit(main())
