# SPDX-License-Identifier: Apache-2.0
"""Other spellings of a protobuf message: what one parser reads is the same, the bytes are not.

A message field may be there several times (the pieces are merged), a scalar one too (the last
counts), and the order of fields is free (protobuf encoding guide).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import random

    from google.protobuf.descriptor import Descriptor, FieldDescriptor

#: A field as it stands: its number, its tag, and what follows the tag (without a length).
Field = tuple[int, bytes, bytes]

_LENGTH_DELIMITED = 2


def respelled(
    data: bytes, kind: Descriptor, dice: random.Random, whole: frozenset[str] = frozenset()
) -> bytes:
    """The same message of `kind` in other bytes; messages named in `whole` stay as they are."""
    written: list[bytes] = []
    for number, tag, content in _fields(data):
        field = kind.fields_by_number[number]
        nested = field.message_type
        if nested is None:
            if not _is_repeated(field) and tag[0] & 7 == _LENGTH_DELIMITED and dice.random() < 0.2:
                written.append(_written(tag, b"overruled"))
            pieces = [content]
        elif nested.GetOptions().map_entry or nested.name in whole:
            pieces = [content]
        else:
            inner = _fields(respelled(content, nested, dice, whole))
            halves = [inner]
            if not _is_repeated(field) and dice.random() < 0.5:
                cut = dice.randint(0, len(inner))
                halves = [inner[:cut], inner[cut:]]
            pieces = [b"".join(_written(t, c) for _, t, c in half) for half in halves]
        written += [_written(tag, piece) for piece in pieces]
    return b"".join(written)


def _is_repeated(field: FieldDescriptor) -> bool:
    return bool(field.is_repeated)


def _written(tag: bytes, content: bytes) -> bytes:
    delimited = tag[0] & 7 == _LENGTH_DELIMITED
    return tag + _varint(len(content)) + content if delimited else tag + content


def _fields(data: bytes) -> list[Field]:
    found: list[Field] = []
    at = 0
    while at < len(data):
        key, start = _read_varint(data, at)
        tag = data[at:start]
        if key & 7 == _LENGTH_DELIMITED:
            length, start = _read_varint(data, start)
            end = start + length
        else:
            assert key & 7 == 0, "no other wire type is in our messages"
            end = _read_varint(data, start)[1]
        found.append((key >> 3, tag, data[start:end]))
        at = end
    return found


def _read_varint(data: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = data[at]
        value |= (byte & 0x7F) << shift
        at, shift = at + 1, shift + 7
        if byte < 0x80:
            return value, at


def _varint(value: int) -> bytes:
    written = bytearray()
    while value > 0x7F:
        written.append(value & 0x7F | 0x80)
        value >>= 7
    written.append(value)
    return bytes(written)
