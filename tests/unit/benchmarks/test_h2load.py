# SPDX-License-Identifier: Apache-2.0
"""h2load's report is read, and anything but success is an error."""

from __future__ import annotations

import pytest

from benchmarks.figures import BenchError
from benchmarks.h2load import parse

REPORT = """\
finished in 1.25s, 800.00 req/s, 1.19MB/s
requests: 1000 total, 1000 started, 1000 done, {succeeded} succeeded, {failed} failed, 0 errored, \
0 timeout
status codes: {succeeded} 2xx, 0 3xx, 0 4xx, 0 5xx
traffic: 1.49MB (1561600) total, 15.30KB (15667) headers (space savings 94.07%), 1.43MB (1500000) \
data
                     min         max         mean         sd        +/- sd
time for request:      151us      9.36ms       782us       377us    91.27%
"""


def test_requests_seconds_and_bytes_are_read() -> None:
    load = parse(REPORT.format(succeeded=1000, failed=0), 1000)

    assert (load.requests, load.data_bytes, load.per_second) == (1000, 1_500_000, 800.0)


@pytest.mark.parametrize(("unit", "seconds"), [("us", 1.25e-6), ("ms", 0.00125), ("m", 75.0)])
def test_other_units_of_time_are_read(unit: str, seconds: float) -> None:
    report = REPORT.format(succeeded=1000, failed=0).replace("1.25s", f"1.25{unit}")

    assert parse(report, 1000).seconds == pytest.approx(seconds)


def test_a_request_that_failed_is_an_error() -> None:
    with pytest.raises(BenchError, match="999 succeeded, 1 failed"):
        parse(REPORT.format(succeeded=999, failed=1), 1000)


def test_requests_that_were_not_sent_are_an_error() -> None:
    with pytest.raises(BenchError, match="of 2000 requests not all succeeded"):
        parse(REPORT.format(succeeded=1000, failed=0), 2000)


def test_other_output_is_an_error() -> None:
    with pytest.raises(BenchError, match="not a report of h2load"):
        parse("Could not resolve host", 1)
