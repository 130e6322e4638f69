# SPDX-License-Identifier: Apache-2.0
"""The Rules language: seconds to compile and to evaluate many, and the worst case found.

    python benchmarks/rules.py [--json] [--check] [--seconds N]

- compiling 1,000 rules of 200 characters and what lint says of them (at most 1.5 s on one core)
- `authz expression eval` on 10,000 lines (at most 5 s)
- a search for the expression and request that take longest, N seconds (default 20): the time
  itself, and how it compares with the most that authz.rules.cost says it may cost. What the
  budget (authz.policy.budget) lets through is shown with the worst of them.

`--check` ends with 1 when a limit is missed. Absolute times belong to the machine.
"""

from __future__ import annotations

import json
import random
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from authz.certs.trust import compile_trust
from authz.policy.authorizer import authorize
from authz.policy.budget import MAX_WORK
from authz.policy.client import identify
from authz.policy.decision import Reason
from authz.policy.fields import SCHEME, FieldValues, field_values
from authz.policy.lint import lint_rules
from authz.rules import compile_expression, parse
from authz.rules.cost import ANYTHING, cost_of, size_of, value_of
from tests.factories.pki import AT
from tests.factories.policies import facts, rule, site, snapshot

if TYPE_CHECKING:
    from authz.rules import Filter
    from tests.factories.facts import RequestFacts

RULES = 1000
LENGTH = 200
LINES = 10_000
COMPILE_LIMIT = 1.5
EVAL_LIMIT = 5.0

#: A search draws from these; each reads what a client may make as large as Envoy lets it.
TEXTS = (
    "http.cookie",
    "http.user_agent",
    "http.request.uri",
    "http.request.uri.query",
    "http.request.uri.path",
    "http.request.body.raw",
    'http.request.headers["x"][0]',
)
ARRAYS = (
    "http.request.uri.args.names[*]",
    "http.request.uri.args[*][*]",
    "http.request.headers.values[*]",
    "http.request.cookies[*][*]",
)
WRAPS = (
    "lower({})",
    "upper({})",
    "url_decode({})",
    'url_decode({}, "ur")',
    'remove_bytes({}, "xyz")',
    "decode_base64({})",
    "substring({}, 1)",
    "concat({}, http.cookie)",
    'concat({}, "0123456789abcdef")',
    'lookup_json_string({}, "a")',
)
TESTS = (
    'contains "abababc"',
    'contains "{}"'.format("a" * 60 + "b" + "a" * 60),
    'matches "xyz$"',
    'matches "[a-z]+x"',
    'matches "a[ab]{12}c"',
    'matches "a[ab]{40}c"',
    'matches "(?i)(union|select).{0,50}from"',
    'matches "(a|b|ab)*c"',
    'matches "(?u)\\b.*\\b.*!"',
    'matches "(?iu)\\w{100}!"',
    'wildcard "*a*b*c*d*"',
    'strict wildcard "*aab*baa*c"',
    'in {"a" "b" "c"}',
    'eq "a"',
)
PIECES = (
    b"ab",
    b"a",
    b"%41",
    b"a&",
    b"a=;",
    b"%2525",
    b"/a",
    b"{",
    b"[0,",
    b"YWI",
    b"1-1234567890",
    "aé".encode(),
)


@dataclass(frozen=True, slots=True)
class Found:
    """One evaluation: what it was and what it took, in microseconds."""

    microseconds: float
    bound: float
    expression: str
    request: str

    @property
    def ratio(self) -> float:
        """How much of the bound it took; above 1 the bound is too low for this machine."""
        return self.microseconds / self.bound


def compile_seconds() -> tuple[float, float]:
    """Seconds to compile rules and to lint them as those of one site, the best of three rounds."""
    rules = [rule(_rule_of(LENGTH, number), ref=f"r{number}") for number in range(RULES)]
    rounds = []
    for _ in range(3):
        started = time.perf_counter()
        parsed = [(one, parse(one.expression, SCHEME, {})) for one in rules]
        for _, expression in parsed:
            compile_expression(expression)
        compiled = time.perf_counter()
        assert not list(lint_rules(parsed, ()))
        rounds.append((compiled - started, time.perf_counter() - compiled))
    return min(rounds, key=sum)


def _rule_of(length: int, number: int) -> str:
    text = (
        "(not cf.tls_client_auth.cert_verified or cf.tls_client_auth.cert_revoked) and "
        f'http.request.uri.path matches "^/v{number}/" and http.host in {{"a{number}.example.com"'
    )
    index = 0
    while len(text) < length - 12:
        index += 1
        text += f' "b{index}"'
    return text + "}"


def eval_seconds() -> float:
    """Seconds of `authz expression eval` on LINES different lines, start-up included."""
    lines = "".join(
        json.dumps(
            {
                "expression": _rule_of(LENGTH, number),
                "fields": {
                    "http.host": f"a{number}.example.com",
                    "http.request.uri.path": f"/v{number}/x",
                },
            }
        )
        + "\n"
        for number in range(LINES)
    )
    with tempfile.NamedTemporaryFile("w", suffix=".jsonl") as file:
        file.write(lines)
        file.flush()
        with open(file.name, "rb") as stdin:  # noqa: PTH123 - a handle for the process
            started = time.perf_counter()
            done = subprocess.run(
                [sys.executable, "-m", "authz", "expression", "eval"],
                stdin=stdin,
                capture_output=True,
                check=True,
                cwd=ROOT,
            )
            seconds = time.perf_counter() - started
    assert done.stdout.count(b'{"result": true}\n') == LINES, done.stdout[:200]
    return seconds


def search(seconds: float, seed: int = 1) -> list[Found]:
    """Evaluations found in so many seconds, the slowest first."""
    draw = random.Random(seed)
    found = []
    until = time.perf_counter() + seconds
    while time.perf_counter() < until:
        expression = _expression(draw)
        kind, request = _request(draw)
        found.append(_measured(expression, kind, request))
    return sorted(found, key=lambda one: -one.microseconds)


def _expression(draw: random.Random) -> str:
    mapped = draw.random() < 0.4
    text = draw.choice(ARRAYS if mapped else TEXTS)
    for _ in range(draw.randrange(3)):
        text = draw.choice(WRAPS).format(text) + ("[*]" if mapped else "")
    test = f"{text} {draw.choice(TESTS)}"
    return f"any({test})" if mapped else test


def _request(draw: random.Random) -> tuple[str, RequestFacts]:
    size = 60_000
    piece, other = draw.choice(PIECES), draw.choice(PIECES)
    if draw.random() < 0.3:
        text = bytes(draw.choice(b"ab") for _ in range(size))
        kind = "60 KB of random a and b"
    else:
        text = (piece * size)[: size // 2] + (other * size)[: size // 2]
        kind = f"30 KB of {piece!r}, 30 KB of {other!r}"
    headers = ((b"cookie", text), (b"user-agent", text), (b"x", text))
    return kind, facts(path=b"/a?" + text, headers=headers, body=text)


def _measured(source: str, kind: str, request: RequestFacts) -> Found:
    expression = parse(source, SCHEME, {})
    compiled = compile_expression(expression)
    values = _values(request)
    cost = cost_of(expression)
    sizes: dict[str, float] = {name: size_of(values[name]) for name in expression.fields}
    sizes[ANYTHING] = 200_000 * 65
    bound = value_of(cost, sizes)
    # What no budget would let through is not run: it takes minutes.
    if bound > 20 * MAX_WORK:
        return Found(0.0, bound, source, kind)
    return Found(_microseconds(compiled, values), bound, source, kind)


def _values(request: RequestFacts) -> FieldValues:
    client = identify(request.presented, compile_trust(()), AT)
    return field_values(request, client, "api", request.path.partition(b"?")[0], AT)


def _microseconds(compiled: Filter, values: FieldValues) -> float:
    rounds = []
    for _ in range(3):
        started = time.perf_counter()
        compiled.matches(values)
        rounds.append(time.perf_counter() - started)
    return min(rounds) * 1e6


def whole_check(worst: Found) -> tuple[int, float]:
    """The most rules like the worst that the budget lets through, and what such a check takes."""
    draw = random.Random(1)
    request = None
    while request is None or request[0] != worst.request:
        request = _request(draw)
    low, high = 0, RULES
    while low < high:
        middle = (low + high + 1) // 2
        policy = snapshot(
            site(*(rule(worst.expression, ref=f"r{number}") for number in range(middle)))
        )
        if policy.sites[0].budget.exceeded(request[1], _values(request[1]), 1):
            high = middle - 1
        else:
            low = middle
    policy = snapshot(site(*(rule(worst.expression, ref=f"r{number}") for number in range(low))))
    started = time.perf_counter()
    decision = authorize(policy, request[1], AT)
    seconds = time.perf_counter() - started
    assert decision.reason is not Reason.EVALUATION_BUDGET
    return low, seconds


def main() -> int:
    """Measure and print."""
    arguments = sys.argv[1:]
    seconds = float(arguments[arguments.index("--seconds") + 1]) if "--seconds" in arguments else 20
    (compiling, linting), evaluating = compile_seconds(), eval_seconds()
    found = search(seconds)
    # Below a millisecond the clock and the interpreter are what is measured.
    long = [one for one in found if one.microseconds > 1000]
    worst, tightest = found[0], max(long, key=lambda one: one.ratio)
    allowed = max((one for one in long if one.bound <= MAX_WORK), key=lambda one: one.ratio)
    rules, check = whole_check(allowed)
    result = {
        "compile_seconds": round(compiling, 3),
        "lint_seconds": round(linting, 3),
        "eval_seconds": round(evaluating, 3),
        "searched": len(found),
        "worst_microseconds": round(worst.microseconds),
        "worst_expression": worst.expression,
        "worst_request": worst.request,
        "highest_share_of_bound": round(tightest.ratio, 2),
        "highest_share_expression": tightest.expression,
        "longest_allowed_check_seconds": round(check, 3),
        "longest_allowed_check_rules": rules,
    }
    if "--json" in arguments:
        print(json.dumps(result, indent=2))
    else:
        print(f"compile {RULES} rules of {LENGTH} characters: {compiling:.2f} s")
        print(f"lint them: {linting:.2f} s")
        print(f"authz expression eval, {LINES} lines: {evaluating:.2f} s")
        print(f"searched {len(found)} evaluations; the worst:")
        for one in found[:5]:
            print(f"  {one.microseconds:10.0f} µs ({one.ratio:.2f} of its bound)  {one.expression}")
            print(f"             on {one.request}")
        print(f"closest to its bound: {tightest.ratio:.2f}  {tightest.expression}")
        print(f"  on {tightest.request}")
        print(
            f"the longest check of one kind of rule that the budget lets through: {check:.3f} s, "
            f"{rules} rules: {allowed.expression}"
        )
    missed = compiling + linting > COMPILE_LIMIT or evaluating > EVAL_LIMIT
    return int(missed and "--check" in arguments)


if __name__ == "__main__":
    raise SystemExit(main())
