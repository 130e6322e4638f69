# SPDX-License-Identifier: Apache-2.0
"""Every form that is listed is refused by the engine, and what to write instead is not."""

from __future__ import annotations

import re

import pytest

from authz.rules.regex import RegexError, compile_regex
from authz.rules.regex_forms import FORMS, Form


def _refused(pattern: str) -> RegexError:
    with pytest.raises(RegexError) as caught:
        compile_regex(pattern)
    return caught.value


@pytest.mark.parametrize("form", FORMS, ids=lambda form: form.name)
def test_the_example_is_refused_by_name(form: Form) -> None:
    error = _refused(form.example)

    assert error.reason.startswith(f'{form.name} "')
    assert error.reason.endswith('" is not supported')
    assert error.span is not None
    assert error.reason == f'{form.name} "{form.example[slice(*error.span)]}" is not supported'


@pytest.mark.parametrize("form", FORMS, ids=lambda form: form.name)
def test_what_to_write_instead_is_accepted(form: Form) -> None:
    for pattern in re.findall("`([^`]+)`", form.instead):
        # A repetition repeats something.
        compile_regex(f"a{pattern}" if pattern.startswith("{") else pattern)


@pytest.mark.parametrize(
    ("pattern", "hint"),
    [
        (r"\141", r"write \x61"),
        (r"\0", r"write \x00"),
        (r"[\012]", r"write \x0a"),
        (r"\o{377}", r"write \xff"),
        (r"\cM", r"write \x0d"),
        (r"[\ca]", r"write \x01"),
        ("a{,12}", "write {0,12}"),
        (r"\h", r"write [ \t]"),
    ],
)
def test_the_exact_text_is_shown_where_there_is_one(pattern: str, hint: str) -> None:
    assert _refused(pattern).hint == hint
    written = hint.removeprefix("write ")
    compile_regex(f"a{written}" if written.startswith("{") else written)


@pytest.mark.parametrize(
    ("pattern", "name"),
    [
        ("(?*a)", "look-ahead"),
        ("(*positive_lookahead:a)", "look-ahead"),
        ("(*nla:a)", "negative look-ahead"),
        ("(?<*a)", "look-behind"),
        ("(*plb:a)", "look-behind"),
        ("(*negative_lookbehind:a)", "negative look-behind"),
        (r"(a)\g1", "back-reference"),
        (r"(a)\g{-1}", "back-reference"),
        (r"\8", "back-reference"),
        (r"(?<n>a)\k'n'", "back-reference by name"),
        (r"(?<n>a)\k{n}", "back-reference by name"),
        (r"(?<n>a)\g{n}", "back-reference by name"),
        (r"\k", "back-reference by name"),
        ("(?P=n)", "back-reference by name"),
        ("(?0)", "recursion, or a group used again"),
        ("(a)(?-1)", "recursion, or a group used again"),
        ("(?<n>a)(?&n)", "recursion, or a group used again"),
        ("(?<n>a)(?P>n)", "recursion, or a group used again"),
        (r"(?<n>a)\g<n>", "recursion, or a group used again"),
        ("(*atomic:a)", "atomic group"),
        ("(?(DEFINE)a)", "conditional group"),
        ("(?(?=a)b|c)", "conditional group"),
        ("(?P'n'a)", "named group in another spelling"),
        ("(?Pn>a)", "named group in another spelling"),
        ("(*UTF8)a", "verb"),
        ("a(*MARK:b)", "verb"),
        (r"\m", "word boundary in another spelling"),
        ("[à-é]", "letter beyond ASCII in a class without (?u)"),
    ],
)
def test_the_spellings_of_a_form(pattern: str, name: str) -> None:
    assert _refused(pattern).reason.startswith(f'{name} "')
