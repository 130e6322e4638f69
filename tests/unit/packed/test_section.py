# SPDX-License-Identifier: Apache-2.0
"""Sections are what their hash says, and nothing else is taken for one."""

from __future__ import annotations

import hashlib

import pytest

from authz.errors import PolicyError
from authz.packed import IntegerSet, IntervalSet, Section, StringSet, pack_integers, pack_strings
from authz.packed.section import HEADER_BYTES, Kind, read_header, write_header

PACKED = pack_strings([b"a", b"b"])


def test_a_section_is_its_hash() -> None:
    section = Section(PACKED)

    assert section.sha256 == hashlib.sha256(PACKED).digest()
    assert section == Section(bytes(bytearray(PACKED)))
    assert section != Section(pack_strings([b"a"]))
    assert section != PACKED
    assert len({section, Section(PACKED)}) == 1
    assert len(section) == len(PACKED)
    assert repr(section) == f"<Section {section.sha256.hex()[:16]} of {len(PACKED)} bytes>"


def test_a_hash_that_is_known_is_not_computed() -> None:
    assert Section(PACKED, b"known").sha256 == b"known"


def test_a_header_holds_six_numbers() -> None:
    header = write_header(Kind.INTEGERS, HEADER_BYTES, 1, -(2**63))

    assert read_header(Section(header), Kind.INTEGERS) == (1, -(2**63), 0, 0, 0, 0)


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"", "it is too short"),
        (PACKED[:63], "it is too short"),
        (b"x" + PACKED[1:], "it does not begin like one"),
        (PACKED[3::-1] + PACKED[4:], "it does not begin like one"),
        (PACKED[:4] + b"\x01" + PACKED[5:], "it has version 1, this program reads 2"),
        (pack_integers([1]), "it is of kind 2, not 1"),
        (PACKED + b"\xff", f"it has {len(PACKED) + 1} of {len(PACKED)} bytes"),
        (PACKED[:-1], f"it has {len(PACKED) - 1} of {len(PACKED)} bytes"),
    ],
)
def test_other_bytes_are_refused(data: bytes, why: str) -> None:
    with pytest.raises(PolicyError) as caught:
        StringSet(Section(data))

    assert caught.value.message == f"a packed set cannot be used: {why}"
    assert caught.value.hint


@pytest.mark.parametrize("view", [IntegerSet, IntervalSet])
def test_a_set_of_another_kind_is_refused(view: type[IntegerSet | IntervalSet]) -> None:
    with pytest.raises(PolicyError, match="of kind 1"):
        view(Section(PACKED))
