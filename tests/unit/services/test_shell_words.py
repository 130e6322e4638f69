# SPDX-License-Identifier: Apache-2.0
"""Words of a command line, as a POSIX shell splits them."""

from __future__ import annotations

import pytest

from authz.errors import InvalidInputError
from authz.services.shell_words import MAX_TEXT, MAX_WORDS, split


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("curl a  b\tc", ["curl", "a", "b", "c"]),
        ("""curl 'a "b" $c \\'""", ["curl", 'a "b" $c \\']),
        (r'''curl "a 'b' \"c\" \\ \$d \e"''', ["curl", "a 'b' \"c\" \\ $d \\e"]),
        ("curl a\\ b\\'c", ["curl", "a b'c"]),
        ("curl a'b'\"c\"d", ["curl", "abcd"]),
        ("curl '' \"\"", ["curl", "", ""]),
        ("curl \\\n  -H \\\r\n x", ["curl", "-H", "x"]),
        ('curl "a\\\nb"', ["curl", "ab"]),
        (
            "curl $'a\\n\\t\\'\\\\\\x41\\u00e9\\U0001F600\\101\\cA\\q'",
            ["curl", "a\n\t'\\Aé😀A\x01\\q"],
        ),
        ("curl $'\\xc3\\xa9\\xff'", ["curl", "é\udcff"]),
        ('curl $"text"', ["curl", "text"]),
        ("curl a$ $", ["curl", "a$", "$"]),
        ("curl a#b # a comment\n", ["curl", "a#b"]),
        ("\n\n  curl a\n", ["curl", "a"]),
        ("curl a\u00a0b", ["curl", "a\u00a0b"]),
        ("curl '\nline'", ["curl", "\nline"]),
        ("", []),
    ],
)
def test_words(text: str, words: list[str]) -> None:
    assert list(split(text).words) == words


@pytest.mark.parametrize(
    ("text", "rest"),
    [
        ("curl a | jq", "| jq"),
        ("curl a; rm b", "; rm b"),
        ("curl http://x/?a=1&b=2", "&b=2"),
        ("curl a > file", "> file"),
        ("curl a\ncurl b", "curl b"),
        ("curl a\n\n", ""),
    ],
)
def test_what_ends_a_command_is_told(text: str, rest: str) -> None:
    assert split(text).rest == rest


@pytest.mark.parametrize(
    ("text", "message", "place"),
    [
        ("curl 'a", "the quote ' does not end", "line 1, column 6"),
        ('curl\\\n "a', 'the quote " does not end', "line 2, column 2"),
        ("curl $'a\\'", "the quote $' does not end", "line 1, column 6"),
        ("curl $HOME", "a shell would replace $HOME", "line 1, column 6"),
        ('curl "$(id)"', "a shell would replace $(id)", "line 1, column 7"),
        ('curl "${A}"', "a shell would replace ${A}", "line 1, column 7"),
        ("curl `id`", "a shell would run `id`", "line 1, column 6"),
        ('curl "`id`"', "a shell would run `id`", "line 1, column 7"),
        ("curl \\", "the command ends with a backslash", ""),
        ("curl $'\\ud800'", "is no character", ""),
        ("curl $'\\UFFFFFFFF'", "is no character", ""),
        ("a " * (MAX_WORDS + 1), "more than 2,000 words", ""),
        ("a" * (MAX_TEXT + 1), "524,288 are possible", ""),
    ],
)
def test_what_is_refused_says_what_and_where(text: str, message: str, place: str) -> None:
    with pytest.raises(InvalidInputError) as raised:
        split(text)

    assert message in raised.value.message
    assert raised.value.message.startswith(place)
    assert raised.value.hint
