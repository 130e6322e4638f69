# SPDX-License-Identifier: Apache-2.0
"""The settings of how-to/several-workers.md, started as they stand there."""

from __future__ import annotations

import re
import socket
from contextlib import ExitStack
from functools import partial
from typing import TYPE_CHECKING

from tests.factories.pages import fenced

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.integration.harness import Client, Node

    Start = Callable[..., Node]
    Connect = Callable[[str], Client]

#: The page's addresses: the ports, and nothing else of them, are others here.
ADDRESS = re.compile(r"(?<=127\.0\.0\.1:)\d+")


def moved(settings: str, span: int = 8) -> str:
    """`settings` with all ports moved by one number, to where `span` ports in a row are free."""
    lowest = min(int(port) for port in ADDRESS.findall(settings))
    for base in range(20_000, 30_000, span):
        with ExitStack() as held:
            try:
                for port in range(base, base + span):
                    held.enter_context(socket.create_server(("127.0.0.1", port)))
            except OSError:
                continue
        by = base - lowest
        return ADDRESS.sub(partial(_plus, by), settings)
    raise AssertionError(f"no {span} ports in a row are free")


def _plus(by: int, port: re.Match[str]) -> str:
    return str(int(port[0]) + by)


def started(start: Start, tmp_path: Path, settings: str) -> Node:
    file = tmp_path / "authz.yaml"
    file.write_text(settings, encoding="utf-8")
    return start("--config", str(file), as_written=True)


def test_a_port_per_worker(start: Start, client: Connect, tmp_path: Path) -> None:
    settings = moved(fenced("how-to/several-workers.md", "yaml")[0])
    node = started(start, tmp_path, settings)
    line = node.until_logged("serving")

    first, sds = (int(port) for port in ADDRESS.findall(settings))
    assert line["addresses"] == [f"127.0.0.1:{first + worker}" for worker in range(4)]
    assert line["sds"] == f"127.0.0.1:{sds}"
    assert [client(address).ask() for address in line["addresses"]] == [0, 0, 0, 0]


def test_one_shared_port(start: Start, client: Connect, tmp_path: Path) -> None:
    # SDS, which the page does not mention there, has its own default port.
    settings = moved(fenced("how-to/several-workers.md", "yaml")[2] + 'sds: {listen: "off"}\n')
    line = started(start, tmp_path, settings).until_logged("serving")

    assert (len(line["addresses"]), line["workers"]) == (1, 4)
    assert client(line["addresses"][0]).ask() == 0
