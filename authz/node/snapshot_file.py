# SPDX-License-Identifier: Apache-2.0
"""The snapshot file: a policy model on its way from the supervisor to the workers.

Lives here: the layout, writing (temporary file, fsync, atomic rename, the last three kept) and
reading with every checksum verified. Not here: compiling (policy.snapshot) and deciding when to
write (node.supervisor). ADR-0006 says why it looks like this.

Layout, integers little-endian:

    8 bytes   magic "AUTHZSNP"
    4 bytes   version of the layout
    4 bytes   length of the header
    header    MessagePack: generation, created_at and a table of sections
    32 bytes  SHA-256 of everything above
    sections  each at a multiple of 8, with its own SHA-256 in the table

A section's hash is its identity: a reader that has a section with that hash need not read it again,
and the large ones (sets of packed serial numbers) can be mapped instead of read. The file's name
holds the SHA-256 of the header, which covers the sections' hashes and so the whole file.
"""

from __future__ import annotations

import contextlib
import hashlib
import mmap
import os
import re
import struct
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from authz.errors import PolicyError
from authz.policy.model import PolicyModel, SiteModel

if TYPE_CHECKING:
    from collections.abc import Iterator

    from authz.certs.trust import AuthorityModel

MAGIC = b"AUTHZSNP"
VERSION = 1

#: How many snapshot files stay in the directory: the one in force, the one a slow worker may still
#: be reading, and the one before, to look at after a bad change.
KEPT = 3

_PREFIX = struct.Struct("<8sII")
_DIGEST_BYTES = 32
_ALIGNMENT = 8
_NAME = re.compile(r"(?P<generation>\d{1,18})-(?P<sha256>[0-9a-f]{64})\.snapshot")


class Section(msgspec.Struct, frozen=True, kw_only=True):
    """An entry of the table. `offset` counts from the first byte after the header's hash.

    `kind` is `model` or `serials`; `name` says whose (`0/1`: second authority of the first site);
    `width` is the size of one entry of a packed set, 0 elsewhere.
    """

    kind: str
    name: str
    sha256: bytes
    offset: int
    length: int
    width: int = 0


class Header(msgspec.Struct, frozen=True, kw_only=True):
    """What the file says about itself."""

    generation: int
    created_at: float
    sections: tuple[Section, ...]


class SnapshotContent(msgspec.Struct, frozen=True, kw_only=True):
    """A file that was read and verified."""

    generation: int
    created_at: float
    model: PolicyModel


_encode = msgspec.msgpack.Encoder().encode
_decode_model = msgspec.msgpack.Decoder(PolicyModel).decode
_decode_header = msgspec.msgpack.Decoder(Header).decode


def write_snapshot(directory: Path, model: PolicyModel, generation: int, at: float) -> Path:
    """Write `model` as generation `generation`, made at Unix time `at`, and return the file.

    The file appears under its name complete and on disk, or not at all. Older ones beyond `KEPT`
    are removed.

    Raises:
        PolicyError: the directory cannot be written to.
    """
    header, body = _encode_file(model, generation, at)
    name = f"{generation}-{hashlib.sha256(header).hexdigest()}.snapshot"
    target = directory / name
    try:
        # The model may hold what the operator regards as private (lists of addresses).
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor, temporary = tempfile.mkstemp(prefix=".", suffix=".tmp", dir=directory)
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(header)
                file.write(hashlib.sha256(header).digest())
                file.writelines(body)
                file.flush()
                os.fsync(file.fileno())
            Path(temporary).rename(target)
        except BaseException:
            Path(temporary).unlink(missing_ok=True)
            raise
        _sync_directory(directory)
        _prune(directory, keep=target)
    except OSError as error:
        raise PolicyError(
            f"cannot write the snapshot: {error.strerror or error}",
            where=str(directory),
            hint="give the user that runs authz a data_dir with space where it may write",
        ) from error
    return target


def read_snapshot(file: Path) -> SnapshotContent:
    """Read and verify one file.

    Raises:
        PolicyError: unreadable, cut short, changed, or of another version.
    """
    try:
        with file.open("rb") as opened:
            size = os.fstat(opened.fileno()).st_size
            if size < _PREFIX.size + _DIGEST_BYTES:
                raise _damaged(file, "it is too short")
            with mmap.mmap(opened.fileno(), 0, access=mmap.ACCESS_READ) as mapped:
                return _decode_file(file, mapped)
    except OSError as error:
        raise _damaged(file, error.strerror or str(error)) from error


def next_generation(directory: Path) -> int:
    """The number after the highest one in `directory`, 1 when there is none.

    Generations go on across restarts, so that a number in a log names one policy.
    """
    return max((generation for generation, _ in _files(directory)), default=0) + 1


def _encode_file(model: PolicyModel, generation: int, at: float) -> tuple[bytes, list[bytes]]:
    sections: list[Section] = []
    body: list[bytes] = []
    offset = 0
    for kind, name, data, width in _sections_of(model):
        digest = hashlib.sha256(data).digest()
        sections.append(
            Section(
                kind=kind, name=name, sha256=digest, offset=offset, length=len(data), width=width
            )
        )
        padding = -len(data) % _ALIGNMENT
        body += [data, bytes(padding)]
        offset += len(data) + padding
    header = _encode(Header(generation=generation, created_at=at, sections=tuple(sections)))
    # Padded so that the sections start aligned; MessagePack's decoder wants the exact length.
    start = _PREFIX.size + len(header) + _DIGEST_BYTES
    body.insert(0, bytes(-start % _ALIGNMENT))
    return _PREFIX.pack(MAGIC, VERSION, len(header)) + header, body


def _sections_of(model: PolicyModel) -> Iterator[tuple[str, str, bytes, int]]:
    """Kind, name, bytes and entry width of every section; the model without what is packed."""
    sites: list[SiteModel] = []
    packed: list[tuple[str, str, bytes, int]] = []
    for site_index, site in enumerate(model.sites):
        trust: list[AuthorityModel] = []
        for index, authority in enumerate(site.trust):
            serials = authority.revoked_serials
            if serials:
                # MessagePack's integers end at 64 bits, serial numbers at 160 (RFC 5280 4.1.2.2).
                width = max((serial.bit_length() + 7) // 8 for serial in serials) or 1
                data = b"".join(serial.to_bytes(width, "big") for serial in sorted(serials))
                packed.append(("serials", f"{site_index}/{index}", data, width))
            trust.append(replace(authority, revoked_serials=()))
        sites.append(replace(site, trust=tuple(trust)))
    yield "model", "", _encode(replace(model, sites=tuple(sites))), 0
    yield from packed


def _decode_file(file: Path, data: mmap.mmap) -> SnapshotContent:
    magic, version, header_length = _PREFIX.unpack_from(data)
    if magic != MAGIC:
        raise _damaged(file, "it is not a snapshot")
    if version != VERSION:
        raise _damaged(file, f"it has version {version}, this program reads {VERSION}")
    header_end = _PREFIX.size + header_length
    start = header_end + _DIGEST_BYTES
    digest = hashlib.sha256(data[:header_end])
    if data[header_end:start] != digest.digest():
        raise _damaged(file, "the checksum of its header is wrong")
    named = _NAME.fullmatch(file.name)
    if named is not None and named["sha256"] != digest.hexdigest():
        raise _damaged(file, "its content is not the one its name promises")
    start += -start % _ALIGNMENT
    try:
        header = _decode_header(data[_PREFIX.size : header_end])
        contents: dict[tuple[str, str], bytes] = {}
        widths: dict[str, int] = {}
        for section in header.sections:
            begin = start + section.offset
            content = data[begin : begin + section.length]
            if hashlib.sha256(content).digest() != section.sha256:
                raise _damaged(file, f'the checksum of its section "{section.kind}" is wrong')
            contents[section.kind, section.name] = content
            widths[section.name] = section.width
        model = _decode_model(contents.pop(("model", "")))
    except (msgspec.MsgspecError, KeyError) as error:
        # The hashes were right: another version of the program wrote it.
        raise _damaged(file, f"it cannot be decoded: {error}") from error
    for (_, name), packed in contents.items():
        model = _with_serials(model, name, packed, widths[name])
    return SnapshotContent(generation=header.generation, created_at=header.created_at, model=model)


def _with_serials(model: PolicyModel, name: str, packed: bytes, width: int) -> PolicyModel:
    site_index, _, index = name.partition("/")
    site = model.sites[int(site_index)]
    serials = tuple(
        int.from_bytes(packed[at : at + width], "big") for at in range(0, len(packed), width)
    )
    trust = list(site.trust)
    trust[int(index)] = replace(trust[int(index)], revoked_serials=serials)
    sites = list(model.sites)
    sites[int(site_index)] = replace(site, trust=tuple(trust))
    return replace(model, sites=tuple(sites))


def _damaged(file: Path, why: str) -> PolicyError:
    return PolicyError(
        f"cannot use the snapshot: {why}",
        where=str(file),
        hint="the supervisor writes a new one on SIGHUP or when the policy changes",
    )


def _files(directory: Path) -> list[tuple[int, Path]]:
    found = []
    with contextlib.suppress(OSError):
        for path in directory.iterdir():
            named = _NAME.fullmatch(path.name)
            if named is not None:
                found.append((int(named["generation"]), path))
    return sorted(found)


def _prune(directory: Path, keep: Path) -> None:
    for _, path in _files(directory)[:-KEPT]:
        if path != keep:
            path.unlink(missing_ok=True)


def _sync_directory(directory: Path) -> None:
    # Without it a power cut may forget the rename (fsync(2), notes).
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
