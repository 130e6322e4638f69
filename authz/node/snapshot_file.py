# SPDX-License-Identifier: Apache-2.0
"""The snapshot file: a policy model on its way from the supervisor to the workers.

Lives here: the layout, writing (the last three files are kept, and those that somebody holds) and
reading with every checksum verified. Not here: what the model is written as (snapshot_model.py),
large sections (section_files.py), compiling (policy.snapshot), deciding when to write
(node.supervisor) and holding what is in force (node.policy_source). ADR-0006 says why it looks like
this.

Layout, integers little-endian:

    8 bytes   magic "AUTHZSNP"
    4 bytes   version of the layout
    4 bytes   length of the header
    header    MessagePack: generation, created_at, and where the model and the sections are
    32 bytes  SHA-256 of everything above
    the model and the small sections, each at a multiple of 8

A section is a packed set (authz.packed) that the model names by its SHA-256. A large one lies in
`sections/`, is mapped and not read, and a reader that has one with this hash uses what it has. The
file's name holds the SHA-256 of the header, which covers the hashes of the model and the sections,
and so everything.
"""

from __future__ import annotations

import contextlib
import hashlib
import math
import re
import struct
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

import msgspec

from authz.errors import PolicyError
from authz.node.section_files import (
    DIRECTORY,
    map_section,
    prune_sections,
    sync_directory,
    write_section,
)
from authz.node.snapshot_model import decode_model, decode_sources, encode_model
from authz.packed import Section
from authz.policy.model import PolicyModel
from authz.whole_files import remove_remains, remove_unheld, write_whole

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

MAGIC = b"AUTHZSNP"
VERSION = 3

#: How many snapshot files stay in the directory: the one in force, the one a slow worker may still
#: be reading, and the one before, to look at after a bad change.
KEPT = 3

#: Where there are no locks to tell whether a snapshot file is held, those of the last hour stay.
WITHOUT_LOCKS_SECONDS: Final = 3600.0
#: How long a section stays that no snapshot names yet: longer than a loader may take to write one
#: that does (loader_process.LOAD_SECONDS).
NEW_SECONDS: Final = 300.0
#: Sections of this size and above have files of their own.
LARGE: Final = 64 * 1024

_PREFIX = struct.Struct("<8sII")
_DIGEST_BYTES = 32
_ALIGNMENT = 8
_NAME = re.compile(r"(?P<generation>\d{1,18})-(?P<sha256>[0-9a-f]{64})\.snapshot")
_NONE: Final[Mapping[bytes, Section]] = MappingProxyType({})


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


class SnapshotContent(msgspec.Struct, frozen=True, kw_only=True):
    """A file that was read and verified; `sections` by their hash, for the next one to be read."""

    generation: int
    created_at: float
    model: PolicyModel
    sections: dict[bytes, Section]
    position: Position | None = None


_encode = msgspec.msgpack.Encoder().encode
_decode_header = msgspec.msgpack.Decoder(Header).decode


def write_snapshot(
    directory: Path,
    model: PolicyModel,
    generation: int,
    at: float,
    position: Position | None = None,
    trust: bytes | None = None,
) -> Path:
    """Write `model` as generation `generation`, made at Unix time `at`, and return the file.

    Args:
        position: the moment of the store that the model shows.
        trust: the trust bundles for Envoy.

    The file appears under its name complete and on disk, and after its sections, or not at all.
    Older ones beyond `KEPT` that nobody holds are removed, and what writes that were cut short
    left.

    Raises:
        PolicyError: the directory cannot be written to.
    """
    header, body, large = _encode_file(model, generation, at, position, trust)
    digest = hashlib.sha256(header)
    target = directory / f"{generation}-{digest.hexdigest()}.snapshot"
    try:
        # The model may hold what the operator regards as private (lists of addresses).
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        # First, because they may be why there is no space.
        remove_remains(directory)
        remove_remains(directory / DIRECTORY)
        for section in large:
            write_section(directory / DIRECTORY, section)
        write_whole(target, [header, digest.digest(), *body])
        sync_directory(directory)
        _prune(directory, keep=target)
    except OSError as error:
        raise PolicyError(
            f"cannot write the snapshot: {error.strerror or error}",
            where=str(directory),
            hint="give the user that runs authz a data_dir with space where it may write",
        ) from error
    return target


def read_snapshot(file: Path, known: Mapping[bytes, Section] = _NONE) -> SnapshotContent:
    """Read and verify one file.

    Args:
        known: sections that are at hand, by their hash; they are not read or verified again.

    Raises:
        PolicyError: unreadable, cut short, changed, or of another version.
    """
    try:
        data = file.read_bytes()
        header, start = _read_header(file, data)
        sections = {
            entry.sha256: known.get(entry.sha256) or _read_section(file, data, start, entry)
            for entry in header.sections
        }
        model = decode_model(_inline(file, data, start, header.model), sections)
    except OSError as error:
        raise _damaged(file, error.strerror or str(error)) from error
    except (msgspec.MsgspecError, LookupError) as error:
        # The hash was right: another version of the program wrote it.
        raise _damaged(file, f"it cannot be decoded: {error}") from error
    return SnapshotContent(
        generation=header.generation,
        created_at=header.created_at,
        model=model,
        sections=sections,
        position=header.position,
    )


def read_trust(file: Path) -> bytes | None:
    """The trust bundles for Envoy of one file, None when it has none.

    Raises:
        PolicyError: unreadable, cut short, changed, or of another version.
    """
    try:
        data = file.read_bytes()
        header, start = _read_header(file, data)
        if header.trust is None:
            return None
        return bytes(_read_section(file, data, start, header.trust).data)
    except OSError as error:
        raise _damaged(file, error.strerror or str(error)) from error
    except msgspec.MsgspecError as error:
        raise _damaged(file, f"it cannot be decoded: {error}") from error


def read_sources(file: Path) -> PolicyModel:
    """What there is to fetch for the policy of one file: its sites and their authorities, without
    anything else (snapshot_model.decode_sources). Quick, whatever the size of its lists.

    Raises:
        PolicyError: unreadable, cut short, changed, or of another version.
    """
    try:
        data = file.read_bytes()
        header, start = _read_header(file, data)
        return decode_sources(_inline(file, data, start, header.model))
    except OSError as error:
        raise _damaged(file, error.strerror or str(error)) from error
    except (msgspec.MsgspecError, LookupError) as error:
        raise _damaged(file, f"it cannot be decoded: {error}") from error


def latest_snapshot(directory: Path, *, of_store: bool) -> tuple[Path, SnapshotContent] | None:
    """The snapshot of the highest generation that can be read, None when there is none.

    Args:
        of_store: whether it must be of a store, or of a policy file.
    """
    for _, path in reversed(_files(directory)):
        with contextlib.suppress(PolicyError):
            content = read_snapshot(path)
            if (content.position is not None) is of_store:
                return path, content
    return None


def next_generation(directory: Path) -> int:
    """The number after the highest one in `directory`, 1 when there is none.

    Generations go on across restarts, so that a number in a log names one policy.
    """
    return max((generation for generation, _ in _files(directory)), default=0) + 1


# --- writing -------------------------------------------------------------------------------------


def _encode_file(
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


# --- reading -------------------------------------------------------------------------------------


def _read_header(file: Path, data: bytes) -> tuple[Header, int]:
    """The verified header, and where offsets count from."""
    if len(data) < _PREFIX.size + _DIGEST_BYTES:
        raise _damaged(file, "it is too short")
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
    return _decode_header(data[_PREFIX.size : header_end]), start + -start % _ALIGNMENT


def _inline(file: Path, data: bytes, start: int, entry: Entry) -> bytes:
    begin = start + (entry.offset or 0)
    content = data[begin : begin + entry.length]
    if hashlib.sha256(content).digest() != entry.sha256:
        raise _damaged(file, "the checksum of a section is wrong")
    return content


def _read_section(file: Path, data: bytes, start: int, entry: Entry) -> Section:
    if entry.offset is not None:
        return Section(_inline(file, data, start, entry), entry.sha256)
    path = file.parent / DIRECTORY / entry.sha256.hex()
    try:
        section = map_section(path, entry.sha256, entry.length)
    except (OSError, ValueError) as error:
        raise _damaged(path, str(error)) from error
    if section is None:
        raise _damaged(path, "its content is not the one its name promises")
    return section


def _damaged(file: Path, why: str) -> PolicyError:
    return PolicyError(
        f"cannot use the snapshot: {why}",
        where=str(file),
        hint="the supervisor writes a new one on SIGHUP or when the policy changes",
    )


# --- the directory -------------------------------------------------------------------------------


def _files(directory: Path) -> list[tuple[int, Path]]:
    found = []
    with contextlib.suppress(OSError):
        for path in directory.iterdir():
            named = _NAME.fullmatch(path.name)
            if named is not None:
                found.append((int(named["generation"]), path))
    return sorted(found)


def _prune(directory: Path, keep: Path) -> None:
    # The clock of the file system, which another machine may have.
    now = keep.stat().st_mtime
    used: set[bytes] = set()
    all_known = True
    files = [path for _, path in _files(directory)]
    for path in files:
        spared = path == keep or path in files[-KEPT:]
        if spared or not remove_unheld(
            path, before=math.inf, before_without_locks=now - WITHOUT_LOCKS_SECONDS
        ):
            sections = _sections_of(path)
            all_known = all_known and sections is not None
            used.update(sections or ())
    # Beside snapshots of another release, during an upgrade, nobody knows which ones these need.
    if all_known:
        prune_sections(directory / DIRECTORY, used, now - NEW_SECONDS)


def _sections_of(file: Path) -> list[bytes] | None:
    """The sections that a file names, none when it is damaged or gone; None when it is of another
    layout or cannot be read now, so that nobody knows."""
    try:
        data = file.read_bytes()
        if data[: len(MAGIC)] == MAGIC and _PREFIX.unpack_from(data)[1] != VERSION:
            return None
        header, _ = _read_header(file, data)
    except (FileNotFoundError, PolicyError, msgspec.MsgspecError, struct.error):
        return []
    except OSError:
        return None
    return [entry.sha256 for entry in (*header.sections, header.trust) if entry is not None]
