# SPDX-License-Identifier: Apache-2.0
"""The functions' tables: complete, documented, disjoint. Verdicts are in tests/vectors/rules."""

from __future__ import annotations

import pytest

from authz.rules.functions import CUSTOM_RULES_FUNCTIONS, NOT_IN_CUSTOM_RULES
from authz.rules.functions.encoding import URL_DECODE
from authz.rules.functions.json_lookup import LOOKUP_JSON_INTEGER, LOOKUP_JSON_STRING
from authz.rules.functions.model import ArgumentError, Function
from authz.rules.functions.timed_hmac import IS_TIMED_HMAC_VALID_V0


@pytest.mark.parametrize("function", CUSTOM_RULES_FUNCTIONS.values(), ids=lambda f: f.name)
def test_a_function_is_documented_under_its_name(function: Function) -> None:
    assert CUSTOM_RULES_FUNCTIONS[function.name] is function
    assert function.doc.endswith(".")
    assert function.parameters or function.variadic


def test_a_name_is_available_or_refused() -> None:
    assert not CUSTOM_RULES_FUNCTIONS.keys() & NOT_IN_CUSTOM_RULES.keys()
    assert len(CUSTOM_RULES_FUNCTIONS) + len(NOT_IN_CUSTOM_RULES) == 28


@pytest.mark.parametrize(
    ("text", "options", "decoded"),
    [
        (b"a%41+%zz%", None, b"aA %zz%"),
        (b"%252541", b"r", b"A"),
        (b"%%341", b"r", b"A"),
        (b"a+b", b"r", b"a b"),
        (b"%2B", b"r", b" "),
        (b"%2B", None, b"+"),
        (b"%u0041%u2601", b"u", "A\u2601".encode()),
        (b"%ud800", b"u", b"%ud800"),
        (b"%ud800", b"ur", b"%ud800"),
        (b"%25u0041", b"ur", b"A"),
        (b"%2%35u2601", b"ru", "\u2601".encode()),
        (b"%u2601", b"r", b"%u2601"),
    ],
)
def test_url_decode(text: bytes, options: bytes | None, decoded: bytes) -> None:
    given = () if options is None else (options,)

    assert URL_DECODE.bind((None, *given))(text, *given) == decoded


@pytest.mark.parametrize("options", [b"", b"rr", b"uu", b"uru", b"R", b"r u"])
def test_url_decode_knows_its_options_only(options: bytes) -> None:
    with pytest.raises(ArgumentError) as caught:
        URL_DECODE.bind((None, options))

    assert caught.value.position == 1


def test_decoding_repeatedly_takes_linear_time() -> None:
    nested = b"%" + b"25" * 200_000 + b"41"

    assert URL_DECODE.bind((None, b"r"))(nested, b"r") == b"A"


@pytest.mark.parametrize(
    "document",
    [
        *(b"", b"{", b"\xff", b"NaN", b"[" * 100_000, b'{"a": NaN}', b'{"b": "x"}', b"[]", b'"a"'),
        *(b'{"a": "\\ud800"}', b'{"a": 99999999999999999999}', b'{"a": ' + b"9" * 5000 + b"}"),
        b'{"a": null}',
    ],
)
def test_a_document_from_the_client_is_never_an_error(document: bytes) -> None:
    for function in (LOOKUP_JSON_STRING, LOOKUP_JSON_INTEGER):
        assert function.bind((None, b"a"))(document, b"a") is None
        assert function.bind((None, 3))(document, 3) is None


@pytest.mark.parametrize("key", [b"\xff", -1])
def test_a_json_key_is_text_or_a_position(key: bytes | int) -> None:
    with pytest.raises(ArgumentError):
        LOOKUP_JSON_STRING.bind((None, key))


@pytest.mark.parametrize(
    ("literals", "position"),
    [
        ((b"", None, 1, None), 0),
        ((b"k", None, -1, None), 2),
        ((b"k", None, 1, None, -1), 4),
        ((b"k", None, 1, None, 0, b"x"), 5),
    ],
)
def test_the_literals_of_a_timed_mac_are_checked(
    literals: tuple[bytes | int | None, ...], position: int
) -> None:
    with pytest.raises(ArgumentError) as caught:
        IS_TIMED_HMAC_VALID_V0.bind(literals)

    assert caught.value.position == position


@pytest.mark.parametrize(
    "text",
    [
        *(b"", b"-", b"1484063787-", b"m1484063787-short", b"m148406378x-" + b"a" * 43),
        *(b"1484063787-" + b"a" * 43, b"m1484063787-" + b"*" * 43, b"m1484063787-" + b"a" * 44),
        b"-" * 200,
    ],
)
@pytest.mark.parametrize("flags", [b"", b"s"])
def test_a_malformed_timed_mac_is_not_valid(text: bytes, flags: bytes) -> None:
    valid = IS_TIMED_HMAC_VALID_V0.bind((b"k", None, 10, None, 0, flags))

    assert valid(b"k", text, 10, 1484063787, 0, flags) is False
