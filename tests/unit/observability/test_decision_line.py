# SPDX-License-Identifier: Apache-2.0
"""The type of a line, its schema and the page about it are one thing."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest
from jsonschema import ValidationError

from authz.observability.decision_line import DecisionLine, line_of, schema
from authz.policy.decision import Reason, Verdict
from tests.factories.decision_log import SCHEMA_FILE, read_line
from tests.factories.pages import fenced

LEAST: dict[str, Any] = {
    "schema": 1,
    "time": datetime(2026, 11, 27, 6, 12, 44, 120331, tzinfo=UTC),
    "id": "AAAAAAAAAAA000000001",
    "verdict": Verdict.DENY,
    "reason": Reason.UNDECODABLE,
    "delivered": False,
    "duration_us": 3.5,
    "worker": "0",
}


def test_the_least_that_is_known_is_a_line_by_itself() -> None:
    assert read_line(line_of(DecisionLine(**LEAST))) == {
        "event": "decision",
        "schema": 1,
        "time": "2026-11-27T06:12:44.120331Z",
        "id": "AAAAAAAAAAA000000001",
        "verdict": "deny",
        "reason": "undecodable",
        "delivered": False,
        "duration_us": 3.5,
        "worker": "0",
    }


def test_everything_that_there_is_to_say_is_in_the_schema() -> None:
    others = {
        field.name: {
            str: "text",
            bool: True,
            int: 7,
            float: 0.5,
            tuple[str, ...]: ("a", "b"),
            dict[str, str]: {"user-agent": "curl"},
        }[_bare(field.type)]
        for field in msgspec.structs.fields(DecisionLine)
        if field.name not in LEAST
    }
    found = read_line(line_of(DecisionLine(**LEAST, **others)))

    assert set(found) == {"event", *LEAST, *others}
    assert len(others) > 20


def _bare(annotation: Any) -> Any:
    return getattr(annotation, "__origin__", annotation) if _annotated(annotation) else annotation


def _annotated(annotation: Any) -> bool:
    return hasattr(annotation, "__metadata__")


@pytest.mark.parametrize(
    "change",
    [
        {"verdict": "maybe"},
        {"reason": "because"},
        {"time": "yesterday"},
        {"schema": 2},
        {"event": "access"},
        {"delivered": "yes"},
        {"secret": "s3cret"},
        {"sample_rate": 0},
    ],
)
def test_the_published_schema_refuses_anything_else(change: dict[str, Any]) -> None:
    line = read_line(line_of(DecisionLine(**LEAST)))

    with pytest.raises(ValidationError):
        read_line(json.dumps(line | change).encode() + b"\n")


@pytest.mark.parametrize("name", sorted(name for name in LEAST if name != "time"))
def test_what_is_always_there_has_to_be(name: str) -> None:
    line = read_line(line_of(DecisionLine(**LEAST)))
    del line[name]

    with pytest.raises(ValidationError):
        read_line(json.dumps(line).encode() + b"\n")


def test_the_published_schema_and_page_have_every_field_with_its_meaning() -> None:
    properties = json.loads(SCHEMA_FILE.read_text())["$defs"]["DecisionLine"]["properties"]
    page = SCHEMA_FILE.with_name("decision-log.md").read_text(encoding="utf-8")
    rows = dict(re.findall(r"^\| `(\w+)` \| .*? \| (.+) \|$", page, re.MULTILINE))

    assert set(properties) == {*schema()["$defs"]["DecisionLine"]["properties"]}
    assert set(rows) == set(properties)
    assert all(field.get("description") for name, field in properties.items() if name != "event")


def test_the_line_on_the_page_is_one() -> None:
    [shown] = fenced("reference/decision-log.md", "json")

    assert read_line(json.dumps(json.loads(shown)).encode() + b"\n")["verdict"] == "deny"
