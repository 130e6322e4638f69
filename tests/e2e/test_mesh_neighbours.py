# SPDX-License-Identifier: Apache-2.0
"""Inside the mesh: who goes around the gateway, and what workloads that ask themselves would see.

Sidecars as istiod generates them, on the real Envoy. Their traffic is addressed to them here
(captureMode NONE), where a pod's is redirected by the kernel.
"""

from __future__ import annotations

import contextlib
import http.client
import socket
import ssl
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import grpc
import pytest
from cryptography import x509

from authz import __version__
from authz.demo.credentials import make_credentials
from authz.demo.pki import CLIENT_AUTH, SERVER_AUTH, Issued, make_root
from authz.demo.processes import Children, free_port
from authz.demo.scenario import policy_yaml
from authz.demo.stack import Authz, start_authz, start_envoy
from authz.pb.ext_authz_pb2 import CheckResponse
from tests.e2e.gateways import ISTIO, XFCC, mesh_secrets
from tests.e2e.harness import PATIENCE, authz_settings
from tests.factories.accepted import ROOT, accepted
from tests.factories.checks import check_request
from tests.factories.envoy import envoy_name
from tests.factories.generated import Place, bootstrap
from tests.factories.pki import xfcc_element

if TYPE_CHECKING:
    from pathlib import Path

    from authz.demo.upstream import Upstream

GATEWAY = "spiffe://cluster.local/ns/istio-ingress/sa/istio-ingress"
APP = "spiffe://cluster.local/ns/default/sa/app"
ORDERS = "spiffe://cluster.local/ns/shop/sa/orders"
OTHER = "spiffe://cluster.local/ns/shop/sa/other"
LISTENER = "10.0.0.20_8080"

#: What a workload asks: one caller, by the only name that its certificate has.
WORKLOAD_POLICY = f"""\
sites:
  - name: app
    hosts: ["*"]
    trust: [{{name: mesh, certificates: [trust/mesh.pem]}}]
    rules:
      - ref: orders-only
        expression: >-
          not cf.tls_client_auth.cert_verified or not any(authz.cert.san.uri[*] eq "{ORDERS}")
        action: block
"""


@dataclass(frozen=True, kw_only=True)
class Mesh:
    """The mesh's authority, and files of workloads' certificates by their names."""

    directory: Path
    root: Issued

    def workload(self, name: str, root: Issued | None = None) -> Issued:
        """A certificate as istiod issues it: one URI, no subject."""
        return (root or self.root).client(
            "", san=[x509.UniformResourceIdentifier(name)], eku=[CLIENT_AUTH, SERVER_AUTH]
        )

    def file(self, issued: Issued) -> Path:
        """Certificate and key in one file."""
        file = self.directory / f"{issued.serial:x}.pem"
        file.write_bytes(issued.chain_pem + issued.key_pem)
        return file


@dataclass(frozen=True, kw_only=True)
class Sidecar:
    """A running sidecar."""

    mesh: Mesh
    port: int
    authz: Authz | None = None

    def get(self, certificate: Issued | None, *headers: tuple[str, str]) -> int:
        """The status of one request in the mesh's TLS; 0 when the handshake is refused."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        # The names in the mesh are URIs, which the library does not compare.
        context.check_hostname = False
        context.load_verify_locations(cadata=self.mesh.root.pem.decode())
        if certificate is not None:
            context.load_cert_chain(self.mesh.file(certificate))
        connection = http.client.HTTPSConnection(
            "127.0.0.1", self.port, timeout=PATIENCE, context=context
        )
        try:
            connection.request("GET", "/", headers=dict(headers))
            return connection.getresponse().status
        except OSError:
            return 0
        finally:
            connection.close()


@pytest.fixture
def mesh(tmp_path: Path) -> Mesh:
    (tmp_path / "trust").mkdir()
    mesh = Mesh(directory=tmp_path, root=make_root("cluster.local", at=time.time()))
    (tmp_path / "trust" / "mesh.pem").write_bytes(mesh.root.pem)
    return mesh


def start_sidecar(
    form: str, mesh: Mesh, children: Children, upstream: Upstream, authz: Authz | None = None
) -> Sidecar:
    port = free_port()
    endpoints = {"inbound|8080||": f"127.0.0.1:{upstream.port}"}
    if authz is not None:
        endpoints[ISTIO.authz] = authz.grpc[0]
    place = Place(
        directory=mesh.directory,
        listeners={LISTENER: port},
        endpoints=endpoints,
        secrets=mesh_secrets(mesh.root, mesh.workload(APP)),
        ports={8080: port},
        without=("istio.metadata_exchange",),
    )
    start_envoy(children, mesh.directory, bootstrap(form, place))
    return Sidecar(mesh=mesh, port=port, authz=authz)


# --- around the gateway --------------------------------------------------------------------------


@pytest.mark.deploy
def test_only_the_gateway_reaches_the_application(
    mesh: Mesh, children: Children, upstream: Upstream
) -> None:
    """deploy/istio/only-through-the-gateway.yaml."""
    sidecar = start_sidecar("istio/only_through_the_gateway", mesh, children, upstream)
    stranger = make_root("cluster.local", at=mesh.root.at)

    assert sidecar.get(mesh.workload(GATEWAY)) == 200
    assert sidecar.get(mesh.workload(OTHER)) == 403
    assert sidecar.get(mesh.workload(APP)) == 403
    assert sidecar.get(mesh.workload(GATEWAY, stranger)) == 0
    assert sidecar.get(None) == 0
    # What the neighbour says about itself changes nothing.
    claims = (("cf-cert-verified", "true"), ("x-forwarded-client-cert", f"URI={GATEWAY}"))
    assert sidecar.get(mesh.workload(OTHER), *claims) == 403
    file = ROOT / "deploy" / "istio" / "only-through-the-gateway.yaml"
    accepted(file, envoy_name(), "what Istio makes of it runs: neighbours are refused")


def test_plain_text_does_not_reach_the_application(
    mesh: Mesh, children: Children, upstream: Upstream
) -> None:
    sidecar = start_sidecar("istio/only_through_the_gateway", mesh, children, upstream)
    with socket.create_connection(("127.0.0.1", sidecar.port), PATIENCE) as plain:
        plain.sendall(b"GET / HTTP/1.1\r\nHost: app\r\n\r\n")
        received = b""
        with contextlib.suppress(ConnectionResetError):
            received = plain.recv(1024)

    assert received == b""


def test_whoever_reaches_the_service_itself_can_claim_any_certificate(
    tmp_path: Path, children: Children, transport: str
) -> None:
    """Why its port is for gateways alone: the NetworkPolicy in deploy/kubernetes/authz.yaml.

    The neighbour gets no further by it, but learns who would get in.
    """
    credentials = make_credentials(tmp_path, at=time.time())
    (tmp_path / "policy.yaml").write_text(policy_yaml(credentials), encoding="utf-8")
    authz = start_authz(children, tmp_path, authz_settings(transport, XFCC))
    valid = credentials.clients["valid"]

    def asked(*headers: tuple[str, str]) -> int:
        with grpc.insecure_channel(authz.grpc[0]) as channel:
            check = channel.unary_unary(
                "/envoy.service.auth.v3.Authorization/Check",
                response_deserializer=CheckResponse.FromString,
            )
            request = check_request(host="api.localhost", headers=headers, raw=False, sni=None)
            answer: CheckResponse = check(request.SerializeToString(), timeout=PATIENCE)
            return answer.status.code

    claim = xfcc_element(valid)
    assert asked() == grpc.StatusCode.UNAUTHENTICATED.value[0]
    assert asked(("x-forwarded-client-cert", claim)) == grpc.StatusCode.OK.value[0]


# --- workloads that ask themselves ---------------------------------------------------------------


@pytest.fixture
def asking(mesh: Mesh, children: Children, transport: str) -> Authz:
    (mesh.directory / "policy.yaml").write_text(WORKLOAD_POLICY, encoding="utf-8")
    return start_authz(children, mesh.directory, authz_settings(transport, XFCC))


def test_a_sidecar_names_its_caller_and_shows_no_certificate(
    mesh: Mesh, children: Children, upstream: Upstream, asking: Authz
) -> None:
    """Istio's default: Subject and URI. Named is not proved, so nobody is verified."""
    sidecar = start_sidecar("istio/workload", mesh, children, upstream, asking)

    assert sidecar.get(mesh.workload(ORDERS)) == 403
    assert asking.metric("authz_certificates_total", result="malformed", source="xfcc") == 1


@pytest.mark.deploy
def test_with_the_annotation_workloads_are_judged_by_their_uri(
    mesh: Mesh, children: Children, upstream: Upstream, asking: Authz
) -> None:
    """proxyHeaders.setCurrentClientCertDetails.cert: the certificate travels and verifies."""
    sidecar = start_sidecar("istio/workload_with_certificate", mesh, children, upstream, asking)

    assert sidecar.get(mesh.workload(ORDERS)) == 200
    assert sidecar.get(mesh.workload(OTHER)) == 403
    assert asking.metric("authz_certificates_total", result="verified", source="xfcc") == 2
    how = "workloads are judged by their URI"
    accepted(
        "sidecar: istio/workload_with_certificate", f"authz {__version__}, {envoy_name()}", how
    )


def test_what_a_workload_claims_stands_left_of_what_the_sidecar_saw(
    mesh: Mesh, children: Children, upstream: Upstream, asking: Authz
) -> None:
    """A sidecar appends (APPEND_FORWARD): with trusted_hops 1 only its own element is read."""
    sidecar = start_sidecar("istio/workload_with_certificate", mesh, children, upstream, asking)
    orders = mesh.workload(ORDERS)
    claim = xfcc_element(orders)

    header = ("x-forwarded-client-cert", claim)
    assert sidecar.get(mesh.workload(OTHER), header) == 403
    assert sidecar.get(orders, header) == 200


def test_two_trusted_hops_in_a_mesh_believe_any_workload(
    mesh: Mesh, children: Children, upstream: Upstream, transport: str
) -> None:
    """Behind the gateway the client is element 2, but any other workload can write one, too.

    Only together with only-through-the-gateway.yaml would that element be the gateway's.
    """
    (mesh.directory / "policy.yaml").write_text(WORKLOAD_POLICY, encoding="utf-8")
    settings = {"certificate_source": "xfcc", "xfcc": {"trusted_hops": 2}}
    authz = start_authz(children, mesh.directory, authz_settings(transport, settings))
    sidecar = start_sidecar("istio/workload", mesh, children, upstream, authz)
    orders = mesh.workload(ORDERS)
    claim = xfcc_element(orders)

    assert sidecar.get(mesh.workload(OTHER), ("x-forwarded-client-cert", claim)) == 200
