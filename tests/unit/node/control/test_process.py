# SPDX-License-Identifier: Apache-2.0
"""The control process, run in a thread: what it says, and how it ends."""

from __future__ import annotations

import queue
import socket
import threading
from typing import TYPE_CHECKING, Any

import pytest

from authz.node.channel import Channel
from authz.node.control import process as module
from authz.node.control.config import ControlConfig
from authz.node.control.messages import (
    FromControl,
    InForce,
    Listening,
    NewSnapshot,
    Rebuild,
    Tell,
)
from authz.node.control.metrics import PUBLICATION_FAILURES
from authz.node.control.process import Control, main
from authz.node.keeper_messages import Failed, Inquire, Numbers
from authz.node.messages import LogOtlpConfig, TracingConfig
from authz.observability.activity import Report
from authz.observability.log import hand_to
from tests.factories.events import BLOCKED
from tests.factories.otlp import Collector

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.factories.populated import World

PATIENCE = 20.0


class _Running:
    """A control process in a thread; what it says is waited for."""

    def __init__(self, directory: Path, **changes: Any) -> None:
        ours, theirs = socket.socketpair()
        self.theirs = theirs
        self.channel: Channel[FromControl] = Channel(ours, FromControl)
        self.config = ControlConfig(
            **{
                "data_dir": str(directory),
                "snapshots": str(directory / "snapshots"),
                "geo_directory": str(directory / "geoip"),
                "geoip": {},
                "database": "sqlite",
                "log_format": "json",
                "log_level": "error",
                **changes,
            }
        )
        self.control = Control(Channel(theirs, module.ToControl), self.config)
        self.status: int | None = None
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self) -> None:
        self.status = self.control.run()

    def said(self, kind: type[Any]) -> Any:
        while (message := self.channel.receive()) is not None:
            if isinstance(message, kind):
                return message
        raise AssertionError(f"no {kind}")

    def end(self) -> int | None:
        self.channel.shutdown()
        self._thread.join(PATIENCE)
        self.channel.close()
        self.control._channel.close()
        return self.status


@pytest.fixture
def ends(monkeypatch: pytest.MonkeyPatch) -> queue.SimpleQueue[int]:
    """The exit statuses with which it would have ended at once."""
    statuses: queue.SimpleQueue[int] = queue.SimpleQueue()
    monkeypatch.setattr(module, "end", statuses.put)
    return statuses


@pytest.fixture
def running(tmp_path: Path, world: World) -> Iterator[_Running]:
    made = _Running(tmp_path)
    yield made
    made.end()


def test_it_follows_the_store(running: _Running, world: World) -> None:
    assert running.said(Listening) == Listening(sds=None, publication=None)
    assert running.said(NewSnapshot).generation == 1

    world.revoke_serial(7)
    assert running.said(NewSnapshot).generation == 2

    running.channel.send(Rebuild())
    assert running.said(NewSnapshot).generation == 3
    assert running.end() == 0


def test_it_gives_its_metrics(running: _Running, world: World) -> None:
    running.said(NewSnapshot)
    running.channel.send(InForce(generation=1, file="/nowhere"))
    running.channel.send(Inquire(number=5))

    numbers = running.said(Numbers)

    assert numbers.number == 5
    assert b"authz_store_up 1.0" in numbers.text
    # Of every kind from the beginning: the first failure is an increase.
    for kind in PUBLICATION_FAILURES:
        assert f'authz_publication_failures_total{{kind="{kind}"}} 0.0'.encode() in numbers.text
    assert b"authz_publications_total 1.0" in numbers.text
    assert b"authz_events_not_kept_total 0.0" in numbers.text


def test_what_workers_tell_is_written_at_the_latest_at_the_end(
    running: _Running, world: World
) -> None:
    running.said(NewSnapshot)
    running.channel.send(Tell(report=Report(events=(BLOCKED,))))
    running.channel.send(Inquire(number=1))
    running.said(Numbers)

    assert running.end() == 0

    with world.store.read() as session:
        assert [one.id for one in session.events.latest(most=10)] == [BLOCKED.id]


def test_a_policy_file_that_was_never_good_is_told(
    tmp_path: Path, world: World, ends: queue.SimpleQueue[int]
) -> None:
    (tmp_path / "policy.yaml").write_text("sites: [")
    running = _Running(tmp_path, policy=str(tmp_path / "policy.yaml"))
    try:
        assert "policy.yaml" in running.said(Failed).message
        assert ends.get(timeout=PATIENCE) == module.EXIT_CONFIGURATION
    finally:
        running.end()


def test_one_that_takes_over_goes_on_whatever_the_file_says_by_now(
    tmp_path: Path, world: World
) -> None:
    policy = tmp_path / "policy.yaml"
    policy.write_text('sites: [{name: file, hosts: ["www.example.com"]}]\n')
    first = _Running(tmp_path, policy=str(policy))
    file = first.said(NewSnapshot).file
    first.end()
    policy.write_text("sites: [")

    second = _Running(tmp_path, policy=str(policy), resumed=file)
    try:
        assert second.said(NewSnapshot).sites == 2
    finally:
        second.end()


def test_a_defect_of_a_thread_ends_it(
    tmp_path: Path,
    world: World,
    ends: queue.SimpleQueue[int],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def broken(_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr("authz.node.control.activity.ActivityWriter.run", broken)
    running = _Running(tmp_path)
    try:
        assert ends.get(timeout=PATIENCE) == 1
    finally:
        running.end()


def test_a_port_that_is_taken_is_told(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        running = _Running(tmp_path, database=None, sds=address)
        try:
            assert running.said(Failed).message
        finally:
            assert running.end() == module.EXIT_CONFIGURATION


def test_trust_bundles_are_served_out_of_what_is_in_force(tmp_path: Path, world: World) -> None:
    running = _Running(tmp_path, sds="127.0.0.1:0")
    try:
        listening = running.said(Listening)
        assert listening.sds is not None
        new = running.said(NewSnapshot)
        running.channel.send(InForce(generation=new.generation, file=new.file))
        running.channel.send(InForce(generation=new.generation, file="/nowhere"))
        running.channel.send(Inquire(number=1))
        text = running.said(Numbers).text.decode()
    finally:
        assert running.end() == 0

    assert "authz_sds" in text


def test_a_supervisor_that_cannot_be_understood_ends_it(running: _Running) -> None:
    running.said(Listening)
    running.channel._socket.sendall(b"\x01\x00\x00\x00\xc1")

    assert running.end() == 0


@pytest.fixture
def as_main(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """`main` leaves its end open and the log configured: its process ends with it."""
    made: list[Any] = []

    def channel(*given: Any) -> Any:
        made.append(Channel(*given))
        return made[-1]

    monkeypatch.setattr(module, "Channel", channel)
    monkeypatch.setattr(module, "configure_logging", lambda *_: None)
    monkeypatch.setattr(module.signal, "signal", lambda *_: None)
    yield
    for one in made:
        one.close()


@pytest.mark.usefixtures("as_main")
def test_a_supervisor_that_is_gone_at_once_ends_it() -> None:
    ours, theirs = socket.socketpair()
    ours.close()

    assert main([str(theirs.detach())]) == 0


@pytest.mark.usefixtures("as_main")
def test_main_sends_its_log_where_it_is_told_to(tmp_path: Path) -> None:
    ours, theirs = socket.socketpair()
    channel: Channel[FromControl] = Channel(ours, FromControl)
    with Collector() as collector:
        channel.send(
            ControlConfig(
                data_dir=str(tmp_path),
                snapshots="",
                geo_directory="",
                geoip={},
                log_format="json",
                log_level="info",
                log_otlp=LogOtlpConfig(endpoint=collector.endpoint),
            )
        )
        # Nothing that the control process understands.
        ours.sendall(b"\x01\x00\x00\x00\xc1")
        try:
            assert main([str(theirs.detach())]) == 0
        finally:
            hand_to(None)
        channel.close()

        [(process, record)] = collector.told()
    assert process == "control"
    assert record.event_name == "the supervisor cannot be understood"


@pytest.mark.usefixtures("as_main")
def test_main_serves_the_config_that_it_is_told(tmp_path: Path) -> None:
    ours, theirs = socket.socketpair()
    channel: Channel[FromControl] = Channel(ours, FromControl)
    channel.send(
        ControlConfig(
            data_dir=str(tmp_path),
            snapshots="",
            geo_directory="",
            geoip={},
            log_format="json",
            log_level="error",
        )
    )
    ours.shutdown(socket.SHUT_WR)

    assert main([str(theirs.detach())]) == 0
    assert isinstance(channel.receive(), Listening)
    channel.close()


# --- traces --------------------------------------------------------------------------------------


def test_publications_are_spans_where_there_are_traces(tmp_path: Path, world: World) -> None:
    with Collector() as collector:
        running = _Running(tmp_path, tracing=TracingConfig(endpoint=collector.endpoint))
        running.said(NewSnapshot)
        assert running.end() == 0

        # Handed over when it ends, at the latest.
        assert len(collector.spans("authz.publish")) == 1
    [resource] = collector.resources
    assert resource["service.instance.id"] == "control"


def test_traces_that_cannot_be_made_stop_no_publication(
    tmp_path: Path,
    world: World,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", "100000")
    running = _Running(tmp_path, tracing=TracingConfig())
    running.said(NewSnapshot)

    assert running.end() == 0
    assert "publications are not traced" in capsys.readouterr().err
