# SPDX-License-Identifier: Apache-2.0
"""A traceparent is believed when it reads exactly as W3C Trace Context says."""

from __future__ import annotations

import pytest

from authz.observability.trace_context import TraceContext, span_of, trace_context

TRACE, SPAN = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"


@pytest.mark.parametrize(
    ("text", "sampled"),
    [
        (f"00-{TRACE}-{SPAN}-01", True),
        (f"00-{TRACE}-{SPAN}-00", False),
        (f"00-{TRACE}-{SPAN}-03", True),
        (f" 00-{TRACE}-{SPAN}-01\t", True),
        # Section 3.2.4: a later version is read as far as this one goes.
        (f"cc-{TRACE}-{SPAN}-01-what-the-future-holds", True),
    ],
)
def test_what_it_says(text: str, sampled: bool) -> None:
    assert trace_context(text) == TraceContext(TRACE, SPAN, sampled)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "00",
        f"ff-{TRACE}-{SPAN}-01",
        f"00-{'0' * 32}-{SPAN}-01",
        f"00-{TRACE}-{'0' * 16}-01",
        f"00-{TRACE.upper()}-{SPAN}-01",
        f"00-{TRACE}-{SPAN}-1",
        f"00-{TRACE}-{SPAN}-01-more",
        f"00-{TRACE}-{SPAN}-01, 00-{TRACE}-{SPAN}-01",
        f"cc-{TRACE}-{SPAN}-01x",
        f"00-{TRACE}-{SPAN}-01\n",
    ],
)
def test_anything_else_says_nothing(text: str) -> None:
    assert trace_context(text) is None


@pytest.mark.parametrize(
    "metadata",
    [
        [("traceparent", f"00-{TRACE}-{SPAN}-00")],
        # Neither bytes nor nonsense are in the way of one that says something.
        [("traceparent", b"\xff"), ("traceparent", "00"), ("traceparent", f"00-{TRACE}-{SPAN}-00")],
    ],
)
def test_the_span_of_a_call_is_the_first_that_its_metadata_names(
    metadata: list[tuple[str, str | bytes]],
) -> None:
    assert span_of(metadata) == TraceContext(TRACE, SPAN, sampled=False)


@pytest.mark.parametrize("metadata", [[], [("x-traceparent", f"00-{TRACE}-{SPAN}-01")]])
def test_a_call_without_one_has_no_span(metadata: list[tuple[str, str | bytes]]) -> None:
    assert span_of(metadata) is None
