# SPDX-License-Identifier: Apache-2.0
"""Wildcard patterns: the fast matcher answers like the plain one."""

from __future__ import annotations

import itertools

import pytest

from authz.rules.wildcard import WildcardError, compile_wildcard


@pytest.mark.parametrize(
    ("pattern", "value", "strict", "fits"),
    [
        (b"a*b", b"ab", True, True),
        (b"a*b", b"a\nxb", True, True),
        (b"a*a", b"a", True, False),
        (b"*a*a*", b"xaxa", True, True),
        (b"*a*a*", b"xa", True, False),
        (b"a*b*c", b"abxbc", True, True),
        (b"A*", b"abc", False, True),
        (b"A*", b"abc", True, False),
        (b"*.EXAMPLE.com", b"a.example.COM", False, True),
        (b"", b"", True, True),
        (b"", b"a", True, False),
        (b"*", b"", True, True),
        (b"\\*\\\\", b"*\\", True, True),
        (b"[a]?", b"[a]?", True, True),
    ],
)
def test_the_whole_value_must_fit(pattern: bytes, value: bytes, strict: bool, fits: bool) -> None:
    wildcard = compile_wildcard(pattern, strict=strict)

    assert wildcard.matches(value) is fits
    assert wildcard.matcher()(value) is fits


@pytest.mark.parametrize("strict", [True, False])
def test_the_fast_matcher_answers_like_the_plain_one(strict: bool) -> None:
    pieces = [b"".join(three) for three in itertools.product([b"", b"a", b"B", b"*"], repeat=3)]
    values = [b"".join(three) for three in itertools.product([b"", b"a", b"A", b"b"], repeat=3)]
    for pattern in {piece for piece in pieces if b"**" not in piece}:
        wildcard = compile_wildcard(pattern, strict=strict)
        matcher = wildcard.matcher()
        assert [matcher(value) for value in values] == [wildcard.matches(v) for v in values]


@pytest.mark.parametrize("pattern", [b"**", b"a**b", b"\\", b"a\\?", b"\\x"])
def test_a_malformed_pattern_is_refused(pattern: bytes) -> None:
    with pytest.raises(WildcardError):
        compile_wildcard(pattern, strict=True)


def test_a_star_alone_is_known_to_match_everything() -> None:
    assert compile_wildcard(b"*", strict=True).matches_everything
    assert not compile_wildcard(b"*a", strict=True).matches_everything
