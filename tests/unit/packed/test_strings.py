# SPDX-License-Identifier: Apache-2.0
"""Sets of byte strings are exact, whatever bytes members and probes have."""

from __future__ import annotations

import hashlib
import mmap
from typing import TYPE_CHECKING

import pytest

from authz.errors import PolicyError
from authz.packed import Section, StringSet, pack_strings, strings
from authz.packed.section import HEADER_BYTES, Kind, read_header, write_header
from authz.packed.strings import Form

if TYPE_CHECKING:
    from collections.abc import Sequence

MANY = [b"host-%d.example.com" % number for number in range(3000)]
#: Some of their bytes are FE and FF.
FINGERPRINTS = [hashlib.sha256(name).hexdigest().encode() for name in MANY]
CAPITALS = [fingerprint.upper() for fingerprint in FINGERPRINTS]


def form_of(members: Sequence[bytes]) -> Form:
    return Form(read_header(Section(pack_strings(members)), Kind.STRINGS)[5])


@pytest.fixture(params=[0, 10_000], ids=["packed", "held"])
def small(request: pytest.FixtureRequest) -> int:
    return int(request.param)


def test_members_are_found_and_others_are_not(small: int) -> None:
    found = StringSet(Section(pack_strings(MANY)), small=small)

    assert all(map(found.has, MANY))
    assert not any(found.has(member + b"x") or found.has(member[1:]) for member in MANY)
    assert not found.has(None)
    assert not found.has(b"")
    assert len(found) == len(MANY)
    assert sorted(found) == sorted(MANY)


def test_repetitions_count_once(small: int) -> None:
    found = StringSet(Section(pack_strings([b"a", b"b", b"a", b"a"])), small=small)

    assert len(found) == 2
    assert sorted(found) == [b"a", b"b"]


def test_the_empty_set_has_nothing(small: int) -> None:
    found = StringSet(Section(pack_strings(())), small=small)

    assert not found.has(b"")
    assert not found.has(b"\xff")
    assert (len(found), list(found)) == (0, [])


def test_the_empty_string_may_be_a_member(small: int) -> None:
    found = StringSet(Section(pack_strings([b"", b"a"])), small=small)

    assert found.has(b"")
    assert not found.has(b"\xff")
    assert sorted(found) == [b"", b"a"]


def test_a_probe_with_the_delimiter_meets_no_two_members(small: int) -> None:
    # So few that they share a bucket: FF a FF b FF.
    found = StringSet(Section(pack_strings([b"a", b"b"])), small=small)

    for probe in (b"a\xffb", b"b\xffa", b"\xff", b"\xffa", b"a\xff", b"\xffa\xff"):
        assert not found.has(probe)


@pytest.mark.parametrize("member", [b"\xff", b"a\xffb", b"\xfe", b"\xfe\x00\xff", b"\xfe\x01"])
def test_members_with_the_delimiter_are_escaped(member: bytes, small: int) -> None:
    members = {b"\xff\xff", b"a", b"b", member}
    found = StringSet(Section(pack_strings(sorted(members))), small=small)

    assert set(found) == members
    for probe in (
        b"\xff",
        b"a\xffb",
        b"\xfe",
        b"\xfe\x00\xff",
        b"\xfe\x01",
        b"\xfe\x00",
        b"",
        b"a",
    ):
        assert found.has(probe) is (probe in members)
    assert not found.has(None)


def test_nothing_is_longer_than_the_longest(small: int) -> None:
    found = StringSet(Section(pack_strings([b"x" * 100, b"y"])), small=small)

    assert found.has(b"x" * 100)
    assert not found.has(b"x" * 101)
    assert not found.has(b"x" * 10**6)


def test_a_mapped_file_is_read_where_it_lies() -> None:
    packed = pack_strings(MANY)
    mapped = mmap.mmap(-1, len(packed))
    mapped.write(packed)

    found = StringSet(Section(mapped))

    assert all(map(found.has, MANY))
    assert sorted(found) == sorted(MANY)


def test_any_iterable_is_packed_and_the_order_is_kept() -> None:
    assert pack_strings(iter(MANY)) == pack_strings(MANY) == pack_strings(tuple(MANY))


@pytest.mark.parametrize(
    ("members", "form"),
    [
        (FINGERPRINTS, Form.LOWER_HEX),
        (CAPITALS, Form.UPPER_HEX),
        ([b"ab", b"12", b"cdef", b""], Form.LOWER_HEX),
        ([b"AB", b"12"], Form.UPPER_HEX),
        ([b"12", b"3456"], Form.LOWER_HEX),
        ([b"ab", b"CD"], Form.PLAIN),
        ([b"aB"], Form.PLAIN),
        ([b"ab", b"c"], Form.PLAIN),
        ([b"ab", b"cg"], Form.PLAIN),
        ([b"ab", b"c "], Form.PLAIN),
        ([b"0xab"], Form.PLAIN),
        ([b"ab:cd"], Form.PLAIN),
        ([b"ab\n"], Form.PLAIN),
        ([b"ab", b"c\xff"], Form.ESCAPED),
    ],
)
def test_only_hexadecimal_texts_of_one_case_are_written_as_bytes(
    members: list[bytes], form: Form, small: int
) -> None:
    found = StringSet(Section(pack_strings(members)), small=small)

    assert form_of(members) is form
    assert sorted(found) == sorted(members)
    assert all(map(found.has, members))


@pytest.mark.parametrize("members", [FINGERPRINTS, CAPITALS], ids=["small letters", "capitals"])
def test_only_the_spelling_of_a_hexadecimal_member_is_a_member(
    members: list[bytes], small: int
) -> None:
    found = StringSet(Section(pack_strings(members)), small=small)

    assert (len(found), sorted(found)) == (len(members), sorted(members))
    for member in members[:300]:
        assert found.has(member)
        for probe in (
            member.swapcase(),
            member[:9] + member[9:].swapcase(),
            member[2:],
            member[:-1],
            member + b"00",
            b" " + member[1:],
            member[:2] + b" " + member[2:],
            member[:-1] + b"\xff",
            bytes.fromhex(member.decode()),
        ):
            # Of digits alone, both cases are the same text.
            assert found.has(probe) is (probe in members)
    assert not found.has(None)
    assert not found.has(b"")


def test_hexadecimal_members_meet_no_two_members(small: int) -> None:
    # So few that they share a bucket: FF 11 FF 22 FF.
    found = StringSet(Section(pack_strings([b"11", b"22", b"feff", b"fe"])), small=small)

    for probe in (b"11ff22", b"ff", b"ff11", b"fe01", b"fe00", b"feff11", b"", b"fe00ff"):
        assert not found.has(probe)
    assert found.has(b"feff")


def test_one_text_of_the_other_case_anywhere_keeps_all_as_they_are(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(strings, "AT_ONCE", 2)
    for place in range(7):
        members = [b"ab", b"cd", b"ef", b"12", b"a1", b"b2", b"c3"]
        assert form_of(members) is Form.LOWER_HEX
        members[place] = b"AA"
        assert form_of(members) is Form.PLAIN


def test_fingerprints_take_half_of_their_text() -> None:
    text = sum(map(len, FINGERPRINTS))

    for members in (FINGERPRINTS, CAPITALS):
        assert len(pack_strings(members)) < 0.56 * text
    assert len(pack_strings([*FINGERPRINTS, b"x"])) > text


@pytest.mark.parametrize("form", [-1, 4])
def test_a_form_of_another_program_is_refused(form: int) -> None:
    packed = pack_strings([b"ab"])
    *numbers, _ = read_header(Section(packed), Kind.STRINGS)
    header = write_header(Kind.STRINGS, len(packed), *numbers, form)

    with pytest.raises(PolicyError, match=f"its members are in form {form}"):
        StringSet(Section(header + packed[HEADER_BYTES:]))
