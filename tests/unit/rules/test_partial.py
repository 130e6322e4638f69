# SPDX-License-Identifier: Apache-2.0
"""An answer from what is known, where what is not known does not matter."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from authz.rules import parse
from authz.rules.partial import UnknownMap, UnknownValueError, evaluate_partial
from authz.rules.trace import Kind, trace
from authz.rules.trace_json import trace_json
from tests.factories.schemes import SCHEME

if TYPE_CHECKING:
    from authz.rules import Value


class _Values(dict[str, "Value"]):
    """Hosts are not known, paths are."""

    def __missing__(self, name: str) -> Value:
        raise UnknownValueError(name)


HEADERS = UnknownMap(
    {b"a": (b"1",), b"b": (b"",), b"c": (b"",)}, frozenset({b"b", b"c"}), "http.request.headers"
)
VALUES = _Values({"http.request.method": b"GET", "ssl": True, "http.request.headers": HEADERS})
UNKNOWN = 'http.host eq "a"'
TRUE, FALSE = 'http.request.method eq "GET"', 'http.request.method eq "PUT"'


def _answer(source: str) -> tuple[bool | None, set[str]]:
    reads: set[str] = set()
    return evaluate_partial(parse(source, SCHEME), VALUES, reads), reads


@pytest.mark.parametrize(
    ("source", "answer"),
    [
        (TRUE, True),
        (FALSE, False),
        (UNKNOWN, None),
        (f"not {UNKNOWN}", None),
        (f"not {TRUE}", False),
        (f"{UNKNOWN} and {FALSE}", False),
        (f"{FALSE} and {UNKNOWN}", False),
        (f"{UNKNOWN} and {TRUE}", None),
        (f"{UNKNOWN} or {TRUE}", True),
        (f"{UNKNOWN} or {FALSE}", None),
        (f"{UNKNOWN} xor {TRUE}", None),
        (f"{TRUE} xor {FALSE}", True),
        (f"{TRUE} and {TRUE}", True),
        (f"{FALSE} or {FALSE}", False),
        (f"not ({UNKNOWN} and {FALSE})", True),
        ('any(http.request.headers["a"][*] eq "1")', True),
        ('any(http.request.headers["z"][*] eq "1")', False),
        ('any(http.request.headers["b"][*] eq "1")', None),
        ('any(http.request.headers[*][*] eq "1")', None),
    ],
)
def test_unknown_is_the_third_answer(source: str, answer: bool | None) -> None:
    found, reads = _answer(source)

    assert found is answer
    assert bool(reads) is (answer is None)
    expression = parse(source, SCHEME)
    assert trace(expression, VALUES).value is answer
    assert evaluate_partial(expression, VALUES) is answer


def test_it_is_said_what_is_read() -> None:
    assert _answer(f'{UNKNOWN} and any(http.request.headers["b"][*] eq "1")')[1] == {
        "http.host",
        'http.request.headers["b"]',
    }
    assert _answer('any(http.request.headers[*][*] eq "1")')[1] == {'http.request.headers["b"]'}


def test_which_keys_a_map_has_is_known() -> None:
    assert sorted(HEADERS) == [b"a", b"b", b"c"]
    assert HEADERS.known() == {b"a": (b"1",)}
    assert HEADERS[b"a"] == HEADERS.get(b"a") == (b"1",)
    assert HEADERS.get(b"z") is None
    for read in (lambda: HEADERS[b"b"], lambda: HEADERS.get(b"c"), HEADERS.values, HEADERS.items):
        with pytest.raises(UnknownValueError):
            read()
    known = UnknownMap({b"a": (b"1",)}, frozenset(), "m")
    assert known.first_unknown() == ""
    assert list(known.values()) == [(b"1",)]
    assert list(known.items()) == [(b"a", (b"1",))]


@pytest.mark.parametrize(
    "source",
    [
        UNKNOWN,
        f"{UNKNOWN} and ssl",
        'lower(http.host) eq "a"',
        'any(http.request.headers["b"][*] eq "1")',
        'any(lower(http.request.headers["b"][*])[*] eq "1")',
        'http.request.headers["b"][0] eq "1"',
        "cf.tls_client_auth.cert_verified",
        "not cf.tls_client_auth.cert_verified",
        "any(test.flags)",
        "any((test.flags))",
        "any(not (test.flags))",
    ],
)
def test_a_trace_says_what_each_part_depends_on(source: str) -> None:
    found = trace(parse(source, SCHEME), VALUES)

    assert found.value is None
    assert found.unknown
    assert not found.missing
    shown = trace_json(found)
    assert shown["unknown"] == found.unknown
    assert shown["missing"] is False


def test_a_map_is_shown_as_far_as_it_is_known() -> None:
    found = trace(parse('any(http.request.headers["b"][*] eq "1")', SCHEME), VALUES)
    parts = [found]
    while parts[-1].parts:
        parts.append(parts[-1].parts[0])

    assert parts[-1].kind is Kind.FIELD
    assert parts[-1].value == {b"a": (b"1",)}
    assert parts[-1].unknown == 'http.request.headers["b"]'
    assert trace_json(parts[-1])["value"] == {"a": ["1"]}


def test_a_part_that_is_known_says_nothing_of_it() -> None:
    found = trace(parse(f"{UNKNOWN} or {TRUE}", SCHEME), VALUES)

    assert (found.value, found.unknown) == (True, "")
    assert "unknown" not in trace_json(found)
    assert [part.unknown for part in found.parts] == ["http.host", ""]
