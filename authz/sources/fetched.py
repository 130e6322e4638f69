# SPDX-License-Identifier: Apache-2.0
"""What was fetched, as files: one for each URL, one for each authority's OCSP answers, one for the
URLs that its certificates name.

A CRL's file is one line of JSON (where it is from, and the validators to ask with) and the body as
it came, or in PEM with what it lacked; its name is the SHA-256 of the URL. A CRL is verified by
whoever uses it. OCSP answers were verified before they were written: the directory is the service's
own, and as trusted as the snapshots beside it. A file that is damaged, or is not what its name
says, counts as not there. When something named a file last, its time of change says.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import re
from functools import partial
from operator import is_not
from typing import TYPE_CHECKING, Any, Final, TypeVar

import msgspec

from authz.certs.authority import OcspStatus
from authz.sources.files import MAX_FILE_BYTES, UnreadableFileError, read_file
from authz.whole_files import write_whole

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path

    from authz.sources.fetch_targets import AuthorityId

_Made = TypeVar("_Made")

#: The directory's name in `data_dir`.
DIRECTORY: Final = "fetched"

#: A file that is named is touched when its time of change is older than this, in seconds: whoever
#: knows a file by its times reads it again then.
TOUCH_SECONDS: Final = 86_400.0

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
        self._revoked: tuple[OcspStatus, ...] | None = None

    def begin(self) -> None:
        """A new look at everything begins; what was not asked for in the last one may go."""
        self._revoked = None

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
        # Before the reading: one that appears meanwhile is read.
        is_there = file.exists()
        answers = self._answers(file)
        if answers is not None:
            mine = (answers.site, answers.authority) == (authority.site, authority.authority)
            return answers.statuses if mine else ()
        if is_there:
            return ()
        # Once in a look at everything: that there is no file is nothing unusual.
        if self._revoked is None:
            self._revoked = self._collect_revoked()
        return self._revoked

    def _collect_revoked(self) -> tuple[OcspStatus, ...]:
        return _revoked_of(self._all_answers())

    def _all_answers(self) -> Iterator[_Answers]:
        for path in sorted(self._directory.glob("*.ocsp")):
            answers = self._answers(path) if _NAME.fullmatch(path.name) else None
            if answers is not None:
                yield answers

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
        self._revoked = None

    def store_urls(self, authority: AuthorityId, urls: Iterable[str]) -> None:
        """Keep what certificates name, in place of what was there.

        Raises:
            OSError: it cannot be written.
        """
        self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        named = _Named(site=authority.site, authority=authority.authority, urls=tuple(urls))
        write_whole(self.urls_file(authority), [msgspec.json.encode(named)])

    def prune(
        self, urls: Iterable[str], authorities: Iterable[AuthorityId], at: float, after: float
    ) -> None:
        """Note that these are named, and remove what nothing has named for `after` seconds, or a
        day more. What cannot be touched or removed stays.

        Args:
            at: Unix time by the clock of the file system.
        """
        kept = {self.crl_file(url) for url in urls}
        for authority in authorities:
            kept |= {self.ocsp_file(authority), self.urls_file(authority)}
        with contextlib.suppress(OSError):
            for path in list(self._directory.iterdir()):
                if _NAME.fullmatch(path.name):
                    with contextlib.suppress(OSError):
                        _touch_or_remove(path, at, after, named=path in kept)
        self._revoked = None


class UnchangedFiles(FetchedFiles):
    """The directory for whoever looks at it again and again: as long as a file is the same, so is
    the object that is made of it. Files are replaced, never written to."""

    def __init__(self, directory: Path, read: Callable[[Path], bytes] = read_file) -> None:
        super().__init__(directory, read)
        self._made: dict[Path, tuple[tuple[int, ...], Any]] = {}
        self._used: dict[Path, tuple[tuple[int, ...], Any]] = {}
        # What all the answers were when those that revoke were collected, and what came of it.
        self._collected: tuple[list[_Answers], tuple[OcspStatus, ...]] = ([], ())

    def begin(self) -> None:
        super().begin()
        self._made, self._used = self._used, {}

    def stored(self, url: str) -> Stored | None:
        return self._same(self.crl_file(url), partial(super().stored, url))

    def urls(self, authority: AuthorityId) -> tuple[str, ...]:
        return self._same(self.urls_file(authority), partial(super().urls, authority))

    def _answers(self, file: Path) -> _Answers | None:
        return self._same(file, partial(super()._answers, file))

    def _collect_revoked(self) -> tuple[OcspStatus, ...]:
        answers = list(self._all_answers())
        before, revoked = self._collected
        if len(answers) != len(before) or any(map(is_not, answers, before)):
            revoked = _revoked_of(answers)
            self._collected = answers, revoked
        return revoked

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
        # What could not be read, as for want of a descriptor, may be read the next time.
        if known[1]:
            self._used[file] = known
        made: _Made = known[1]
        return made


def _revoked_of(everything: Iterable[_Answers]) -> tuple[OcspStatus, ...]:
    """What is revoked by the newest answers; of two of one moment the one that revokes counts."""
    newest: dict[tuple[bytes, bytes], OcspStatus] = {}
    for answers in everything:
        for one in answers.statuses:
            before = newest.setdefault((one.issuer, one.serial), one)
            if (before.this_update, before.revoked) < (one.this_update, one.revoked):
                newest[one.issuer, one.serial] = one
    return tuple(one for one in newest.values() if one.revoked)


def _touch_or_remove(path: Path, at: float, after: float, *, named: bool) -> None:
    changed = path.stat().st_mtime
    # What is dated ahead would stay until the clock shows that again: it was named now.
    if changed > at or (named and changed <= at - TOUCH_SECONDS):
        os.utime(path, (at, at))
    elif not named and changed <= at - after - TOUCH_SECONDS:
        path.unlink(missing_ok=True)


def _digest(*parts: str) -> str:
    # Names have no control characters, so no two lists of parts make one text.
    return hashlib.sha256("\0".join(parts).encode("utf-8", "surrogatepass")).hexdigest()
