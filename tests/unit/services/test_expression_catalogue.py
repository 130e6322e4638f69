# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import re

import pytest

from authz.policy.fields import CATALOGUE, SCHEME
from authz.rules import Array, Bool, Bytes, Int, Ip, Map, parse
from authz.rules.ast import Logic, Operator
from authz.rules.functions import CUSTOM_RULES_FUNCTIONS
from authz.services.expression_catalogue import (
    LOGIC_MEANINGS,
    OPERATOR_MEANINGS,
    functions_for,
    list_fields,
    list_functions,
    list_operators,
    operators_for,
    signature,
)


def test_every_example_is_an_expression_that_reads_its_field() -> None:
    for one in list_fields(None):
        assert one["name"] in parse(one["example"], SCHEME).fields


def test_fields_say_what_fits_them() -> None:
    fields = {one["name"]: one for one in list_fields(None)}

    assert len(fields) == len(CATALOGUE)
    assert fields["ssl"]["operators"] == []
    assert fields["cf.edge.server_port"]["operators"] == [
        *("in", "eq", "ne", "ge", "le", "gt", "lt"),
        "bitwise_and",
    ]
    assert "matches" in fields["http.request.headers"]["operators"]
    assert "cidr" in fields["ip.src"]["functions"]
    assert "has_key" in fields["http.request.headers"]["functions"]
    assert fields["cf.tls_client_auth.cert_serial"]["hexadecimal"] is True


@pytest.mark.parametrize("kind", [Bytes, Int, Ip, Bool])
def test_what_is_offered_for_a_type_works(kind: object) -> None:
    name = {Bytes: "http.host", Int: "cf.edge.server_port", Ip: "ip.src"}.get(kind)  # type: ignore[call-overload]  # by type
    literal = {Bytes: '"a"', Int: "1", Ip: "10.0.0.1"}.get(kind)  # type: ignore[call-overload]  # the same
    for operator in operators_for(kind):  # type: ignore[arg-type]  # the same
        right = f"{{{literal}}}" if operator == "in" else literal
        parse(f"{name} {operator} {right}", SCHEME)


def test_functions_take_the_field_or_its_elements() -> None:
    assert "lower" in functions_for(Bytes)
    assert "lower" in functions_for(Map(Array(Bytes)))
    assert "lower" not in functions_for(Int)
    assert "any" not in functions_for(Bytes)


def test_everything_of_the_language_is_listed() -> None:
    operators = {one["name"] for one in list_operators()}
    functions = {one["name"] for one in list_functions()}

    assert operators == {*(one.value for one in Operator), *(one.value for one in Logic), "not"}
    assert set(OPERATOR_MEANINGS) == set(Operator)
    assert set(LOGIC_MEANINGS) == set(Logic)
    assert functions == {*CUSTOM_RULES_FUNCTIONS, "any", "all"}


def test_signatures_are_read_by_people() -> None:
    lower = signature(CUSTOM_RULES_FUNCTIONS["lower"])
    assert re.fullmatch(r"lower\(\w+: Bytes(, no literal)?\) → Bytes", lower)
    assert "[" in signature(CUSTOM_RULES_FUNCTIONS["substring"])
    assert "…" in signature(CUSTOM_RULES_FUNCTIONS["concat"])
    parameters = {one["name"]: one["parameters"] for one in list_functions()}
    assert [one["need"] for one in parameters["substring"]] == ["required", "required", "optional"]
    assert parameters["concat"][-1]["need"] == "repeated"
