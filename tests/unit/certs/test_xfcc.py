# SPDX-License-Identifier: Apache-2.0
"""What the vectors of tests/vectors/xfcc do not hold."""

from __future__ import annotations

import time

import pytest

from authz.certs.xfcc import MAX_ELEMENTS, XfccElement, format_xfcc, format_xfcc_json, parse_xfcc

_FULL = XfccElement(
    by=("spiffe://a", "spiffe://b"),
    hash="00ff",
    cert="-----BEGIN%20CERTIFICATE-----%0A",
    chain="x",
    subject='CN=a,O="b";c=\\d',
    issuer="CN=ca,O=acme",
    uri=("spiffe://a,b",),
    dns=("a.test", "b.test"),
)


@pytest.mark.parametrize("write", [format_xfcc, format_xfcc_json])
def test_what_is_written_is_read_back(write: object) -> None:
    assert callable(write)
    assert parse_xfcc(write([_FULL, XfccElement(hash="01")])) == (_FULL, XfccElement(hash="01"))


def test_envoys_order_and_spelling_are_written() -> None:
    text = format_xfcc([XfccElement(dns=("d",), uri=("u",), hash="01", by=("b",), subject="s")])

    assert text == 'By=b;Hash=01;Subject="s";URI=u;DNS=d'


def test_bytes_that_are_not_utf8_are_read() -> None:
    (element,) = parse_xfcc(b'Hash=01;Subject="\xff"')

    assert (element.hash, element.defect) == ("01", "")


@pytest.mark.parametrize("header", [",".join(["Hash=01"] * 65), "[" + "{}," * 64 + "{}]"])
def test_more_elements_than_anybody_has_are_a_defect(header: str) -> None:
    (element,) = parse_xfcc(header)

    assert "too many" in element.defect
    assert len(parse_xfcc(",".join(["Hash=01"] * MAX_ELEMENTS))) == MAX_ELEMENTS


@pytest.mark.parametrize("header", ["[" * 200_000, '{"a":' * 200_000, "[" + "1" * 200_000 + "]"])
def test_deep_or_long_json_is_a_defect(header: str) -> None:
    assert parse_xfcc(header)[0].defect


@pytest.mark.parametrize(
    "header", ['"\\' * 100_000, 'Subject="' + "\\" * 200_001, "Hash=" * 100_000]
)
def test_hostile_headers_cost_linear_time(header: str) -> None:
    started = time.process_time()

    assert parse_xfcc(header)

    assert time.process_time() - started < 1


@pytest.mark.parametrize("piece", ["By=a;", "By=\U0001f511 ;\t"])
def test_time_grows_with_the_header_and_not_faster(piece: str) -> None:
    def seconds(pieces: int) -> float:
        best = 10.0
        for _ in range(3):
            started = time.process_time()
            assert parse_xfcc(piece * pieces)
            best = min(best, time.process_time() - started)
        return best

    # 32 times as much: 32 where each byte is read a few times, 1024 where it is once a pair.
    assert seconds(128_000) < 96 * seconds(4_000)
