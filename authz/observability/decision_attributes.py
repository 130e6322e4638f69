# SPDX-License-Identifier: Apache-2.0
"""The fields of a line of the decision log as attributes of an OpenTelemetry log record.

A name is the one that the span of the check has for the same thing (tracing.py); else that of the
semantic conventions, where they mean the same; else it begins with `authz.`. Knows nothing of the
SDK: docs/reference/decision-log.md is made from it, too.
"""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING, Final, TypeAlias

import msgspec

from authz.observability.decision_line import DecisionLine
from authz.policy.decision import Reason

if TYPE_CHECKING:
    from collections.abc import Mapping

Value: TypeAlias = "str | bool | int | float | list[str]"

#: The name of each record, by which a collector tells them from others.
EVENT_NAME: Final = "authz.decision"
#: Answers that are ours to answer for: whoever looks for errors looks for these.
FAULTS: Final = frozenset(
    {Reason.INTERNAL_ERROR, Reason.DEADLINE_EXCEEDED, Reason.OVERLOADED, Reason.NO_SNAPSHOT}
)

#: What an attribute's name begins with that is a header; the header's name follows.
HEADER: Final = "http.request.header."

#: The attribute of each field. `time` is the record's own, and each header an attribute.
ATTRIBUTES: Final[Mapping[str, str]] = {
    "schema": "authz.decision.schema",
    "id": "authz.decision.id",
    "verdict": "authz.decision.verdict",
    "reason": "authz.decision.reason",
    "delivered": "authz.decision.delivered",
    "duration_us": "authz.decision.duration_us",
    "worker": "authz.worker",
    "site": "authz.site",
    "action": "authz.action",
    "rule": "authz.rule",
    "logged": "authz.decision.logged",
    "detail": "authz.decision.detail",
    "generation": "authz.snapshot.generation",
    "presented": "authz.certificate.presented",
    "verified": "authz.certificate.verified",
    "revoked": "authz.certificate.revoked",
    "failure": "authz.certificate.failure",
    "fingerprint": "authz.certificate.fingerprint",
    "subject": "authz.certificate.subject",
    # https://opentelemetry.io/docs/specs/semconv/http/ and …/registry/attributes/tls/
    "method": "http.request.method",
    "host": "server.address",
    "path": "url.path",
    "query": "url.query",
    "protocol": "authz.request.protocol",
    "sni": "tls.client.server_name",
    "client_ip": "client.address",
    "headers": f"{HEADER}NAME",
    "request_id": "authz.request.id",
    "trace_id": "authz.request.trace_id",
    "sample_rate": "authz.decision.sample_rate",
    "cut": "authz.decision.cut",
}

_NONE: Final = msgspec.NODEFAULT
_DEFAULTS: Final = {
    one.name: one.default if one.default_factory is _NONE else one.default_factory()
    for one in msgspec.structs.fields(DecisionLine)
}


def attributes_of(line: DecisionLine) -> dict[str, Value]:
    """What a record says of a decision: what the line says, without what the line leaves out.

    Without the trace, which a record has in a place of its own (decision_records.py).
    """
    found: dict[str, Value] = {}
    for field, name in ATTRIBUTES.items():
        value = getattr(line, field)
        if value == _DEFAULTS[field] or field == "trace_id":
            continue
        if field == "headers":
            # The conventions have a list for each: a header may be there several times.
            found |= {f"{HEADER}{header}": [text] for header, text in value.items()}
        elif isinstance(value, tuple):
            found[name] = list(value)
        else:
            found[name] = value.value if isinstance(value, Enum) else value
    return found
