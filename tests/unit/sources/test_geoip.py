# SPDX-License-Identifier: Apache-2.0
"""GeoIP files taken over, watched and replaced; the last good copy stays."""

from __future__ import annotations

from ipaddress import ip_address
from typing import TYPE_CHECKING

import pytest

from authz.errors import SettingsError
from authz.sources.geoip import KEPT, GeoFiles
from authz.sources.watch import contents_of
from tests.factories.mmdb import asn_file, city_file, mmdb

if TYPE_CHECKING:
    from pathlib import Path

_ADDRESS = ip_address("198.51.100.7")


def _city(path: Path, country: str) -> Path:
    return city_file(path, {"198.51.100.0/24": {"country": {"iso_code": country}}})


def _replace(path: Path, country: str) -> None:
    """As geoipupdate does it: a new file under the old name."""
    _city(path.with_suffix(".new"), country).replace(path)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return _city(tmp_path / "city.mmdb", "GB")


@pytest.fixture
def files(tmp_path: Path, path: Path) -> GeoFiles:
    made = GeoFiles(city=path, asn=None, directory=tmp_path / "data" / "geoip")
    made.refresh()
    return made


def _country(files: GeoFiles) -> str:
    opened = files.open()
    assert opened is not None
    return opened.place(_ADDRESS).country


def _changed(files: GeoFiles) -> bool:
    """As whoever watches the files sees it."""
    return contents_of(files.contents) != files.contents


def test_what_is_opened_is_a_copy_of_the_file(files: GeoFiles, path: Path) -> None:
    copy = files.copies["city"]

    assert copy != path
    assert copy.read_bytes() == path.read_bytes()
    assert copy.stat().st_mode & 0o077 == 0
    assert _country(files) == "GB"
    assert not _changed(files)


def test_both_kinds(tmp_path: Path, path: Path) -> None:
    asn = asn_file(tmp_path / "asn.mmdb", {"198.51.100.0/24": 64496})
    files = GeoFiles(city=path, asn=asn, directory=tmp_path / "geoip")
    files.refresh()
    opened = files.open()

    assert opened is not None
    assert (opened.place(_ADDRESS).country, opened.asnum(_ADDRESS)) == ("GB", 64496)


def test_a_new_file_is_taken_over_and_the_open_one_goes_on(files: GeoFiles, path: Path) -> None:
    before = files.open()
    assert before is not None
    _replace(path, "FR")

    assert _changed(files)
    assert files.refresh() == ()
    assert not _changed(files)
    assert _country(files) == "FR"
    assert before.place(_ADDRESS).country == "GB"


def test_a_file_that_is_cut_short_in_place_disturbs_nobody(files: GeoFiles, path: Path) -> None:
    # `cp` over a mapped file: whoever read its pages would be killed by SIGBUS.
    opened = files.open()
    assert opened is not None
    with path.open("r+b") as file:
        file.truncate(10)

    assert opened.place(_ADDRESS).country == "GB"
    assert _changed(files)


@pytest.mark.parametrize("content", [b"", b"text", None])
def test_a_bad_file_leaves_the_last_good_copy(
    files: GeoFiles, path: Path, content: bytes | None
) -> None:
    if content is None:
        path.unlink()
    else:
        path.write_bytes(content)

    assert _changed(files)
    (error,) = files.refresh()
    assert error.where == "geoip.city"
    assert str(path) in error.message
    assert "geoip/" not in error.message
    assert _country(files) == "GB"
    # The same content is not tried again.
    assert not _changed(files)


def test_the_file_that_was_good_counts_again(files: GeoFiles, path: Path) -> None:
    path.write_bytes(b"text")
    files.refresh()
    _replace(path, "GB")

    assert _changed(files)
    assert files.refresh() == ()
    assert _country(files) == "GB"


def test_a_file_of_the_other_kind_is_refused(files: GeoFiles, path: Path) -> None:
    asn_file(path, {"198.51.100.0/24": 64496})

    (error,) = files.refresh()

    assert error.hint == "name it under geoip.asn"
    assert _country(files) == "GB"


def test_without_a_good_copy_a_bad_file_is_an_error(tmp_path: Path) -> None:
    files = GeoFiles(city=tmp_path / "none.mmdb", asn=None, directory=tmp_path / "geoip")

    with pytest.raises(SettingsError, match="does not exist") as caught:
        files.refresh()

    assert caught.value.where == "geoip.city"
    assert files.open() is None


def test_another_process_goes_on_from_where_this_one_was(files: GeoFiles, path: Path) -> None:
    copy = files.copies["city"]

    def later() -> GeoFiles:
        return GeoFiles(
            city=path, asn=None, directory=copy.parent, copies=files.copies, seen=files.seen
        )

    inode = copy.stat().st_ino
    assert later().refresh() == ()
    assert copy.stat().st_ino == inode
    path.write_bytes(b"text")
    other = later()
    assert len(other.refresh()) == 1
    assert other.copies == files.copies
    assert _country(other) == "GB"


def test_a_touched_file_is_no_change(files: GeoFiles, path: Path) -> None:
    path.touch()

    assert not _changed(files)
    copy = files.copies["city"]
    inode = copy.stat().st_ino
    files.refresh()
    assert copy.stat().st_ino == inode


def test_few_copies_are_kept(files: GeoFiles, path: Path) -> None:
    for country in ("FR", "DE", "IT", "ES"):
        _replace(path, country)
        files.refresh()

    kept = sorted(files.copies["city"].parent.iterdir())
    assert len(kept) == KEPT
    assert files.copies["city"] in kept


def test_what_a_killed_copy_left_goes_at_the_next_start(files: GeoFiles, path: Path) -> None:
    directory = files.copies["city"].parent
    (directory / ".a1_b2c3d.tmp").write_bytes(b"cut sho")

    GeoFiles(city=path, asn=None, directory=directory).refresh()

    assert list(directory.iterdir()) == [files.copies["city"]]


def test_a_directory_that_cannot_be_written_is_said(tmp_path: Path, path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    files = GeoFiles(city=path, asn=None, directory=tmp_path / "file" / "geoip")

    with pytest.raises(SettingsError, match="cannot be copied"):
        files.refresh()


def test_the_factory_writes_what_the_format_says() -> None:
    assert mmdb({}, kind="x").count(b"\xab\xcd\xefMaxMind.com") == 1
