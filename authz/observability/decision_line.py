# SPDX-License-Identifier: Apache-2.0
"""One line of the decision log: its fields, each with what it means.

The type is the schema: docs/reference/decision-log.md and decision-log.schema.json are generated
from it. Who fills it in is decision_log.py.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Final, Literal

import msgspec
from msgspec import Meta

from authz.policy.decision import Reason, Verdict

#: The number of this schema. It changes when a field is removed or means something else; new
#: fields may come without.
SCHEMA: Final = 1

#: The default of `sample_rate`. What is this very object is left out; another 1.0 is not.
EVERY: Final = 1.0

#: The longest line, with its line feed: so much is written to a pipe in one piece (PIPE_BUF).
MAX_LINE: Final = 4096


class DecisionLine(
    msgspec.Struct,
    frozen=True,
    kw_only=True,
    omit_defaults=True,
    forbid_unknown_fields=True,
    tag_field="event",
    tag="decision",
):
    """One decision. What is empty, false or zero is left out, but for the fields that are required.

    `event` tells these lines from others in the same stream. Texts of a client's are cut and
    without control characters: what could drive a terminal, or show text in another order than it
    has, is written as a backslash escape.
    """

    # --- always there ---------------------------------------------------------------------------

    schema: Annotated[Literal[1], Meta(description="The number of this schema.")]
    time: Annotated[
        datetime,
        Meta(
            description="When the check was read: RFC 3339, UTC, microseconds.",
            extra_json_schema={
                "format": "date-time",
                "pattern": r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,6})?Z$",
            },
        ),
    ]
    id: Annotated[
        str, Meta(description="The decision id, as Envoy's access log and events have it.")
    ]
    verdict: Annotated[Verdict, Meta(description="What was answered.")]
    reason: Annotated[Reason, Meta(description="Why: one of the [reasons](reasons.md).")]
    delivered: Annotated[
        bool,
        Meta(
            description="False when whoever asked had gone before the answer was there: cancelled, "
            "or past its deadline. True: it was handed to the connection, which is no proof that "
            "it arrived."
        ),
    ]
    duration_us: Annotated[
        float, Meta(description="Microseconds from the check's bytes to its answer's bytes.", ge=0)
    ]
    worker: Annotated[str, Meta(description="The worker that answered, as metrics name it.")]

    # --- what decided ---------------------------------------------------------------------------

    site: Annotated[
        str, Meta(description="The site that answered; none when no site answers for the host.")
    ] = ""
    action: Annotated[
        str, Meta(description="`block` or `skip` of a rule, or the default action.")
    ] = ""
    rule: Annotated[
        str,
        Meta(
            description="The `ref` of the rule that decided, or that would have blocked another "
            "reading of the path."
        ),
    ] = ""
    logged: Annotated[
        tuple[str, ...], Meta(description="The refs of the `log` rules that matched.")
    ] = ()
    detail: Annotated[
        str,
        Meta(
            description="One sentence for people. Only with `path_segments: all`, because it may "
            "quote the path."
        ),
    ] = ""
    generation: Annotated[
        int, Meta(description="The number of the snapshot that decided.", ge=0)
    ] = 0

    # --- the certificate ------------------------------------------------------------------------

    presented: Annotated[bool, Meta(description="A certificate was presented.")] = False
    verified: Annotated[
        bool, Meta(description="It is from an authority of the site, in time and fit.")
    ] = False
    revoked: Annotated[bool, Meta(description="It is verified, and revoked.")] = False
    failure: Annotated[
        str,
        Meta(
            description="Why it is not verified: one of the [failures](certificate-failures.md), "
            "or `absent`."
        ),
    ] = ""
    fingerprint: Annotated[
        str,
        Meta(description="SHA-256 of the certificate in lower-case hex, verified or not."),
    ] = ""
    subject: Annotated[
        str,
        Meta(
            description="The subject of a verified certificate (RFC 2253), with "
            "`decision_log.subject`."
        ),
    ] = ""

    # --- the request ----------------------------------------------------------------------------

    method: Annotated[str, Meta(description="The method.")] = ""
    host: Annotated[
        str, Meta(description="The host as sent, without what stands in front of an `@`.")
    ] = ""
    path: Annotated[
        str,
        Meta(
            description="The path, without query and fragment; `*` for segments that "
            "`path_segments: words` leaves out."
        ),
    ] = ""
    query: Annotated[str, Meta(description="The query: names alone, unless `query: values`.")] = ""
    protocol: Annotated[str, Meta(description="`HTTP/1.1`, `HTTP/2`, …")] = ""
    sni: Annotated[str, Meta(description="The server name of the TLS handshake.")] = ""
    client_ip: Annotated[
        str,
        Meta(description="The client's address after the trusted hops, or its network."),
    ] = ""
    headers: Annotated[
        dict[str, str], Meta(description="The headers that `decision_log.headers` names.")
    ] = {}
    request_id: Annotated[
        str,
        Meta(
            description="`x-request-id` as Envoy sent it. It joins what the decision id cannot: an "
            "Envoy that gave up waiting knows no decision."
        ),
    ] = ""
    trace_id: Annotated[
        str,
        Meta(
            description="The trace that the check belongs to: of `traceparent` in the call's "
            "metadata or, where there is none, in the request's headers."
        ),
    ] = ""

    # --- the line -------------------------------------------------------------------------------

    sample_rate: Annotated[
        float,
        Meta(description="The share of such decisions that is written.", gt=0, le=1),
    ] = EVERY
    cut: Annotated[
        tuple[str, ...],
        Meta(description="The fields that were cut, or left out because the line was too long."),
    ] = ()


_encode: Final = msgspec.json.Encoder().encode


def line_of(line: DecisionLine) -> bytes:
    """The line as it is written, with its line feed."""
    return _encode(line) + b"\n"


def schema() -> dict[str, Any]:
    """The JSON Schema of a line (draft 2020-12)."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **msgspec.json.schema(DecisionLine),
    }
