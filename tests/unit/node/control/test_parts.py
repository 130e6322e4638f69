# SPDX-License-Identifier: Apache-2.0
"""The files beside the store: read once, looked at, and kept as they were last good."""

from __future__ import annotations

import shutil
import threading
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from authz.errors import AuthzError, SettingsError
from authz.node.control import parts as module
from authz.node.control.parts import FileParts
from authz.policy.model import PolicyModel
from tests.factories.mmdb import city_file
from tests.factories.policies import site

if TYPE_CHECKING:
    from collections.abc import Callable

ONE = 'sites: [{name: one, hosts: ["*"]}]\n'
TWO = ONE.replace("one", "two")


class _Parts:
    def __init__(self, directory: Path) -> None:
        self.policy = directory / "policy.yaml"
        self.city = directory / "city.mmdb"
        self.failures: list[tuple[str, str]] = []
        self.during: Callable[[], object] = lambda: None
        self.directory = directory

    def make(
        self, *, policy: bool = True, city: bool = False, earlier: PolicyModel | None = None
    ) -> FileParts:
        return FileParts(
            policy=self.policy if policy else None,
            geoip={"city": str(self.city)} if city else {},
            geo_directory=self.directory / "geoip",
            failed=lambda kind, error: self.failures.append((kind, str(error))),
            earlier=earlier,
            sleep=lambda _: self.during(),
        )


@pytest.fixture
def files(tmp_path: Path) -> _Parts:
    made = _Parts(tmp_path)
    made.policy.write_text(ONE)
    return made


def _names(parts: FileParts) -> list[str]:
    return [one.name for one in parts.model.sites]


def test_without_files_there_is_nothing(files: _Parts) -> None:
    parts = files.make(policy=False)
    parts.first()
    parts.look()

    assert parts.model.sites == ()
    assert parts.databases is None
    assert parts.copies == {}
    assert not parts.take_fresh()


def test_a_change_is_fresh_once(files: _Parts) -> None:
    parts = files.make()
    parts.first()
    assert _names(parts) == ["one"]
    assert parts.take_fresh()
    assert not parts.take_fresh()

    parts.look()
    assert not parts.take_fresh()

    files.policy.write_text(TWO)
    parts.look()
    assert _names(parts) == ["two"]
    assert parts.take_fresh()


def test_a_broken_file_keeps_the_last_good_and_is_told_once(files: _Parts) -> None:
    parts = files.make()
    parts.first()
    parts.take_fresh()

    files.policy.write_text("sites: [")
    parts.look()
    parts.look()

    assert _names(parts) == ["one"]
    assert not parts.take_fresh()
    assert [kind for kind, _ in files.failures] == ["policy"]

    files.policy.unlink()
    parts.look()
    assert _names(parts) == ["one"]
    assert len(files.failures) == 2

    files.policy.write_text(TWO)
    parts.look()
    assert _names(parts) == ["two"]


def test_a_file_that_is_being_written_is_read_when_it_is_whole(files: _Parts) -> None:
    parts = files.make()
    parts.first()

    def goes_on() -> None:
        files.policy.write_text(TWO)

    files.during = goes_on
    # Half of it is a policy as well.
    files.policy.write_text(TWO.replace("two", "half"))
    parts.look()
    assert _names(parts) == ["one"]

    files.during = lambda: None
    parts.look()
    assert _names(parts) == ["two"]
    assert files.failures == []


def test_a_file_whose_name_leads_elsewhere_by_now_is_not_mixed(
    files: _Parts, monkeypatch: pytest.MonkeyPatch
) -> None:
    parts = files.make()
    parts.first()
    real = module.load_policy

    def replaced(*given: object) -> object:
        loaded = real(*given)  # type: ignore[arg-type]  # as they came
        new = files.policy.with_suffix(".new")
        new.write_text(TWO)
        new.replace(files.policy)
        return loaded

    monkeypatch.setattr(module, "load_policy", replaced)
    files.policy.write_text(TWO.replace("two", "half"))
    parts.look()
    assert _names(parts) == ["one"]

    monkeypatch.setattr(module, "load_policy", real)
    parts.look()
    assert _names(parts) == ["two"]


def test_a_file_that_never_was_good_is_an_error(files: _Parts) -> None:
    files.policy.write_text("sites: [")

    with pytest.raises(AuthzError):
        files.make().first()


def test_one_that_takes_over_goes_on_with_what_was_in_force(files: _Parts) -> None:
    files.policy.write_text("sites: [")
    parts = files.make(earlier=PolicyModel(sites=(site(name="earlier"),)))

    parts.first()
    assert _names(parts) == ["earlier"]
    assert [kind for kind, _ in files.failures] == ["policy"]

    files.policy.write_text(TWO)
    parts.look()
    assert _names(parts) == ["two"]
    assert parts.take_fresh()


def test_databases_are_copied_and_followed(files: _Parts) -> None:
    city_file(files.city, {"192.0.2.0/24": {"country": {"iso_code": "DE"}}})
    parts = files.make(city=True)
    parts.first()
    first = parts.copies["city"]
    assert parts.databases is not None
    parts.take_fresh()

    city_file(files.city, {"192.0.2.0/24": {"country": {"iso_code": "FR"}}})
    parts.look()
    assert parts.take_fresh()
    assert parts.copies["city"] != first

    good = parts.copies
    files.city.write_bytes(b"no database")
    parts.look()
    assert parts.copies == good
    assert [kind for kind, _ in files.failures] == ["geoip"]


def test_a_database_that_cannot_be_used_is_an_error_at_first(files: _Parts) -> None:
    with pytest.raises(SettingsError):
        files.make(city=True).first()


def test_copies_that_are_gone_leave_what_is_open(files: _Parts) -> None:
    city_file(files.city, {"192.0.2.0/24": {"country": {"iso_code": "DE"}}})
    parts = files.make(city=True)
    parts.first()
    before = parts.databases
    shutil.rmtree(files.directory / "geoip")
    Path(files.directory / "geoip").write_text("in the way")

    city_file(files.city, {"192.0.2.0/24": {"country": {"iso_code": "FR"}}})
    parts.look()

    assert parts.databases is before
    assert {kind for kind, _ in files.failures} == {"geoip"}


def test_the_thread_looks_from_the_first_reading_on_until_it_is_stopped(
    files: _Parts, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "LOOK_SECONDS", 0.001)
    parts = files.make()
    looked = threading.Event()
    monkeypatch.setattr(parts, "look", looked.set)
    thread = threading.Thread(target=parts.run)
    thread.start()
    assert not looked.is_set()

    parts.first()
    assert looked.wait(10.0)

    parts.stop()
    thread.join(10.0)
    assert not thread.is_alive()


def test_a_thread_that_is_stopped_before_the_first_reading_ends(files: _Parts) -> None:
    parts = files.make()
    parts.stop()

    parts.run()

    assert parts.model.sites == ()
