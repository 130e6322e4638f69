# SPDX-License-Identifier: Apache-2.0
"""`traceparent`: which trace a request belongs to (W3C Trace Context, level 1).

Reads it; whoever makes spans is tracing.py. What does not read exactly as the specification says is
no context: a caller writes it, and it ends up in logs.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence

#: The name of the header, and of gRPC metadata.
TRACEPARENT: Final = "traceparent"

# Section 3.2: version "00" is exactly this long, a later one may have more behind it; "ff" is none.
_FORM: Final = re.compile(
    r"(?!ff)([0-9a-f]{2})-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-([0-9a-f]{2})(-.*)?"
)
_SAMPLED: Final = 0x01


class TraceContext(NamedTuple):
    """The span that caused this one: both ids in lower-case hex."""

    trace_id: str
    span_id: str
    sampled: bool


def trace_context(text: str) -> TraceContext | None:
    """What a `traceparent` says, None when it says nothing."""
    found = _FORM.fullmatch(text.strip(" \t"))
    if found is None:
        return None
    version, trace_id, span_id, flags, more = found.groups()
    if more is not None and version == "00":
        return None
    return TraceContext(trace_id, span_id, bool(int(flags, 16) & _SAMPLED))


def span_of(metadata: Sequence[tuple[str, str | bytes]]) -> TraceContext | None:
    """Envoy's span of asking, which it names in the metadata of its call.

    Nothing of the request counts: a client would choose whether its checks are spans, and of which
    trace.
    """
    for name, value in metadata:
        if name == TRACEPARENT and isinstance(value, str) and (found := trace_context(value)):
            return found
    return None
