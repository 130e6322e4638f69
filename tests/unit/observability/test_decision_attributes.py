# SPDX-License-Identifier: Apache-2.0
"""The attributes of a log record: every field of a line has one, under the name others know."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest
from opentelemetry.semconv._incubating.attributes import (
    client_attributes,
    http_attributes,
    server_attributes,
    tls_attributes,
    url_attributes,
)

from authz.observability.decision_attributes import ATTRIBUTES, HEADER, attributes_of
from authz.observability.decision_line import EVERY, DecisionLine
from authz.policy.decision import Reason, Verdict
from tests.factories.pki import AT

#: What is always there.
LEAST: dict[str, Any] = {
    "schema": 1,
    "time": datetime.fromtimestamp(AT, UTC),
    "id": "AAAAAAAAAAA000000001",
    "verdict": Verdict.DENY,
    "reason": Reason.RULE,
    "delivered": False,
    "duration_us": 0.0,
    "worker": "3",
}
#: A value for each other field, none of which is its default.
MORE: dict[str, Any] = {
    field.name: {
        "logged": ("watch", "count"),
        "generation": 4,
        "presented": True,
        "verified": True,
        "revoked": True,
        "headers": {"user-agent": "curl/8.9.1"},
        "sample_rate": 0.25,
        "cut": ("path",),
    }.get(field.name, f"<{field.name}>")
    for field in msgspec.structs.fields(DecisionLine)
    if field.name not in LEAST
}


def test_every_field_has_an_attribute_of_its_own() -> None:
    fields = {field.name for field in msgspec.structs.fields(DecisionLine)}

    assert set(ATTRIBUTES) == fields - {"time"}
    assert len(set(ATTRIBUTES.values())) == len(ATTRIBUTES)


def test_a_line_with_everything_has_all_of_it() -> None:
    found = attributes_of(DecisionLine(**LEAST, **MORE))

    missing = {ATTRIBUTES["headers"], ATTRIBUTES["trace_id"]}
    assert set(found) == {*ATTRIBUTES.values(), f"{HEADER}user-agent"} - missing
    assert found[f"{HEADER}user-agent"] == ["curl/8.9.1"]
    assert found["authz.decision.logged"] == ["watch", "count"]
    assert found["authz.decision.sample_rate"] == 0.25
    assert found["server.address"] == "<host>"


def test_what_a_line_leaves_out_is_left_out() -> None:
    found = attributes_of(DecisionLine(**LEAST, sample_rate=EVERY))

    assert found == {
        "authz.decision.schema": 1,
        "authz.decision.id": "AAAAAAAAAAA000000001",
        "authz.decision.verdict": "deny",
        "authz.decision.reason": "rule",
        "authz.decision.delivered": False,
        "authz.decision.duration_us": 0.0,
        "authz.worker": "3",
    }
    # The SDK takes plain texts alone, and no enumeration that looks like one.
    assert type(found["authz.decision.verdict"]) is str


@pytest.mark.parametrize(
    ("field", "name"),
    [
        ("method", http_attributes.HTTP_REQUEST_METHOD),
        ("host", server_attributes.SERVER_ADDRESS),
        ("path", url_attributes.URL_PATH),
        ("query", url_attributes.URL_QUERY),
        ("sni", tls_attributes.TLS_CLIENT_SERVER_NAME),
        ("client_ip", client_attributes.CLIENT_ADDRESS),
    ],
)
def test_names_of_the_semantic_conventions_are_theirs(field: str, name: str) -> None:
    assert ATTRIBUTES[field] == name
    assert f"{http_attributes.HTTP_REQUEST_HEADER_TEMPLATE}." == HEADER
