# SPDX-License-Identifier: Apache-2.0
"""Noticing that files changed, by content.

A file counts as changed when its bytes differ from those that were loaded: `touch` is no change, a
symbolic link that points elsewhere (a mounted Kubernetes ConfigMap swaps one) is, and so is a file
that appeared or vanished. Polling works on every file system, network mounts included, where
inotify does not. What to do about a change is the caller's business: it loads again, keeps the last
good policy when that fails, and hands the new `contents` to `watch`.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from authz.sources.files import digest_of_file

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable, Iterable, Mapping
    from pathlib import Path

#: Often enough that nobody waits for a reload, rare enough to cost nothing: one stat a file.
POLL_SECONDS: Final = 1.0

#: A file changed this recently can change again without its stat telling: time stamps are as
#: coarse as two seconds (FAT), one on NFS, a few milliseconds elsewhere.
SETTLE_SECONDS: Final = 3.0

_Stamp = tuple[int, ...]


@dataclass(slots=True)
class _Watched:
    """One file: the content that was loaded, and the stamp under which it was last seen so."""

    content: str | None
    stamp: _Stamp | None = None


def contents_of(paths: Iterable[Path]) -> dict[Path, str | None]:
    """The digest of each file, None for one that cannot be read."""
    return {path: digest_of_file(path) for path in paths}


class ContentWatcher:
    """Compares files with what was loaded from them. Not for several threads at once.

    Args:
        contents: what was loaded: digest by path, None for a file that could not be read
            (`LoadedPolicy.contents`, `FileReader.contents`, `contents_of`).
        clock: Unix time, to tell fresh time stamps from settled ones.
    """

    def __init__(
        self,
        contents: Mapping[Path, str | None],
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._clock = clock
        self._files: dict[Path, _Watched] = {}
        self.watch(contents)

    def watch(self, contents: Mapping[Path, str | None]) -> None:
        """Compare with these contents from now on, and look at no other files."""
        self._files = {path: _Watched(content) for path, content in contents.items()}

    def poll_once(self) -> frozenset[Path]:
        """The files whose content differs from what was loaded.

        They are reported again by every poll until `watch` is told what was loaded instead.
        """
        return frozenset(path for path, seen in self._files.items() if self._changed(path, seen))

    def _changed(self, path: Path, seen: _Watched) -> bool:
        stamp = _stamp(path)
        if stamp is not None and stamp == seen.stamp:
            return False
        changed = digest_of_file(path) != seen.content
        seen.stamp = None
        # The stamp was taken before the content: a write in between shows in the next stamp.
        if stamp is not None and not changed and self._is_settled(stamp):
            seen.stamp = stamp
        return changed

    def _is_settled(self, stamp: _Stamp) -> bool:
        newest = max(stamp[-2:]) / 1e9
        return not 0 <= self._clock() - newest < SETTLE_SECONDS


def watch_files(
    watcher: ContentWatcher,
    on_change: Callable[[frozenset[Path]], None],
    stop: threading.Event,
    interval: float = POLL_SECONDS,
) -> None:
    """Poll until `stop` is set; the body of a thread.

    `on_change` gets the changed files and calls `watcher.watch` with what it loaded, or tried to.
    """
    while not stop.wait(interval):
        changed = watcher.poll_once()
        if changed:
            on_change(changed)


def _stamp(path: Path) -> _Stamp | None:
    """What `stat` says about a file, links followed; None when there is nothing to look at."""
    try:
        status = path.stat()
    except OSError:
        return None
    return (
        status.st_dev,
        status.st_ino,
        status.st_size,
        status.st_mtime_ns,
        status.st_ctime_ns,
    )
