# SPDX-License-Identifier: Apache-2.0
"""What is read out of a curl command is what curl itself sends: both are asked.

curl 7.88 and later; without it these tests are skipped, and where AUTHZ_REQUIRE names it they fail.
"""

from __future__ import annotations

import shutil
import socket
import subprocess
import threading
from dataclasses import dataclass

import pytest

from authz.services.simulation_curl import AGENT, read_curl
from tests.conftest import absent

COMMANDS = [
    "curl http://h.test/",
    "curl h.test",
    "curl http://h.test?x=1",
    "curl 'http://h.test/a/../b/./c?x=/../y#frag'",
    "curl --path-as-is 'http://h.test/a/../b'",
    "curl -X PUT http://h.test:8080/x -H 'X-A: b' -H 'Accept:' -H 'X-Empty;'",
    "curl -d a=1 -d 'b=2 3' http://h.test/",
    "curl --data-raw '@x' http://h.test/",
    "curl --data-binary $'a\\r\\nb\\xff' http://h.test/",
    "curl --data-urlencode 'a=b c&d' --data-urlencode '=x y' --data-urlencode 'é' http://h.test/",
    "curl --json '{\"a\":1}' --json '[2]' http://h.test/",
    "curl -G -d a=1 --data-urlencode 'q=x y' 'http://h.test/s?z=0'",
    "curl -I http://h.test/",
    "curl -u bob:secret http://h.test/",
    "curl http://bob:se%20cret@h.test/x",
    "curl -A agent -e 'http://r/;auto' -b 'a=1; b=2' -b c=3 http://h.test/",
    "curl -H 'User-Agent:' -H 'Host: other.test' http://h.test/",
    "curl --compressed -r 0-99 http://h.test/",
    "curl -sSLko/dev/null -XDELETE http://h.test/x",
    "curl --request-target '*' -X OPTIONS http://h.test/",
    "curl --oauth2-bearer tok http://h.test/",
    "curl -H 'Content-Type: text/plain' -d x http://h.test/",
    "curl http://h.test:080/",
    "curl http://H.Test/",
    "curl -g 'http://h.test/{a}[b]'",
    "curl 'http://h.test/é?ü'",
    "curl --url http://h.test/u --no-buffer",
    "curl -XPOST http://h.test/",
    "curl http://h.test//a//../b",
    "curl http://h.test/a/..",
    "curl http://h.test/%2e%2e/x",
    "curl -H 'a:b' -H 'A: c' http://h.test/",
]

#: curl says which codings and which of its versions it knows, and how long a body is.
_ITS_OWN = ("host", "content-length", "accept-encoding")


@dataclass(frozen=True)
class Sent:
    """A request as it arrived."""

    method: str
    target: str
    host: str
    headers: list[tuple[str, str]]
    body: bytes


class Server:
    """Takes one request on loopback."""

    def __init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self.sent: Sent | None = None
        self._thread = threading.Thread(target=self._take, daemon=True)
        self._thread.start()

    def wait(self) -> Sent:
        """The request."""
        self._thread.join(10)
        self._listener.close()
        assert self.sent is not None, "curl sent nothing"
        return self.sent

    def _take(self) -> None:
        connection, _ = self._listener.accept()
        connection.settimeout(5)
        with connection:
            data = b""
            while b"\r\n\r\n" not in data:
                data += connection.recv(65536)
            head, _, body = data.partition(b"\r\n\r\n")
            first, *lines = head.decode("utf-8", "surrogateescape").split("\r\n")
            pairs = [line.partition(":")[::2] for line in lines]
            headers = [(name.lower(), value.strip()) for name, value in pairs]
            while len(body) < int(dict(headers).get("content-length", "0")):
                body += connection.recv(65536)
            connection.sendall(b"HTTP/1.1 204 None\r\nconnection: close\r\n\r\n")
        method, target, _ = first.split(" ")
        self.sent = Sent(
            method=method,
            target=target,
            host=dict(headers)["host"],
            headers=_told(headers),
            body=body,
        )


@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_is_read_as_curl_reads_it(command: str) -> None:
    for needed in ("curl", "bash"):
        if shutil.which(needed) is None:
            absent(needed, f"there is no {needed}")
    server = Server()
    options = f"-q -s -m 5 --noproxy '*' --http1.1 --connect-to ::127.0.0.1:{server.port}"

    subprocess.run(
        ["bash", "-c", command.replace("curl", f"curl {options}", 1) + " >/dev/null"],
        check=True,
        timeout=20,
    )
    sent, read = server.wait(), read_curl(command)

    assert (read.method, read.path, read.host) == (sent.method, sent.target, sent.host)
    assert _told(read.headers) == sent.headers
    assert read.body == sent.body


def _told(headers: object) -> list[tuple[str, str]]:
    return sorted(
        (name, AGENT if name == "user-agent" and value.startswith("curl/") else value)
        for name, value in list(headers)  # type: ignore[call-overload]
        if name not in _ITS_OWN
    )
