# SPDX-License-Identifier: Apache-2.0
"""deploy/istio/gateway-mutual.yaml: Envoy verifies, each host with authorities of its own.

What Envoy's handshake lets through is judged again, because it does not know of revocation, of the
other host on the same connection, and of HTTP/3, where Istio requires no certificate.
"""

from __future__ import annotations

import contextlib
import time
from typing import TYPE_CHECKING, Any

import pytest

from authz.demo.client import Connection
from authz.demo.credentials import make_credentials
from authz.demo.processes import Children
from tests.e2e.gateways import ISTIO, mesh_secrets, start_gateway
from tests.factories.generated import Secret
from tests.factories.http3 import get
from tests.factories.listener_cases import REFUSED, Case, judge

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from authz.demo.upstream import Upstream
    from tests.e2e.harness import Stack

API, PARTNER = "api.example.com", "partner.example.com"
TCP, UDP = "0.0.0.0_443", "udp_0.0.0.0_443"
POLICY = """\
sites:
  - name: api
    hosts: [api.example.com]
    trust:
      - name: demo
        certificates: [trust/demo-ca.pem]
        crls: [trust/demo-ca.crl]
    rules: &rules
      - ref: needs-certificate
        expression: 'not cf.tls_client_auth.cert_verified or cf.tls_client_auth.cert_revoked'
        action: block
  - name: partner
    hosts: [partner.example.com]
    trust: [{name: partner, certificates: [trust/partner-ca.pem]}]
    rules: *rules
"""


@pytest.fixture(scope="module")
def gateway(
    tmp_path_factory: pytest.TempPathFactory, upstream: Upstream, transport: str
) -> Iterator[Stack]:
    """For reading only."""
    credentials = make_credentials(tmp_path_factory.mktemp("mutual"), at=time.time())
    server = credentials.server_authority.server(API, PARTNER)
    tls = Secret(certificate=server.chain_pem, key=server.key_pem)
    authorities = {"api": credentials.authority, "partner": credentials.partner}
    secrets = mesh_secrets(credentials.authority, credentials.clients["valid"])
    for name, authority in authorities.items():
        secrets[f"kubernetes://{name}-certificate"] = tls
        secrets[f"kubernetes://{name}-certificate-cacert"] = Secret(authorities=authority.pem)
    with Children() as children:
        yield start_gateway(
            "istio/mutual",
            children,
            credentials,
            upstream=upstream,
            transport=transport,
            plane=ISTIO,
            listeners={TCP: 0, UDP: 0},
            secrets=secrets,
            policy=POLICY,
        )


def file_of(gateway: Stack, certificate: str) -> Path | None:
    return gateway.credentials.client_file(certificate) if certificate else None


def tcp(gateway: Stack, host: str, certificate: str, *, sni: str = "", **options: Any) -> int:
    """The status; 0 when the handshake is refused."""
    connection = Connection(
        gateway.envoy.ports[TCP],
        sni or host,
        gateway.credentials.server_ca,
        file_of(gateway, certificate),
    )
    try:
        with contextlib.closing(connection):
            return connection.send_request("/", hosts=(host,), **options).status
    except OSError:
        return REFUSED


def udp(gateway: Stack, host: str, certificate: str, **options: Any) -> int:
    """The same over HTTP/3."""
    try:
        return get(
            gateway.envoy.ports[UDP],
            host,
            server_ca=gateway.credentials.server_ca,
            certificate=file_of(gateway, certificate),
            **options,
        ).status
    except ConnectionError:
        return REFUSED


@pytest.mark.parametrize(
    ("host", "certificate", "over_tcp", "over_udp"),
    [
        (API, "valid", 200, 200),
        (PARTNER, "partner", 200, 200),
        (API, "partner", 0, 0),
        (PARTNER, "valid", 0, 0),
        (API, "self-signed", 0, 0),
        (API, "expired", 0, 0),
        # The handshake knows nothing of revocation.
        (API, "revoked-by-crl", 403, 403),
        # Istio takes the requirement off HTTP/3: the rules are what stops this one.
        (API, "", 0, 403),
        (PARTNER, "", 0, 403),
    ],
)
def test_the_handshake_and_the_rules(
    gateway: Stack, host: str, certificate: str, over_tcp: int, over_udp: int
) -> None:
    assert tcp(gateway, host, certificate) == over_tcp
    assert udp(gateway, host, certificate) == over_udp


def test_a_connection_to_one_host_does_not_reach_the_other(gateway: Stack) -> None:
    """The routes of a filter chain are those of its host alone; without a route nobody is asked."""
    assert tcp(gateway, PARTNER, "valid", sni=API) == 404
    assert tcp(gateway, API, "partner", sni=PARTNER) == 404


@pytest.mark.deploy
@pytest.mark.parametrize("send", [tcp, udp])
def test_the_cases(gateway: Stack, send: Callable[..., int]) -> None:
    """Each host of the gateway has one authority, so another host's is refused as a stranger's."""

    def ask(case: Case, headers: tuple[tuple[str, str], ...]) -> int:
        host = PARTNER if case.host == "partner.localhost" else API
        return send(gateway, host, case.certificate, headers=headers)

    strangers = dict.fromkeys(("unknown CA", "expired", "wrong host"), REFUSED)
    # Istio takes the requirement off HTTP/3: nobody is answered there by the rules.
    nobody = dict.fromkeys(("none", "spoofed XFCC by nobody"), 403 if send is udp else REFUSED)
    judge(
        f"gateway: istio/mutual{', HTTP/3' if send is udp else ''}",
        ask,
        gateway.credentials,
        strangers | nobody,
    )
