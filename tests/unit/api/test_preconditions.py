# SPDX-License-Identifier: Apache-2.0
"""A call honours `If-Match` or refuses it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from authz.api.app import PREFIX
from authz.api.preconditions import strong_tags
from authz.api.problems import ApiError

if TYPE_CHECKING:
    from tests.unit.api.conftest import Bench


@pytest.mark.parametrize(
    ("header", "tags"),
    [
        ("*", None),
        ('"a"', {"a"}),
        ('""', {""}),
        (' "a" ,, W/"b","c,d" ,', {"a", "c,d"}),
        ('W/"a"', set()),
    ],
)
def test_weak_tags_never_match(header: str, tags: set[str] | None) -> None:
    assert strong_tags(header) == tags


@pytest.mark.parametrize("header", ["", ",", "a", '"a', '"a" "b"', 'w/"a"', '*, "a"'])
def test_what_is_no_entity_tag(header: str) -> None:
    with pytest.raises(ApiError, match="no entity tags"):
        strong_tags(header)


def test_no_change_passes_over_a_precondition(api: Bench) -> None:
    document = api.call("GET", "/openapi.json").json()
    honoured: set[str] = set()
    for path, operations in document["paths"].items():
        for method in operations.keys() & {"post", "put", "patch", "delete"}:
            taken = {one["name"] for one in operations[method].get("parameters", ())}
            if "if-match" in taken:
                honoured.add(path.rsplit("/", 1)[-1])
                continue
            where = re.sub(r"\{\w+\}", "0" * 32, path.removeprefix(PREFIX))
            for name in ("If-Match", "If-None-Match"):
                (error,) = api.errors(400, method.upper(), where, headers={name: "*"})
                assert f"does not support {name}" in error["message"], (method, path)
    assert {"hostname_associations", "items", "{ruleset_id}", "entrypoint", "rules"} <= honoured
