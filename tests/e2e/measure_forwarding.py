# SPDX-License-Identifier: Apache-2.0
"""What each way of handing over the client certificate costs per request.

    python -m tests.e2e.measure_forwarding [REQUESTS]

One real Envoy, the real service, h2load. The client is a second Envoy with an RSA-2048 certificate
and one intermediate, because h2load presents none; it also plays the application. Only the first
Envoy and the service are measured: CPU time of the process, bytes sent to the service. Results are
quoted in docs/explanation/certificate-forwarding.md.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil
import yaml

from authz.demo.credentials import make_credentials
from authz.demo.keys import KeyKind
from authz.demo.pki import make_root
from authz.demo.processes import Children, free_port
from authz.demo.stack import Envoy, start_authz, start_envoy
from authz.envoy.config import render_envoy_config
from authz.settings import load_settings
from tests.e2e.harness import default_options, wait_for_health

if TYPE_CHECKING:
    from authz.demo.credentials import Credentials

_TYPE = "type.googleapis.com/envoy.extensions"
SOURCES = {
    "none": "envoy",
    "source.certificate": "envoy",
    "XFCC Cert": "xfcc",
    "XFCC Cert, Chain": "xfcc",
    "XFCC Cert, Chain + source.certificate": "xfcc",
}


def variant(config: str, name: str) -> str:
    """The generated configuration with one way of handing the certificate over."""
    document: Any = yaml.safe_load(config)
    manager = document["static_resources"]["listeners"][0]["filter_chains"][0]["filters"][0][
        "typed_config"
    ]
    manager["access_log"] = []
    manager["common_http_protocol_options"].pop("max_connection_duration")
    manager["http2_protocol_options"]["max_concurrent_streams"] = 1000
    details = {
        "XFCC Cert": {"cert": True},
        "XFCC Cert, Chain": {"cert": True, "chain": True},
        "XFCC Cert, Chain + source.certificate": {"cert": True, "chain": True},
    }.get(name)
    if details:
        manager["set_current_client_cert_details"] = details
    manager["http_filters"][0]["typed_config"]["include_peer_certificate"] = (
        "source.certificate" in name
    )
    return yaml.safe_dump(document)


def client(port: int, inner: int, application: int, certificate: Path, server_ca: Path) -> str:
    """The Envoy that is client (plain HTTP/2 in, mTLS out) and application (an empty 200)."""

    def listener(name: str, to_port: int, route: dict[str, Any]) -> dict[str, Any]:
        return {
            "name": name,
            "address": {"socket_address": {"address": "127.0.0.1", "port_value": to_port}},
            "filter_chains": [
                {
                    "filters": [
                        {
                            "name": "envoy.filters.network.http_connection_manager",
                            "typed_config": {
                                "@type": f"{_TYPE}.filters.network.http_connection_manager.v3"
                                ".HttpConnectionManager",
                                "stat_prefix": name,
                                "codec_type": "AUTO",
                                "http_filters": [
                                    {
                                        "name": "envoy.filters.http.router",
                                        "typed_config": {
                                            "@type": f"{_TYPE}.filters.http.router.v3.Router"
                                        },
                                    }
                                ],
                                "route_config": {
                                    "virtual_hosts": [
                                        {
                                            "name": name,
                                            "domains": ["*"],
                                            "routes": [{"match": {"prefix": "/"}, **route}],
                                        }
                                    ]
                                },
                            },
                        }
                    ]
                }
            ],
        }

    pair = {
        "certificate_chain": {"filename": str(certificate)},
        "private_key": {"filename": str(certificate)},
    }
    cluster = {
        "name": "inner",
        "type": "STATIC",
        "typed_extension_protocol_options": {
            "envoy.extensions.upstreams.http.v3.HttpProtocolOptions": {
                "@type": f"{_TYPE}.upstreams.http.v3.HttpProtocolOptions",
                "explicit_http_config": {"http2_protocol_options": {}},
            }
        },
        "transport_socket": {
            "name": "envoy.transport_sockets.tls",
            "typed_config": {
                "@type": f"{_TYPE}.transport_sockets.tls.v3.UpstreamTlsContext",
                "sni": "api.localhost",
                "common_tls_context": {
                    "alpn_protocols": ["h2"],
                    "tls_certificates": [pair],
                    "validation_context": {"trusted_ca": {"filename": str(server_ca)}},
                },
            },
        },
        "load_assignment": {
            "cluster_name": "inner",
            "endpoints": [
                {
                    "lb_endpoints": [
                        {
                            "endpoint": {
                                "address": {
                                    "socket_address": {
                                        "address": "127.0.0.1",
                                        "port_value": inner,
                                    }
                                }
                            }
                        }
                    ]
                }
            ],
        },
    }
    return yaml.safe_dump(
        {
            "admin": {"address": {"socket_address": {"address": "127.0.0.1", "port_value": 0}}},
            "static_resources": {
                "listeners": [
                    listener(
                        "client",
                        port,
                        {"route": {"cluster": "inner", "host_rewrite_literal": "api.localhost"}},
                    ),
                    listener("application", application, {"direct_response": {"status": 200}}),
                ],
                "clusters": [cluster],
            },
        }
    )


def cpu_seconds(pid: int) -> float:
    times = psutil.Process(pid).cpu_times()
    return float(times.user + times.system)


def measure(directory: Path, name: str, requests: int) -> tuple[float, float, float, float]:
    """`(Envoy µs, authz µs, bytes to authz, requests per second)` for one variant."""
    credentials = make_credentials(directory, at=time.time())
    certificate = _rsa_chain(credentials)
    policy = (
        "sites:\n  - name: api\n    hosts: ['*']\n"
        "    trust: [{name: rsa, certificates: [rsa-root.pem, rsa-issuing.pem]}]\n"
        "    rules:\n      - {ref: r, action: block, expression: "
        f"'{'false' if name == 'none' else 'not cf.tls_client_auth.cert_verified'}'}}\n"
    ).replace("'false'", "'http.host eq \"nowhere\"'")
    (directory / "policy.yaml").write_text(policy, encoding="utf-8")
    port, application = free_port(), free_port()
    with Children() as children:
        settings = {"policy": "policy.yaml", "certificate_source": SOURCES[name]}
        authz = start_authz(children, directory, settings)
        config = render_envoy_config(
            load_settings(directory / "authz.yaml"),
            replace(
                default_options(credentials, None, authz.grpc),
                upstream=f"127.0.0.1:{application}",
            ),
        )
        envoy: Envoy = start_envoy(children, directory, variant(config, name))
        text = client(port, envoy.port, application, certificate, credentials.server_ca)
        start_envoy(children, directory, text, name="client")
        wait_for_health(envoy, 1)
        _h2load(port, requests // 10)
        before = cpu_seconds(envoy.child.pid), cpu_seconds(authz.child.pid), _sent(envoy)
        rate = _h2load(port, requests)
        after = cpu_seconds(envoy.child.pid), cpu_seconds(authz.child.pid), _sent(envoy)
    per = [(b - a) / requests for a, b in zip(before, after, strict=True)]
    return per[0] * 1e6, per[1] * 1e6, per[2], rate


def _rsa_chain(credentials: Credentials) -> Path:
    directory = credentials.directory
    root = make_root("RSA Root", at=time.time(), kind=KeyKind.RSA2048)
    issuing = root.intermediate("RSA Issuing CA", kind=KeyKind.RSA2048)
    one = issuing.client("rsa-client", kind=KeyKind.RSA2048)
    (directory / "rsa-root.pem").write_bytes(root.pem)
    (directory / "rsa-issuing.pem").write_bytes(issuing.pem)
    file = directory / "rsa-client.pem"
    file.write_bytes(one.chain_pem + one.key_pem)
    return file


def _sent(envoy: Envoy) -> float:
    return float(envoy.stat("cluster.authz.upstream_cx_tx_bytes_total"))


def _h2load(port: int, requests: int) -> float:
    run = subprocess.run(
        ["h2load", "-n", str(requests), "-c", "4", "-m", "8", f"http://127.0.0.1:{port}/"],
        capture_output=True,
        text=True,
        timeout=300,
        check=True,
    )
    if f"status codes: {requests} 2xx" not in run.stdout:
        raise SystemExit(f"not every request was let in:\n{run.stdout}")
    (line,) = [line for line in run.stdout.splitlines() if line.startswith("finished in")]
    return float(line.split(",")[1].split()[0])


def main() -> None:
    requests = int(sys.argv[1]) if len(sys.argv) > 1 else 20_000
    print(f"{requests} requests each, RSA-2048 certificate and one intermediate, loopback\n")
    print(f"{'':40}{'Envoy µs':>10}{'authz µs':>10}{'bytes':>8}{'req/s':>8}")
    for name in SOURCES:
        with tempfile.TemporaryDirectory() as directory:
            envoy, authz, sent, rate = measure(Path(directory), name, requests)
        print(f"{name:40}{envoy:10.1f}{authz:10.1f}{sent:8.0f}{rate:8.0f}", flush=True)


if __name__ == "__main__":
    main()
