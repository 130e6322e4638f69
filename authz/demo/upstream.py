# SPDX-License-Identifier: Apache-2.0
"""The application behind Envoy in the demo: it answers every request with what it received.

Standard library only, HTTP/1.1, in a thread of the caller. What the authorizer let through, and
which headers it set or removed, can be read from the answer. By itself it is
`python -m authz.demo.upstream --listen HOST:PORT`, as deploy/compose.yaml runs it.
"""

from __future__ import annotations

import argparse
import json
import signal
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Self

from authz.settings.addresses import parse_address

if TYPE_CHECKING:
    from types import TracebackType


class _Echo(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    # Envoy keeps connections open; without a limit a thread of each would stay for ever.
    timeout = 60
    # One write for headers and body: two would wait 40 ms for each other (Nagle, delayed ACK).
    wbufsize = -1

    def _answer(self) -> None:
        self._skip_body()
        seen = {
            "method": self.command,
            "path": self.path,
            "headers": [[name.lower(), value] for name, value in self.headers.items()],
        }
        body = (json.dumps(seen, indent=2) + "\n").encode()
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def _skip_body(self) -> None:
        if "chunked" not in (self.headers.get("transfer-encoding") or ""):
            self.rfile.read(int(self.headers.get("content-length") or 0))
            return
        while size := int(self.rfile.readline().split(b";")[0] or b"0", 16):
            self.rfile.read(size + len(b"\r\n"))
        while self.rfile.readline().strip():
            pass

    do_GET = do_HEAD = do_POST = do_PUT = _answer  # noqa: N815 - the base's names
    do_PATCH = do_DELETE = do_OPTIONS = _answer  # noqa: N815 - the base's names

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base's name
        """Say nothing: Envoy's access log has every request."""


class Upstream:
    """The echo server; a context manager. `port` is the one the system chose."""

    def __init__(self, host: str = "127.0.0.1", port: int = 0) -> None:
        self._server = ThreadingHTTPServer((host, port), _Echo)
        self._server.daemon_threads = True
        self._thread = threading.Thread(
            target=self._server.serve_forever,
            kwargs={"poll_interval": 0.05},
            name="upstream",
            daemon=True,
        )

    @property
    def port(self) -> int:
        """The TCP port it listens on."""
        return self._server.server_port

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


def main() -> None:
    """Serve until SIGTERM or Ctrl-C."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--listen", default="127.0.0.1:8000", type=parse_address)
    listen = parser.parse_args().listen
    # Blocked before any thread starts, so that the signal waits for sigwait.
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM, signal.SIGINT})
    try:
        upstream = Upstream(listen.host, listen.port)
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        sys.stderr.write(
            f"upstream: error: cannot listen on {listen}: {reason}\n"
            "upstream: hint: name another address: --listen HOST:PORT\n"
        )
        sys.exit(2)
    with upstream:
        signal.sigwait({signal.SIGTERM, signal.SIGINT})


if __name__ == "__main__":
    main()
