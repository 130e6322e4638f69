# SPDX-License-Identifier: Apache-2.0
"""The bytes of a snapshot file. Files with models of every kind are in test_snapshot_file."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from authz.errors import PolicyError
from authz.node import snapshot_layout
from authz.node.snapshot_layout import (
    LARGE,
    MAGIC,
    VERSION,
    Header,
    Position,
    encode_file,
    inline,
    is_of_another_layout,
    read_header,
)
from authz.node.snapshot_model import decode_model
from authz.packed import Section
from authz.policy.model import PolicyModel, SiteModel
from authz.rules.lists import ListKind, ListModel, pack_list

#: Only named in errors.
FILE = Path("1.snapshot")
POSITION = Position(store_id="s", revision=7, authorities={"acme": "a"})


def model(items: int = 0) -> PolicyModel:
    """One site, and a packed list of so many items."""
    values = tuple(f"item {number}" for number in range(items))
    lists = (pack_list(ListModel(name="l", kind=ListKind.STRING, items=values)),) if items else ()
    return PolicyModel(sites=(SiteModel(name="api", hosts=("*",)),), lists=lists)


def whole(
    of: PolicyModel, position: Position | None = None, trust: bytes | None = None
) -> tuple[bytes, list[Section]]:
    """The file's bytes, and the sections beside it."""
    header, body, large = encode_file(of, 7, 1234.5, position, trust)
    return b"".join([header, hashlib.sha256(header).digest(), *body]), large


def sections_of(data: bytes, header: Header, start: int) -> dict[bytes, Section]:
    return {
        one.sha256: Section(inline(FILE, data, start, one))
        for one in header.sections
        if one.offset is not None
    }


@pytest.mark.parametrize("items", [0, 1, 2, 3, 100])
def test_what_is_written_is_found_where_the_header_says(items: int) -> None:
    data, large = whole(model(items), POSITION, b"bundles")

    header, start = read_header(FILE, data)

    assert (header.generation, header.created_at, header.position) == (7, 1234.5, POSITION)
    assert large == []
    sections = sections_of(data, header, start)
    assert decode_model(inline(FILE, data, start, header.model), sections) == model(items)
    assert header.trust is not None
    assert inline(FILE, data, start, header.trust) == b"bundles"


def test_everything_begins_at_a_multiple_of_eight() -> None:
    data, _ = whole(model(3), POSITION, b"bundles")

    header, start = read_header(FILE, data)

    entries = [header.model, *header.sections, header.trust]
    assert len(entries) > 2
    for entry in entries:
        assert entry is not None
        assert entry.offset is not None
        assert (start + entry.offset) % 8 == 0


def test_a_large_section_is_named_and_lies_elsewhere() -> None:
    data, large = whole(model(9000))

    header, _ = read_header(FILE, data)

    (section,) = large
    (entry,) = [one for one in header.sections if one.offset is None]
    assert len(section) == entry.length >= LARGE
    assert section.sha256 == entry.sha256
    assert len(data) < LARGE


def test_trust_bundles_are_no_section_of_the_model() -> None:
    header, _ = read_header(FILE, whole(model(), None, b"bundles")[0])

    assert header.trust is not None
    assert header.trust not in header.sections
    assert read_header(FILE, whole(model())[0])[0].trust is None


def test_a_header_that_was_changed_or_cut_short_anywhere_is_not_read() -> None:
    data, _ = whole(model())
    end = 16 + int.from_bytes(data[12:16], "little") + 32
    for at in range(end):
        changed = data[:at] + bytes([data[at] ^ 0x40]) + data[at + 1 :]
        with pytest.raises(PolicyError, match="cannot use the snapshot") as caught:
            read_header(FILE, changed)
        assert caught.value.where == str(FILE)
        with pytest.raises(PolicyError, match="cannot use the snapshot"):
            read_header(FILE, data[:at])


def test_a_name_promises_a_header() -> None:
    data, _ = whole(model())
    digest = hashlib.sha256(data[: 16 + int.from_bytes(data[12:16], "little")]).hexdigest()

    assert read_header(Path(f"7-{digest}.snapshot"), data)[0].generation == 7
    with pytest.raises(PolicyError, match="not the one its name promises"):
        read_header(Path(f"7-{'0' * 64}.snapshot"), data)


def test_another_version_of_the_layout_is_not_guessed_at(monkeypatch: pytest.MonkeyPatch) -> None:
    ours, _ = whole(model())
    monkeypatch.setattr(snapshot_layout, "VERSION", VERSION + 1)
    theirs, _ = whole(model())
    monkeypatch.undo()

    with pytest.raises(PolicyError, match=f"version {VERSION + 1}"):
        read_header(FILE, theirs)
    assert is_of_another_layout(theirs)
    assert not is_of_another_layout(ours)
    assert not is_of_another_layout(b"no snapshot" + theirs)
    assert ours.startswith(MAGIC)
