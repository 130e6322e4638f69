# SPDX-License-Identifier: Apache-2.0
"""What one value of policy.yaml can be wrong about."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from authz.settings.problems import problems_of
from authz.sources.policy_document import (
    ACTIONS,
    MAX_RESPONSE_BYTES,
    REFUSED_ACTIONS,
    REFUSED_KEYS,
    ListDocument,
    PolicyDocument,
    ResponseDocument,
    RuleDocument,
    TrustDocument,
)

RESPONSE = {"status_code": 403, "content_type": "text/plain", "content": "no"}


def found(model: Any, value: dict[str, Any]) -> list[tuple[str, str | None]]:
    with pytest.raises(ValidationError) as caught:
        model.model_validate(value)
    return [(p.message, p.hint) for p in problems_of(caught.value, model, REFUSED_KEYS)]


@pytest.mark.parametrize("action", sorted(REFUSED_ACTIONS))
def test_actions_that_cloudflare_has_are_refused_by_name_with_the_reason(action: str) -> None:
    assert found(RuleDocument, {"expression": "ssl", "action": action}) == [
        (f'the action "{action}" is not available here', REFUSED_ACTIONS[action])
    ]


def test_no_action_is_both_taken_and_refused() -> None:
    assert not REFUSED_ACTIONS.keys() & set(ACTIONS)
    assert {"managed_challenge", "js_challenge", "challenge", "execute", "rewrite", "score"} <= set(
        REFUSED_ACTIONS
    )


def test_an_unknown_action_has_a_hint() -> None:
    assert found(RuleDocument, {"expression": "ssl", "action": "blok"}) == [
        ('unknown action "blok"', 'did you mean "block"?')
    ]
    assert found(RuleDocument, {"expression": "ssl", "action": 1}) == [
        ("expected text, not the number 1", "put it in quotes")
    ]


@pytest.mark.parametrize("key", sorted(RESPONSE))
def test_a_response_has_all_three_keys(key: str) -> None:
    rest = {name: value for name, value in RESPONSE.items() if name != key}

    assert found(ResponseDocument, rest)[0][0] == f'the key "{key}" is missing'


@pytest.mark.parametrize("status", [400, 499])
def test_statuses_at_the_edges_are_allowed(status: int) -> None:
    assert ResponseDocument.model_validate({**RESPONSE, "status_code": status})


@pytest.mark.parametrize("status", [200, 302, 399, 500])
def test_other_statuses_are_refused(status: int) -> None:
    assert found(ResponseDocument, {**RESPONSE, "status_code": status})[0][0] == (
        f"{status} is out of range"
    )


def test_the_content_is_bounded_in_bytes() -> None:
    assert ResponseDocument.model_validate({**RESPONSE, "content": "x" * MAX_RESPONSE_BYTES})
    assert found(ResponseDocument, {**RESPONSE, "content": "ä" * 1025})[0][0] == (
        "the content has 2050 bytes"
    )


def test_other_content_types_are_refused() -> None:
    assert (
        "is not one of" in found(ResponseDocument, {**RESPONSE, "content_type": "text/css"})[0][0]
    )


@pytest.mark.parametrize("serial", [123, 120000.0])
def test_a_serial_that_yaml_made_a_number_is_refused_with_the_reason(serial: Any) -> None:
    trust = {"name": "a", "certificates": ["c"], "revoked_serials": [serial]}

    assert found(TrustDocument, trust) == [
        (
            f"the serial number is a number ({serial}), not text",
            'put it in quotes, in hexadecimal: "0A1B2C"',
        )
    ]


def test_an_authority_needs_certificates() -> None:
    assert found(TrustDocument, {"name": "a", "certificates": []})[0][0] == "the list is too short"


@pytest.mark.parametrize("item", [1.5, True, None, []])
def test_list_items_are_text_or_numbers(item: Any) -> None:
    assert found(ListDocument, {"kind": "ip", "items": [item]})[0][0].startswith(
        "expected text or a whole number"
    )


@pytest.mark.parametrize("name", ["office", "a.b_1", "x" * 50])
def test_list_names(name: str) -> None:
    lists = {name: {"kind": "ip", "items": []}}

    assert PolicyDocument.model_validate({"sites": [{"name": "a", "hosts": ["*"]}], "lists": lists})


@pytest.mark.parametrize("name", ["Office", "a..b", ".a", "a.", "", "x" * 51, "a-b", "a\n"])
def test_what_an_expression_could_not_name_is_no_list_name(name: str) -> None:
    lists = {name: {"kind": "ip", "items": []}}

    assert found(PolicyDocument, {"sites": [{"name": "a", "hosts": ["*"]}], "lists": lists}) == [
        (f'"{name}" is no list name', 'up to 50 of a-z, 0-9 and "_", parts joined by "."')
    ]


@pytest.mark.parametrize("key", sorted(REFUSED_KEYS))
def test_keys_of_cloudflares_api_say_why_they_are_not_here(key: str) -> None:
    rule = {"expression": "ssl", "action": "log", key: 1}

    assert found(RuleDocument, rule) == [(f'unknown key "{key}"', REFUSED_KEYS[key])]
