# SPDX-License-Identifier: Apache-2.0
"""Which worker listens where."""

from __future__ import annotations

import pytest

from authz.errors import TransportError
from authz.settings import parse_address
from authz.settings.worker_addresses import worker_addresses


def _texts(listen: str, workers: int, *, port_per_worker: bool) -> list[str]:
    addresses = worker_addresses(parse_address(listen), workers, port_per_worker=port_per_worker)
    return [str(address) for address in addresses]


def test_one_worker_listens_where_the_settings_say() -> None:
    assert _texts("127.0.0.1:50051", 1, port_per_worker=True) == ["127.0.0.1:50051"]
    assert _texts("unix:/run/a.sock", 1, port_per_worker=False) == ["unix:/run/a.sock"]


def test_with_a_port_per_worker_they_count_up() -> None:
    assert _texts("[::1]:50051", 3, port_per_worker=True) == [
        "[::1]:50051",
        "[::1]:50052",
        "[::1]:50053",
    ]


def test_a_shared_port_is_the_same_for_all() -> None:
    assert _texts("127.0.0.1:50051", 2, port_per_worker=False) == ["127.0.0.1:50051"] * 2


def test_unix_sockets_have_a_number_each() -> None:
    assert _texts("unix:/run/a.sock", 2, port_per_worker=True) == [
        "unix:/run/a.sock.0",
        "unix:/run/a.sock.1",
    ]


def test_one_unix_socket_for_several_workers_is_refused() -> None:
    with pytest.raises(TransportError, match="Unix socket") as caught:
        _texts("unix:/run/a.sock", 2, port_per_worker=False)
    assert "port_per_worker" in str(caught.value.hint)


def test_ports_do_not_run_over() -> None:
    with pytest.raises(TransportError, match="beyond 65535"):
        _texts("127.0.0.1:65535", 2, port_per_worker=True)
