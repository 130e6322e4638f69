# SPDX-License-Identifier: Apache-2.0
"""The shipped Envoy in front of a server, with client certificates, and requests through it.

The configuration is the one that `authz envoy config` writes, but for its patience: on a machine
that is busy with other things a check is to be slow, not to fail. Without a server to ask, the
ext_authz filter is taken out. Envoy, the application behind it and the client share a core; who is
asked has the other one.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import yaml

from authz.demo.pki import make_root
from authz.demo.stack import Envoy, access_log_of, start_envoy
from authz.envoy.config import render_envoy_config
from authz.envoy.options import EnvoyOptions
from authz.settings import Settings
from benchmarks import goload
from benchmarks.cores import CLIENT, on_core
from benchmarks.figures import BenchError
from benchmarks.messages import HOST, PATH

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from authz.demo.processes import Children
    from benchmarks.policies import Authority

#: What is shown of a request that went wrong: from the access log, and of the cluster it asked.
_TELLING: Final = ("status", "details", "flags", "duration_ms", "reason", "rule")
_STATS: Final = (
    "health_check.attempt",
    "health_check.failure",
    "membership_healthy",
    "upstream_rq_timeout",
    "upstream_rq_rx_reset",
    "upstream_rq_retry",
    "upstream_cx_none_healthy",
)
#: How long Envoy waits for an answer, instead of half a second.
_WAIT: Final = "5s"
_FILTER: Final = "envoy.filters.http.ext_authz"


@dataclass(frozen=True, slots=True, kw_only=True)
class Proxy:
    """A listener of a running Envoy and how its client presents itself."""

    name: str
    envoy: Envoy
    port: int
    client_options: Sequence[str]

    def send(self, seconds: float, rate: float = 0.0) -> goload.Load:
        """Requests through it, every one to be answered with 200.

        Raises:
            BenchError: one was not; the message has what Envoy says about the last of them.
        """
        try:
            return goload.run(f"127.0.0.1:{self.port}", seconds, *self.client_options, rate=rate)
        except BenchError as error:
            wrong = [line for line in self.envoy.log_lines() if line.get("status") != 200]
            last = [str({key: wrong[-1].get(key) for key in _TELLING})] if wrong else []
            cluster = f"cluster.{self.name}"
            stats = [f"{name} {self.envoy.stat(f'{cluster}.{name}')}" for name in _STATS]
            said = "; ".join([str(error), *last, f"{cluster}: {', '.join(stats)}"])
            raise BenchError(f"{self.name}: {said}") from error


def start_proxies(
    children: Children,
    directory: Path,
    authority: Authority,
    upstream: str,
    asked: Mapping[str, str | None],
) -> dict[str, Proxy]:
    """Envoy in front of `upstream`, with a listener for each of `asked`.

    One Envoy for all: two processes of the same program differ by up to a tenth in what they can
    do, by how their memory happens to lie.

    Args:
        asked: by name, the address of the server that the listener asks, or None for nobody.
    """
    certificate, key, server_ca = _server_files(directory)
    documents = []
    for name, authz in asked.items():
        options = EnvoyOptions(
            listen="127.0.0.1:0",
            admin="127.0.0.1:0",
            certificate=str(certificate),
            key=str(key),
            upstream=upstream,
            authz=(authz or "127.0.0.1:9",),
            access_log=str(access_log_of(directory)),
        )
        config = render_envoy_config(Settings(), options)
        documents.append(_changed(config, name, asks=authz is not None))
    with on_core(CLIENT):
        # JSON is YAML.
        envoy = start_envoy(children, directory, json.dumps(_joined(documents)))
    for name, authz in asked.items():
        if authz:
            healthy = f"cluster.{name}.membership_healthy"
            envoy.child.wait_until(
                lambda stat=healthy: envoy.stat(stat) >= 1, f"{name} was healthy"
            )
    client = directory / "client.pem"
    client_key = directory / "client.key"
    client.write_bytes(authority.client.chain_pem)
    client_key.write_bytes(authority.client.key_pem)
    client_options = (
        *("-get", PATH, "-authority", HOST, "-ca", str(server_ca)),
        *("-cert", str(client), "-key", str(client_key)),
    )
    return {
        name: Proxy(name=name, envoy=envoy, port=port, client_options=client_options)
        for name, port in envoy.ports.items()
    }


def _server_files(directory: Path) -> tuple[Path, Path, Path]:
    certificate, key, ca = (directory / f"server.{end}" for end in ("crt", "key", "ca"))
    if not ca.exists():
        root = make_root("Bench Server CA")
        server = root.server(HOST)
        certificate.write_bytes(server.chain_pem)
        key.write_bytes(server.key_pem)
        ca.write_bytes(root.pem)
    return certificate, key, ca


def _changed(config: str, name: str, *, asks: bool) -> dict[str, Any]:
    """The configuration with patience, or without the filter and the cluster that it asks.

    Its listener and that cluster are called `name`.
    """
    document: dict[str, Any] = yaml.safe_load(config)
    resources = document["static_resources"]
    for listener in resources["listeners"]:
        listener["name"] = name
        for chain in listener["filter_chains"]:
            for network in chain["filters"]:
                manager = network["typed_config"]
                filters = manager["http_filters"]
                for one in filters:
                    if one["name"] == _FILTER:
                        service = one["typed_config"]["grpc_service"]
                        service["envoy_grpc"]["cluster_name"] = name
                        service["timeout"] = _WAIT
                        # Envoy takes the longest back-off for the time of each try as well.
                        service["retry_policy"]["retry_back_off"]["max_interval"] = _WAIT
                if not asks:
                    manager["http_filters"] = [one for one in filters if one["name"] != _FILTER]
    if not asks:
        resources["clusters"] = [one for one in resources["clusters"] if one["name"] != "authz"]
    for cluster in resources["clusters"]:
        if cluster["name"] == "authz":
            cluster["name"] = name
            cluster["load_assignment"]["cluster_name"] = name
    return document


def _joined(documents: list[dict[str, Any]]) -> dict[str, Any]:
    """One configuration with everybody's listeners and clusters."""
    first, *others = documents
    resources = first["static_resources"]
    for other in others:
        more = other["static_resources"]
        resources["listeners"] += more["listeners"]
        known = {cluster["name"] for cluster in resources["clusters"]}
        resources["clusters"] += [one for one in more["clusters"] if one["name"] not in known]
    return first
