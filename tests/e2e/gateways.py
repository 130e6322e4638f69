# SPDX-License-Identifier: Apache-2.0
"""authz behind a gateway that Istio or Envoy Gateway configured, on this machine's Envoy."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from authz.demo.pki import make_root
from authz.demo.scenario import policy_yaml
from authz.demo.stack import start_authz, start_envoy
from tests.e2e.harness import Stack, authz_settings, eventually
from tests.factories.generated import ISTIO_ONLY, Place, Secret, bootstrap

if TYPE_CHECKING:
    from collections.abc import Mapping

    from authz.demo.credentials import Credentials
    from authz.demo.pki import Issued
    from authz.demo.processes import Children
    from authz.demo.upstream import Upstream

#: As deploy/kubernetes/authz.yaml has it.
XFCC: Final = {"certificate_source": "xfcc", "xfcc": {"trusted_hops": 1}}


@dataclass(frozen=True, slots=True, kw_only=True)
class ControlPlane:
    """How a control plane names what it generates."""

    listener: str
    authz: str
    app: str
    certificates: tuple[tuple[str, str], ...]
    without: tuple[str, ...] = ()
    mesh: bool = False


ENVOY_GATEWAY: Final = ControlPlane(
    listener="default/mtls/https",
    authz="securitypolicy/default/authz/extauth/0",
    app="httproute/default/app/rule/0",
    certificates=(("default/gateway-certificate", "default/mtls/ca.crt"),),
)
_ISTIO_AUTHZ: Final = "outbound|50051||authz.authz.svc.cluster.local"
_ISTIO_APP: Final = "outbound|8080||app.default.svc.cluster.local"
ISTIO: Final = ControlPlane(
    listener="0.0.0.0_443",
    authz=_ISTIO_AUTHZ,
    app=_ISTIO_APP,
    certificates=(("kubernetes://gateway-certificate", "kubernetes://gateway-certificate-cacert"),),
    without=ISTIO_ONLY,
    mesh=True,
)


def mesh_secrets(mesh: Issued, workload: Issued) -> dict[str, Secret]:
    """What Istio's agent gives a workload: its certificate, and the authority of the mesh."""
    return {
        "default": Secret(certificate=workload.chain_pem, key=workload.key_pem),
        "ROOTCA": Secret(authorities=mesh.pem),
    }


def _secrets(plane: ControlPlane, credentials: Credentials) -> dict[str, Secret]:
    server = Secret(certificate=credentials.server.chain_pem, key=credentials.server.key_pem)
    authorities = Secret(authorities=credentials.authority.pem)
    found: dict[str, Secret] = {}
    for certificate, authority in plane.certificates:
        found |= {certificate: server, authority: authorities}
    if plane.mesh:
        mesh = make_root("cluster.local", at=credentials.authority.at)
        found |= mesh_secrets(mesh, mesh.client("gateway"))
    return found


def start_gateway(
    form: str,
    children: Children,
    credentials: Credentials,
    *,
    upstream: Upstream,
    transport: str,
    plane: ControlPlane | None = None,
    listeners: Mapping[str, int] | None = None,
    secrets: Mapping[str, Secret] | None = None,
    policy: str = "",
    settings: Mapping[str, Any] | None = None,
) -> Stack:
    """authz with the demo's policy (or `policy`), and the generated gateway in front of it."""
    plane = plane or (ENVOY_GATEWAY if form.startswith("envoy_gateway") else ISTIO)
    directory = credentials.directory
    (directory / "policy.yaml").write_text(policy or policy_yaml(credentials), encoding="utf-8")
    authz = start_authz(children, directory, authz_settings(transport, settings or XFCC))
    (grpc,) = authz.grpc
    place = Place(
        directory=directory,
        listeners=listeners or {plane.listener: 0},
        endpoints={plane.authz: grpc, plane.app: f"127.0.0.1:{upstream.port}"},
        secrets=secrets or _secrets(plane, credentials),
        without=plane.without,
    )
    envoy = start_envoy(children, directory, bootstrap(form, place))
    return Stack(credentials=credentials, authz=authz, envoy=envoy)


def until_asked(stack: Stack) -> None:
    """Wait until the gateway asks: where it checks the service's health, that takes a moment."""
    eventually(lambda: stack.get("api.localhost").status == 403, "the service was asked")
