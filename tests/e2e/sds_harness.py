# SPDX-License-Identifier: Apache-2.0
"""An Envoy whose trust bundle comes from an SDS server of the test's own, without an authorizer.

Whoever gets through the handshake gets the upstream's answer, so what is seen is Envoy's verdict.
"""

from __future__ import annotations

import contextlib
import ssl
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import yaml

from authz.certs.trust import AuthorityModel
from authz.demo.client import Connection
from authz.demo.stack import start_envoy
from authz.envoy.config import render_envoy_config
from authz.envoy.options import SdsOptions
from authz.policy.model import PolicyModel, SiteModel
from authz.sds.material import TrustMaterial, material_of
from authz.sds.server import SdsServer
from authz.settings import Settings
from authz.settings.addresses import parse_address
from tests.e2e.harness import default_options, eventually

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from authz.demo.credentials import Credentials
    from authz.demo.pki import Issued
    from authz.demo.processes import Children
    from authz.demo.stack import Envoy
    from authz.demo.upstream import Upstream

#: How soon a change must be in force.
SECONDS = 2.0

HOST = "api.localhost"


def material(crls: tuple[bytes, ...] = (), **sites: tuple[Issued, ...]) -> TrustMaterial:
    """Sites that trust these CAs."""
    return material_of(
        PolicyModel(
            sites=tuple(
                SiteModel(
                    name=name,
                    hosts=(f"{name}.localhost",),
                    trust=(
                        AuthorityModel(
                            name=name, certificates=tuple(one.der for one in cas), crls=crls
                        ),
                    )
                    if cas
                    else (),
                )
                for name, cas in sites.items()
            )
        )
    )


@contextlib.contextmanager
def sds_server(listen: str = "127.0.0.1:0", *, crls: bool = False) -> Iterator[SdsServer]:
    """A started server; stopped in the end if it still runs."""
    server = SdsServer(parse_address(listen), crls=crls)
    server.start()
    try:
        yield server
    finally:
        server.stop(0)


@dataclass(frozen=True, kw_only=True)
class Listener:
    """A running Envoy that asks an SDS server whom to trust."""

    envoy: Envoy
    credentials: Credentials

    def connect(self, certificate: Path | None) -> Connection:
        """An HTTP/1.1 connection that presents this certificate (PEM with chain and key)."""
        return Connection(self.envoy.port, HOST, self.credentials.server_ca, certificate)

    def answer(self, certificate: Path | None) -> int:
        """The status of one request on a new connection; 0 when the handshake is refused.

        In TLS 1.3 a client only hears of it when it reads.
        """
        try:
            with contextlib.closing(self.connect(certificate)) as connection:
                return connection.send_request("/", hosts=(HOST,)).status
        except (ssl.SSLError, ConnectionError):
            return 0

    def becomes(self, status: int, certificate: Path | None) -> float:
        """Wait until new connections get this; how long it took. Fails after SECONDS."""
        start = time.monotonic()
        eventually(
            lambda: self.answer(certificate) == status, f"{status} for {certificate}", SECONDS
        )
        return time.monotonic() - start


def start_listener(
    children: Children,
    credentials: Credentials,
    upstream: Upstream,
    sds: str,
    *,
    api: str = "GRPC",
    site: str | None = None,
    strict: bool = True,
) -> Listener:
    """Envoy with the generated SDS form, its authorizer taken out; listening."""
    text = render_envoy_config(
        Settings(),
        default_options(
            credentials,
            upstream,
            ("127.0.0.1:9",),
            sds=SdsOptions(site=site, strict=strict, address=sds),
        ),
    )
    assert "api_type: GRPC\n" in text
    config: Any = yaml.safe_load(text.replace("api_type: GRPC\n", f"api_type: {api}\n"))
    (listener,) = config["static_resources"]["listeners"]
    manager = listener["filter_chains"][0]["filters"][0]["typed_config"]
    manager["http_filters"] = manager["http_filters"][1:]
    envoy = start_envoy(children, credentials.directory, yaml.safe_dump(config))
    return Listener(envoy=envoy, credentials=credentials)


def client_file(directory: Path, issued: Issued, name: str) -> Path:
    """A client's certificate, intermediates and key in one file."""
    file = directory / f"{name}.pem"
    file.write_bytes(issued.chain_pem + issued.key_pem)
    return file
