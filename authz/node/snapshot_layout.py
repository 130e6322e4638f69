# SPDX-License-Identifier: Apache-2.0
"""The bytes of a snapshot file: its header, and where the model and the sections are.

Made and read here, with every checksum verified. Not here: files and directories
(snapshot_file.py), and what the model is written as (snapshot_model.py). ADR-0006 says why it looks
like this.

Layout, integers little-endian:

    8 bytes   magic "AUTHZSNP"
    4 bytes   version of the layout
    4 bytes   length of the header
    header    MessagePack: generation, created_at, and where the model and the sections are
    32 bytes  SHA-256 of everything above
    the model and the small sections, each at a multiple of 8

A section is a packed set (authz.packed) that the model names by its SHA-256. A large one has a file
of its own. The name of the snapshot file holds the SHA-256 of the header, which covers the hashes
of the model and the sections, and so everything.
"""

from __future__ import annotations

import hashlib
import re
import struct
from pathlib import Path
from typing import Final

import msgspec

from authz.errors import PolicyError
from authz.node.snapshot_model import encode_model
from authz.packed import Section
from authz.policy.model import PolicyModel

MAGIC = b"AUTHZSNP"
VERSION = 3

#: Sections of this size and above have files of their own.
LARGE: Final = 64 * 1024

#: What a snapshot file is called.
NAME: Final = re.compile(r"(?P<generation>\d{1,18})-(?P<sha256>[0-9a-f]{64})\.snapshot")

_PREFIX = struct.Struct("<8sII")
_DIGEST_BYTES = 32
_ALIGNMENT = 8


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """Where something is. `offset` counts from the first byte after the header's hash, rounded up
    to the alignment; it is None for a section with a file of its own."""

    sha256: bytes
    length: int
    offset: int | None


class Position(msgspec.Struct, frozen=True, kw_only=True):
    """Which moment of which store a snapshot shows: the next one continues from there.

    `authorities` are the identifiers of the store by the names in the model; `mark` is the last
    change of revoked serial numbers, by which a store that was put back is known; `ancestors` are
    what it was restored from (store.moments). `keys` (SHA-256 of a SubjectPublicKeyInfo) are those
    of the policy file that lists of the store count for. `database` says by what address it was
    read (store.addresses); one that does not is older.
    """

    store_id: str
    revision: int
    authorities: dict[str, str]
    mark: str = ""
    keys: tuple[str, ...] = ()
    database: str = ""
    ancestors: dict[str, int] = {}


class Header(msgspec.Struct, frozen=True, kw_only=True):
    """What the file says about itself.

    `position` is None for a snapshot of a policy file. `trust` is where the trust bundles for
    Envoy are (sds.material), which no worker reads.
    """

    generation: int
    created_at: float
    model: Entry
    sections: tuple[Entry, ...]
    position: Position | None = None
    trust: Entry | None = None


_encode = msgspec.msgpack.Encoder().encode
_decode_header = msgspec.msgpack.Decoder(Header).decode


def encode_file(
    model: PolicyModel, generation: int, at: float, position: Position | None, trust: bytes | None
) -> tuple[bytes, list[bytes], list[Section]]:
    """The header, what follows its hash, and the sections that get files of their own."""
    encoded, named = encode_model(model)
    if trust is not None:
        named.append(Section(trust))
    small = [Section(encoded), *(section for section in named if len(section) < LARGE)]
    large = [section for section in named if len(section) >= LARGE]
    entries: list[Entry] = []
    body: list[bytes] = []
    offset = 0
    for section in small:
        entries.append(Entry(sha256=section.sha256, length=len(section), offset=offset))
        padding = -len(section) % _ALIGNMENT
        body += [bytes(section.data), bytes(padding)]
        offset += len(section) + padding
    entries += [Entry(sha256=one.sha256, length=len(one), offset=None) for one in large]
    placed = dict(zip(map(id, [*small, *large]), entries, strict=True))
    of_trust = None if trust is None else placed[id(named[-1])]
    header = _encode(
        Header(
            generation=generation,
            created_at=at,
            model=entries[0],
            sections=tuple(one for one in entries[1:] if one is not of_trust),
            position=position,
            trust=of_trust,
        )
    )
    # Padded so that the sections start aligned; MessagePack's decoder wants the exact length.
    start = _PREFIX.size + len(header) + _DIGEST_BYTES
    body.insert(0, bytes(-start % _ALIGNMENT))
    return _PREFIX.pack(MAGIC, VERSION, len(header)) + header, body, large


def read_header(file: Path, data: bytes) -> tuple[Header, int]:
    """The verified header, and where offsets count from.

    Args:
        file: where the data are from; not read.

    Raises:
        PolicyError: cut short, changed, or of another version.
        msgspec.MsgspecError: whole, but not a header of this program.
    """
    if len(data) < _PREFIX.size + _DIGEST_BYTES:
        raise damaged(file, "it is too short")
    magic, version, header_length = _PREFIX.unpack_from(data)
    if magic != MAGIC:
        raise damaged(file, "it is not a snapshot")
    if version != VERSION:
        raise damaged(file, f"it has version {version}, this program reads {VERSION}")
    header_end = _PREFIX.size + header_length
    start = header_end + _DIGEST_BYTES
    digest = hashlib.sha256(data[:header_end])
    if data[header_end:start] != digest.digest():
        raise damaged(file, "the checksum of its header is wrong")
    named = NAME.fullmatch(file.name)
    if named is not None and named["sha256"] != digest.hexdigest():
        raise damaged(file, "its content is not the one its name promises")
    return _decode_header(data[_PREFIX.size : header_end]), start + -start % _ALIGNMENT


def inline(file: Path, data: bytes, start: int, entry: Entry) -> bytes:
    """The model, or a section that lies in the file itself.

    Raises:
        PolicyError: it is not what the header says.
    """
    begin = start + (entry.offset or 0)
    content = data[begin : begin + entry.length]
    if hashlib.sha256(content).digest() != entry.sha256:
        raise damaged(file, "the checksum of a section is wrong")
    return content


def is_of_another_layout(data: bytes) -> bool:
    """Whether another version of this program wrote it.

    Raises:
        struct.error: it is a snapshot, and cut short before it says.
    """
    return data[: len(MAGIC)] == MAGIC and _PREFIX.unpack_from(data)[1] != VERSION


def damaged(file: Path, why: str) -> PolicyError:
    """The error to raise about a file."""
    return PolicyError(
        f"cannot use the snapshot: {why}",
        where=str(file),
        hint="the supervisor writes a new one on SIGHUP or when the policy changes",
    )
