# SPDX-License-Identifier: Apache-2.0
"""What a cluster does with pods of the Helm chart, as processes: kubelet, Services, names.

Each pod has an address of its own (127.0.0.2, …) and the ports of the chart. What it runs, with
which arguments, probes, pause and grace, is read from the rendered manifests.
"""

from __future__ import annotations

import contextlib
import itertools
import selectors
import signal
import socket
import socketserver
import struct
import threading
import time
from typing import TYPE_CHECKING, Any, Self

from authz.demo.stack import ask
from tests.factories.mounts import mount_pod

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from authz.demo.processes import Child, Children
    from tests.factories.helm import Release

#: How long an answer of the names may be kept: CoreDNS gives this for Services.
TTL_SECONDS = 5

_numbers = itertools.count(2)


class KubePod:
    """One pod of a Deployment or DaemonSet, whose settings listen on 0.0.0.0.

    Args:
        program: the image's `authz`, of whichever release.
        given: files by the name of the secrets and ConfigMaps that are there already.
        address: that of the node, for a port of the node; else one of the pod's own.
    """

    def __init__(
        self,
        home: Path,
        children: Children,
        release: Release,
        program: Sequence[str],
        given: Mapping[str, Mapping[str, bytes]],
        address: str = "",
    ) -> None:
        number = next(_numbers)
        self.address = address or f"127.0.0.{number}"
        self.name = f"gate-{number}"
        self._spec = release.pod
        self._container = release.container()
        self._program = program
        self._children = children
        self._home = home / self.name
        self._pod = mount_pod(release, self._home, given)
        settings = self._pod.volumes["settings"]
        text = release.one("ConfigMap", "-settings")["data"]["authz.yaml"]
        assert text.count("0.0.0.0:") >= 2, "it listens on every address of its pod"
        text = self._pod.localized("authz", text).replace("0.0.0.0:", f"{self.address}:")
        settings.update({"authz.yaml": text.encode()})  # type: ignore[union-attr]  # a ConfigMap's
        self.child: Child | None = None

    def start(self) -> None:
        """Start its container; `wait_ready` waits for it."""
        self.child = self._children.start(
            self.name, self.command(self._container["args"]), self._home / "log"
        )

    def command(self, arguments: Sequence[str]) -> list[str]:
        """A command of its container: that of `args`, or of `kubectl exec … -- authz`."""
        return [*self._program, *(self._pod.localized("authz", one) for one in arguments)]

    def administer(self, *arguments: str) -> list[str]:
        """`authz ARGUMENTS` in the directory that the container names, where authz.yaml is."""
        directory = self._pod.localized("authz", self._container["workingDir"])
        return [*self._program, *arguments, "--config", f"{directory}/authz.yaml"]

    def wait_ready(self) -> None:
        """As kubelet asks, and for as long as it would: first startupProbe, then readinessProbe."""
        assert self.child is not None
        for which in ("startupProbe", "readinessProbe"):
            probe = self._container[which]
            ports = {one["name"]: one["containerPort"] for one in self._container["ports"]}
            get = probe["httpGet"]
            where = f"{self.address}:{ports[get['port']]}"
            self.child.wait_until(
                lambda where=where, get=get: ask(where, get["path"])[0] == 200,  # type: ignore[misc]  # mypy infers no lambda with defaults
                f"its {which} passed",
                float(probe["periodSeconds"] * probe["failureThreshold"]),
            )

    def terminate(self) -> float:
        """preStop, SIGTERM, and its end within the grace of the pod; seconds from SIGTERM on."""
        assert self.child is not None
        began = time.monotonic()
        # The hook itself: nothing is waited for here.
        pause = self._container["lifecycle"]["preStop"]["sleep"]["seconds"]
        time.sleep(pause)
        self.child.send_signal(signal.SIGTERM)
        status = self.child.wait(self._spec["terminationGracePeriodSeconds"] - pause)
        assert status == 0, self.child.tail()
        return time.monotonic() - began - pause


class Names:
    """The cluster's DNS: a headless Service's name, which has an address for each ready pod."""

    def __init__(self, name: str) -> None:
        self._question = (
            b"".join(bytes([len(label)]) + label.encode() for label in name.split(".")) + b"\0"
        )
        self._lock = threading.Lock()
        self._addresses: tuple[str, ...] = ()
        names = self

        class Handler(socketserver.BaseRequestHandler):
            def handle(self) -> None:
                data, udp = self.request
                udp.sendto(names._answer(data), self.client_address)

        self._server = socketserver.ThreadingUDPServer(("127.0.0.1", 0), Handler)
        self.port: int = self._server.server_address[1]
        self._thread = threading.Thread(target=self._server.serve_forever)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def serve(self, pods: Sequence[KubePod]) -> None:
        """Name these from now on."""
        with self._lock:
            self._addresses = tuple(pod.address for pod in pods)

    def _answer(self, data: bytes) -> bytes:
        """RFC 1035 §4: the question again, and an A record for each address, if it asks for A."""
        end = data.index(b"\0", 12) + 5
        question = data[12:end]
        kind = struct.unpack("!H", question[-4:-2])[0]
        known = question[:-4].lower() == self._question
        with self._lock:
            addresses = self._addresses if known and kind == 1 else ()
        header = struct.pack(
            "!2sHHHHH", data[:2], 0x8580 if known else 0x8583, 1, len(addresses), 0, 0
        )
        records = b"".join(
            struct.pack("!HHHIH", 0xC00C, 1, 1, TTL_SECONDS, 4) + socket.inet_aton(one)
            for one in addresses
        )
        return header + question + records


class NodeService:
    """A Service with a virtual address and `internalTrafficPolicy: Local`, as kube-proxy does it:
    a new connection goes to the ready pod of the node, one that is there stays with its pod."""

    def __init__(self, port: int) -> None:
        self._target: tuple[str, int] | None = None
        self._port = port
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=128)
        self.address = f"127.0.0.1:{self._listener.getsockname()[1]}"
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._accept)]

    def serve(self, pod: KubePod | None) -> None:
        """Lead new connections to this pod; None: refuse them."""
        self._target = None if pod is None else (pod.address, self._port)

    def __enter__(self) -> Self:
        self._listener.settimeout(0.1)
        self._threads[0].start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()
        self._listener.close()

    def _accept(self) -> None:
        while not self._stop.is_set():
            with contextlib.suppress(TimeoutError):
                here, _ = self._listener.accept()
                thread = threading.Thread(target=self._forward, args=(here,))
                self._threads.append(thread)
                thread.start()

    def _forward(self, here: socket.socket) -> None:
        try:
            there = socket.create_connection(self._target or ("127.0.0.1", 9), 5)
        except OSError:
            here.close()
            return
        with here, there, selectors.DefaultSelector() as ready:
            ready.register(here, selectors.EVENT_READ, there)
            ready.register(there, selectors.EVENT_READ, here)
            with contextlib.suppress(OSError):
                while not self._stop.is_set():
                    for key, _ in ready.select(0.1):
                        source: Any = key.fileobj
                        data = source.recv(65536)
                        if not data:
                            return
                        key.data.sendall(data)
