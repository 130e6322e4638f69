# SPDX-License-Identifier: Apache-2.0
"""The schemas for editors and the loaders agree, as far as a JSON Schema can say what is asked.

An editor never marks what the loader takes. And what it does not mark, the loader refuses only for
reasons that have a text of their own: none of keys, types, choices and ranges.
"""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft7Validator, Draft202012Validator
from pydantic import ValidationError

from authz.settings import Settings
from authz.sources.policy_document import PolicyDocument
from tests.factories.schema_values import changed, shipped_schema, values_of

SCHEMAS = {"authz": shipped_schema("authz"), "policy": shipped_schema("policy")}
MODELS: dict[str, Any] = {"authz": Settings, "policy": PolicyDocument}
#: Editors that only know later drafts read the same.
VALIDATORS = {
    name: (Draft7Validator(schema), Draft202012Validator(schema))
    for name, schema in SCHEMAS.items()
}

#: What the loader asks beyond the schemas: names and expressions, addresses, two keys that do not
#: go together. All of it is told in words of its own.
BEYOND = {"fault"}


def refusals(name: str, value: Any) -> set[str]:
    """Why the loader refuses: pydantic's kinds of errors, none when it does not."""
    try:
        MODELS[name].model_validate(value)
    except ValidationError as error:
        return {one["type"] for one in error.errors(include_url=False)}
    return set()


def accepted(name: str, value: Any) -> bool:
    draft_7, later = (one.is_valid(value) for one in VALIDATORS[name])
    assert draft_7 == later
    return draft_7


def check(name: str, value: Any) -> None:
    found = refusals(name, value)
    if accepted(name, value):
        assert found <= BEYOND, (value, found)
    else:
        assert found, f"the loader takes what the schema refuses: {value}"


@given(value=changed(values_of(SCHEMAS["authz"])))
def test_settings(value: Any) -> None:
    check("authz", value)


@given(value=changed(values_of(SCHEMAS["policy"])))
def test_policies(value: Any) -> None:
    check("policy", value)


@given(data=st.data())
@pytest.mark.parametrize("name", SCHEMAS)
def test_unchanged_values_are_accepted(name: str, data: Any) -> None:
    """Otherwise the two above would look at nothing but refusals."""
    assert accepted(name, data.draw(values_of(SCHEMAS[name])))


def test_a_number_with_a_zero_fraction_is_where_they_differ() -> None:
    """JSON Schema has no other whole numbers; YAML has, and the loader takes only those."""
    value = {"grpc": {"workers": 2.0}}

    assert accepted("authz", value)
    assert refusals("authz", value) == {"int_type"}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("authz", {"grcp": {}}),
        ("authz", {"grpc": {"workers": "2"}}),
        ("authz", {"grpc": {"workers": 0}}),
        ("authz", {"grpc": {"transport": "quic"}}),
        ("authz", {"grpc": None}),
        ("authz", {"database": "mysql://db"}),
        ("authz", {"policy": ""}),
        ("authz", {"version": 2}),
        ("policy", {}),
        ("policy", {"sites": []}),
        ("policy", {"sites": [{"name": "a"}]}),
        ("policy", {"sites": [{"name": "a", "hosts": ["*"], "hsots": []}]}),
        ("policy", {"sites": [{"name": "a", "hosts": "*"}]}),
        (
            "policy",
            {"sites": [{"name": "a", "hosts": ["*"], "rules": [{"expression": "true"}]}]},
        ),
        (
            "policy",
            {
                "sites": [
                    {
                        "name": "a",
                        "hosts": ["*"],
                        "rules": [{"expression": "true", "action": "managed_challenge"}],
                    }
                ]
            },
        ),
        ("policy", {"sites": [{"name": "a", "hosts": ["*"]}], "lists": {"A-B": {"kind": "ip"}}}),
        ("policy", {"version": "1", "sites": [{"name": "a", "hosts": ["*"]}]}),
    ],
)
def test_slips_are_marked(name: str, value: Any) -> None:
    assert not accepted(name, value)
    assert refusals(name, value)
