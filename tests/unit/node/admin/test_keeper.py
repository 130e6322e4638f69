# SPDX-License-Identifier: Apache-2.0
"""The keeper of the process that serves the API, over processes that are only played."""

from __future__ import annotations

import queue
import socket
import threading
from typing import TYPE_CHECKING, Any

import pytest

from authz.node import keeper as general
from authz.node.admin import keeper as module
from authz.node.admin.config import AdminConfig
from authz.node.admin.keeper import AdminKeeper
from authz.node.admin.messages import Databases, ToAdmin
from authz.node.keeper_messages import Failed, Inquire, Numbers
from tests.factories.played import PATIENCE, Stage, eventually

if TYPE_CHECKING:
    from collections.abc import Iterator

CONFIG = AdminConfig(
    listen="127.0.0.1:1", database="sqlite", data_dir="", log_format="json", log_level="error"
)


class _Kept(Stage):
    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        super().__init__(monkeypatch, ToAdmin)
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.descriptor = self.listener.fileno()
        self.keeper = AdminKeeper(CONFIG, self.listener)


@pytest.fixture
def kept(monkeypatch: pytest.MonkeyPatch) -> Iterator[_Kept]:
    made = _Kept(monkeypatch)
    yield made
    made.end(made.keeper.stop)


def test_it_is_started_once_the_node_serves_and_gets_the_socket(kept: _Kept) -> None:
    kept.keeper.start()
    assert kept.is_empty
    kept.keeper.serving()
    process = kept.process()

    assert process.told(AdminConfig) == CONFIG
    assert process.descriptors == (kept.descriptor,)
    assert kept.gave_way == [process.pid]
    assert kept.keeper.address == "127.0.0.1:1"


def test_it_is_started_all_the_same_when_the_node_does_not_serve(
    kept: _Kept, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "START_SECONDS", 0.01)
    kept.keeper.start()
    assert kept.process().told(AdminConfig) == CONFIG


def test_it_knows_the_databases_in_force_in_each_of_its_lives(kept: _Kept) -> None:
    kept.keeper.use(Databases(city="1.mmdb"))
    kept.keeper.serving()
    kept.keeper.start()
    first = kept.process()
    assert first.told(Databases) == Databases(city="1.mmdb")

    kept.keeper.use(Databases(city="1.mmdb"))
    kept.keeper.use(Databases(city="2.mmdb"))
    assert first.told(Databases) == Databases(city="2.mmdb"), "nothing twice"

    first.die(1)
    assert kept.process().told(Databases) == Databases(city="2.mmdb")


def test_metrics_say_whether_it_answers(kept: _Kept, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(general, "PULSE_SECONDS", PATIENCE)
    assert b"authz_api_up 0\n" in kept.keeper.render()
    monkeypatch.setattr(general, "INQUIRE_SECONDS", PATIENCE)
    kept.keeper.serving()
    kept.keeper.start()
    process = kept.process()
    process.told(AdminConfig)
    rendered: queue.SimpleQueue[bytes] = queue.SimpleQueue()
    asking = threading.Thread(target=lambda: rendered.put(kept.keeper.render()))
    asking.start()

    number = process.told(Inquire).number
    process.channel.send(Numbers(number=number, text=b"authz_api_connections 0\n"))
    text = rendered.get(timeout=PATIENCE).decode()
    asking.join()

    assert "authz_api_up 1\n" in text
    assert "authz_api_restarts_total 0\n" in text
    assert text.endswith("authz_api_connections 0\n")


def test_what_an_operator_must_mend_is_logged_and_it_is_started_again(
    kept: _Kept, log_lines: list[dict[str, Any]]
) -> None:
    kept.keeper.serving()
    kept.keeper.start()
    process = kept.process()

    process.channel.send(Failed(message="the certificate is gone", hint="put it back"))
    process.die(2)

    assert kept.process() is not None
    eventually(lambda: any(one["event"] == "the API cannot be served" for one in log_lines))
    assert kept.keeper.restarts == 1


def test_hanging_up_closes_the_socket_and_does_not_wait(kept: _Kept) -> None:
    kept.keeper.serving()
    kept.keeper.start()
    process = kept.process()
    process.told(AdminConfig)

    kept.keeper.hang_up()

    assert kept.listener.fileno() == -1
    assert process.told_nothing_more()
    process.die(0)


def test_one_that_was_not_started_yet_never_is(kept: _Kept) -> None:
    kept.keeper.start()
    kept.keeper.stop()
    assert kept.is_empty
