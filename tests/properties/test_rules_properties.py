# SPDX-License-Identifier: Apache-2.0
"""What holds for every expression and every text."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from authz.cli.explanation import lines, parts_of
from authz.errors import ParseError, TypeCheckError
from authz.rules import (
    Expression,
    compile_expression,
    evaluate,
    format_expression,
    lint,
    parse,
)
from authz.rules.evaluator import evaluate_node
from authz.rules.lists import ListKind, ListModel, compile_list
from authz.rules.regex import RegexError, compile_regex
from authz.rules.trace import Kind, Traced, trace
from authz.rules.trace_json import trace_json
from tests.factories.expressions import conditions, contexts
from tests.factories.schemes import SCHEME

if TYPE_CHECKING:
    from authz.rules import Value

_LISTS = {"nets": compile_list(ListModel(name="nets", kind=ListKind.IP, items=("10.0.0.0/8",)))}
_SLOW = settings(
    max_examples=400, deadline=None, suppress_health_check=[HealthCheck.too_slow], database=None
)


def _parsed(source: str) -> Expression | None:
    try:
        return parse(source, SCHEME, _LISTS)
    except (ParseError, TypeCheckError) as caught:
        error = caught
    start, end = error.span
    assert 0 <= start <= end <= len(source)
    assert error.render()
    return None


@_SLOW
@given(source=conditions(), values=contexts)
def test_compiled_and_reference_give_the_same_verdict(
    source: str, values: dict[str, Value]
) -> None:
    expression = parse(source, SCHEME)

    verdict = evaluate(expression, values)

    assert isinstance(verdict, bool)
    assert compile_expression(expression).matches(values) is verdict


def _answers(part: Traced) -> bool | list[bool]:
    if part.elements is None or part.kind is Kind.CALL:
        return part.value is True
    return [element.result is True for element in part.elements]


@_SLOW
@given(source=conditions(), values=contexts)
def test_a_trace_says_what_the_evaluator_says(source: str, values: dict[str, Value]) -> None:
    expression = parse(source, SCHEME)

    traced = trace(expression, values)

    assert traced.value is evaluate(expression, values)
    pending = [(expression.root, traced)]
    while pending:
        node, part = pending.pop()
        assert _answers(part) == evaluate_node(node, values)
        pending += zip(parts_of(node), part.parts, strict=False)
    assert len(json.dumps(trace_json(traced))) < 5_000_000
    assert all(line.isprintable() for line in lines(traced))


@_SLOW
@given(source=conditions())
def test_parsing_the_canonical_text_gives_an_equal_tree(source: str) -> None:
    expression = parse(source, SCHEME)

    text = format_expression(expression)

    assert parse(text, SCHEME) == expression
    assert format_expression(parse(text, SCHEME)) == text


@_SLOW
@given(source=conditions(), values=contexts)
def test_a_filter_reads_only_the_fields_it_names(source: str, values: dict[str, Value]) -> None:
    compiled = compile_expression(parse(source, SCHEME))
    named = {name: values[name] for name in compiled.fields}

    assert compiled.matches(named) is compiled.matches(values)


_FRAGMENTS = st.sampled_from(
    [
        *("ssl", "http.host", "ip.src", "cf.edge.server_port", "http.request.headers"),
        *("any(", "all("),
        *("not", "!", "and", "||", "^^", "(", ")", "[", "]", "[*]", '["a"]', "[0]"),
        *("{", "}", "$nets"),
        *("in", "eq", "==", "~", "wildcard", "strict wildcard", "&", "contains", "matches", "lt"),
        *('"', "\\", 'r"', "#", '"a"', '"a**"', "(?i)", "61:62", "10/8", "1..5", "0x", "-", "08"),
        *(" ", "\t", "\n", ",", "..", ":", "lower(", "concat(", "\ud800", "é", "\x00", "true"),
    ]
)


@settings(max_examples=1500, deadline=None, database=None)
@given(source=st.one_of(st.text(max_size=80), st.lists(_FRAGMENTS, max_size=14).map("".join)))
@example(source="")
@example(source="ssl == true")
@example(source='http.host matches "(?P<>"')
def test_parse_takes_any_text_and_raises_only_its_own_errors(source: str) -> None:
    expression = _parsed(source)
    if expression is not None:
        compile_expression(expression)
        lint(expression)


@_SLOW
@given(source=conditions(), data=st.data(), values=contexts)
def test_what_the_checker_accepts_never_fails_at_run_time(
    source: str, data: st.DataObject, values: dict[str, Value]
) -> None:
    """Mutated expressions: most are refused, and the others evaluate."""
    at = data.draw(st.integers(0, len(source)))
    cut = data.draw(st.integers(0, 12))
    source = source[:at] + data.draw(_FRAGMENTS) + source[at + cut :]
    expression = _parsed(source)
    if expression is not None:
        assert compile_expression(expression).matches(values) is evaluate(expression, values)


_ATOMS = st.sampled_from(
    ["a", "B", ".", "[ab]", "\\x61", "\\x{41}", "(?:ab)", "(b)", "\\b", "0", ","]
)
_REPETITIONS = st.lists(st.sampled_from(["*", "+", "?", "{2}", "{0,2}?", "*?"]), max_size=3)


@st.composite
def _patterns(draw: st.DrawFn, depth: int = 3) -> tuple[str, str]:
    """A pattern as Rust takes it, and one of the same meaning that everybody takes."""
    compact, explicit = "", ""
    for _ in range(draw(st.integers(1, 3))):
        atom = draw(_ATOMS)
        plain = atom
        for number, repetition in enumerate(draw(_REPETITIONS)):
            if number and repetition == "?":
                continue  # Behind another repetition it would only make that one lazy.
            atom += repetition
            plain = f"(?:{plain}){repetition}" if number else plain + repetition
        compact, explicit = compact + atom, explicit + plain
    if depth and draw(st.booleans()):
        # In groups, because an alternative ends where the flags would be set again.
        rest, plain = draw(_patterns(depth - 1))
        other, other_plain = draw(_patterns(depth - 1))
        compact = f"(?:{compact}(?i)(?:{rest})|(?:{other}))b"
        explicit = f"(?:{explicit}(?i:(?:{plain}))|(?i:(?:{other_plain})))b"
    return compact, explicit


@_SLOW
@given(pair=_patterns(), texts=st.lists(st.text(alphabet="aAbB0,", max_size=6), max_size=8))
def test_patterns_match_like_the_explicit_ones(pair: tuple[str, str], texts: list[str]) -> None:
    compact, explicit = compile_regex(f"^(?:{pair[0]})$"), compile_regex(f"^(?:{pair[1]})$")

    for text in texts:
        assert compact.is_match(text.encode()) is explicit.is_match(text.encode())


@settings(max_examples=1000, deadline=None, database=None)
@given(pattern=st.text(alphabet="abghkopQZ*+?|()[]^$.{}\\#:-iux12<>P=!'&, \né", max_size=30))
def test_any_pattern_compiles_or_is_refused_with_a_place(pattern: str) -> None:
    try:
        compile_regex(pattern)
    except RegexError as caught:
        error = caught
    else:
        return
    assert error.reason
    if error.span is not None:
        first, last = error.span
        assert 0 <= first <= last <= len(pattern)
