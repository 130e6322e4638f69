# SPDX-License-Identifier: Apache-2.0
"""The keepers of the processes beside the workers: addresses are refused early."""

from __future__ import annotations

import queue
import socket
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import pytest

from authz.errors import TransportError
from authz.node.control.messages import NewSnapshot
from authz.node.keepers import admin_keeper, control_keeper, log_records_of
from authz.node.plan import plan_of
from authz.node.supervisor import Published
from authz.settings import Override, load_settings

if TYPE_CHECKING:
    from pathlib import Path

    from authz.node.plan import Plan


def _plan(directory: Path, **changes: str) -> Plan:
    values = {"data_dir": str(directory), "store": "on", "sds.listen": "off", **changes}
    return plan_of(
        load_settings(
            None,
            [
                Override(option=name, path=tuple(name.split(".")), value=values[name])
                for name in values
            ],
        )
    )


def test_the_api_has_its_port_before_anything_runs(tmp_path: Path) -> None:
    with ExitStack() as stack:
        keeper = admin_keeper(_plan(tmp_path, **{"admin.listen": "127.0.0.1:0"}), tmp_path, stack)
        assert keeper is not None
        host, _, port = keeper.address.rpartition(":")
        assert (host, port != "0") == ("127.0.0.1", True)
        with pytest.raises(TransportError, match="cannot listen for the API") as caught:
            admin_keeper(_plan(tmp_path, **{"admin.listen": keeper.address}), tmp_path, stack)
        assert "--admin or admin.listen" in str(caught.value.hint)
    with pytest.raises(OSError, match="refused"):
        socket.create_connection((host, int(port)))


def test_where_it_is_not_served_there_is_none(tmp_path: Path) -> None:
    with ExitStack() as stack:
        assert admin_keeper(_plan(tmp_path, **{"admin.listen": "off"}), tmp_path, stack) is None


def test_what_is_published_is_told_to_whoever_wants_to_know(tmp_path: Path) -> None:
    plan = _plan(tmp_path, **{"publication.listen": "127.0.0.1:0"})
    assert plan.control is not None
    arrived: queue.SimpleQueue[object] = queue.SimpleQueue()
    told: list[NewSnapshot] = []
    keeper = control_keeper(plan.control, tmp_path, arrived, published=told.append)  # type: ignore[arg-type]  # takes anything

    new = NewSnapshot(generation=1, file="1.snapshot", sites=1, geoip_asn="asn.mmdb")
    keeper._publish(new)

    assert arrived.get(timeout=1.0) == Published(1, "1.snapshot", geoip_asn="asn.mmdb")
    assert told == [new]


def test_what_became_of_the_logs_beside_is_one_number_of_the_node() -> None:
    class Beside:
        def __init__(self, **counts: int) -> None:
            self.counts = counts

        def log_records(self) -> dict[str, int]:
            return self.counts

    control: Any = Beside(exported=1, export=2)
    api: Any = Beside(exported=3, queue=4)

    assert log_records_of(control, api)() == {"exported": 4, "export": 2, "queue": 4}
    assert log_records_of(control, None)() == control.counts
