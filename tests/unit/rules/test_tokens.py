# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from typing import TYPE_CHECKING, Final

import pytest

from authz.policy.fields import SCHEME
from authz.rules import MAX_LENGTH
from authz.rules.ast import (
    Access,
    Combination,
    Comparison,
    Constant,
    FieldRef,
    ItemSet,
    ListRef,
    Literal,
    Not,
    Quantifier,
    RegexLiteral,
    Truth,
)
from authz.rules.tokens import Expects, completion_at, tokens_of
from tests.factories.vector_expressions import VECTORS, parsed, scheme_for

if TYPE_CHECKING:
    from collections.abc import Iterator

    from authz.rules.ast import Argument, Span
    from tests.factories.rule_vectors import RuleVector

_PARSED: Final = [vector for vector in VECTORS if vector.error is None]


def _words(source: str) -> list[tuple[str, str]]:
    return [(one.kind.value, source[one.start : one.end]) for one in tokens_of(source, SCHEME)]


def _parts(node: Argument) -> Iterator[tuple[str, Span]]:
    """What the parser read: names and literals with their places."""
    match node:
        case Constant():
            yield "keyword", node.span
        case Literal():
            yield "literal", node.span
        case Truth():
            yield from _parts(node.operand)
        case Comparison(left=left, right=right):
            yield from _parts(left)
            if isinstance(right, ListRef):
                yield "list", right.span
            elif isinstance(right, RegexLiteral):
                yield "pattern", right.span
            elif not isinstance(right, ItemSet):
                yield "literal", right.span
        case Not():
            yield from _parts(node.operand)
        case Combination():
            for operand in node.operands:
                yield from _parts(operand)
        case Quantifier():
            yield from _parts(node.argument)
        case Access(base=FieldRef() as field):
            yield "field", field.span
        case Access(base=call):
            assert not isinstance(call, FieldRef)
            for argument in call.arguments:
                yield from _parts(argument)


@pytest.mark.parametrize("vector", _PARSED, ids=[vector.id for vector in _PARSED])
def test_the_words_of_an_expression_are_those_that_the_parser_reads(vector: RuleVector) -> None:
    source = vector.source

    tokens = tokens_of(source, scheme_for(vector))

    kinds = {"text": "literal", "number": "literal"}
    found = {(kinds.get(one.kind, one.kind.value), (one.start, one.end)) for one in tokens}
    assert set(_parts(parsed(vector).root)) <= found
    assert "unknown" not in {one.kind for one in tokens}
    between = 0
    for token in tokens:
        assert not source[between : token.start].strip()
        between = token.end


def test_every_kind_of_word() -> None:
    assert _words(
        'not any(lower(authz.cert.san.dns[*])[*] in {"a" "b"}) and ip.src in $offices '
        'or http.host matches "[\\"]"xor cf.edge.server_port lt 80 ?'
    ) == [
        ("keyword", "not"),
        ("keyword", "any"),
        ("punctuation", "("),
        ("function", "lower"),
        ("punctuation", "("),
        ("field", "authz.cert.san.dns"),
        ("punctuation", "["),
        ("punctuation", "*"),
        ("punctuation", "]"),
        ("punctuation", ")"),
        ("punctuation", "["),
        ("punctuation", "*"),
        ("punctuation", "]"),
        ("operator", "in"),
        ("punctuation", "{"),
        ("text", '"a"'),
        ("text", '"b"'),
        ("punctuation", "}"),
        ("punctuation", ")"),
        ("keyword", "and"),
        ("field", "ip.src"),
        ("operator", "in"),
        ("list", "$offices"),
        ("keyword", "or"),
        ("field", "http.host"),
        ("operator", "matches"),
        ("pattern", '"[\\"]"'),
        ("keyword", "xor"),
        ("field", "cf.edge.server_port"),
        ("operator", "lt"),
        ("number", "80"),
        ("unknown", "?"),
    ]


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        (
            'http.host eq "a and ssl',
            [("field", "http.host"), ("operator", "eq"), ("text", '"a and ssl')],
        ),
        ("http.hots eq", [("unknown", "http.hots"), ("operator", "eq")]),
        ("ssl sll", [("field", "ssl"), ("unknown", "sll")]),
        ("ssl and and", [("field", "ssl"), ("keyword", "and"), ("unknown", "and")]),
        ("] )ssl", [("punctuation", "]"), ("punctuation", ")"), ("unknown", "ssl")]),
        ("lower http.host", [("function", "lower"), ("field", "http.host")]),
        ("ssl\t\u00a0and", [("field", "ssl"), ("keyword", "and")]),
        ("http.host[x", [("field", "http.host"), ("punctuation", "["), ("unknown", "x")]),
        (
            "ip.src in {x",
            [("field", "ip.src"), ("operator", "in"), ("punctuation", "{"), ("unknown", "x")],
        ),
        (
            "http.host eq r#a",
            [("field", "http.host"), ("operator", "eq"), ("unknown", "r#a")],
        ),
        (
            "ip.src in {10/8, ::1",
            [
                ("field", "ip.src"),
                ("operator", "in"),
                ("punctuation", "{"),
                ("number", "10/8"),
                ("punctuation", ","),
                ("number", "::1"),
            ],
        ),
        (
            "cidr(abcg",
            [("function", "cidr"), ("punctuation", "("), ("unknown", "abcg")],
        ),
        ('ssl r"a"', [("field", "ssl"), ("unknown", "r"), ("text", '"a"')]),
    ],
)
def test_the_words_of_what_is_none(source: str, expected: list[tuple[str, str]]) -> None:
    assert _words(source) == expected


@pytest.mark.parametrize(
    ("source", "word", "expects", "kind", "operator"),
    [
        ("|", "", "value", None, None),
        ("http.ho|", "http.ho", "value", None, None),
        ("ssl and no|", "no", "value", None, None),
        ("not (|", "", "value", None, None),
        ("lower(|", "", "value", None, None),
        ("any(|", "", "value", None, None),
        ("ssl |", "", "logic", None, None),
        ("ssl a|", "a", "logic", None, None),
        ("http.host |", "", "operator", "Bytes", None),
        ("http.host con|", "con", "operator", "Bytes", None),
        ("ip.src |", "", "operator", "Ip", None),
        ("len(http.host) |", "", "operator", "Int", None),
        ("any(authz.cert.san.ip[*] |", "", "operator", "Ip", None),
        ('http.request.headers["a"][0] |', "", "operator", "Bytes", None),
        ("http.hots |", "", "operator", None, None),
        ("ip.src in |", "", "right", "Ip", "in"),
        ("ip.src in $|", "$", "right", "Ip", "in"),
        ("ip.src in $off|", "$off", "right", "Ip", "in"),
        ("ip.src in {|", "", "item", "Ip", "in"),
        ("ip.src in {10/8 |", "", "item", "Ip", "in"),
        ("ip.src in {10/8} |", "", "logic", None, None),
        ("http.host eq |", "", "right", "Bytes", "eq"),
        ('http.host eq "a|', "a", "nothing", None, None),
        ('http.host eq "a" |', "", "logic", None, None),
        ("(ssl) |", "", "logic", None, None),
        ("http.request.headers[|", "", "index", "Map(Array(Bytes))", None),
        ("concat(http.host, |", "", "value", None, None),
        ("ssl and| http.host", "and", "logic", None, None),
    ],
)
def test_what_the_word_at_a_place_could_become(
    source: str, word: str, expects: str, kind: str | None, operator: str | None
) -> None:
    at = source.index("|")
    source = source.replace("|", "")

    found = completion_at(source, at, SCHEME)

    assert source[found.start : at] == word
    assert found.expects is Expects(expects)
    assert (None if found.type is None else str(found.type)) == kind
    assert (None if found.operator is None else found.operator.value) == operator


def test_there_are_as_many_words_as_an_expression_can_have() -> None:
    assert len(tokens_of("(" * 3 * MAX_LENGTH, SCHEME)) == MAX_LENGTH
