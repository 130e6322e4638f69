# SPDX-License-Identifier: Apache-2.0
"""The snapshot file: a policy model on its way from the supervisor to the workers.

Lives here: writing (the last three files are kept, and those that somebody holds), reading, and
finding files in their directory. Not here: the bytes of a file (snapshot_layout.py), what the model
is written as (snapshot_model.py), large sections (section_files.py), compiling (policy.snapshot),
deciding when to write (node.supervisor) and holding what is in force (node.policy_source). ADR-0006
says why it looks like this.

A large section lies in `sections/`, is mapped and not read, and a reader that has one with this
hash uses what it has.
"""

from __future__ import annotations

import contextlib
import hashlib
import math
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
from authz.node.snapshot_layout import (
    NAME,
    Entry,
    Position,
    damaged,
    encode_file,
    inline,
    is_of_another_layout,
    read_header,
)
from authz.node.snapshot_model import decode_model, decode_sources
from authz.packed import Section
from authz.whole_files import remove_remains, remove_unheld, write_whole

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from authz.policy.model import PolicyModel

#: How many snapshot files stay in the directory: the one in force, the one a slow worker may still
#: be reading, and the one before, to look at after a bad change.
KEPT = 3

#: Where there are no locks to tell whether a snapshot file is held, those of the last hour stay.
WITHOUT_LOCKS_SECONDS: Final = 3600.0
#: How long a section stays that no snapshot names yet: longer than a loader may take to write one
#: that does (loader_process.LOAD_SECONDS).
NEW_SECONDS: Final = 300.0

_NONE: Final[Mapping[bytes, Section]] = MappingProxyType({})


class SnapshotContent(msgspec.Struct, frozen=True, kw_only=True):
    """A file that was read and verified; `sections` by their hash, for the next one to be read."""

    generation: int
    created_at: float
    model: PolicyModel
    sections: dict[bytes, Section]
    position: Position | None = None


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
    header, body, large = encode_file(model, generation, at, position, trust)
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
        header, start = read_header(file, data)
        sections = {
            entry.sha256: known.get(entry.sha256) or _read_section(file, data, start, entry)
            for entry in header.sections
        }
        model = decode_model(inline(file, data, start, header.model), sections)
    except OSError as error:
        raise damaged(file, error.strerror or str(error)) from error
    except (msgspec.MsgspecError, LookupError) as error:
        # The hash was right: another version of the program wrote it.
        raise damaged(file, f"it cannot be decoded: {error}") from error
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
        header, start = read_header(file, data)
        if header.trust is None:
            return None
        return bytes(_read_section(file, data, start, header.trust).data)
    except OSError as error:
        raise damaged(file, error.strerror or str(error)) from error
    except msgspec.MsgspecError as error:
        raise damaged(file, f"it cannot be decoded: {error}") from error


def read_sources(file: Path) -> PolicyModel:
    """What there is to fetch for the policy of one file: its sites and their authorities, without
    anything else (snapshot_model.decode_sources). Quick, whatever the size of its lists.

    Raises:
        PolicyError: unreadable, cut short, changed, or of another version.
    """
    try:
        data = file.read_bytes()
        header, start = read_header(file, data)
        return decode_sources(inline(file, data, start, header.model))
    except OSError as error:
        raise damaged(file, error.strerror or str(error)) from error
    except (msgspec.MsgspecError, LookupError) as error:
        raise damaged(file, f"it cannot be decoded: {error}") from error


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


# --- reading -------------------------------------------------------------------------------------


def _read_section(file: Path, data: bytes, start: int, entry: Entry) -> Section:
    if entry.offset is not None:
        return Section(inline(file, data, start, entry), entry.sha256)
    path = file.parent / DIRECTORY / entry.sha256.hex()
    try:
        section = map_section(path, entry.sha256, entry.length)
    except (OSError, ValueError) as error:
        raise damaged(path, str(error)) from error
    if section is None:
        raise damaged(path, "its content is not the one its name promises")
    return section


# --- the directory -------------------------------------------------------------------------------


def _files(directory: Path) -> list[tuple[int, Path]]:
    found = []
    with contextlib.suppress(OSError):
        for path in directory.iterdir():
            named = NAME.fullmatch(path.name)
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
        if is_of_another_layout(data):
            return None
        header, _ = read_header(file, data)
    except (FileNotFoundError, PolicyError, msgspec.MsgspecError, struct.error):
        return []
    except OSError:
        return None
    return [entry.sha256 for entry in (*header.sections, header.trust) if entry is not None]
