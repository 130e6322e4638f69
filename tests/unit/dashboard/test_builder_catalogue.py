# SPDX-License-Identifier: Apache-2.0
"""Its JSON is in tests/unit/dashboard/pages/test_expressions.py."""

from __future__ import annotations

import pytest

from authz.dashboard.builder_catalogue import builder_catalogue
from authz.policy.fields import SCHEME
from authz.rules import parse
from authz.rules.row_writing import write_rows
from authz.services.expression_rows import rows_from

OFFERED = builder_catalogue(None, None)
_RIGHT = {"Bytes": "a", "Int": "1", "Ip": "10.0.0.1"}
_PLAIN = {"Bytes": "http.host", "Int": "cf.edge.server_port", "Ip": "ip.src", "Bool": "ssl"} | {
    "Map": "http.request.headers",
    "Array": "authz.cert.san.dns",
}


@pytest.mark.parametrize(
    ("kind", "operator"),
    [
        (kind, operator)
        for kind, operators in OFFERED["operators"].items()
        for operator in operators
        if operator != "in list"
    ],
)
def test_every_operator_that_is_offered_is_an_expression(kind: str, operator: str) -> None:
    literal = {"type": kind if kind in _RIGHT else "Bytes", "text": _RIGHT.get(kind, "a")}
    row = {
        "kind": "row",
        "field": _PLAIN[kind],
        "operator": operator,
        "literals": [] if kind == "Bool" else [literal],
    }

    written = write_rows(rows_from({"kind": "group", "logic": "and", "rows": [row]}))

    assert written.problems == ()
    assert parse(written.text, SCHEME)


@pytest.mark.parametrize(
    ("function", "kind"),
    [(one, kind) for one in OFFERED["functions"] for kind in one["around"]],
    ids=lambda one: one if isinstance(one, str) else one["name"],
)
def test_every_function_that_is_offered_goes_around_a_value(function: dict, kind: str) -> None:
    arguments = [
        {"type": one["type"].split()[0], "text": _RIGHT[one["type"].split()[0]]}
        for one in function["more"]
        if one["need"] != "optional"
    ]
    returns = function["returns"]
    row = {
        "kind": "row",
        "field": _PLAIN[kind],
        "functions": [{"name": function["name"], "arguments": arguments}],
        "operator": "eq",
        "literals": [{"type": returns, "text": _RIGHT[returns]}],
    }

    written = write_rows(rows_from({"kind": "group", "logic": "and", "rows": [row]}))

    assert written.problems == ()
    assert parse(written.text, SCHEME)
