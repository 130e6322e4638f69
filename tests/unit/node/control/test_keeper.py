# SPDX-License-Identifier: Apache-2.0
"""The keeper of the control process, over processes that are only played."""

from __future__ import annotations

import errno
import os
import queue
import signal
import threading
from typing import TYPE_CHECKING, Any

import pytest

from authz.node import keeper as general
from authz.node.control import keeper as module
from authz.node.control.config import ControlConfig
from authz.node.control.keeper import START_ATTEMPTS, ControlKeeper
from authz.node.control.messages import (
    InForce,
    Listening,
    NewSnapshot,
    Rebuild,
    StoreState,
    Tell,
    ToControl,
)
from authz.node.keeper_messages import Failed, Inquire, Numbers
from authz.node.loader_messages import Finding, Findings
from authz.observability.activity import Report
from authz.observability.log import flush
from authz.whole_files import hold
from tests.factories.played import PATIENCE, Stage, eventually

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from authz.errors import TransportError

CONFIG = ControlConfig(
    data_dir="",
    snapshots="",
    geo_directory="",
    geoip={},
    database="sqlite",
    log_format="json",
    log_level="error",
)


class _Kept(Stage):
    """A keeper and whatever came of it."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, directory: Path) -> None:
        super().__init__(monkeypatch, ToControl)
        self.directory = directory
        self.published: queue.SimpleQueue[NewSnapshot] = queue.SimpleQueue()
        self.failed: queue.SimpleQueue[TransportError] = queue.SimpleQueue()
        self.keeper = ControlKeeper(CONFIG, publish=self.published.put, failed=self.failed.put)

    def snapshot(self, generation: int, **changes: Any) -> NewSnapshot:
        file = self.directory / f"{generation}.snapshot"
        file.write_text("a snapshot")
        return NewSnapshot(generation=generation, file=str(file), sites=1, **changes)


@pytest.fixture
def kept(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[_Kept]:
    made = _Kept(monkeypatch, tmp_path)
    yield made
    made.end(made.keeper.stop)


def test_it_is_told_its_config_and_what_it_publishes_is_handed_on(kept: _Kept) -> None:
    kept.keeper.start()
    process = kept.process()
    assert process.told(ControlConfig) == CONFIG
    process.channel.send(Listening(sds="127.0.0.1:1", publication=None))
    found = kept.keeper.wait_listening(PATIENCE)
    assert found is not None
    assert found.sds == "127.0.0.1:1"

    new = kept.snapshot(3)
    process.channel.send(new)

    assert kept.published.get(timeout=PATIENCE) == new
    assert process.told(InForce) == InForce(generation=3, file=new.file)
    assert kept.keeper.generation == 3


def test_a_snapshot_is_held_until_the_next_one_is_in_force(
    kept: _Kept, monkeypatch: pytest.MonkeyPatch
) -> None:
    holds: list[Any] = []

    def held(file: Path) -> Any:
        holds.append(hold(file))
        return holds[-1]

    monkeypatch.setattr(module, "hold", held)
    kept.keeper.start()
    process = kept.process()
    for generation in (1, 2):
        process.channel.send(kept.snapshot(generation))
        process.told(InForce)

    assert [one.closed for one in holds] == [True, False]
    kept.end(kept.keeper.stop)
    assert holds[1].closed


def test_a_snapshot_that_is_gone_again_is_asked_for_again(kept: _Kept) -> None:
    kept.keeper.start()
    process = kept.process()
    process.channel.send(NewSnapshot(generation=1, file="/nowhere/1.snapshot", sites=1))

    assert process.told(Rebuild) == Rebuild()
    assert kept.published.empty()


def test_a_snapshot_that_cannot_be_held_is_put_in_force_all_the_same(
    kept: _Kept, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A revocation does not wait for descriptors of the supervisor; nothing is built again."""

    def full(file: Path) -> Any:
        raise OSError(errno.EMFILE, os.strerror(errno.EMFILE), str(file))

    monkeypatch.setattr(module, "hold", full)
    kept.keeper.start()
    process = kept.process()
    new = kept.snapshot(1)
    process.channel.send(new)

    assert kept.published.get(timeout=PATIENCE) == new
    assert process.told(InForce) == InForce(generation=1, file=new.file)
    flush()
    assert "a snapshot cannot be held" in capsys.readouterr().err


def test_one_that_is_killed_is_started_again_and_told_what_is_in_force(kept: _Kept) -> None:
    kept.keeper.start()
    first = kept.process()
    new = kept.snapshot(1)
    first.channel.send(new)
    first.told(InForce)

    first.die(-signal.SIGKILL)
    second = kept.process()

    config = second.told(ControlConfig)
    assert config.resumed == new.file
    assert second.told(InForce).generation == 1
    assert kept.keeper.restarts == 1
    assert "started again" in kept.keeper.trouble
    assert kept.keeper.alive

    second.channel.send(kept.snapshot(2, last_good=True))
    kept.published.get(timeout=PATIENCE)
    kept.published.get(timeout=PATIENCE)
    assert "started again" in kept.keeper.trouble
    second.channel.send(kept.snapshot(3))
    eventually(lambda: kept.keeper.trouble == "")


def test_the_state_of_the_store_is_known(kept: _Kept) -> None:
    kept.keeper.start()
    process = kept.process()

    process.channel.send(StoreState(why="it is down"))
    eventually(lambda: kept.keeper.trouble == "it is down")
    process.channel.send(StoreState(why=""))
    eventually(lambda: kept.keeper.trouble == "")


def test_what_an_operator_must_mend_ends_a_node_that_never_served(kept: _Kept) -> None:
    kept.keeper.start()
    process = kept.process()

    process.channel.send(Failed(message="the policy is broken", hint="mend it"))

    failure = kept.failed.get(timeout=PATIENCE)
    assert (failure.message, failure.hint) == ("the policy is broken", "mend it")


def test_it_is_only_logged_once_there_is_something_to_answer_by(
    kept: _Kept, capsys: pytest.CaptureFixture[str]
) -> None:
    kept.keeper.start()
    process = kept.process()
    process.channel.send(kept.snapshot(1))
    process.channel.send(Failed(message="the port is taken", hint=None))

    eventually(lambda: "the port is taken" in capsys.readouterr().err)
    assert kept.failed.empty()


def test_five_deaths_before_anything_was_published_end_the_node(kept: _Kept) -> None:
    kept.keeper.start()
    for _ in range(START_ATTEMPTS):
        kept.process().die(1)

    failure = kept.failed.get(timeout=PATIENCE)

    assert f"{START_ATTEMPTS} times" in failure.message
    assert "status 1" in failure.message
    # Where the node goes on all the same (SDS alone beside a policy), it is kept alive.
    assert kept.process() is not None


def test_deaths_after_that_never_do(kept: _Kept) -> None:
    kept.keeper.start()
    process = kept.process()
    process.channel.send(kept.snapshot(1))
    kept.published.get(timeout=PATIENCE)
    for _ in range(START_ATTEMPTS + 2):
        process.die(1)
        process = kept.process()

    assert kept.failed.empty()
    assert kept.keeper.restarts == START_ATTEMPTS + 2


def test_metrics_are_asked_for(kept: _Kept, monkeypatch: pytest.MonkeyPatch) -> None:
    # A busy machine is no control process that does not answer; and no pulse comes in between.
    monkeypatch.setattr(general, "INQUIRE_SECONDS", PATIENCE)
    monkeypatch.setattr(general, "PULSE_SECONDS", PATIENCE)
    kept.keeper.start()
    process = kept.process()
    # Only from then on there is somebody to ask.
    process.told(ControlConfig)
    rendered: queue.SimpleQueue[bytes] = queue.SimpleQueue()
    asking = threading.Thread(target=lambda: rendered.put(kept.keeper.render()))
    asking.start()

    number = process.told(Inquire).number
    process.channel.send(Numbers(number=number, text=b"authz_store_up 1.0\n"))

    text = rendered.get(timeout=PATIENCE).decode()
    asking.join()
    assert "authz_control_restarts_total 0.0" in text
    assert text.endswith("authz_store_up 1.0\n")


def test_reports_and_requests_are_handed_on(kept: _Kept) -> None:
    # Before it runs, nobody is there to be told.
    kept.keeper.rebuild()
    kept.keeper.start()
    process = kept.process()
    process.told(ControlConfig)

    kept.keeper.tell(Report(seen={"a": 1.0}))
    kept.keeper.rebuild()

    assert process.told(Tell).report.seen == {"a": 1.0}
    assert process.told(Rebuild) == Rebuild()


def test_findings_are_logged(kept: _Kept, capsys: pytest.CaptureFixture[str]) -> None:
    kept.keeper.start()
    process = kept.process()
    one = Finding(where="api", rule="r", code="C", finding="odd", hint=None)

    process.channel.send(Findings(first=(one,), count=3))

    text = ""

    def logged() -> bool:
        nonlocal text
        text += capsys.readouterr().err
        return "more findings" in text

    eventually(logged)
    assert '"finding": "odd"' in text
