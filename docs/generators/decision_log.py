# SPDX-License-Identifier: Apache-2.0
"""The page and the JSON Schema of the decision log, both of the type that writes it."""

from __future__ import annotations

import inspect
import json
from typing import Any

from authz.observability.decision_attributes import ATTRIBUTES, EVENT_NAME, FAULTS
from authz.observability.decision_line import MAX_LINE, DecisionLine, schema
from authz.observability.decision_words import MAX_LOGGED, MAX_PATH, MAX_TEXT

#: What a line of an ordinary denial looks like; a test validates it.
EXAMPLE: dict[str, Any] = {
    "event": "decision",
    "schema": 1,
    "time": "2026-11-27T06:12:44.120331Z",
    "id": "q2nYd1qLr0g---------7",
    "verdict": "deny",
    "reason": "rule",
    "delivered": True,
    "duration_us": 41.7,
    "worker": "0",
    "site": "api",
    "action": "block",
    "rule": "protect-admin",
    "generation": 4,
    "failure": "absent",
    "method": "GET",
    "host": "api.example.com",
    "path": "/admin",
    "query": "tab=",
    "protocol": "HTTP/2",
    "sni": "api.example.com",
    "client_ip": "198.51.100.7",
    "headers": {"user-agent": "curl/8.9.1"},
    "request_id": "4f4d0f0e-54a5-4d5e-9c4b-2f6f4f6a2b10",
}


def decision_log_schema() -> str:
    """docs/reference/decision-log.schema.json."""
    return json.dumps(_tidy(schema()), indent=2) + "\n"


def decision_log_page() -> str:
    """docs/reference/decision-log.md."""
    definitions = schema()["$defs"]
    line = definitions["DecisionLine"]
    required = set(line["required"])
    about = (inspect.getdoc(DecisionLine) or "").partition("\n\n")
    rows = {True: "", False: ""}
    for name, field in line["properties"].items():
        kind = _kind(field, definitions)
        meaning = field.get("description", "Always `decision`.")
        rows[name in required] += f"| `{name}` | {kind} | {_attribute(name)} | {meaning} |\n"
    faults = ", ".join(f"`{reason}`" for reason in sorted(FAULTS))
    return f"""\
# The decision log

{" ".join(about[0].split())}
{" ".join(about[2].split())}

How it is switched on, rotated and joined with Envoy's access log is in
[the guide](../how-to/keep-a-decision-log.md), what can be set in
[settings](settings.md#decision_log).
[decision-log.schema.json](decision-log.schema.json) is this page for programs
(JSON Schema, draft 2020-12).

A line has at most {MAX_LINE} bytes with its line feed, and is UTF-8.
Paths and queries are cut to {MAX_PATH:,} characters, other texts to {MAX_TEXT},
lists of rules to {MAX_LOGGED};
a line that would still be too long has no headers and shorter texts. `cut` says so.

```json
{json.dumps(EXAMPLE, indent=2)}
```

It is one line in the log.

Where [log records](../how-to/keep-a-decision-log.md#send-it-to-a-collector) are sent,
a field is the attribute beside it.
Its severity is `INFO` for what is let through, `WARN` for a denial,
and `ERROR` for one that is the service's to answer for ({faults}).
Its text is the verdict and the reason; its trace and span are fields of its own.

## Always there

| field | type | of a log record | meaning |
|---|---|---|---|
{rows[True]}
## Where there is something to say

| field | type | of a log record | meaning |
|---|---|---|---|
{rows[False]}
## What changes, and what does not

`schema` is the number of this schema.
It changes when a field goes or comes to mean something else;
new fields come without, so readers should ignore what they do not know.
The published schema is closed: it is that of this version,
to find out what a reader does not know yet.
"""


def _attribute(field: str) -> str:
    """What a log record has of a field."""
    if field == "event":
        return f"its event name, `{EVENT_NAME}`"
    return "its time" if field == "time" else f"`{ATTRIBUTES[field]}`"


def _kind(field: dict[str, Any], definitions: dict[str, Any]) -> str:
    reference = field.get("$ref") or next((one["$ref"] for one in field.get("allOf", ())), None)
    if reference:
        return _kind(definitions[reference.rpartition("/")[2]], definitions)
    if "enum" in field:
        several = len(field["enum"]) > 3
        return "text" if several else " or ".join(f"`{value}`" for value in field["enum"])
    names = {
        "string": "text",
        "boolean": "true or false",
        "integer": "whole number",
        "number": "number",
        "array": "list of texts",
        "object": "texts by name",
    }
    return "time" if field.get("format") == "date-time" else names[field["type"]]


def _tidy(value: Any) -> Any:
    """Without the line breaks that docstrings have."""
    if isinstance(value, dict):
        return {
            key: " ".join(one.split()) if key == "description" else _tidy(one)
            for key, one in value.items()
        }
    return [_tidy(one) for one in value] if isinstance(value, list) else value
