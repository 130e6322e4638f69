# SPDX-License-Identifier: Apache-2.0
"""`authz expression eval` as a co-process: it answers before the next line comes."""

from __future__ import annotations

import json
import subprocess
import sys
from resource import RUSAGE_CHILDREN, getrusage
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

_TIMEOUT = 60


@pytest.fixture
def evaluator() -> Iterator[subprocess.Popen[bytes]]:
    """The command, with a pipe to each end of it."""
    with subprocess.Popen(
        [sys.executable, "-P", "-m", "authz", "expression", "eval"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as process:
        yield process
        process.kill()


def test_each_line_is_answered_before_the_next_is_written(
    evaluator: subprocess.Popen[bytes],
) -> None:
    assert evaluator.stdin is not None
    assert evaluator.stdout is not None
    for number in range(50):
        line = {"id": number, "expression": "ssl", "fields": {"ssl": number % 3 == 0}}
        evaluator.stdin.write(json.dumps(line).encode() + b"\n")
        evaluator.stdin.flush()

        # A block buffer at either end would wait here for ever.
        assert json.loads(evaluator.stdout.readline()) == {"id": number, "result": number % 3 == 0}


def test_a_file_is_answered_line_by_line_and_the_last_needs_no_newline(
    evaluator: subprocess.Popen[bytes],
) -> None:
    asked = [{"id": n, "expression": f'http.host eq "{n}"'} for n in range(2000)]

    out, err = evaluator.communicate("\n".join(map(json.dumps, asked)).encode(), timeout=_TIMEOUT)

    assert [json.loads(line) for line in out.splitlines()] == [
        {"id": n, "result": False} for n in range(2000)
    ]
    assert (evaluator.returncode, err) == (0, b"")


@pytest.mark.acceptance
def test_ten_thousand_different_lines_take_less_than_five_seconds(
    evaluator: subprocess.Popen[bytes],
) -> None:
    """Of one core's time, start included: what else the machine does is not measured."""
    lines = [
        {
            "id": n,
            "expression": f'http.host eq "{n}" or (ssl and any(http.request.headers["x"][*] '
            f'contains "{n}")) and ip.src in $office and http.user_agent matches "^a{n}"',
            "fields": {"ssl": True, "http.request.headers": {"x": ["1", "2"]}},
            "lists": {"office": ["10.0.0.0/8"]},
        }
        for n in range(10_000)
    ]
    before = getrusage(RUSAGE_CHILDREN)

    out, _ = evaluator.communicate("\n".join(map(json.dumps, lines)).encode(), timeout=_TIMEOUT)

    after = getrusage(RUSAGE_CHILDREN)
    assert out.count(b"\n") == 10_000
    assert after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime < 5
