# SPDX-License-Identifier: Apache-2.0
"""The generated source is what one would write by hand."""

from __future__ import annotations

import pytest

from authz.rules import parse
from authz.rules.codegen import Emitter
from tests.factories.schemes import SCHEME


@pytest.mark.parametrize(
    ("source", "code"),
    [
        ("true", "True"),
        ("not not ssl", "v['ssl']"),
        ("not ssl and ssl or ssl", "not v['ssl'] and v['ssl'] or v['ssl']"),
        ("ssl and (ssl or ssl)", "v['ssl'] and (v['ssl'] or v['ssl'])"),
        ("ssl xor ssl", "odd(v['ssl'], v['ssl'])"),
        ('http.host in {"a" "a"}', "v['http.host'] == b'a'"),
        ("http.host in {}", "False"),
        ("cf.edge.server_port in {1..5}", "1 <= v['cf.edge.server_port'] <= 5"),
        (
            'any(http.request.headers["a"][*] eq "b")',
            "(b'b' in (v['http.request.headers'].get(b'a') or ()))",
        ),
        ('any(test.hex_list[*] eq "B")', "any([e1.lower() == b'b' for e1 in v['test.hex_list']])"),
        ("all(test.flags)", "all(v['test.flags'])"),
        ('all(test.flag_lists["a"])', "all_present(v['test.flag_lists'].get(b'a'))"),
    ],
)
def test_the_source_is_plain(source: str, code: str) -> None:
    assert Emitter().source(parse(source, SCHEME).root) == f"lambda v: {code}"


def test_nothing_of_a_literal_gets_out_of_its_quotes() -> None:
    source = (
        'http.host eq "\\" or __import__(\\"os\\")" and any(http.request.headers["\'"][*] eq "\'")'
    )
    emitter = Emitter()

    code = compile(emitter.source(parse(source, SCHEME).root), "<test>", "eval")

    assert "__import__" not in code.co_names
    assert emitter.constants["__builtins__"] == {}
