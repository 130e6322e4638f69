# SPDX-License-Identifier: Apache-2.0
"""A packed set is the set that was packed, and a snapshot file gives back what was written."""

from __future__ import annotations

import random
import tempfile
from ipaddress import IPv4Address, IPv6Address
from pathlib import Path
from typing import TYPE_CHECKING

from hypothesis import given, settings
from hypothesis import strategies as st

from authz.certs.authority import AuthorityModel, CrlModel
from authz.certs.serials import MAX_CHANGES, Serials, pack_serials, rebase, revise
from authz.errors import PolicyError
from authz.node.section_files import DIRECTORY
from authz.node.snapshot_file import read_snapshot, write_snapshot
from authz.packed import (
    IntegerSet,
    IntervalSet,
    Section,
    StringSet,
    pack_integers,
    pack_intervals,
    pack_strings,
)
from authz.policy.model import PolicyModel, SiteModel
from authz.rules.lists import ListKind, ListModel, compile_list, pack_list

if TYPE_CHECKING:
    from collections.abc import Callable

#: Bytes that mean something in a section, and few enough to meet again.
_texts = st.lists(st.sampled_from(b"\x00\x01ab\xfe\xff"), max_size=5).map(bytes) | st.binary()
#: Short ones of few bytes, so that cases, lengths and bytes with a meaning meet.
_hex = st.lists(st.sampled_from(["00", "01", "a5", "fe", "ff"]), max_size=3).map("".join)
_respelled = {
    "lower": str.lower,
    "upper": str.upper,
    "capital": str.capitalize,
    "swapped": lambda text: text.capitalize().swapcase(),
    "cut": lambda text: text[1:],
    "longer": lambda text: text + "0",
    "spaced": lambda text: text.replace("0", " "),
    "apart": lambda text: text[:2] + " " + text[2:],
    "prefixed": lambda text: "0x" + text,
    "foreign": lambda text: text.replace("a", "g"),
}
_numbers = (
    st.integers(-(2**63), 2**63 - 1)
    | st.integers(0, 600)
    | st.sampled_from([0x0101, 0x010101, 0x01010101])
)
_serials = st.integers(0, 2**160 - 1) | st.integers(0, 600)
_small = st.sampled_from([0, 4, 10_000])


@given(members=st.lists(_texts, max_size=80), probes=st.lists(_texts, max_size=40), small=_small)
def test_strings(members: list[bytes], probes: list[bytes], small: int) -> None:
    expected = set(members)
    found = StringSet(Section(pack_strings(members)), small=small)

    assert set(found) == expected
    assert len(found) == len(expected)
    joined = [b"\xff".join(members[:2]), *(one[1:] for one in members)]
    for probe in [*members, *probes, *joined]:
        assert found.has(probe) is (probe in expected)


@given(
    texts=st.lists(_hex, max_size=60),
    others=st.lists(_hex, max_size=20),
    spelling=st.sampled_from(["lower", "lower", *_respelled]),
    odd=st.sampled_from(["", *_respelled]),
    small=_small,
)
def test_hexadecimal_texts(
    texts: list[str], others: list[str], spelling: str, odd: str, small: int
) -> None:
    """Whatever looks like a member and is none; `odd` spells the first member differently."""
    members = [_respelled[spelling](text).encode() for text in texts]
    if odd and texts:
        members[0] = _respelled[odd](texts[0]).encode()
    expected = frozenset(members)
    found = StringSet(Section(pack_strings(members)), small=small)

    assert set(found) == expected
    assert len(found) == len(expected)
    spelled = [spell(text).encode() for text in texts + others for spell in _respelled.values()]
    for probe in [*members, *spelled, *map(b"\xff".join, zip(members, spelled, strict=False))]:
        assert found.has(probe) is (probe in expected)


@given(
    texts=st.lists(_hex, min_size=1, max_size=40),
    cases=st.lists(st.sampled_from(["lower", "upper", "capital"]), min_size=1, max_size=2),
    others=st.lists(_hex.filter(bool), max_size=10),
)
def test_a_list_of_hexadecimal_texts_answers_text_and_hex_fields(
    texts: list[str], cases: list[str], others: list[str]
) -> None:
    """Case counts for a text, and not for the value of a hex field."""
    items = tuple(_respelled[cases[place % len(cases)]](text) for place, text in enumerate(texts))
    # More than are held as Python objects.
    filling = tuple(f"{number:08x}" for number in range(1100))
    if set(cases) == {"upper"}:
        filling = tuple(map(str.upper, filling))
    listed = compile_list(ListModel(name="l", kind=ListKind.STRING, items=items + filling))
    exact = {item.encode() for item in items + filling}
    folded = {member.lower() for member in exact}

    for text in texts + others:
        for case in ("lower", "upper", "capital"):
            probe = _respelled[case](text).encode()
            assert listed.has(probe) is (probe in exact)
            if probe:
                assert listed.has_folded()(probe) is (probe.lower() in folded)


@given(
    members=st.lists(_numbers, max_size=80) | st.lists(_serials, max_size=80),
    probes=st.lists(_numbers | _serials | st.integers(), max_size=40),
    small=_small,
)
def test_integers(members: list[int], probes: list[int], small: int) -> None:
    expected = set(members)
    found = IntegerSet(Section(pack_integers(members)), small=small)

    assert set(found) == expected
    assert len(found) == len(expected)
    near = [member + step for member in members for step in (-1, 1, 2**64, -(2**63))]
    for probe in [*members, *probes, *near]:
        assert found.has(probe) is (probe in expected)


@st.composite
def _interval(draw: Callable[..., int], width: int) -> tuple[int, int]:
    """Intervals that lie close together, or anywhere, at borders of 64 bits or not."""
    top = 2**width - 1
    base = draw(st.sampled_from([0, 2**64 % (top + 1), 5 * 2**64 % (top + 1), top - 40]))
    first = draw(st.integers(0, top) | st.integers(max(0, base - 40), min(top, base + 40)))
    length = draw(st.sampled_from([0, 1, 7, 2**64 - 1, 2**64, 2**66]) | st.integers(0, 60))
    return first, min(top, first + length)


@given(
    four=st.lists(_interval(32), max_size=40),
    six=st.lists(_interval(128), max_size=40),
    probes=st.lists(st.integers(0, 2**128 - 1)),
    small=_small,
)
def test_intervals(
    four: list[tuple[int, int]], six: list[tuple[int, int]], probes: list[int], small: int
) -> None:
    packed = pack_intervals(
        [first << 32 | last for first, last in four],
        (),
        [first << 128 | last for first, last in six],
    )
    found = IntervalSet(Section(packed), small=small)

    for intervals, kind, top in ((four, IPv4Address, 2**32 - 1), (six, IPv6Address, 2**128 - 1)):
        edges = [edge + step for one in intervals for edge in one for step in (-1, 0, 1)]
        for probe in [*edges, *(probe % (top + 1) for probe in probes)]:
            if 0 <= probe <= top:
                inside = any(first <= probe <= last for first, last in intervals)
                assert found.has(kind(probe)) is inside


@given(
    base=st.sets(_serials, max_size=30),
    steps=st.lists(st.tuples(st.lists(_serials, max_size=5), st.lists(_serials, max_size=5))),
)
def test_changes_over_a_base_are_the_changed_set(
    base: set[int], steps: list[tuple[list[int], list[int]]]
) -> None:
    expected = set(base)
    state = (pack_serials(base), (), ())
    for revoke, restore in steps:
        expected |= set(revoke)
        expected -= set(restore)
        state = revise(*state, revoke=revoke, restore=restore)  # type: ignore[assignment]  # longer
        has = Serials(*state).has
        for probe in {*expected, *base, *revoke, *restore}:
            assert has(probe) is (probe in expected)


@settings(max_examples=20)
@given(seed=st.integers(0, 2**32), changes=st.integers(0, 2 * MAX_CHANGES))
def test_a_new_set_over_an_old_base_is_the_new_set(seed: int, changes: int) -> None:
    source = random.Random(seed)
    old = [source.getrandbits(140) for _ in range(MAX_CHANGES + 100)]
    new = old[changes // 2 :] + [source.getrandbits(140) for _ in range(changes)]

    base, added, restored = rebase(pack_serials(old), new)

    has, expected = Serials(base, added, restored).has, set(new)
    assert len(added) + len(restored) <= MAX_CHANGES
    for probe in {*old, *new}:
        assert has(probe) is (probe in expected)


_hex = st.text("0123456789abcdefABCDEF", min_size=1, max_size=3)
_words = st.text(max_size=4) | _hex


@given(items=st.lists(_words, max_size=40), probe=_hex)
def test_hexadecimal_values_match_in_either_case(items: list[str], probe: str) -> None:
    compiled = compile_list(ListModel(name="x", kind=ListKind.STRING, items=tuple(items)))

    expected = probe.lower() in {item.lower() for item in items if item.isascii()}

    assert compiled.has_folded()(probe.encode()) is expected
    assert compiled.has(probe.encode()) is (probe in items)


_sections = st.lists(_texts, max_size=5).map(lambda texts: Section(pack_strings(texts)))


@st.composite
def _authorities(draw: Callable[..., object]) -> AuthorityModel:
    crl = st.builds(
        CrlModel,
        sha256=st.binary(min_size=32, max_size=32),
        spki=st.binary(),
        issuer=st.text(),
        number=st.none() | st.binary(),
        base_number=st.none() | st.binary(),
        this_update=st.floats(allow_nan=False),
        next_update=st.floats(allow_nan=False),
        scope=st.binary(),
        covers_end_entity=st.booleans(),
        covers_ca=st.booleans(),
        revoked=_sections,
        removed=_sections,
    )
    return draw(  # type: ignore[return-value]  # what is drawn is built by the class
        st.builds(
            AuthorityModel,
            name=st.text(),
            certificates=st.lists(st.binary()).map(tuple),
            read_crls=st.lists(crl, max_size=2).map(tuple),
            revoked_serials=st.lists(_serials, max_size=3).map(tuple),
            revoked_base=st.none() | _sections,
            restored_serials=st.lists(_serials, max_size=3).map(tuple),
            where=st.text(),
        )
    )


_sites = st.builds(
    SiteModel,
    name=st.text(),
    hosts=st.lists(st.text(), max_size=2).map(tuple),
    trust=st.lists(_authorities(), max_size=3).map(tuple),
)
_lists = st.builds(
    ListModel, name=st.text(), kind=st.just(ListKind.STRING), items=st.lists(st.text()).map(tuple)
)
_policies = st.builds(
    PolicyModel,
    sites=st.lists(_sites, max_size=2).map(tuple),
    lists=st.lists(_lists | _lists.map(pack_list), max_size=2).map(tuple),
)


@settings(max_examples=60)
@given(model=_policies, generation=st.integers(1, 2**53), at=st.floats(0, 2**40))
def test_a_snapshot_file_gives_back_the_model(
    model: PolicyModel, generation: int, at: float
) -> None:
    with tempfile.TemporaryDirectory() as name:
        content = read_snapshot(write_snapshot(Path(name), model, generation, at))

    assert content.model == model
    assert (content.generation, content.created_at) == (generation, at)


_LARGE = PolicyModel(
    sites=(
        SiteModel(
            name="a",
            hosts=("*",),
            trust=(
                AuthorityModel(
                    name="acme",
                    certificates=(b"der",),
                    revoked_base=pack_serials(range(10**30, 10**30 + 8000)),
                    revoked_serials=(5,),
                ),
            ),
        ),
    ),
    lists=(
        pack_list(
            ListModel(
                name="l", kind=ListKind.STRING, items=tuple(f"item {n}" for n in range(12_000))
            )
        ),
    ),
)


@settings(max_examples=200)
@given(data=st.data())
def test_damage_anywhere_is_noticed_or_harmless(data: st.DataObject) -> None:
    with tempfile.TemporaryDirectory() as name:
        file = write_snapshot(Path(name), _LARGE, 1, 0.0)
        sections = sorted((Path(name) / DIRECTORY).iterdir())
        assert len(sections) == 2
        damaged = data.draw(st.sampled_from([file, *sections]))
        whole = bytearray(damaged.read_bytes())
        at = data.draw(st.integers(0, len(whole) - 1))
        how = data.draw(st.sampled_from(["flip", "cut", "grow"]))
        if how == "flip":
            whole[at] ^= data.draw(st.integers(1, 255))
        elif how == "cut":
            del whole[at:]
        else:
            whole[at:at] = data.draw(st.binary(min_size=1, max_size=9))
        damaged.write_bytes(whole)
        try:
            content = read_snapshot(file)
        except PolicyError:
            return

    assert damaged == file
    assert content.model == _LARGE
