# SPDX-License-Identifier: Apache-2.0
"""A real `authz serve` and a client for it. Waiting is for what the node says of itself."""

from __future__ import annotations

import contextlib
import json
import os
import queue
import re
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from typing import TYPE_CHECKING, Any

import grpc
import psutil

from authz.extauthz.health import HEALTH_CHECK, SERVING
from authz.extauthz.transport import CHECK
from authz.pb.ext_authz_pb2 import CheckResponse
from tests.factories.checks import check_request

if TYPE_CHECKING:
    import signal
    from collections.abc import Callable, Mapping
    from pathlib import Path

#: Generous: a busy machine is no error.
PATIENCE = 60.0

ALLOW_ALL = 'sites: [{name: api, hosts: ["*"]}]\n'
DENY_ALL = 'sites: [{name: api, hosts: ["*"], default_action: block}]\n'
BROKEN = 'sites: [{name: api, hosts: ["*"], default_action: maybe}]\n'


def eventually(true: Callable[[], bool], what: str) -> None:
    """Return as soon as `true()`."""
    limit = time.monotonic() + PATIENCE
    while not true():
        assert time.monotonic() < limit, f"not within {PATIENCE} s: {what}"
        time.sleep(0.01)


class Node:
    """A started command; `policy` is its policy file, None for none.

    `as_written`: where checks are answered and SDS is served is as the settings have it.
    `environment`: the whole of it; None inherits ours.

    Attributes:
        program: the command that is started; that of another release in a subclass.
    """

    program: tuple[str, ...] = (sys.executable, "-P", "-m", "authz")

    def __init__(
        self,
        directory: Path,
        *options: str,
        policy: str | None = ALLOW_ALL,
        as_written: bool = False,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        self.policy = directory / "policy.yaml"
        self.data = directory / "data"
        if policy is not None:
            self.policy.write_text(policy)
        self.lines: list[str] = []
        self._line: queue.SimpleQueue[str | None] = queue.SimpleQueue()
        self.process = subprocess.Popen(
            [
                *(*self.program, "serve"),
                *(() if policy is None else ("--policy", str(self.policy))),
                *("--data-dir", str(self.data), "--admin", "off"),
                *(() if as_written else ("--sds", "off")),
                *(() if as_written or "--grpc" in options else ("--grpc", "127.0.0.1:0")),
                *(() if "--metrics" in options else ("--metrics", "127.0.0.1:0")),
                *options,
            ],
            stderr=subprocess.PIPE,
            text=True,
            env=environment,
        )
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()
        self.addresses: list[str] = []
        self.metrics_address = ""

    def _read(self) -> None:
        assert self.process.stderr is not None
        for line in self.process.stderr:
            self.lines.append(line)
            self._line.put(line)
        self._line.put(None)

    @property
    def log(self) -> str:
        """Everything on standard error so far."""
        return "".join(self.lines)

    def events(self, event: str) -> list[dict[str, Any]]:
        """The log lines of one event."""
        found = [json.loads(line) for line in list(self.lines) if line.startswith("{")]
        return [line for line in found if line["event"] == event]

    def until_logged(self, event: str) -> dict[str, Any]:
        """The next log line with `event`."""
        limit = time.monotonic() + PATIENCE
        while True:
            try:
                line = self._line.get(timeout=max(0.0, limit - time.monotonic()))
            except queue.Empty:
                raise AssertionError(f"no {event!r} within {PATIENCE} s:\n{self.log}") from None
            assert line is not None, f"ended without {event!r}:\n{self.log}"
            if line.startswith("{") and json.loads(line)["event"] == event:
                found: dict[str, Any] = json.loads(line)
                return found

    def until_serving(self) -> Node:
        """Wait for the start-up line and learn the addresses."""
        line = self.until_logged("serving")
        self.addresses = line["addresses"]
        self.metrics_address = line["metrics"] or ""
        return self

    def address(self, of: str) -> str:
        """Where it listens, for the API (`admin`), `sds` or `publication`."""
        found = json.loads((self.data / "addresses.json").read_text(encoding="utf-8"))
        return str(found[of])

    def get(self, path: str) -> tuple[int, str]:
        """Status and body of a page of the metrics server."""
        try:
            with urllib.request.urlopen(
                f"http://{self.metrics_address}{path}", timeout=PATIENCE
            ) as response:
                return response.status, response.read().decode()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.read().decode()

    def metric(self, name: str, **labels: str) -> float:
        """The value of one sample, 0.0 when there is none."""
        wanted = {f'{label}="{value}"' for label, value in labels.items()}
        for line in self.get("/metrics")[1].splitlines():
            match = re.fullmatch(r"(\w+)(?:\{(.*)\})? (\S+)", line)
            if match and match[1] == name and wanted <= set((match[2] or "").split(",")):
                return float(match[3])
        return 0.0

    def rewrite(self, text: str) -> None:
        """Replace the policy file, whole."""
        new = self.policy.with_suffix(".new")
        new.write_text(text)
        new.replace(self.policy)

    def workers(self) -> list[psutil.Process]:
        """The worker processes, oldest first."""
        return self._children("authz.node.worker")

    def loaders(self) -> list[psutil.Process]:
        """The processes that load a changed policy: none, as a rule."""
        return self._children("authz.node.loader")

    def children(self) -> list[psutil.Process]:
        """Every process that it has started and that has not ended."""
        found = []
        for child in psutil.Process(self.process.pid).children(recursive=True):
            with contextlib.suppress(psutil.NoSuchProcess):
                # One that ended is there until somebody has asked how.
                if child.status() != psutil.STATUS_ZOMBIE:
                    found.append(child)
        return found

    def _children(self, module: str) -> list[psutil.Process]:
        found = []
        for child in psutil.Process(self.process.pid).children():
            with contextlib.suppress(psutil.NoSuchProcess, psutil.ZombieProcess):
                if module in child.cmdline():
                    found.append((child.create_time(), child.pid, child))
        return [child for *_, child in sorted(found)]

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to the main process."""
        os.kill(self.process.pid, number)

    def wait(self) -> int:
        """Its exit status, once everything it said has been read."""
        status = self.process.wait(PATIENCE)
        self._thread.join(PATIENCE)
        return status

    def destroy(self) -> None:
        """End it and its workers, whatever state they are in."""
        if self.process.poll() is None:
            children = psutil.Process(self.process.pid).children(recursive=True)
            self.process.kill()
            for child in children:
                # A worker ends itself as soon as its supervisor is gone.
                with contextlib.suppress(psutil.NoSuchProcess):
                    child.kill()
        self.wait()
        assert self.process.stderr is not None
        self.process.stderr.close()


class Client:
    """Asks one address. `ask` gives the code of the CheckResponse, 0 is allow."""

    def __init__(self, address: str) -> None:
        self.channel = grpc.insecure_channel(
            address,
            options=[
                ("grpc.use_local_subchannel_pool", 1),
                ("grpc.initial_reconnect_backoff_ms", 100),
                ("grpc.max_reconnect_backoff_ms", 100),
            ],
        )
        self._check: Any = self.channel.unary_unary(CHECK, None, None)
        self._health: Any = self.channel.unary_unary(HEALTH_CHECK, None, None)
        self._request = check_request().SerializeToString()

    def ask(self, *, wait_for_ready: bool = True) -> int:
        """One check."""
        data = self._check(self._request, timeout=PATIENCE, wait_for_ready=wait_for_ready)
        return CheckResponse.FromString(data).status.code

    def is_serving(self) -> bool:
        """One health check, as Envoy makes them: no answer is no."""
        try:
            return bool(self._health(b"", timeout=0.3) == SERVING)
        except grpc.RpcError:
            return False

    def close(self) -> None:
        """Hang up."""
        self.channel.close()
