# SPDX-License-Identifier: Apache-2.0
"""Which decisions get a line, and what becomes of it while the file takes none."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any

import pytest

from authz.extauthz.decision_id import decision_ids
from authz.observability.checked_request import NOTHING
from authz.observability.decision_log import (
    MAX_WAITING,
    RETRY_SECONDS,
    DecisionLog,
    is_sampled,
)
from authz.observability.decision_log_options import DecisionLogOptions
from tests.factories.decision_log import ID, noted, read_lines

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


class Clock:
    """A time that a test moves."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def make(path: Path | str, clock: Callable[[], float] | None = None, **options: Any) -> DecisionLog:
    return DecisionLog(
        DecisionLogOptions(path=str(path), **options), "0", **({"clock": clock} if clock else {})
    )


def take(log: DecisionLog, count: int = 1, **changes: Any) -> None:
    for _ in range(count):
        log.take(noted(**changes), NOTHING, "", delivered=True)


def test_lines_are_written_when_there_is_time_to(tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    log = make(path)
    take(log, 3)
    assert not path.exists()
    assert log.waiting == 3

    assert log.write()
    assert len(read_lines(path)) == log.written == 3
    assert (log.waiting, log.dropped, log.failures) == (0, {}, 0)


def test_many_lines_are_written_before_that(tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    log = make(path)
    take(log, 1000)

    assert path.stat().st_size > 65_536
    assert log.waiting < 1000


@pytest.mark.parametrize(
    ("rates", "allowed", "blocked"),
    [
        ({}, 1.0, 1.0),
        ({"allowed": 0.0}, 0.0, 1.0),
        ({"allowed": 0.1, "blocked": 0.5}, 0.1, 0.5),
        ({"allowed": 0.0, "blocked": 0.0}, 0.0, 0.0),
    ],
)
def test_the_share_that_is_asked_for_is_written(
    rates: dict[str, float], allowed: float, blocked: float
) -> None:
    log = make("-", **rates)
    ids = decision_ids()
    sample = [next(ids) for _ in range(40_000)]

    for expected, is_blocked in ((allowed, False), (blocked, True)):
        share = sum(log.wants(one, is_blocked) for one in sample) / len(sample)
        assert share == pytest.approx(expected, abs=0.01)
    assert log.wants_allowed == (allowed > 0)


def test_whether_a_decision_is_written_follows_from_its_id_alone() -> None:
    # CRC-32 of the id as a share of 2**32: what docs/how-to/keep-a-decision-log.md says.
    assert is_sampled(ID, 1.0)
    assert not is_sampled(ID, 0.0)
    first = [is_sampled(b"AAAAAAAAAAA%09d" % n, 0.3) for n in range(1000)]
    assert first == [is_sampled(b"AAAAAAAAAAA%09d" % n, 0.3) for n in range(1000)]
    # Who is in a small share is in every larger one.
    larger = [is_sampled(b"AAAAAAAAAAA%09d" % n, 0.6) for n in range(1000)]
    assert all(more for one, more in zip(first, larger, strict=True) if one)


def test_lines_wait_for_a_file_that_takes_none_and_are_written_then(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path, clock = tmp_path / "gone" / "log.jsonl", Clock()
    log = make(path, clock)
    take(log, 2)
    assert not log.write()
    # Not again at once: somebody may be waiting for the disk.
    assert not log.write()
    assert log.failures == 1
    clock.now += RETRY_SECONDS
    assert not log.write()
    assert (log.failures, log.waiting, log.written) == (2, 2, 0)

    path.parent.mkdir()
    clock.now += RETRY_SECONDS
    take(log)
    assert log.write()
    assert len(read_lines(path)) == log.written == 3
    assert log.dropped == {}
    told = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    # Once for each, not with every attempt.
    assert [(one["level"], one["event"]) for one in told] == [
        ("error", "the decision log cannot be written; lines wait, and are then lost"),
        ("info", "the decision log is written again"),
    ]
    assert told[0]["path"] == str(path)


def test_what_waits_is_bounded_and_the_rest_is_counted(tmp_path: Path) -> None:
    log = make(tmp_path / "gone" / "log.jsonl", Clock())
    line = len(log._words.line(noted(), NOTHING, "", delivered=True)[1])
    fit = MAX_WAITING // line + 1
    take(log, fit + 7)

    assert log.waiting == fit
    assert log.dropped == {"waiting": 7}
    # The end of the process: what nobody could write is lost, and counted.
    log.close()
    assert log.dropped == {"waiting": 7, "shutdown": fit}
    assert log.waiting == 0


def test_a_disk_that_took_a_part_gets_the_rest_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, clock = tmp_path / "log.jsonl", Clock()
    log, real = make(path, clock), os.write
    room = [700]

    def write(descriptor: int, data: bytes) -> int:
        if not room[0]:
            raise OSError(28, "No space left on device")
        written = real(descriptor, data[: room[0]])
        room[0] -= written
        return written

    monkeypatch.setattr(os, "write", write)
    take(log, 4)
    assert not log.write()
    assert 0 < log.written < 4
    room[0] = 1 << 20
    clock.now += RETRY_SECONDS
    while not log.write():
        clock.now += RETRY_SECONDS
    log.close()

    assert log.written == 4
    whole = [line for line in path.read_bytes().splitlines() if line.endswith(b"}")]
    assert len({line for line in whole if json.loads(line)}) >= 1
    assert len(whole) == 4
