# SPDX-License-Identifier: Apache-2.0
"""Measures, and prints what was found.

    python benchmarks/run.py                      every group, five interleaved rounds
    BENCH_ONLY=full,rules python benchmarks/run.py       these groups alone
    python benchmarks/run.py --check              1 when a figure misses its limit
    python benchmarks/run.py --quick              tiny inputs: shows that it works, proves no speed

`--rounds N` and `--seconds S` change how often and how long; `--output F` writes the results as
JSON, and with `--into` some groups into the results of an earlier run on this machine, each with
its date. The exit status is 2 when something could not be measured, or measured the wrong thing.
"""

from __future__ import annotations

import argparse
import importlib
import json
import os
import signal
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

# The directory of a script comes first by itself; its modules are to be found as benchmarks.NAME.
sys.path[0] = str(Path(__file__).resolve().parents[1])

from authz.errors import AuthzError
from benchmarks import machine, printing
from benchmarks.figures import BenchError, Result
from benchmarks.limits import LIMITS, missed
from benchmarks.plan import CHECK, QUICK, Plan

if TYPE_CHECKING:
    from collections.abc import Sequence

#: In the order they run; each is a module of benchmarks.groups.
GROUPS = (
    "micro",
    "telling",
    "decisions",
    "first-sight",
    "full",
    "rules",
    "million",
    "certificates",
    "memory",
    "workers",
    "swaps",
    "envoy",
)
#: Later than this after the start of a check, nothing is measured a second time.
RETRY_SECONDS = 480.0


def measure(group: str, plan: Plan) -> Result:
    """One group's result."""
    module = importlib.import_module(f"benchmarks.groups.{group.replace('-', '_')}")
    result: Result = module.measure(plan)
    return result


def main(arguments: Sequence[str]) -> int:
    """Measure the groups that are asked for."""
    # Told to end, it ends like any other failure: children are stopped, files removed.
    signal.signal(signal.SIGTERM, lambda number, _: sys.exit(128 + number))
    options = _parser().parse_args(arguments)
    plan = _plan(options)
    groups = _groups(options.only, limited=options.check)
    started = time.monotonic()
    results: dict[str, Result] = {}
    failed: list[str] = []
    for group in groups:
        _say(f"\n{group}: measuring …")
        try:
            results[group] = measure(group, plan)
            in_time = time.monotonic() - started < RETRY_SECONDS
            if options.check and in_time and missed(results[group].figures, [group]):
                _say(f"{group}: a limit is missed; once more, with more rounds")
                results[group] = measure(group, plan.more())
        except (BenchError, AuthzError) as error:
            _say(f"{group}: {error.render() if isinstance(error, AuthzError) else error}")
            failed.append(group)
            continue
        print(printing.table(results[group]), flush=True)
    print(f"\n{machine.one_line()}; {time.monotonic() - started:.0f} s in all")
    if failed:
        print(f"could not be measured: {', '.join(failed)}")
    if plan.quick:
        print("quick: small inputs and one short round prove no speed; no limit is looked at")
        return 2 if failed else 0
    print(printing.limits(results))
    if options.output:
        if len(results) < len(GROUPS) and options.into:
            _write_into(options.output, results, plan)
        elif len(results) < len(GROUPS):
            print(f"{options.output} is not written: not all groups were measured")
        else:
            _write(options.output, results, plan)
    if failed:
        return 2
    figures = [figure for result in results.values() for figure in result.figures]
    return int(bool(options.check and missed(figures, results)))


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def _plan(options: argparse.Namespace) -> Plan:
    if options.quick:
        return QUICK
    plan = CHECK if options.check else Plan()
    return replace(
        plan, rounds=options.rounds or plan.rounds, seconds=options.seconds or plan.seconds
    )


def _groups(only: str, *, limited: bool) -> list[str]:
    wanted = [name.strip() for name in only.split(",") if name.strip()]
    unknown = sorted(set(wanted) - set(GROUPS))
    if unknown:
        raise SystemExit(f"no group {', '.join(unknown)}; there are {', '.join(GROUPS)}")
    if not wanted and limited:
        # What has no limit cannot miss it.
        wanted = [limit.group for limit in LIMITS]
    return [name for name in GROUPS if not wanted or name in wanted]


def _write(file: Path, results: dict[str, Result], plan: Plan) -> None:
    values = {figure.key: figure.value for one in results.values() for figure in one.figures}
    document = {
        **machine.describe(),
        "rounds": plan.rounds,
        "limits": [limit.as_json(values.get(limit.key)) for limit in LIMITS],
        "groups": {name: result.as_json() for name, result in results.items()},
    }
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(document, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def _write_into(file: Path, results: dict[str, Result], plan: Plan) -> None:
    """Replace these groups in a file of an earlier run; each says when it was measured, and how
    many programs wanted to run on average in the minute before its end.

    Raises:
        SystemExit: the file is of another machine, whose figures are not to be mixed with these.
    """
    document = json.loads(file.read_text(encoding="utf-8"))
    here = machine.describe()
    if document["machine"] != here["machine"]:
        raise SystemExit(f"{file} is not written: it is of another machine, run all groups")
    groups = document["groups"] | {
        name: result.as_json()
        | {"date": here["date"], "rounds": plan.rounds, "load": round(os.getloadavg()[0], 1)}
        for name, result in results.items()
    }
    document["groups"] = {name: groups[name] for name in GROUPS if name in groups}
    values = {figure.key: figure.value for one in results.values() for figure in one.figures}
    measured = {one.key: one.as_json(values.get(one.key)) for one in LIMITS if one.group in results}
    document["limits"] = [measured.get(one["key"], one) for one in document["limits"]]
    file.write_text(json.dumps(document, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--only", default=os.environ.get("BENCH_ONLY", ""), metavar="GROUPS")
    parser.add_argument("--check", action="store_true")
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--rounds", type=int, metavar="N")
    parser.add_argument("--seconds", type=float, metavar="S")
    parser.add_argument("--output", type=Path, metavar="F")
    parser.add_argument("--into", action="store_true", help="groups into an earlier output")
    return parser


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
