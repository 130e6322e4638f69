# SPDX-License-Identifier: Apache-2.0
"""What the end-to-end tests share: a whole stack, a client for both HTTP versions, load."""

from __future__ import annotations

import contextlib
import http.client
import itertools
import signal
import ssl
import threading
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import httpx

from authz.demo.client import Answer, Connection
from authz.demo.processes import STOP_SECONDS
from authz.demo.stack import Authz, Envoy, access_log_of, start_authz, start_envoy
from authz.envoy.config import render_envoy_config
from authz.envoy.options import EnvoyOptions
from authz.settings import load_settings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from authz.demo.credentials import Credentials
    from authz.demo.processes import Children
    from authz.demo.upstream import Upstream

#: How long anything may take that is waited for, in seconds.
PATIENCE = 30.0

_numbers = itertools.count()


def eventually(condition: Callable[[], bool], what: str, seconds: float = PATIENCE) -> None:
    """Wait for a condition that some other process brings about."""
    limit = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < limit, f"not within {seconds:g} s: {what}"
        time.sleep(0.01)


@dataclass(frozen=True, kw_only=True)
class Stack:
    """A running authz and Envoy, and the certificates they were started with."""

    credentials: Credentials
    authz: Authz
    envoy: Envoy

    def connect(self, sni: str, certificate: str = "") -> Connection:
        """An HTTP/1.1 connection that stays open between requests."""
        file = self.credentials.client_file(certificate) if certificate else None
        return Connection(self.envoy.port, sni, self.credentials.server_ca, file)

    def get(self, host: str, path: str = "/", certificate: str = "", **options: Any) -> Answer:
        """One HTTP/1.1 request on a connection of its own."""
        with contextlib.closing(self.connect(options.pop("sni", host), certificate)) as connection:
            return connection.send_request(path, hosts=(host,), **options)

    def logged(self, marker: str) -> dict[str, Any]:
        """The access log's line of the request whose path ends in `marker`."""
        found: list[dict[str, Any]] = []

        def written() -> bool:
            found[:] = [line for line in self.envoy.log_lines() if marker in str(line["path"])]
            return bool(found)

        eventually(written, f"{marker} in the access log")
        return found[0]


def unique(path: str) -> tuple[str, str]:
    """A path that is found again in the access log, and what to look for."""
    marker = f"n={next(_numbers)}."
    return f"{path}{'&' if '?' in path else '?'}{marker}", marker


def default_options(
    credentials: Credentials, upstream: Upstream | None, authz: Sequence[str], **changes: Any
) -> EnvoyOptions:
    """The listener's options for a test: loopback, ports chosen by the system."""
    directory = credentials.directory
    name = changes.pop("name", "envoy")
    return EnvoyOptions(
        **{
            "listen": "127.0.0.1:0",
            "admin": "127.0.0.1:0",
            "certificate": str(directory / "server.crt"),
            "key": str(directory / "server.key"),
            # Port 9 (discard): nobody answers there.
            "upstream": f"127.0.0.1:{upstream.port if upstream else 9}",
            "authz": tuple(authz),
            "access_log": str(access_log_of(directory, name)),
            **changes,
        }
    )


def authz_settings(transport: str, settings: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """authz.yaml for `policy.yaml` beside it, with `settings` and a transport."""
    given = dict(settings or {})
    grpc = {"transport": transport, **given.pop("grpc", {})}
    return {"policy": "policy.yaml", **given, "grpc": grpc}


def start_stack(
    children: Children,
    credentials: Credentials,
    policy: str,
    *,
    upstream: Upstream,
    transport: str,
    settings: Mapping[str, Any] | None = None,
    change: Callable[[str], str] = lambda config: config,
    concurrency: int = 1,
    **options: Any,
) -> Stack:
    """authz with this policy and transport, Envoy with the configuration generated for it.

    Both are ready. `change` may alter the configuration's text.
    """
    directory = credentials.directory
    (directory / "policy.yaml").write_text(policy, encoding="utf-8")
    authz = start_authz(children, directory, authz_settings(transport, settings))
    assert authz.metric("authz_transport_info", transport=transport) >= 1
    config = render_envoy_config(
        load_settings(directory / "authz.yaml"),
        default_options(credentials, upstream, authz.grpc, **options),
    )
    envoy = start_envoy(children, directory, change(config), concurrency=concurrency)
    wait_for_health(envoy, len(authz.grpc))
    return Stack(credentials=credentials, authz=authz, envoy=envoy)


def drain(stack: Stack, seconds: float = STOP_SECONDS) -> None:
    """End authz as an operator does: it says goodbye to Envoy, and writes what is left."""
    stack.authz.child.send_signal(signal.SIGTERM)
    assert stack.authz.child.wait(seconds) == 0


def wait_for_health(envoy: Envoy, endpoints: int) -> None:
    """Wait until Envoy's health checks have passed for this many workers."""
    eventually(lambda: envoy.sees_healthy(endpoints), f"{endpoints} healthy workers")


@contextlib.contextmanager
def http_client(
    version: str, credentials: Credentials, certificate: str = ""
) -> Iterator[httpx.Client]:
    """An httpx client that speaks one HTTP version only and presents one certificate."""
    context = ssl.create_default_context(cafile=str(credentials.server_ca))
    if certificate:
        context.load_cert_chain(credentials.client_file(certificate))
    two = version == "HTTP/2"
    with httpx.Client(http1=not two, http2=two, verify=context, timeout=PATIENCE) as client:
        yield client


def send(
    client: httpx.Client,
    port: int,
    *,
    sni: str,
    host: str,
    path: str,
    headers: Sequence[tuple[str, str]] = (),
) -> httpx.Response:
    """One request, its path and Host as they are."""
    return client.get(
        f"https://127.0.0.1:{port}/",
        headers=[("host", host), *headers],
        extensions={"sni_hostname": sni, "target": path.encode()},
    )


def _status(answer: Answer) -> str:
    return str(answer.status)


@dataclass
class Load:
    """Threads that send one request after the other until told to stop; counts what came back.

    `classify` turns an answer into a word; an exception of the connection is "no answer".
    """

    connect: Callable[[], Connection]
    send: Callable[[Connection], Answer]
    classify: Callable[[Answer], str] = _status
    threads: int = 2
    counts: dict[str, int] = field(default_factory=dict)
    details: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._stop = threading.Event()
        self._lock = threading.Lock()

    @property
    def total(self) -> int:
        """How many requests have been sent."""
        return sum(self.counts.values())

    @contextlib.contextmanager
    def running(self) -> Iterator[Load]:
        """Run in the background; the counts are complete afterwards."""
        workers = [threading.Thread(target=self._run) for _ in range(self.threads)]
        for worker in workers:
            worker.start()
        try:
            yield self
        finally:
            self._stop.set()
            for worker in workers:
                worker.join()

    def _run(self) -> None:
        connection = self.connect()
        while not self._stop.is_set():
            try:
                word = self.classify(self.send(connection))
            except (OSError, http.client.HTTPException) as error:
                # The latter is an answer that ends in its middle.
                word = "no answer"
                self.details.append(repr(error))
                connection.close()
                connection = self.connect()
            with self._lock:
                self.counts[word] = self.counts.get(word, 0) + 1
        connection.close()


def load_on(stack: Stack, certificate: str = "valid") -> Load:
    """Requests that must all be let in, on connections that stay open; all denied with none."""
    return Load(
        connect=lambda: stack.connect("api.localhost", certificate),
        send=lambda connection: connection.send_request("/", hosts=("api.localhost",)),
    )


def more(load: Load, requests: int) -> None:
    """Wait until this many further requests were answered."""
    enough = load.total + requests
    eventually(lambda: load.total >= enough, f"{requests} more requests")
