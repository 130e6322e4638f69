# SPDX-License-Identifier: Apache-2.0
"""Change is a different content, however it came about."""

from __future__ import annotations

import os
import threading
from typing import TYPE_CHECKING

import pytest

from authz.sources import watch
from authz.sources.watch import SETTLE_SECONDS, ContentWatcher, contents_of, watch_files

if TYPE_CHECKING:
    from pathlib import Path


class Files:
    """Counts how often contents are read."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.reads = 0
        original = watch.digest_of_file

        def counted(path: Path) -> str | None:
            self.reads += 1
            return original(path)

        monkeypatch.setattr(watch, "digest_of_file", counted)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "policy.yaml"
    path.write_text("one")
    return path


def watcher(*paths: Path, later: float = 1e6) -> ContentWatcher:
    """A watcher for which all time stamps are `later` seconds old."""
    newest = max(path.stat().st_ctime for path in paths)
    return ContentWatcher(contents_of(paths), clock=lambda: newest + later)


def test_nothing_changed_is_nothing_reported(file: Path) -> None:
    watching = watcher(file)

    assert watching.poll_once() == watching.poll_once() == frozenset()


def test_a_write_is_reported_until_it_is_loaded(file: Path) -> None:
    watching = watcher(file)
    file.write_text("two")

    assert watching.poll_once() == watching.poll_once() == {file}
    watching.watch(contents_of([file]))
    assert watching.poll_once() == frozenset()


def test_touch_is_no_change(file: Path) -> None:
    watching = watcher(file)
    watching.poll_once()
    os.utime(file, (1, 1))

    assert watching.poll_once() == frozenset()


def test_a_change_back_is_no_change(file: Path) -> None:
    watching = watcher(file)
    file.write_text("two")
    assert watching.poll_once() == {file}
    file.write_text("one")

    assert watching.poll_once() == frozenset()


def test_a_file_put_in_its_place_is_a_change(file: Path, tmp_path: Path) -> None:
    watching = watcher(file)
    watching.poll_once()
    (tmp_path / "new").write_text("two")
    (tmp_path / "new").replace(file)

    assert watching.poll_once() == {file}


def test_a_swapped_directory_link_is_a_change(tmp_path: Path) -> None:
    """Kubernetes swaps `..data`; the path of the file stays the same."""
    for name, text in (("v1", "one"), ("v2", "two")):
        (tmp_path / name).mkdir()
        (tmp_path / name / "policy.yaml").write_text(text)
    (tmp_path / "..data").symlink_to("v1")
    (tmp_path / "policy.yaml").symlink_to("..data/policy.yaml")
    watching = watcher(tmp_path / "policy.yaml")
    watching.poll_once()
    (tmp_path / "..tmp").symlink_to("v2")
    (tmp_path / "..tmp").replace(tmp_path / "..data")

    assert watching.poll_once() == {tmp_path / "policy.yaml"}


def test_a_file_that_vanishes_or_appears_is_a_change(file: Path, tmp_path: Path) -> None:
    missing = tmp_path / "missing"
    watching = ContentWatcher(contents_of([file, missing]))
    assert watching.poll_once() == frozenset()
    file.unlink()
    missing.write_text("here")

    assert watching.poll_once() == {file, missing}


def test_settled_files_are_not_read_again(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    watching = watcher(file)
    files = Files(monkeypatch)
    for _ in range(5):
        watching.poll_once()

    assert files.reads == 1


def test_fresh_files_are_read_again_because_stamps_are_coarse(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    watching = watcher(file, later=SETTLE_SECONDS / 2)
    files = Files(monkeypatch)
    watching.poll_once()
    watching.poll_once()

    assert files.reads == 2


def test_a_second_write_with_the_same_stamp_is_seen(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A fresh stamp is not believed: pretend that it never changes."""
    stamp = watch._stamp(file)
    monkeypatch.setattr(watch, "_stamp", lambda _: stamp)
    watching = watcher(file, later=SETTLE_SECONDS / 2)
    assert watching.poll_once() == frozenset()
    file.write_text("two")

    assert watching.poll_once() == {file}


def test_a_failed_load_is_not_tried_again_before_something_changes(file: Path) -> None:
    watching = watcher(file)
    file.write_text("broken")
    assert watching.poll_once() == {file}
    watching.watch(contents_of([file]))
    assert watching.poll_once() == frozenset()
    file.write_text("mended")

    assert watching.poll_once() == {file}


def test_files_that_are_not_used_any_more_are_not_watched(file: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.write_text("x")
    watching = watcher(file, other)
    watching.watch(contents_of([file]))
    other.write_text("y")

    assert watching.poll_once() == frozenset()


def test_the_loop_reports_and_ends(file: Path) -> None:
    stop = threading.Event()
    watching = watcher(file)
    file.write_text("two")
    seen: list[frozenset[Path]] = []

    def on_change(changed: frozenset[Path]) -> None:
        seen.append(changed)
        stop.set()

    watch_files(watching, on_change, stop, interval=0.001)

    assert seen == [{file}]
