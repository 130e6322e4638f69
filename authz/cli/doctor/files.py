# SPDX-License-Identifier: Apache-2.0
"""The files around the service: who reads its secrets, where it writes, TLS files of its own.

Looks at modes, mounts and free space; writes nothing, not even to try.
"""

from __future__ import annotations

import os
import stat
import time
from pathlib import Path
from typing import TYPE_CHECKING, Final

from authz.certs.certificate import Certificate
from authz.certs.pem import split_pem
from authz.cli.doctor.findings import Finding
from authz.cli.options import has_store
from authz.errors import AuthzError
from authz.services.first_token import FILE_NAME as TOKEN_FILE
from authz.sources.files import UnreadableFileError, read_file
from authz.sources.key_secret import DEFAULT_FILE as KEY_FILE
from authz.store.engine import FILE_NAME as DATABASE_FILE

if TYPE_CHECKING:
    from collections.abc import Iterator

    from authz.settings import Settings

DAY: Final = 86_400.0

#: Three snapshots, a log beside the database and a backup need some room.
LEAST_FREE_BYTES: Final = 256 * 1024 * 1024

#: A first token that lies about for longer was not taken to where secrets are kept.
TOKEN_DAYS: Final = 7

#: A server certificate that ends sooner should have been renewed by whatever renews it.
SERVER_DAYS: Final = 7

#: File systems that are gone after a restart.
_IN_MEMORY: Final = frozenset({"tmpfs", "ramfs"})

_WRITE: Final = stat.S_IWGRP | stat.S_IWOTH
_MOUNTS: Final = Path("/proc/self/mounts")


def look(settings: Settings, at: float) -> Iterator[Finding]:
    """Findings about files at Unix time `at`."""
    directory = settings.data_dir
    if directory.is_dir():
        yield from _directory(directory)
        yield from _room(directory)
        yield from _modes(settings)
        yield from _token(directory / TOKEN_FILE, at)
        if settings.database == "sqlite" and has_store(settings):
            yield from _lasting(directory)
    yield from _more_workers_than_cores(settings)
    yield from _server_certificates(settings, at)


def _directory(directory: Path) -> Iterator[Finding]:
    mode = directory.stat().st_mode
    if mode & _WRITE:
        yield Finding(
            id="open-data-dir",
            where=str(directory),
            what=f"other users can write there (mode {stat.S_IMODE(mode):04o}), and replace what "
            "is enforced",
            do=f"chmod 700 {directory}",
        )
    if not os.access(directory, os.W_OK | os.X_OK):
        yield Finding(
            id="data-dir-read-only",
            where=str(directory),
            what="this user cannot write there: snapshots go to a temporary directory, and with "
            "SQLite nothing can be changed",
            do="run doctor as the user that runs authz; if it is, give it the directory",
        )


def _room(directory: Path, least: int = LEAST_FREE_BYTES) -> Iterator[Finding]:
    disk = os.statvfs(directory)
    free = disk.f_bavail * disk.f_frsize
    if free < least:
        yield Finding(
            id="disk-nearly-full",
            where=str(directory),
            what=f"{free // 2**20} MB are free there: a change that finds no room is not in force",
            do=f"make room ({least // 2**20} MB at least); authz db check tells what has suffered",
        )


def _lasting(directory: Path) -> Iterator[Finding]:
    kind = file_system_of(directory)
    if kind in _IN_MEMORY:
        yield Finding(
            id="data-dir-in-memory",
            where=str(directory),
            what=f"the database is on {kind}: every revocation and key is gone after a restart",
            do="give data_dir a disk (a volume), or name a PostgreSQL",
        )


def file_system_of(directory: Path, mounts: Path = _MOUNTS) -> str:
    """The kind of file system that a directory is on; `""` where the system does not tell."""
    try:
        lines = mounts.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return ""
    found, longest = "", -1
    for line in lines:
        _, point, kind, *_ = [*line.split(" "), "", "", ""]
        point = point.replace("\\040", " ")
        if len(point) >= longest and directory.resolve().is_relative_to(point or "?"):
            found, longest = kind, len(point)
    return found


def _modes(settings: Settings) -> Iterator[Finding]:
    directory = settings.data_dir
    # Secrets that the settings name are looked at where they are read (`keys`); nobody reads these
    # when checks are answered.
    own = (DATABASE_FILE, f"{DATABASE_FILE}-wal", KEY_FILE, TOKEN_FILE)
    for path in (directory / name for name in own):
        yield from _private(path, stat.S_IRWXG | stat.S_IRWXO)
    for tls in (settings.grpc.tls, settings.admin.tls):
        if tls is not None:
            # A group of its own is how several services share a key; everybody is no group.
            yield from _private(tls.key, stat.S_IRWXO | stat.S_IWGRP)
    if settings.database_file is not None:
        # It has a password; secrets of Kubernetes are readable by a group.
        yield from _private(settings.database_file, stat.S_IRWXO | stat.S_IWGRP)


def _private(path: Path, refused: int) -> Iterator[Finding]:
    try:
        mode = path.stat().st_mode
        closed = path.parent.stat().st_mode & (stat.S_IXGRP | stat.S_IXOTH) == 0
    except OSError:
        return  # not there, or whoever needs it says so
    # Nobody comes to a file in a directory that only its owner may enter.
    if mode & refused and not closed:
        yield Finding(
            id="readable-secret",
            where=str(path),
            what=f"other users can read or write it (mode {stat.S_IMODE(mode):04o})",
            do=f"chmod 600 {path}, and take it for known: others could read it until now",
        )


def _token(file: Path, at: float) -> Iterator[Finding]:
    try:
        age = at - file.stat().st_mtime
    except OSError:
        return
    if age > TOKEN_DAYS * DAY:
        yield Finding(
            id="admin-token-file",
            where=str(file),
            what=f"the first token, which may do everything, has been lying here for "
            f"{age / DAY:.0f} days",
            do="keep it where secrets are kept and remove the file; or roll it (authz token roll)",
        )


def _more_workers_than_cores(settings: Settings) -> Iterator[Finding]:
    known = getattr(os, "sched_getaffinity", None)  # not everywhere
    cores = len(known(0)) if known is not None else os.cpu_count() or 1
    if settings.grpc.workers > cores:
        yield Finding(
            id="workers-beyond-cores",
            where="grpc.workers",
            what=f"{settings.grpc.workers} workers share {cores} core{'s' if cores > 1 else ''}: "
            "they take memory and answer no more checks",
            do=f"set grpc.workers to {cores} or less (docs/how-to/several-workers.md)",
        )


def _server_certificates(settings: Settings, at: float) -> Iterator[Finding]:
    for name, tls in (("grpc.tls", settings.grpc.tls), ("admin.tls", settings.admin.tls)):
        if tls is None:
            continue
        try:
            der, *_ = split_pem(read_file(tls.certificate))
            certificate = Certificate.from_der(der)
        except (AuthzError, UnreadableFileError, OSError) as error:
            yield Finding(
                id="server-certificate",
                where=f"{name}.certificate {tls.certificate}",
                what=f"it cannot be read: {error}",
                do="name a PEM file with the certificate and its chain",
            )
            continue
        left = certificate.not_after_at - at
        if left < SERVER_DAYS * DAY:
            end = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(certificate.not_after_at))
            yield Finding(
                id="server-certificate",
                where=f"{name}.certificate {tls.certificate}",
                what=f"it {'expired' if left < 0 else 'expires'} at {end}",
                do="see why it was not renewed; a new file is read without a restart",
            )
