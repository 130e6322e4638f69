# SPDX-License-Identifier: Apache-2.0
"""What was fetched, as files: one for each URL, one for each authority's OCSP answers, one for the
URLs that its certificates name.

A CRL's file is one line of JSON (where it is from, and the validators to ask with) and the body as
it came, or in PEM with what it lacked; its name is the SHA-256 of the URL. A CRL is verified by
whoever uses it. OCSP answers were verified before they were written: the directory is the service's
own, and as trusted as the snapshots beside it. A file that is damaged, or is not what its name
says, counts as not there.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import re
from functools import partial
from typing import TYPE_CHECKING, Any, Final, TypeVar

import msgspec

from authz.certs.authority import OcspStatus
from authz.sources.files import MAX_FILE_BYTES, UnreadableFileError, read_file
from authz.whole_files import write_whole

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

    from authz.sources.fetch_targets import AuthorityId

_Made = TypeVar("_Made")

#: The directory's name in `data_dir`.
DIRECTORY: Final = "fetched"

_NAME: Final = re.compile(r"[0-9a-f]{64}\.(?:crl|ocsp|urls)")


class Header(msgspec.Struct, frozen=True, kw_only=True):
    """Where a body is from. `fetched_at` is when it first came so, in Unix seconds; `besides` are
    those of its CRLs that came in place of others (crl_succession), by SHA-256 in hexadecimal."""

    url: str
    fetched_at: float
    etag: str = ""
    last_modified: str = ""
    besides: tuple[str, ...] = ()


class Stored(msgspec.Struct, frozen=True, kw_only=True):
    """A body and its header."""

    header: Header
    body: bytes


class _Answers(msgspec.Struct, frozen=True, kw_only=True):
    site: str
    authority: str
    statuses: tuple[OcspStatus, ...]


class _Named(msgspec.Struct, frozen=True, kw_only=True):
    site: str
    authority: str
    urls: tuple[str, ...]


class FetchedFiles:
    """The directory, which need not exist.

    Args:
        read: reads a file; a FileReader's `read` where somebody watches for changes.
    """

    def __init__(self, directory: Path, read: Callable[[Path], bytes] = read_file) -> None:
        self._directory = directory
        self._read = read

    def begin(self) -> None:
        """A new look at everything begins; what was not asked for in the last one may go."""

    def crl_file(self, url: str) -> Path:
        """Where the CRL of a URL is, or will be."""
        return self._directory / f"{_digest(url)}.crl"

    def ocsp_file(self, authority: AuthorityId) -> Path:
        """Where the OCSP answers for an authority are, or will be."""
        return self._directory / f"{_digest(authority.site, authority.authority)}.ocsp"

    def urls_file(self, authority: AuthorityId) -> Path:
        """Where the URLs that an authority's certificates name are, or will be."""
        return self._directory / f"{_digest(authority.site, authority.authority)}.urls"

    def stored(self, url: str) -> Stored | None:
        """What was fetched from a URL, None when nothing was."""
        with contextlib.suppress(UnreadableFileError, msgspec.MsgspecError):
            head, _, body = self._read(self.crl_file(url)).partition(b"\n")
            header = msgspec.json.decode(head, type=Header)
            if header.url == url:
                return Stored(header=header, body=body)
        return None

    def statuses(self, authority: AuthorityId) -> tuple[OcspStatus, ...]:
        """What OCSP responders said about an authority's certificates.

        One that nothing was kept for begins with what others were told is revoked: it may be one of
        them under a new name, and an issuer's word counts whoever asked for it.
        """
        file = self.ocsp_file(authority)
        answers = self._answers(file)
        if answers is not None:
            mine = (answers.site, answers.authority) == (authority.site, authority.authority)
            return answers.statuses if mine else ()
        if file.exists():
            return ()
        revoked: dict[tuple[bytes, bytes], OcspStatus] = {}
        for path in sorted(self._directory.glob("*.ocsp")):
            others = self._answers(path) if _NAME.fullmatch(path.name) else None
            for one in () if others is None else others.statuses:
                before = revoked.setdefault((one.issuer, one.serial), one)
                if (before.this_update, before.revoked) < (one.this_update, one.revoked):
                    revoked[one.issuer, one.serial] = one
        return tuple(one for one in revoked.values() if one.revoked)

    def _answers(self, file: Path) -> _Answers | None:
        with contextlib.suppress(UnreadableFileError, msgspec.MsgspecError):
            return msgspec.json.decode(self._read(file), type=_Answers)
        return None

    def urls(self, authority: AuthorityId) -> tuple[str, ...]:
        """Where CRLs are, as certificates of an authority say."""
        with contextlib.suppress(UnreadableFileError, msgspec.MsgspecError):
            named = msgspec.json.decode(self._read(self.urls_file(authority)), type=_Named)
            if (named.site, named.authority) == (authority.site, authority.authority):
                return named.urls
        return ()

    def store(self, stored: Stored) -> None:
        """Keep what was fetched, in place of what was there.

        Raises:
            OSError: it cannot be written, or is larger than what can be read again.
        """
        head = msgspec.json.encode(stored.header)
        if len(head) + 1 + len(stored.body) > MAX_FILE_BYTES:
            raise OSError(errno.EFBIG, os.strerror(errno.EFBIG))
        self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        write_whole(self.crl_file(stored.header.url), [head, b"\n", stored.body])

    def store_statuses(self, authority: AuthorityId, statuses: Iterable[OcspStatus]) -> None:
        """Keep what responders said, in place of what was there.

        Raises:
            OSError: it cannot be written.
        """
        self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        answers = _Answers(
            site=authority.site, authority=authority.authority, statuses=tuple(statuses)
        )
        write_whole(self.ocsp_file(authority), [msgspec.json.encode(answers)])

    def store_urls(self, authority: AuthorityId, urls: Iterable[str]) -> None:
        """Keep what certificates name, in place of what was there.

        Raises:
            OSError: it cannot be written.
        """
        self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        named = _Named(site=authority.site, authority=authority.authority, urls=tuple(urls))
        write_whole(self.urls_file(authority), [msgspec.json.encode(named)])

    def prune(self, urls: Iterable[str], authorities: Iterable[AuthorityId]) -> None:
        """Remove what belongs to none of these any more; what cannot be removed stays."""
        kept = {self.crl_file(url) for url in urls}
        for authority in authorities:
            kept |= {self.ocsp_file(authority), self.urls_file(authority)}
        with contextlib.suppress(OSError):
            for path in list(self._directory.iterdir()):
                if path not in kept and _NAME.fullmatch(path.name):
                    path.unlink(missing_ok=True)


class UnchangedFiles(FetchedFiles):
    """The directory for whoever looks at it again and again: as long as a file is the same, so is
    the object that is made of it. Files are replaced, never written to."""

    def __init__(self, directory: Path) -> None:
        super().__init__(directory)
        self._made: dict[Path, tuple[tuple[int, ...], Any]] = {}
        self._used: dict[Path, tuple[tuple[int, ...], Any]] = {}

    def begin(self) -> None:
        self._made, self._used = self._used, {}

    def stored(self, url: str) -> Stored | None:
        return self._same(self.crl_file(url), partial(super().stored, url))

    def statuses(self, authority: AuthorityId) -> tuple[OcspStatus, ...]:
        return self._same(self.ocsp_file(authority), partial(super().statuses, authority))

    def urls(self, authority: AuthorityId) -> tuple[str, ...]:
        return self._same(self.urls_file(authority), partial(super().urls, authority))

    def _same(self, file: Path, make: Callable[[], _Made]) -> _Made:
        try:
            found = file.stat()
        except OSError:
            return make()
        # Before the reading: what replaces the file meanwhile has another stamp.
        stamp = found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns
        known = self._used.get(file) or self._made.get(file)
        if known is None or known[0] != stamp:
            known = stamp, make()
        self._used[file] = known
        made: _Made = known[1]
        return made


def _digest(*parts: str) -> str:
    # Names have no control characters, so no two lists of parts make one text.
    return hashlib.sha256("\0".join(parts).encode("utf-8", "surrogatepass")).hexdigest()
