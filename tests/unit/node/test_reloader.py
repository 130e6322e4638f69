# SPDX-License-Identifier: Apache-2.0
"""Noticing changes and loading again, whatever goes wrong."""

from __future__ import annotations

import queue
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest

from authz.errors import AuthzError, PolicyError
from authz.node.reloader import POLL_SECONDS, Reloader
from authz.observability.log import flush

if TYPE_CHECKING:
    from collections.abc import Iterator

LONG = 3600.0
SHORT = 0.001


class _Policy:
    """A policy whose files change when `change` is called; every step is put into `seen`."""

    def __init__(self) -> None:
        self.seen: queue.SimpleQueue[object] = queue.SimpleQueue()
        self.is_changed = False
        self.error: BaseException | None = None

    def changed(self) -> bool:
        was, self.is_changed = self.is_changed, False
        return was

    def reload(self) -> None:
        if self.error is not None:
            error, self.error = self.error, None
            if not isinstance(error, AuthzError):
                self.seen.put(error)
            raise error
        self.seen.put("loaded")

    def next(self) -> object:
        return self.seen.get(timeout=10)


@pytest.fixture
def policy() -> _Policy:
    return _Policy()


@pytest.fixture
def start(policy: _Policy) -> Iterator[object]:
    started: list[Reloader] = []

    def _start(poll_seconds: float) -> Reloader:
        reloader = Reloader(
            changed=policy.changed,
            reload=policy.reload,
            failed=policy.seen.put,
            poll_seconds=poll_seconds,
        )
        reloader.start()
        started.append(reloader)
        return reloader

    yield _start
    for reloader in started:
        reloader.stop()


def test_a_change_is_loaded_once(policy: _Policy, start) -> None:
    policy.is_changed = True
    start(SHORT)
    assert policy.next() == "loaded"
    with pytest.raises(queue.Empty):
        policy.seen.get(timeout=50 * SHORT)


def test_a_request_loads_without_a_change(policy: _Policy, start) -> None:
    reloader = start(LONG)
    reloader.request()
    assert policy.next() == "loaded"
    reloader.request()
    assert policy.next() == "loaded"


class _AskedTooLate(threading.Event):
    """Is set the first time after nobody had set it for as long as somebody waited."""

    def __init__(self) -> None:
        super().__init__()
        self._is_first = True

    def wait(self, timeout: float | None = None) -> bool:
        if self._is_first:
            self._is_first = False
            self.set()
            return False
        return super().wait(timeout)


def test_a_request_just_after_a_wait_is_not_forgotten(policy: _Policy) -> None:
    reloader = Reloader(
        changed=policy.changed, reload=policy.reload, failed=policy.seen.put, poll_seconds=LONG
    )
    reloader._asked = _AskedTooLate()
    reloader.start()
    try:
        assert policy.next() == "loaded"
    finally:
        reloader.stop()


def test_a_failure_is_told_and_watching_goes_on(policy: _Policy, start) -> None:
    policy.error = PolicyError("bad")
    policy.is_changed = True
    start(SHORT)
    assert str(policy.next()) == "bad"
    policy.is_changed = True
    assert policy.next() == "loaded"


def test_a_defect_is_logged_and_watching_goes_on(
    policy: _Policy, start, capfd: pytest.CaptureFixture[str]
) -> None:
    policy.error = RuntimeError("a defect of ours")
    reloader = start(LONG)
    reloader.request()
    assert str(policy.next()) == "a defect of ours"
    reloader.request()
    assert policy.next() == "loaded"
    flush()
    assert "a defect of ours" in capfd.readouterr().err


def test_a_failure_that_cannot_be_told_does_not_end_watching(policy: _Policy) -> None:
    def cannot_tell(error: AuthzError) -> None:
        policy.seen.put(error)
        raise OSError("broken pipe")

    reloader = Reloader(
        changed=policy.changed, reload=policy.reload, failed=cannot_tell, poll_seconds=LONG
    )
    reloader.start()
    policy.error = PolicyError("bad")
    reloader.request()
    assert str(policy.next()) == "bad"
    reloader.request()
    assert policy.next() == "loaded"
    assert reloader.alive
    reloader.stop()


def test_the_end_of_watching_is_known(policy: _Policy, monkeypatch: pytest.MonkeyPatch) -> None:
    reloader = Reloader(
        changed=policy.changed, reload=policy.reload, failed=policy.seen.put, poll_seconds=SHORT
    )
    assert reloader.alive  # not begun is not ended

    def none_left(*_: object, **__: object) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(ThreadPoolExecutor, "submit", none_left)
    monkeypatch.setattr(threading, "excepthook", policy.seen.put)
    reloader.start()
    assert "can't start" in str(policy.next())
    reloader._thread.join(10)
    assert not reloader.alive
    reloader.stop()
    assert reloader.alive  # stopped is not ended by itself


def test_files_are_looked_at_at_least_every_second() -> None:
    assert POLL_SECONDS <= 1.0
