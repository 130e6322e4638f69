# SPDX-License-Identifier: Apache-2.0
"""Many names are encoded as idna encodes each, or left to it."""

from __future__ import annotations

import idna
import pytest

from authz.rules import idn

#: More of these than are read one by one.
MANY = [f"b\u00fccher{number}.example" for number in range(600)]


def expected(name: str) -> str:
    return idna.encode(name, uts46=True).decode()


def encoded(*names: str) -> list[str | None]:
    return idn.to_ascii([*MANY, *names])[len(MANY) :]


def test_few_names_are_left_to_idna() -> None:
    assert idn.to_ascii(MANY[:10]) == [None] * 10
    assert idn.to_ascii(MANY) == [expected(name) for name in MANY]


@pytest.mark.parametrize(
    "name",
    [
        "m\u00fcnchen.de",
        "stra\u00dfe.a-b.1c.museum",
        "\u65e5\u672c\u8a9e.jp",
        "\ud55c\uad6d.kr",
        "\u0434\u043e\u043c.\u0440\u0444",
        "\u05d0\u05d1-1\u05d2.il",
        "\u05d0\u05d11.il",
        "\u05e9\u05c1\u05b8.il",
        "\u062a\u062c\u0631\u0628\u0629.sa",
        "\u0939\u093f\u0928\u094d\u0926\u0940.in",
        "\u00fc.1",
        f"{'a' * 63}.\u00fc.{'b' * 63}",
    ],
)
def test_a_good_name_is_encoded_as_idna_does(name: str) -> None:
    assert encoded(name) == [expected(name)]


@pytest.mark.parametrize(
    "name",
    [
        "u\u0308.de",
        "\uff46\uff55\uff4c\uff4c.de",
        "b\u00fc\u3002de",
        "b\u00adu.de\u00fc",
        "\u1e9e.de",
    ],
)
def test_a_name_is_mapped_first(name: str) -> None:
    assert encoded(name) == [expected(name)]


@pytest.mark.parametrize(
    "name",
    [
        "",
        "a..\u00fc",
        "-\u00fc.de",
        "\u00fc-.de",
        "ab--\u00fc.de",
        "xn--bcher-kva.\u00fc",
        "_\u00fc.de",
        "*.\u00fc.de",
        "\u0308u.de",
        "\u2603.de",
        "a\ufe0f\U0001f600.de",
        "\u00e9\u0661.de",
        "\u05d0a.il",
        "1\u05d0.il",
        "\u05d0-.il",
        "\u05d0-\u05b8.il",
        "l\u00b7l.cat",
        "\u0915\u094d\u200d\u0937.in",
        "\u00fc" * 60 + ".de",
        ".".join(["\u00fc" + "a" * 40] * 6),
        "a" * 300 + "\u00fc",
        "\udc80.de",
    ],
)
def test_a_name_that_is_not_good_without_a_doubt_is_left_to_idna(name: str) -> None:
    assert encoded(name) == [None]


def test_names_beyond_those_taken_at_once_are_read_the_same_way() -> None:
    """What is known of the characters stays known, and what is new is added."""
    names = [*MANY * 28, "\u65e5\u672c.jp", "FULL\uff46.\u00e9"]

    assert idn.to_ascii(names) == list(map(expected, MANY)) * 28 + list(map(expected, names[-2:]))


def test_names_in_both_directions_do_not_meet() -> None:
    names = ["\u05d0.il", "1\u00fc.de", "\u05d11.2b.il", "\u05d2.1"]

    found = encoded(*names)

    # On their own, three of them are good to the parser as well.
    assert found[0] == expected(names[0])
    assert found[1] == expected(names[1])
    assert all(one in (None, expected(name)) for one, name in zip(found, names, strict=True))


def test_characters_that_the_parser_changes_are_left_to_idna(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(idn, "_mapped", lambda character: character)
    monkeypatch.setattr(idn, "_kind", lambda character: "" if character.isascii() else "L")

    assert encoded("\u1e9e.de", "\u0414.de") == [None, None]
