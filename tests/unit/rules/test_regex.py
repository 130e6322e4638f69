# SPDX-License-Identifier: Apache-2.0
"""Patterns are Rust's, on bytes; what the engine says arrives as a RegexError with a place."""

from __future__ import annotations

import pytest
import rurex

from authz.rules.regex import RegexError, compile_regex


@pytest.mark.parametrize(
    ("pattern", "value", "matches"),
    [
        ("o", b"foo", True),
        ("^o", b"foo", False),
        ("a**b", b"aab", True),
        ("(?:a{2}{2})$", b"xaaaa", True),
        *((rf"^{escape}{{2}}$", b"AA", True) for escape in (r"\x{41}", r"\u{41}", r"\U{41}")),
        (r"^\x{41}{2}$", b"A" * 82, False),
        (r"^\x{41}*$", b"", True),
        (r"^\x{41}+?$", b"AAA", True),
        (r"^x\x{41}{1,3}$", b"xAAAA", False),
        (r"(?i)^\x{41}{2}$", b"aA", True),
        (r"(?x)^\x{41} {2}$", b"AA", True),
        (r"^\x{41}{2}{2}$", b"AAAA", True),
        (r"^[\x{41}]{2}$", b"AA", True),
        (r"^\x{41}90*$", b"A900", True),
        ("^a{2}0*b{1}1{2}$", b"aa00b11", True),
        ("^a{0},*}?$", b",,}", True),
        ("(?x)^a$ # \\", b"a", True),
        ("N(?i)ODE", b"Node", True),
        ("N(?i)ODE", b"node", False),
        (r"\xff", b"\xff", True),
        ("^.$", "é".encode(), False),
        ("(?u)^.$", "é".encode(), True),
    ],
)
def test_matching_is_on_bytes_and_unanchored(pattern: str, value: bytes, matches: bool) -> None:
    assert compile_regex(pattern).is_match(value) is matches


@pytest.mark.parametrize(
    ("pattern", "span"),
    [
        ("ab(?=c)", (2, 5)),
        ("é(?=c)", (1, 4)),
        ("(?a)b", (0, 4)),
        *(("(?ii)a", (3, 6)), ("(?mm)a", (3, 6)), ("(?imi)a", (4, 7)), ("a(?ii)b", (4, 7))),
        ("ab\\", (2, 3)),
        ("a**(?=c)", (3, 6)),
        ("a(?i)(?=c)", (5, 8)),
        # The engine panics while it describes these.
        ("(?É)", (2, 3)),
        ("[b-a\\", (4, 5)),
        ("a(?<é>b)(?<é>c)", None),
        ("(?:a{1000}){1000}", None),
    ],
)
def test_the_place_is_in_characters_of_the_pattern(
    pattern: str, span: tuple[int, int] | None
) -> None:
    with pytest.raises(RegexError) as caught:
        compile_regex(pattern)

    assert caught.value.span == span
    assert not caught.value.reason.endswith(".")


def test_an_unknown_place_is_kept_unknown() -> None:
    with pytest.raises(RegexError) as caught:
        compile_regex("(" * 251 + ")" * 251)

    assert "nested" in caught.value.reason


@pytest.mark.parametrize(
    ("pattern", "most"),
    [
        ("a{%d}", 327_675),
        ("(a){%d}", 327_675),
        (r"\w{%d}", 109_225),
        (r"(?u:\w){%d}", 209),
        (".{%d}", 131_070),
        ("[ab]{%d}", 145_633),
        ("(?:a{10}){%d}", 32_767),
        ("é{%d}", 163_837),
    ],
)
def test_a_pattern_may_be_as_large_as_the_reference_engine_allows(pattern: str, most: int) -> None:
    compile_regex(pattern % most)

    with pytest.raises(RegexError, match="size limit"):
        compile_regex(pattern % (most + 1))


def test_only_a_panic_of_the_engine_counts_as_a_bad_pattern(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def interrupted(_patterns: list[bytes]) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(rurex, "compile_set", interrupted)
    with pytest.raises(KeyboardInterrupt):
        compile_regex("a")
