# SPDX-License-Identifier: Apache-2.0
"""Messages between supervisor and worker: whole, in order, bounded in size and time."""

from __future__ import annotations

import socket
import struct
import threading
from typing import TYPE_CHECKING

import pytest

from authz.node import channel as channel_module
from authz.node.channel import Channel, ChannelClosedError
from authz.node.messages import Collect, Drain, Export, Load, ToSupervisor, ToWorker

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def ends() -> Iterator[tuple[Channel[ToSupervisor], Channel[ToWorker]]]:
    """The supervisor's end and the worker's."""
    one, other = socket.socketpair()
    supervisor: Channel[ToSupervisor] = Channel(one, ToSupervisor)
    worker: Channel[ToWorker] = Channel(other, ToWorker)
    yield supervisor, worker
    supervisor.close()
    worker.close()


Ends = tuple[Channel[ToSupervisor], Channel[ToWorker]]


def test_messages_arrive_whole_and_in_order(ends: Ends) -> None:
    supervisor, worker = ends
    sent = [Load(generation=1, file="/a"), Collect(number=2), Drain()]
    for message in sent:
        supervisor.send(message)
    assert [worker.receive() for _ in sent] == sent


def test_a_message_larger_than_the_sockets_buffer_arrives(ends: Ends) -> None:
    supervisor, worker = ends
    message = Export(number=1, metrics={"padding": "x" * 2_000_000})
    sender = threading.Thread(target=worker.send, args=(message,))
    sender.start()
    assert supervisor.receive() == message
    sender.join()


def test_a_report_fits_into_a_channel_that_nobody_reads() -> None:
    ours, theirs = socket.socketpair()
    # As where net.core.wmem_default is small.
    ours.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
    worker: Channel[ToWorker] = Channel(ours, ToWorker)
    worker.send(Export(number=1, metrics={"as long as a report": "x" * 106_000}))
    theirs.close()
    worker.close()


def test_senders_on_several_threads_do_not_mix(ends: Ends) -> None:
    supervisor, worker = ends
    count = 50

    def send(number: int) -> None:
        for _ in range(count):
            worker.send(Export(number=number, metrics={"padding": str(number) * 3000}))

    threads = [threading.Thread(target=send, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    received = [supervisor.receive() for _ in range(4 * count)]
    for thread in threads:
        thread.join()
    for message in received:
        assert isinstance(message, Export)
        assert message.metrics["padding"] == str(message.number) * 3000


def test_the_end_of_the_other_side_is_none(ends: Ends) -> None:
    supervisor, worker = ends
    supervisor.close()
    assert worker.receive() is None


def test_half_a_message_is_the_end_not_a_message() -> None:
    ours, theirs = socket.socketpair()
    worker: Channel[ToWorker] = Channel(ours, ToWorker)
    theirs.sendall(struct.pack("<I", 100) + b"abc")
    theirs.close()
    assert worker.receive() is None
    worker.close()


def test_shutdown_wakes_a_reader_in_another_thread(ends: Ends) -> None:
    _, worker = ends
    received: list[object] = ["nothing yet"]
    reader = threading.Thread(target=lambda: received.append(worker.receive()))
    reader.start()
    worker.shutdown()
    reader.join(5)
    assert received == ["nothing yet", None]


@pytest.mark.parametrize(
    "data",
    [
        struct.pack("<I", 3) + b"\xc1\xc1\xc1",
        struct.pack("<I", 2**31),
        # A message, but one that goes the other way.
        struct.pack("<I", 12) + b"\x81\xa4type\xa5Ready",
    ],
    ids=["no_message_pack", "too_long", "not_for_us"],
)
def test_what_is_no_message_is_refused(data: bytes) -> None:
    ours, theirs = socket.socketpair()
    worker: Channel[ToWorker] = Channel(ours, ToWorker)
    theirs.sendall(data)
    with pytest.raises(ChannelClosedError):
        worker.receive()
    theirs.close()
    worker.close()


def test_sending_to_one_that_is_gone_says_so(ends: Ends) -> None:
    supervisor, worker = ends
    worker.close()
    with pytest.raises(ChannelClosedError):
        supervisor.send(Drain())


def test_sending_to_one_that_does_not_read_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(channel_module, "SEND_TIMEOUT", struct.pack("@ll", 0, 50_000))
    ours, theirs = socket.socketpair()
    supervisor: Channel[ToSupervisor] = Channel(ours, ToSupervisor)
    with pytest.raises(ChannelClosedError):
        supervisor.send(Load(generation=1, file="x" * 10_000_000))
    # Half a message is in the stream: the other side must not wait for the rest.
    theirs.settimeout(5)
    while theirs.recv(1_000_000):
        pass
    theirs.close()
    supervisor.close()
