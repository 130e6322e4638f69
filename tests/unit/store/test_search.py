# SPDX-License-Identifier: Apache-2.0
"""Texts are taken apart into words in one way, whatever the database."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from authz.store.records import CertificateStatus
from authz.store.search import MAX_WORD, MAX_WORDS, numbers_with, ways_in, words_in, words_of
from tests.factories.stored import authority, certificate


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", []),
        (" _-!\0\ue000", []),
        ("Truck_17", ["truck", "17"]),
        ("a A a", ["a"]),
        ("Straße", ["strasse"]),
        ("ÉCOLE", ["école"]),
        ("E\u0301COLE", ["école"]),
        ("ﬁn", ["fin"]),
        ("x" * 99, ["x" * MAX_WORD]),
        ("२३", ["२३"]),
    ],
)
def test_words(text: str, words: list[str]) -> None:
    assert words_in(text) == words


@given(st.text())
def test_words_have_letters_and_digits_alone(text: str) -> None:
    """So that neither database takes them apart again, or reads them as its own language."""
    for word in words_in(text):
        assert all(character.isalnum() for character in word)
        assert 0 < len(word) <= MAX_WORD


@given(st.text(st.characters(codec="utf-8")))
def test_a_text_is_found_by_its_own_words(text: str) -> None:
    assert words_in(" ".join(words_in(text))) == words_in(text)


def test_the_words_of_a_certificate_begin_with_whose_it_is() -> None:
    of = authority("a")
    zone, status, *words = words_of(certificate(of, "z" * 32, 5, label="Gate")).split(" ")

    assert (zone, status) == ("\ue000" + "z" * 32, "\ue000" + "z" * 32 + "active")
    assert words[:2] == ["gate", "client"]
    assert {"5", "05"} <= set(words)


@pytest.mark.parametrize(
    ("text", "terms"),
    [
        ("", []),
        ("Truck_17", [[["truck"]], [["17"]]]),
        ("0A:80", [[["0a80"], ["0a", "80"]]]),
        ("00:e1:02", [[["00e102"], ["e102"], ["00", "e1", "02"]]]),
        ("00:00", [[["0000"], ["00"]]]),
        ("gate 0A:80 x", [[["gate"]], [["0a80"], ["0a", "80"]], [["x"]]]),
        ("gate:1", [[["gate"]], [["1"]]]),
    ],
)
def test_bytes_with_colons_may_be_one_word(text: str, terms: list[list[list[str]]]) -> None:
    assert ways_in(text) == terms


@pytest.mark.parametrize("dialect", ["sqlite", "postgresql"])
@pytest.mark.parametrize("status", [None, CertificateStatus.REVOKED])
def test_a_search_asks_for_some_words_only(dialect: str, status: CertificateStatus | None) -> None:
    query = numbers_with(dialect, "z", status, [[[f"w{number}"]] for number in range(99)])
    asked = str(query.compile().params["words"])

    assert asked.count("*") == MAX_WORDS
    assert ("revoked" in asked) is (status is not None)
