# SPDX-License-Identifier: Apache-2.0
"""That nobody but a worker listens where it does."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING

import pytest

from authz.errors import TransportError
from authz.node.addresses import reserve, settle
from authz.settings import parse_address

if TYPE_CHECKING:
    from pathlib import Path


def test_port_zero_becomes_one_port_for_all_or_one_for_each() -> None:
    listen = parse_address("127.0.0.1:0")
    shared = reserve([listen] * 3, shared=True)
    each = reserve([listen] * 3, shared=False)
    assert len({address.port for address in shared.addresses}) == 1
    assert len({address.port for address in each.addresses}) == 3
    assert 0 not in {address.port for address in (*shared.addresses, *each.addresses)}
    shared.close()
    each.close()


def test_a_worker_can_listen_on_a_reserved_address_and_gets_every_connection() -> None:
    reservation = reserve([parse_address("127.0.0.1:0")], shared=True)
    target = ("127.0.0.1", reservation.addresses[0].port)
    with socket.create_server(target, reuse_port=True) as worker:
        for _ in range(20):
            with socket.create_connection(target):
                worker.settimeout(10)
                worker.accept()[0].close()
    reservation.close()


def test_an_address_in_use_is_noticed_even_when_its_owner_would_share_it() -> None:
    with socket.create_server(("127.0.0.1", 0), reuse_port=True) as other:
        port = other.getsockname()[1]
        with pytest.raises(TransportError, match="in use") as caught:
            reserve([parse_address(f"127.0.0.1:{port}")], shared=True)
    assert caught.value.where == f"127.0.0.1:{port}"
    assert "--grpc" in str(caught.value.hint)


def test_what_was_reserved_before_a_failure_is_given_back() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        free = reserve([parse_address("127.0.0.1:0")], shared=True)
        address = free.addresses[0]
        free.close()
        in_use = parse_address(f"127.0.0.1:{taken.getsockname()[1]}")
        with pytest.raises(TransportError):
            reserve([address, in_use], shared=False)
    socket.create_server(("127.0.0.1", address.port)).close()


def test_unix_sockets_are_not_touched(tmp_path: Path) -> None:
    path = tmp_path / "a.sock"
    reservation = reserve([parse_address(f"unix:{path}")], shared=False)
    assert reservation.sockets == ()
    assert not path.exists()


def test_a_port_for_another_process_is_settled_once() -> None:
    settled = settle("127.0.0.1:0", what="SDS", option="--sds")

    assert settled.startswith("127.0.0.1:")
    assert not settled.endswith(":0")
    assert settle(settled, what="SDS", option="--sds") == settled


def test_a_port_whose_server_has_just_ended_can_be_had_again() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        host, port = server.getsockname()
        with socket.create_connection((host, port)) as client:
            # Whoever closes first keeps the connection in TIME_WAIT, and with it the port.
            server.accept()[0].close()
            assert client.recv(1) == b""
    address = f"{host}:{port}"

    assert settle(address, what="SDS", option="--sds") == address
    socket.create_server((host, port)).close()


def test_a_port_that_is_taken_is_refused_with_its_option() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        with pytest.raises(TransportError, match="cannot listen for SDS") as caught:
            settle(address, what="SDS", option="--sds or sds.listen")
    assert "--sds or sds.listen" in str(caught.value.hint)
