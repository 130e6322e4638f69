# SPDX-License-Identifier: Apache-2.0
"""Readings of a path (architecture 4.7 and the corpus of path attacks)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from authz.policy.paths import MAX_READINGS, is_plain, readings


@pytest.mark.parametrize(
    "path", [b"/", b"/a", b"/a/", b"/a/b.c", b"/a,b", b"/caf\xc3\xa9", b"/~x", b"*", b"", b"/a:b@c"]
)
def test_an_ordinary_path_has_one_reading(path: bytes) -> None:
    assert readings(path) == (path,)


@pytest.mark.parametrize("path", [b"/.well-known/acme", b"/a/.git", b"/a/...", b"/a/..b"])
def test_a_hidden_segment_is_no_dot_segment(path: bytes) -> None:
    assert readings(path) == (path,)


@pytest.mark.parametrize(
    "path",
    [
        b"//admin",
        b"/./admin",
        b"/x/../admin",
        b"/x/%2e%2e/admin",
        b"/x/%2E%2e/admin",
        b"/%61dmin",
        b"/%2561dmin",
        b"/%2561%64min",
        b"/admin;x=1",
        b"/admin;",
        b"/;a/admin",
        b"/x/..;/admin",
        b"/x/..;a=b/admin",
        b"/x/%2e%2e;/admin",
        b"/x/.%2e;/admin",
        b"/x/..%3b/admin",
        b"/x/..%2fadmin",
        b"/x/..%2Fadmin",
        b"/x/..%252fadmin",
        b"/\\admin",
        b"/x\\..\\admin",
        b"/x/..%5cadmin",
        b"/admin#f",
        b"/admin%23f",
        b"/admin\x00.png",
        b"/admin%00.png",
        b"/admin%2500.png",
        b"/admin%3fx=1",
        b"/admin%253fx=1",
        b"//x/admin",
        b"//x:443/admin",
        b"/\\x/admin",
        b"/x/..//y/admin",
        b"/x//..//admin",
        b"/admin ",
        b"/admin%20",
        b"/admin%0d%0a",
        b"/admin%2509",
        b"/ad%09min",
        b"/ad%0amin%20%1f",
        b"/%0d/admin",
        b"/x/.%09./admin",
    ],
)
def test_admin_is_found_behind_every_disguise(path: bytes) -> None:
    found = readings(path)

    assert found is not None
    assert found[0] == path
    assert b"/admin" in found


@pytest.mark.parametrize(
    ("path", "reading"),
    [
        (b"/admin%20", b"/admin "),
        (b"/a b%20c%0ad", b"/a b cd"),
        (b"/admin%ff", b"/admin\xff"),
        (b"/100%25", b"/100%"),
        (b"/%zz", b"/%zz"),
        (b"/a/b/..", b"/a/"),
        (b"/a/.", b"/a/"),
        (b"/../..", b"/"),
        (b"/admin\\", b"/admin/"),
        (b"//x", b"/"),
        (b"//x//y/admin", b"//y/admin"),
        (b"/wiki/Why%3F", b"/wiki/Why"),
    ],
)
def test_each_step_does_what_its_standard_says(path: bytes, reading: bytes) -> None:
    found = readings(path)

    assert found is not None
    assert reading in found


def test_three_layers_of_escapes_are_not_decoded() -> None:
    found = readings(b"/%252561dmin")

    assert found is not None
    assert b"/%61dmin" in found
    assert b"/admin" in found  # two full decodes and the unreserved one


def test_a_path_with_too_many_readings_has_none() -> None:
    assert readings(b"/a//b/../c;x=1/%2e%2e\\d%00e#f") is None


def test_the_number_of_readings_is_bounded() -> None:
    found = readings(b"/%25252e" * 20)

    assert found is None or len(found) <= MAX_READINGS


@pytest.mark.parametrize("path", [b"/" + b"%2541" * 11_000 + b";x//.", b"/" + b"%5c;%2e" * 8_000])
def test_a_path_whose_readings_take_long_to_find_has_none(path: bytes) -> None:
    assert readings(path) is None


def test_a_long_path_with_ordinary_escapes_has_its_readings() -> None:
    assert readings(b"/" + b"x%20" * 2_000) is not None


_PIECES = st.sampled_from(
    ["/", "/", "a", "admin", ".", "..", ";", "%2e", "%", "\\", "#", "\0", "-", "~", "é", "%2f"]
)


@given(path=st.lists(_PIECES, max_size=12).map("".join))
def test_a_plain_path_has_one_reading(path: str) -> None:
    if is_plain(path.encode()):
        assert readings(path.encode()) == (path.encode(),)


@pytest.mark.parametrize("path", [b"/", b"/a", b"/a/", b"/a/b-c_d.e", b"/100$", b"/a@b:c"])
def test_ordinary_paths_are_plain(path: bytes) -> None:
    assert is_plain(path)


@pytest.mark.parametrize(
    "path", [b"", b"a", b"*", b"//", b"/a//b", b"/.", b"/a/..", b"/a;b", b"/%41", b"/a "]
)
def test_what_may_be_read_in_two_ways_is_not_plain(path: bytes) -> None:
    assert not is_plain(path)
