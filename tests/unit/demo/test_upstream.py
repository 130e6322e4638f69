# SPDX-License-Identifier: Apache-2.0
"""The application that answers with what it received."""

from __future__ import annotations

import http.client
import json
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from authz.demo.processes import Children, free_port
from authz.demo.stack import ask
from authz.demo.upstream import Upstream

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"])
def test_the_answer_is_the_request(method: str) -> None:
    with Upstream() as upstream:
        connection = http.client.HTTPConnection("127.0.0.1", upstream.port, timeout=10)
        connection.request(method, "/a?b=c", body=b"123", headers={"X-Sent": "1"})
        answer = connection.getresponse()
        seen = json.loads(answer.read())
        connection.close()

    assert answer.status == 200
    assert (seen["method"], seen["path"]) == (method, "/a?b=c")
    assert ["x-sent", "1"] in seen["headers"]


def test_head_has_no_body_and_the_connection_stays_usable() -> None:
    with Upstream() as upstream:
        connection = http.client.HTTPConnection("127.0.0.1", upstream.port, timeout=10)
        connection.request("HEAD", "/")
        assert connection.getresponse().read() == b""
        connection.request("GET", "/second")
        assert json.loads(connection.getresponse().read())["path"] == "/second"
        connection.close()


def test_it_is_a_program_of_its_own_and_ends_on_sigterm(tmp_path: Path) -> None:
    address = f"127.0.0.1:{free_port()}"
    command = [sys.executable, "-m", "authz.demo.upstream", "--listen", address]
    with Children() as children:
        child = children.start("upstream", command, tmp_path / "log")
        child.wait_until(lambda: ask(address, "/")[0] == 200, "it answered")

        child.stop()

    assert child.exit_status == 0


def test_a_port_that_is_taken_is_said_in_one_line_and_its_advice() -> None:
    with Upstream() as taken:
        address = f"127.0.0.1:{taken.port}"
        command = [sys.executable, "-m", "authz.demo.upstream", "--listen", address]
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)

    assert done.returncode == 2
    assert done.stderr.splitlines() == [
        f"upstream: error: cannot listen on {address}: address already in use",
        "upstream: hint: name another address: --listen HOST:PORT",
    ]
