# SPDX-License-Identifier: Apache-2.0
"""A JSON document is read whatever its numbers and depth; what lookups find is in the vectors."""

from __future__ import annotations

import json
import random
import time

import pytest

from authz.rules.functions.json_document import read_json

HUGE = b"9" * 5000
DEEP = b"[" * 100_000 + b"]" * 100_000
DEEP_OBJECTS = b'{"":' * 50_000 + b"0" + b"}" * 50_000


@pytest.mark.parametrize(
    ("document", "value"),
    [
        (b'{"a": [1, "\\u00e9", null, true, 1.5]}', {"a": [1, "é", None, True, 1.5]}),
        (b'{"a": 1, "a": 2}', {"a": 2}),
        (b"[" + HUGE + b", -" + HUGE + b", 1]", [None, None, 1]),
        (b"[" + HUGE + b", -9223372036854775808]", [None, -(2**63)]),
    ],
)
def test_documents(document: bytes, value: object) -> None:
    assert read_json(document) == value


@pytest.mark.parametrize("deep", [DEEP, DEEP_OBJECTS, b"[" + DEEP_OBJECTS + b"," + DEEP + b"]"])
def test_what_is_nested_too_deeply_hides_nothing_else(deep: bytes) -> None:
    document = (
        b'{"a": "[{", "b": [' + HUGE + b", " + deep + b', "]}"], "c": ' + deep + b', "d": [[]]}'
    )

    found = read_json(document)

    assert (found["a"], found["b"][0], found["b"][2], found["d"]) == ("[{", None, "]}", [[]])


def test_of_too_many_levels_the_first_are_read() -> None:
    levels = 3000
    document = b"".join(b"[%d," % level for level in range(levels)) + b"0" + b"]" * levels

    found, depth = read_json(document), 0
    while found[1] is not None:
        assert found[0] == depth
        found, depth = found[1], depth + 1

    assert 127 <= depth <= 130


@pytest.mark.parametrize(
    "document",
    [
        b"\xff",
        b"NaN",
        b"[" + HUGE + b", NaN]",
        b"[" + HUGE,
        b"[0" + HUGE + b"]",
        DEEP[:-1],
        DEEP + b"]",
        b"[" + DEEP + b"}",
        b"[" + DEEP + b", NaN]",
        b"[" + DEEP + b', "',
        b"[" + DEEP + b', "]',
        b"{" + DEEP + b": 0}",
        b'{"a": 1}' + DEEP,
    ],
)
def test_what_is_no_json_has_no_value(document: bytes) -> None:
    assert read_json(document) is None


def test_both_ways_of_reading_agree() -> None:
    """A document beside a value that Python does not take is read as it is on its own."""
    draw = random.Random(1)

    def value(depth: int) -> object:
        kind = draw.randrange(8 if depth else 4)
        if kind < 4:
            return draw.choice(["", "]", '\\"[', "{é", 0, -5, 2**63 - 1, 1.5, None, True])
        if kind < 6:
            return [value(depth - 1) for _ in range(draw.randrange(4))]
        return {draw.choice('ab["'): value(depth - 1) for _ in range(draw.randrange(4))}

    for _ in range(500):
        expected = value(7)
        text = json.dumps(expected, indent=draw.choice([None, 1]), ensure_ascii=False).encode()

        found = read_json(b"[" + text + b", " + DEEP[99_000:101_000] + b"]")

        assert found[0] == expected


@pytest.mark.parametrize(
    "piece", [b"[[],[[]]],", b"[0,", b"{", b'"', b'[""', b"[{", b"]", b"\\\\", b'[[[{"":[', b"[ "]
)
def test_reading_takes_linear_time(piece: bytes) -> None:
    document = b"[" * 2000 + piece * (400_000 // len(piece))

    start = time.process_time()
    read_json(document)

    assert time.process_time() - start < 2
