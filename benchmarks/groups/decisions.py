# SPDX-License-Identifier: Apache-2.0
"""What it costs a check that its decision is logged (ADR-0034) or traced (ADR-0035).

One process and one check that is remembered, without a log and with one: of blocks alone, of one in
a hundred, of everything, and of everything while the file takes nothing; and with traces, sampled
and not. The processor time of the thread that checks; lines and spans are made on another one,
whose time for each is a row of its own. Nothing here waits between two checks, so most lines of
"everything" find the queue full, which costs less than one that is kept: that row is measured with
a queue that is emptied unread. Spans and log records are made and not sent: nobody takes them here.
The bytes of a line are those of this request; paths and names of others have other lengths.
"""

from __future__ import annotations

import contextlib
import os
from typing import TYPE_CHECKING, Final

from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult

from authz.extauthz.decode import DecodeOptions
from authz.extauthz.reading import read_request
from authz.observability.decision_feed import DecisionFeed
from authz.observability.decision_log import DecisionLog
from authz.observability.decision_log_options import DecisionLogOptions
from authz.observability.decision_records import DecisionRecords
from authz.observability.tracing import Tracing
from benchmarks.clock import timed
from benchmarks.figures import BenchError, Result, Row, Sample
from benchmarks.groups.telling import recorder
from benchmarks.inside import expect_allowed, service_for
from benchmarks.messages import check_for
from benchmarks.plan import workshop
from benchmarks.policies import full_policy, make_authority

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from authz.extauthz.service import CheckService
    from authz.observability.checked_request import CheckedRequest
    from benchmarks.plan import Plan

#: As Envoy names its span in the metadata of a call, sampled and not.
_TRACEPARENT: Final = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-{flags}"
_SAMPLED: Final = 0.01
#: Who would take spans and log records.
NOBODY: Final = "http://127.0.0.1:9"
_NO_LOG: Final = "allowed: no log"
_DENIED_NO_LOG: Final = "denied: no log"
#: What is left of the speed: a name, the row without and the row with it.
_RATIOS: Final = (
    ("allowed, no log/a log of blocks", _NO_LOG, "allowed: a log of blocks"),
    ("allowed, no log/a log of one in 100", _NO_LOG, "allowed: a log of one in 100"),
    ("allowed, no log/a log of everything", _NO_LOG, "allowed: a log of everything"),
    (
        "allowed, no log/a file that takes nothing",
        _NO_LOG,
        "allowed: a log whose file takes nothing",
    ),
    ("denied, no log/a log of everything", _DENIED_NO_LOG, "denied: a log of everything"),
    ("allowed, no log/traces, not sampled", _NO_LOG, "allowed: traces, this one not sampled"),
    ("allowed, no log/traces, sampled", _NO_LOG, "allowed: traces, this one sampled"),
)
# Often enough that what remembers has remembered.
_WARM: Final = 4


def measure(plan: Plan) -> Result:
    """A row for each kind of log, and what is left of the speed."""
    with workshop() as (directory, _), contextlib.ExitStack() as stack:
        authority = make_authority(directory)
        policy = full_policy(directory / "policy.yaml", authority)
        allowed, denied = check_for(authority.client), check_for(None)
        recorders = [stack.enter_context(recorder(0)) for _ in range(7)]
        log = directory / "log.jsonl"
        blocks = stack.enter_context(_feed(recorders[1].note, log, allowed=0.0))
        sampled = stack.enter_context(_feed(recorders[2].note, log, allowed=_SAMPLED))
        every = _made(recorders[3].note, directory / "every.jsonl")
        recorded = _made(recorders[6].note, log, records=True)
        stuck = stack.enter_context(_stuck(directory / "pipe"))
        held_up = stack.enter_context(_feed(recorders[4].note, stuck))
        without = service_for(policy, recorders[0].note)
        of_blocks = service_for(policy, blocks.note)
        of_sample = service_for(policy, sampled.note)
        of_all = service_for(policy, every.note)
        of_records = service_for(policy, recorded.note)
        of_stuck = service_for(policy, held_up.note)
        tracing = _tracing()
        traced = DecisionFeed(recorders[5].note, _reader(), None, tracing)
        of_traces = service_for(policy, traced.note)
        for service in (without, of_blocks, of_sample, of_all, of_records, of_stuck, of_traces):
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

        def traced_check(flags: str) -> Callable[[], None]:
            metadata = (("traceparent", _TRACEPARENT.format(flags=flags)),)

            def check() -> None:
                traced.arrived(metadata)
                of_traces.check(allowed)
                if traced._queue:
                    _forget(traced)

            return check

        def span() -> None:
            traced.arrived((("traceparent", _TRACEPARENT.format(flags="01")),))
            of_traces.check(allowed)
            traced._hand_on(len(traced._queue))

        def record() -> None:
            of_records.check(allowed)
            recorded._hand_on(len(recorded._queue))
            _unsent(recorded)

        rows = timed(
            {
                _NO_LOG: lambda: without.check(allowed),
                "allowed: a log of blocks": lambda: of_blocks.check(allowed),
                "allowed: a log of one in 100": lambda: of_sample.check(allowed),
                "allowed: a log of everything": kept,
                "allowed: a log whose file takes nothing": lambda: of_stuck.check(allowed),
                _DENIED_NO_LOG: lambda: without.check(denied),
                "denied: a log of everything": denied_kept,
                "a check and its line, made and written": line,
                "allowed: traces, this one not sampled": traced_check("00"),
                "allowed: traces, this one sampled": traced_check("01"),
                "a check and its span, made and not sent": span,
                "a check, its line, and its log record for the SDK": record,
            },
            plan.rounds * 3 if not plan.quick else 1,
            plan.seconds / 25,
        )
        for feed in (traced, recorded):
            if lost := {**feed.spans_dropped, **feed.records_dropped}:
                raise BenchError(f"something was lost, and what is lost costs less: {lost}")
        for key, label, data in (
            ("line, allowed", "a line: allowed, with a certificate", allowed),
            ("line, denied", "a line: denied, without one", denied),
        ):
            rows[key] = Row(
                label=label,
                unit="bytes",
                samples=(Sample(value=_line_bytes(every, of_all, data)),),
            )
        tracing.stop()
        recorded.stop(0.1)
    result = Result(title="A log of decisions, in one process")
    result.rows = rows
    for label, without_it, with_it in _RATIOS:
        result.ratio(label, without_it, with_it)
    return result


def _forget(feed: DecisionFeed) -> None:
    feed._bytes_out += len(feed._queue.popleft().data)


def _unsent(feed: DecisionFeed) -> None:
    """Nobody takes its records here."""
    export = feed.records._export
    export._processor._batch_processor._queue.clear()
    export._handed.exported += 1


def _made(note: object, path: Path, *, records: bool = False, **rates: float) -> DecisionFeed:
    """As a process has it, with the settings' defaults."""
    words = DecisionLogOptions(path=str(path), headers=("user-agent",), **rates)
    return DecisionFeed(
        note,
        _reader(),
        DecisionLog(words, "0"),
        # Port 9 (discard): nobody takes them, whatever the environment names.
        records=DecisionRecords("0", NOBODY) if records else None,
    )


def _reader() -> Callable[[bytes], CheckedRequest]:
    options = DecodeOptions()
    return lambda data: read_request(data, options)


def _line_bytes(feed: DecisionFeed, service: CheckService, data: bytes) -> int:
    """The length of one more line, its line feed included."""
    log = feed.log
    assert log is not None
    log.write(at_once=True)
    service.check(data)
    feed._hand_on(1)
    (line,) = log._waiting
    return len(line)


class _Taker(SpanExporter):  # type: ignore[misc] # mypy does not look into the extra
    """Takes spans, and sends them nowhere."""

    def export(self, _spans: object) -> SpanExportResult:
        """Have taken them."""
        return SpanExportResult.SUCCESS


def _tracing() -> Tracing:
    """As a process has it, with nobody at the other end."""
    made = Tracing("0", NOBODY)
    made._handed._exporter.shutdown()
    made._handed._exporter = _Taker()
    return made


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
