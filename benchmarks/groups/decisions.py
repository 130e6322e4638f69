# SPDX-License-Identifier: Apache-2.0
"""What it costs a check that its decision is logged (ADR-0032).

One process and one check that is remembered, without a log and with one: of blocks alone, of one in
a hundred, of everything, and of everything while the file takes nothing. The processor time of the
thread that checks; lines are made and written on another one, whose time for a line is a row of its
own. Nothing here waits between two checks, so most lines of "everything" find the queue full, which
costs less than one that is kept: that row is measured with a queue that is emptied unread. So is
that of a log record, which the SDK would encode and send on a thread of its own.
"""

from __future__ import annotations

import contextlib
import os
from typing import TYPE_CHECKING, Final

from authz.extauthz.decode import DecodeOptions
from authz.extauthz.reading import read_request
from authz.observability.decision_feed import DecisionFeed
from authz.observability.decision_log import DecisionLog
from authz.observability.decision_log_options import DecisionLogOptions
from authz.observability.decision_records import DecisionRecords
from benchmarks.clock import timed
from benchmarks.figures import Result
from benchmarks.groups.telling import recorder
from benchmarks.inside import expect_allowed, service_for
from benchmarks.messages import check_for
from benchmarks.plan import workshop
from benchmarks.policies import full_policy, make_authority

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from benchmarks.plan import Plan

_SAMPLED: Final = 0.01
# Often enough that what remembers has remembered.
_WARM: Final = 4


def measure(plan: Plan) -> Result:
    """A row for each kind of log, and what is left of the speed."""
    with workshop() as (directory, _), contextlib.ExitStack() as stack:
        authority = make_authority(directory)
        policy = full_policy(directory / "policy.yaml", authority)
        allowed, denied = check_for(authority.client), check_for(None)
        recorders = [stack.enter_context(recorder(0)) for _ in range(6)]
        log = directory / "log.jsonl"
        blocks = stack.enter_context(_feed(recorders[1].note, log, allowed=0.0))
        sampled = stack.enter_context(_feed(recorders[2].note, log, allowed=_SAMPLED))
        every = _made(recorders[3].note, log)
        recorded = _made(recorders[5].note, log, records=True)
        stuck = stack.enter_context(_stuck(directory / "pipe"))
        held_up = stack.enter_context(_feed(recorders[4].note, stuck))
        without = service_for(policy, recorders[0].note)
        of_blocks = service_for(policy, blocks.note)
        of_sample = service_for(policy, sampled.note)
        of_all = service_for(policy, every.note)
        of_records = service_for(policy, recorded.note)
        of_stuck = service_for(policy, held_up.note)
        for service in (without, of_blocks, of_sample, of_all, of_records, of_stuck):
            for _ in range(_WARM):
                expect_allowed(service.check(allowed))
                service.check(denied)

        def kept() -> None:
            of_all.check(allowed)
            _forget(every)

        def denied_kept() -> None:
            of_all.check(denied)
            _forget(every)

        def line() -> None:
            of_all.check(allowed)
            every._hand_on(len(every._queue))

        def record() -> None:
            of_records.check(allowed)
            recorded._hand_on(len(recorded._queue))
            _unsent(recorded)

        rows = timed(
            {
                "allowed: no log": lambda: without.check(allowed),
                "allowed: a log of blocks": lambda: of_blocks.check(allowed),
                "allowed: a log of one in 100": lambda: of_sample.check(allowed),
                "allowed: a log of everything": kept,
                "allowed: a log whose file takes nothing": lambda: of_stuck.check(allowed),
                "denied: no log": lambda: without.check(denied),
                "denied: a log of everything": denied_kept,
                "a check and its line, made and written": line,
                "a check, its line, and its log record for the SDK": record,
            },
            plan.rounds * 3 if not plan.quick else 1,
            plan.seconds / 25,
        )
    result = Result(title="A log of decisions, in one process")
    none, of_blocks_row, of_sample_row, of_all_row, of_stuck_row, denied_none, denied_all, *_ = rows
    result.rows = rows
    result.ratio("allowed, no log/a log of blocks", none, of_blocks_row)
    result.ratio("allowed, no log/a log of one in 100", none, of_sample_row)
    result.ratio("allowed, no log/a log of everything", none, of_all_row)
    result.ratio("allowed, no log/a file that takes nothing", none, of_stuck_row)
    result.ratio("denied, no log/a log of everything", denied_none, denied_all)
    return result


def _forget(feed: DecisionFeed) -> None:
    feed._bytes_out += len(feed._queue.popleft().data)


def _unsent(feed: DecisionFeed) -> None:
    """Nobody takes its records here."""
    feed.records._processor._batch_processor._queue.clear()
    feed.records._handed.exported += 1


def _made(note: object, path: Path, *, records: bool = False, **rates: float) -> DecisionFeed:
    """As a process has it, with the settings' defaults."""
    options = DecodeOptions()
    words = DecisionLogOptions(path=str(path), headers=("user-agent",), **rates)
    return DecisionFeed(
        note,
        lambda data: read_request(data, options),
        DecisionLog(words, "0"),
        records=DecisionRecords("0") if records else None,
    )


@contextlib.contextmanager
def _feed(note: object, path: Path, **rates: float) -> Iterator[DecisionFeed]:
    feed = _made(note, path, **rates)
    feed.start()
    try:
        yield feed
    finally:
        feed.stop(0.1)


@contextlib.contextmanager
def _stuck(path: Path) -> Iterator[Path]:
    """A pipe whose reader does not read: a file that takes nothing more."""
    os.mkfifo(path)
    reader = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    try:
        yield path
    finally:
        os.close(reader)
