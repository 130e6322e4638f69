# SPDX-License-Identifier: Apache-2.0
"""One Envoy with every shipped form of the listener, a judge behind each, one recording upstream.

    peer      `authz envoy config`: the certificate travels in the check; over TCP and QUIC
    bodies    the same with `--body-bytes`
    xfcc      `certificate_source: xfcc`: Envoy writes the header itself
    behind    `xfcc.trusted_hops: 2`: a proxy in front has written it

The configurations are rendered by the product and put together. Nothing in them is changed but the
names of clusters and three times: how long Envoy waits before it closes a connection over an error
(hundreds of requests here are errors), and how long for a check and for a health check (on a busy
machine an answer that comes late would be taken for one of Envoy's own).
"""

from __future__ import annotations

import contextlib
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import yaml

from authz.demo.pki import make_root
from authz.demo.processes import Children
from authz.demo.stack import access_log_of, start_envoy
from authz.envoy.config import render_envoy_config
from authz.envoy.options import EnvoyOptions, Http3Options
from authz.settings import Settings
from tests.attack.certificates import PROXIES, write_certificates
from tests.attack.corpus import sites
from tests.attack.judge import BODY_BYTES, OPTIONS, Answering, Judge, snapshot
from tests.attack.recorder import Recorder
from tests.attack.wire import Http1, Http2, connect, context
from tests.e2e.harness import eventually

if TYPE_CHECKING:
    import ssl
    from collections.abc import Iterator
    from pathlib import Path

    from authz.demo.stack import Envoy

_SETTINGS: Final[dict[str, dict[str, Any]]] = {
    "peer": {},
    "bodies": {},
    "xfcc": {"certificate_source": "xfcc"},
    "behind": {
        "certificate_source": "xfcc",
        "xfcc": {"trusted_hops": 2},
        "client_ip": {"trusted_hops": 1},
    },
}


@dataclass(frozen=True, kw_only=True)
class Attacked:
    """What is attacked: for reading only, but for the judges' snapshots and clocks."""

    directory: Path
    envoy: Envoy
    judges: dict[str, Judge]
    upstream: Recorder

    def context(self, certificate: str, *alpn: str) -> ssl.SSLContext:
        """A client's TLS with one of the corpus' certificates, or "" for none."""
        file = self.directory / f"{certificate}.pem" if certificate else None
        return context(file, *alpn)

    def http1(self, listener: str, certificate: str, sni: str | None) -> Http1:
        """A new connection."""
        tls = self.context(certificate, "http/1.1")
        return Http1(connect(self.envoy.ports[listener], tls, sni))

    def http2(self, listener: str, certificate: str, sni: str | None) -> Http2:
        """A new connection."""
        return Http2(connect(self.envoy.ports[listener], self.context(certificate, "h2"), sni))


@contextlib.contextmanager
def attacked(directory: Path) -> Iterator[Attacked]:
    """The whole of it, running."""
    write_certificates(directory)
    at_home = make_root("Server CA", at=time.time())
    server = at_home.server(*(f"{name}.test" for name in sites()))
    (directory / "server-ca.pem").write_bytes(at_home.pem)
    (directory / "server.crt").write_bytes(server.chain_pem)
    (directory / "server.key").write_bytes(server.key_pem)
    (directory / "proxy-ca.crt").write_bytes(PROXIES.pem)
    policy = snapshot(directory)
    judges = {name: Judge(policy, options) for name, options in OPTIONS.items()}
    with contextlib.ExitStack() as stack:
        upstream = stack.enter_context(Recorder())
        answering = {name: stack.enter_context(Answering(judge)) for name, judge in judges.items()}
        children = stack.enter_context(Children())
        config = _config(directory, upstream.port, {n: a.address for n, a in answering.items()})
        envoy = start_envoy(children, directory, yaml.safe_dump(config))
        for name in judges:
            eventually(
                lambda name=name: envoy.stat(f"cluster.{_cluster(name)}.membership_healthy") >= 1,
                f"{name} is healthy",
            )
        yield Attacked(directory=directory, envoy=envoy, judges=judges, upstream=upstream)


def _config(directory: Path, upstream: int, authz: dict[str, str]) -> dict[str, Any]:
    whole: dict[str, Any] = {}
    for name, settings in _SETTINGS.items():
        rendered = render_envoy_config(
            Settings.model_validate(settings),
            EnvoyOptions(
                name=name,
                listen="127.0.0.1:0",
                admin="127.0.0.1:0",
                certificate=str(directory / "server.crt"),
                key=str(directory / "server.key"),
                proxy_ca=str(directory / "proxy-ca.crt"),
                upstream=f"127.0.0.1:{upstream}",
                authz=(authz[name],),
                access_log=str(access_log_of(directory)),
                body_bytes=BODY_BYTES if name == "bodies" else 0,
                http3=Http3Options(advertised=443) if name == "peer" else None,
            ),
        ).replace("cluster_name: authz", f"cluster_name: {_cluster(name)}")
        config: dict[str, Any] = yaml.safe_load(rendered)
        resources = config["static_resources"]
        for listener in resources["listeners"]:
            for chain in listener["filter_chains"]:
                manager = chain["filters"][0]["typed_config"]
                manager["delayed_close_timeout"] = "0.01s"
                manager["http_filters"][0]["typed_config"]["grpc_service"]["timeout"] = "60s"
        (cluster,) = [one for one in resources["clusters"] if one["name"] == "authz"]
        cluster["name"] = _cluster(name)
        cluster["health_checks"][0]["timeout"] = "60s"
        if not whole:
            whole = config
            continue
        whole["static_resources"]["listeners"] += resources["listeners"]
        whole["static_resources"]["clusters"].append(cluster)
    return whole


def _cluster(name: str) -> str:
    return f"authz-{name}"
