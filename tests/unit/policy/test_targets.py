# SPDX-License-Identifier: Apache-2.0
"""Query arguments, cookies and extensions as Cloudflare's fields reference has them."""

from __future__ import annotations

import pytest

from authz.policy.targets import cookie_pairs, extension, grouped, query_pairs


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        (b"/foo", b""),
        (b"/foo.", b""),
        (b"/.mp3", b""),
        (b"/.foo.mp3", b"mp3"),
        (b"/foo.tar.bz2", b"bz2"),
        (b"/foo.MP3", b"mp3"),
        (b"/a.b/c", b""),
        (b"", b""),
    ],
)
def test_the_extension_is_what_follows_the_last_dot(path: bytes, expected: bytes) -> None:
    assert extension(path) == expected


def test_arguments_keep_order_case_and_encoding() -> None:
    pairs = query_pairs(b"b=1&A=%41&b=2&empty=&flag&&=x&a=b=c")

    assert pairs == (
        (b"b", b"1"),
        (b"A", b"%41"),
        (b"b", b"2"),
        (b"empty", b""),
        (b"flag", b""),
        (b"", b"x"),
        (b"a", b"b=c"),
    )
    assert grouped(pairs)[b"b"] == (b"1", b"2")


def test_thousands_of_arguments_are_all_there() -> None:
    assert len(query_pairs(b"&".join(b"a=%d" % n for n in range(5000)))) == 5000


def test_cookie_names_are_decoded_and_values_are_not() -> None:
    assert cookie_pairs(b"a%20b=x%20y; c=1;c=2; junk ;=z") == (
        (b"a b", b"x%20y"),
        (b"c", b"1"),
        (b"c", b"2"),
        (b"", b"z"),
    )
