# SPDX-License-Identifier: Apache-2.0
"""Fetched things as files."""

from __future__ import annotations

import os
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from authz.certs.authority import OcspStatus
from authz.sources.fetch_targets import AuthorityId
from authz.sources.fetched import TOUCH_SECONDS, FetchedFiles, Header, Stored, UnchangedFiles
from authz.sources.files import FileReader, UnreadableFileError, read_file

if TYPE_CHECKING:
    from pathlib import Path

URL = "http://crl.example/ca.crl"
STORED = Stored(
    header=Header(url=URL, fetched_at=1.5, etag='"a"', last_modified="then"), body=b"\n\0x\n"
)
ACME = AuthorityId(site="api", authority="acme")
STATUS = OcspStatus(issuer=b"i" * 32, serial=b"\xff" * 20, revoked=True, this_update=1.0, until=2.5)


def test_what_was_stored_is_there(tmp_path: Path) -> None:
    files = FetchedFiles(tmp_path / "data" / "fetched")
    assert files.stored(URL) is None
    assert files.statuses(ACME) == ()

    files.store(STORED)
    files.store_statuses(ACME, [STATUS])
    files.store_urls(ACME, [URL])

    assert files.stored(URL) == STORED
    assert files.statuses(ACME) == (STATUS,)
    assert files.urls(ACME) == (URL,)
    assert (tmp_path / "data" / "fetched").stat().st_mode & 0o777 == 0o700


def test_names_of_sites_and_authorities_are_kept_apart(tmp_path: Path) -> None:
    files = FetchedFiles(tmp_path)
    files.store_statuses(AuthorityId(site="a/b", authority="c"), [replace(STATUS, revoked=False)])

    assert files.statuses(AuthorityId(site="a", authority="b/c")) == ()


def test_an_authority_with_a_new_name_knows_what_was_revoked(tmp_path: Path) -> None:
    files = FetchedFiles(tmp_path)
    good = replace(STATUS, serial=b"\1", revoked=False)
    restored = replace(STATUS, serial=b"\2")
    files.store_statuses(ACME, [STATUS, good, restored])
    later = replace(restored, revoked=False, this_update=STATUS.this_update + 1)
    for name in ("one", "other"):
        same_moment = replace(STATUS, revoked=False)
        files.store_statuses(AuthorityId(site="", authority=name), [later, same_moment])
    renamed = AuthorityId(site="api", authority="acme-2")

    for reader in (files, UnchangedFiles(tmp_path)):
        assert reader.statuses(renamed) == (STATUS,)
    # One that is damaged, or of another name, is not made up for.
    files.ocsp_file(renamed).write_bytes(b"")
    assert files.statuses(renamed) == ()
    # From then on it has a file of its own.
    files.store_statuses(renamed, [good])
    assert files.statuses(renamed) == (good,)


@pytest.mark.parametrize("kind", [FetchedFiles, UnchangedFiles])
def test_what_is_revoked_elsewhere_is_read_once_in_a_look(
    tmp_path: Path, kind: type[FetchedFiles]
) -> None:
    read: list[Path] = []

    def counting(path: Path) -> bytes:
        read.append(path)
        return read_file(path)

    files = kind(tmp_path, counting)
    everybody = [AuthorityId(site="", authority=str(number)) for number in range(40)]
    with_answers, without = everybody[:20], everybody[20:]
    for authority in with_answers:
        files.store_statuses(authority, [STATUS])

    def look() -> int:
        read.clear()
        files.begin()
        assert {files.statuses(one) for one in everybody} == {(STATUS,)}
        # Whether there is one by now, those without are asked each time.
        assert all(read.count(files.ocsp_file(one)) == 1 for one in without)
        return len(read) - len(without)

    # Its own authority reads it, and once somebody else.
    assert look() <= 2 * len(with_answers)
    again = look()
    assert again == 0 if kind is UnchangedFiles else again <= 2 * len(with_answers)


@pytest.mark.parametrize("kind", [FetchedFiles, UnchangedFiles])
def test_what_is_revoked_elsewhere_follows_the_files(
    tmp_path: Path, kind: type[FetchedFiles]
) -> None:
    files, other = kind(tmp_path), FetchedFiles(tmp_path)
    renamed = AuthorityId(site="api", authority="acme-2")
    beta = AuthorityId(site="api", authority="beta")
    assert files.statuses(renamed) == ()

    # What this process writes counts at once, what another one does at the next look.
    files.store_statuses(ACME, [STATUS])
    first = files.statuses(renamed)
    assert first == (STATUS,)
    second = replace(STATUS, serial=b"\2")
    other.store_statuses(beta, [second])
    files.begin()
    assert set(files.statuses(renamed)) == {STATUS, second}
    other.store_statuses(beta, [replace(second, revoked=False)])
    files.begin()
    assert files.statuses(renamed) == first
    other.ocsp_file(ACME).unlink()
    files.begin()
    assert files.statuses(renamed) == ()


def test_what_is_revoked_elsewhere_is_one_object_while_the_files_are_the_same(
    tmp_path: Path,
) -> None:
    files = UnchangedFiles(tmp_path)
    files.store_statuses(ACME, [STATUS])
    renamed = AuthorityId(site="api", authority="acme-2")
    first = files.statuses(renamed)
    files.begin()
    assert files.statuses(renamed) is first


@pytest.mark.parametrize("data", [b"", b"{}\nx", b"\xff\n", b'{"url": 1}\nx'])
def test_a_damaged_file_counts_as_not_there(tmp_path: Path, data: bytes) -> None:
    files = FetchedFiles(tmp_path)
    files.crl_file(URL).write_bytes(data)
    files.ocsp_file(ACME).write_bytes(data)
    files.urls_file(ACME).write_bytes(data)

    assert files.stored(URL) is None
    assert files.statuses(ACME) == ()
    assert files.urls(ACME) == ()


def test_a_file_under_another_name_counts_as_not_there(tmp_path: Path) -> None:
    files = FetchedFiles(tmp_path)
    files.store(STORED)
    files.store_statuses(ACME, [STATUS])
    other = AuthorityId(site="api", authority="other")
    files.crl_file(URL).rename(files.crl_file("http://crl.example/other.crl"))
    files.ocsp_file(ACME).rename(files.ocsp_file(other))

    assert files.stored("http://crl.example/other.crl") is None
    assert files.statuses(other) == ()


def test_who_reads_through_a_reader_can_watch(tmp_path: Path) -> None:
    reader = FileReader()
    files = FetchedFiles(tmp_path, reader.read)

    assert files.stored(URL) is None

    assert reader.contents == {files.crl_file(URL): None}


def _age(path: Path, at: float) -> None:
    os.utime(path, (at, at))


def test_what_nobody_wants_any_more_is_removed(tmp_path: Path) -> None:
    files = FetchedFiles(tmp_path)
    files.store(STORED)
    files.store_statuses(ACME, [STATUS])
    files.store_urls(ACME, [URL])
    (tmp_path / "note.txt").write_text("mine")
    for path in tmp_path.iterdir():
        _age(path, 0.0)
    after = 30 * TOUCH_SECONDS
    at = after + TOUCH_SECONDS

    # What is named is as good as new, so long as it is named and as long again.
    files.prune([URL], [ACME], at, after)
    files.prune([], [], at + after, after)
    assert files.stored(URL) == STORED
    assert files.statuses(ACME) == (STATUS,)
    assert files.urls(ACME) == (URL,)
    files.prune([], [], at + after + TOUCH_SECONDS, after)

    assert [path.name for path in tmp_path.iterdir()] == ["note.txt"]
    FetchedFiles(tmp_path / "nowhere").prune([], [], at, after)


def test_a_file_is_touched_once_a_day_at_most(tmp_path: Path) -> None:
    files = FetchedFiles(tmp_path)
    files.store(STORED)
    file = files.crl_file(URL)
    _age(file, 1000.0)

    files.prune([URL], [], 999.0 + TOUCH_SECONDS, 1.0)
    assert file.stat().st_mtime == 1000.0
    files.prune([URL], [], 1000.0 + TOUCH_SECONDS, 1.0)
    assert file.stat().st_mtime == 1000.0 + TOUCH_SECONDS


def test_a_file_that_is_dated_ahead_does_not_stay_until_then(tmp_path: Path) -> None:
    files = FetchedFiles(tmp_path)
    files.store(STORED)
    file = files.crl_file(URL)
    _age(file, 10**10)

    files.prune([], [], 1000.0, 1.0)
    assert file.stat().st_mtime == 1000.0
    files.prune([], [], 1001.0 + TOUCH_SECONDS, 1.0)
    assert not file.exists()


def test_a_file_that_cannot_be_touched_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = FetchedFiles(tmp_path)
    files.store(STORED)
    files.store_statuses(ACME, [STATUS])
    for path in tmp_path.iterdir():
        _age(path, 0.0)

    def refuse(*_: object) -> None:
        raise PermissionError

    monkeypatch.setattr("authz.sources.fetched.os.utime", refuse)
    files.prune([URL], [], 10 * TOUCH_SECONDS, 1.0)
    assert files.stored(URL) == STORED
    assert not files.ocsp_file(ACME).exists()


def test_what_could_not_be_read_again_is_not_stored(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("authz.sources.fetched.MAX_FILE_BYTES", 200)
    files = FetchedFiles(tmp_path)
    files.store(STORED)

    with pytest.raises(OSError, match="File too large"):
        files.store(Stored(header=STORED.header, body=bytes(200)))

    assert files.stored(URL) == STORED


def test_an_unchanged_file_is_made_into_one_object(tmp_path: Path) -> None:
    files = UnchangedFiles(tmp_path)
    files.store(STORED)
    files.store_statuses(ACME, [STATUS])
    files.store_urls(ACME, [URL])

    def looked() -> list[object]:
        files.begin()
        return [files.stored(URL), files.statuses(ACME), files.urls(ACME)]

    first, second = looked(), looked()
    assert first == [STORED, (STATUS,), (URL,)]
    assert list(map(id, first)) == list(map(id, second))

    # The same length, within the clock's resolution maybe: a new file has another inode.
    files.store(Stored(header=STORED.header, body=b"\n\0y\n"))
    files.store_statuses(ACME, [])
    files.store_urls(ACME, [])
    third = looked()
    assert isinstance(third[0], Stored)
    assert (third[0].body, third[1:]) == (b"\n\0y\n", [(), ()])


def test_what_could_not_be_read_is_read_the_next_time(tmp_path: Path) -> None:
    files = UnchangedFiles(tmp_path)
    files.store(STORED)
    files.store_statuses(ACME, [STATUS])
    files.store_urls(ACME, [URL])

    def fail(_: Path) -> bytes:
        raise UnreadableFileError("cannot be read: too many open files", "let it")

    files._read = fail
    assert (files.stored(URL), files.statuses(ACME), files.urls(ACME)) == (None, (), ())
    files._read = read_file
    files.begin()
    assert (files.stored(URL), files.statuses(ACME)) == (STORED, (STATUS,))
    assert files.urls(ACME) == (URL,)


def test_what_was_not_asked_for_lately_is_let_go(tmp_path: Path) -> None:
    files = UnchangedFiles(tmp_path)
    files.store(STORED)
    first = files.stored(URL)
    files.begin()
    files.begin()
    second = files.stored(URL)
    assert first == second
    assert first is not second


def test_a_file_that_is_gone(tmp_path: Path) -> None:
    files = UnchangedFiles(tmp_path)
    assert files.stored(URL) is None
    files.store(STORED)
    assert files.stored(URL) == STORED
    files.crl_file(URL).unlink()
    assert files.stored(URL) is None
