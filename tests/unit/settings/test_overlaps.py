# SPDX-License-Identifier: Apache-2.0
"""Ports that are wanted twice."""

from __future__ import annotations

import socket

import pytest

from authz.settings.overlaps import overlap_of


def clash(grpc: str, sds: str, workers: int = 1, *, each: bool = True) -> str | None:
    found = overlap_of(grpc, workers, each, others={"sds": sds})
    return None if found is None else found.message


@pytest.mark.parametrize(
    ("grpc", "sds", "found"),
    [
        ("127.0.0.1:1000", "127.0.0.1:1000", True),
        ("127.0.0.1:1000", "127.0.0.1:1001", False),
        ("127.0.0.1:1000", "127.0.0.2:1000", False),
        ("127.0.0.1:1000", "0.0.0.0:1000", True),
        ("0.0.0.0:1000", "127.0.0.1:1000", True),
        ("0.0.0.0:1000", "[::1]:1000", False),
        ("[::]:1000", "[::1]:1000", True),
        ("localhost:1000", "127.0.0.1:1000", True),
        ("one.example:1000", "one.example:1000", True),
        ("one.example:1000", "127.0.0.1:1000", False),
        ("127.0.0.1:0", "127.0.0.1:0", False),
        ("unix:/run/authz.sock", "127.0.0.1:1000", False),
    ],
)
def test_which_addresses_exclude_each_other(grpc: str, sds: str, found: bool) -> None:
    expected = "grpc.listen and sds.listen both want port 1000"

    assert clash(grpc, sds) == (expected if found else None)


@pytest.mark.parametrize(("port", "index"), [(1001, 1), (1003, 3), (1004, None), (999, None)])
def test_every_worker_takes_a_port(port: int, index: int | None) -> None:
    found = clash("127.0.0.1:1000", f"127.0.0.1:{port}", 4)

    if index is None:
        assert found is None
    else:
        name = f"worker {index} (grpc.listen plus {index})"
        assert found == f"{name} and sds.listen both want port {port}"


def test_workers_that_share_a_port_take_one() -> None:
    assert clash("127.0.0.1:1000", "127.0.0.1:1001", 4, each=False) is None
    assert clash("127.0.0.1:1000", "127.0.0.1:1000", 4, each=False)


def test_sections_exclude_each_other() -> None:
    others = {"sds": "127.0.0.1:3", "metrics": "127.0.0.1:4", "admin": "127.0.0.1:4"}
    found = overlap_of("127.0.0.1:1", 2, True, others=others)

    assert found is not None
    assert found.key == ("admin", "listen")
    assert found.message == "metrics.listen and admin.listen both want port 4"
    assert found.hint == (
        "give admin.listen another port, 127.0.0.1:5 for instance; the workers take 1 to 2"
    )


def test_no_port_is_proposed_that_is_none() -> None:
    found = overlap_of("[::1]:65535", 1, False, others={"sds": "[::1]:65535"})

    assert found is not None
    assert found.hint == "give sds.listen another port, [::1]:1024 for instance"


def test_the_system_refuses_what_is_refused_here() -> None:
    """The wildcard address has every other one of its family in it."""
    with socket.socket() as one, socket.socket() as other:
        one.bind(("127.0.0.1", 0))
        one.listen()
        with pytest.raises(OSError, match="in use"):
            other.bind(("0.0.0.0", one.getsockname()[1]))
