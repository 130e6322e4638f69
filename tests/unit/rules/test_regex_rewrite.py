# SPDX-License-Identifier: Apache-2.0
"""Only three forms are rewritten; everything else is left exactly as it is."""

from __future__ import annotations

import pytest

from authz.rules.regex_rewrite import FlagError, rewrite


@pytest.mark.parametrize(
    ("pattern", "equal"),
    [
        ("a**", "(?:a*)*"),
        ("a{1}{1}", "(?:a{1}){1}"),
        ("a*???", "(?:a*?)??"),
        ("(ab)++", "(?:(ab)+)+"),
        (r"[]\]a]+*", r"(?:[]\]a]+)*"),
        (r"\x41**", r"(?:\x41*)*"),
        (r"\x{41}**", r"(?:(?:\x{41})*)*"),
        (r"\x{41}{2}", r"(?:\x{41}){2}"),
        (r"\x{41}+?", r"(?:\x{41})+?"),
        (r"x\x{41}{1,3}", r"x(?:\x{41}){1,3}"),
        (r"(?i)\u{41}{2}", r"(?i:(?:\u{41}){2})"),
        (r"(?x)\U{41} {2}", r"(?x:(?:\U{41}){2})"),
        (r"^\x{41}{2}{2}$", r"^(?:(?:\x{41}){2}){2}$"),
        (r"\pL+*", r"(?:\pL+)*"),
        ("[a[b]&&[^c]]**", "(?:[a[b]&&[^c]]*)*"),
        ("[[:alpha:]]**", "(?:[[:alpha:]]*)*"),
        ("N(?i)ODE", "N(?i:ODE)"),
        ("a(?i)b|c", "a(?i:b)|(?i:c)"),
        ("(a(?i)b|c)d", "(a(?i:b)|(?i:c))d"),
        ("a(?i)b(?-i)c", "a(?i:b)(?-i:c)"),
        ("a(?i-s)b", "a(?i-s:b)"),
        ("a(?x) b * # c)\n * d", "a(?x:(?:b*)*d)"),
        ("(?x: a * * )", "(?x:(?:a*)*)"),
        ("(?i)a**", "(?i:(?:a*)*)"),
        ("*a**", "*(?:a*)*"),
        ("a|b**", "a|(?:b*)*"),
        ("a)b**", "a)(?:b*)*"),
        ("[a**b**", None),
        ("(?P<n>a)**", "(?:(?P<n>a)*)*"),
    ],
)
def test_what_the_engine_refuses_becomes_an_equal_pattern(pattern: str, equal: str | None) -> None:
    assert rewrite(pattern) == equal


@pytest.mark.parametrize(
    "pattern",
    [
        *("", "a*", "a*?", "a+?b", "(?i)abc", "(?i:a(?:b))", r"\+*", "[*+]+", "(?<n>a)", "a|b*"),
        *("(?=a)", "a)*", "*a", "a(?i-)b", "[a", "(?:", "(?x) a # b"),
        *(
            r"\x{41}",
            r"\x{4a}{2}",
            r"[\x{41}]{2}",
            r"(\x{41}){2}",
            r"\x{41}a*",
            r"\\x{41}",
            "x{41}",
        ),
    ],
)
def test_everything_else_is_left_alone(pattern: str) -> None:
    assert rewrite(pattern) is None


@pytest.mark.parametrize(
    ("pattern", "reason", "offset"),
    [
        ("(?a)b", 'unrecognized flag "a"', 2),
        ("x(?iL:b)", 'unrecognized flag "L"', 4),
        ("(?ii)a", 'duplicate flag "i"', 3),
        ("(?imi)a", 'duplicate flag "i"', 4),
        ("(?i-i)a", 'duplicate flag "i"', 4),
        ("a(?mm:b)", 'duplicate flag "m"', 4),
    ],
)
def test_flags_that_rust_refuses_are_refused(pattern: str, reason: str, offset: int) -> None:
    with pytest.raises(FlagError) as caught:
        rewrite(pattern)

    assert str(caught.value) == reason
    assert caught.value.offset == offset
