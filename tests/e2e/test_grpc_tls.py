# SPDX-License-Identifier: Apache-2.0
"""The gRPC port with TLS: Envoy speaks it as generated, and nobody else gets an answer."""

from __future__ import annotations

import socket
import ssl
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

from authz.demo.pki import Issued, make_root
from authz.demo.scenario import policy_yaml
from authz.demo.stack import Envoy, start_authz, start_envoy
from authz.envoy.config import render_envoy_config
from authz.settings import load_settings
from tests.e2e.harness import PATIENCE, Stack, default_options, eventually, wait_for_health

if TYPE_CHECKING:
    from pathlib import Path

    from authz.demo.credentials import Credentials
    from authz.demo.processes import Children
    from authz.demo.upstream import Upstream


@dataclass(frozen=True, kw_only=True)
class Parties:
    """Files of the service's and of Envoy's own certificates."""

    directory: Path
    authority: Issued

    def write(self, name: str, issued: Issued) -> str:
        """Certificate and key, as NAME.crt and NAME.key; the certificate's path."""
        (self.directory / f"{name}.crt").write_bytes(issued.chain_pem)
        (self.directory / f"{name}.key").write_bytes(issued.key_pem)
        return str(self.directory / f"{name}.crt")


@pytest.fixture
def parties(credentials: Credentials) -> Parties:
    authority = make_root("Inner CA", at=credentials.authority.at)
    parties = Parties(directory=credentials.directory, authority=authority)
    parties.write("inner-ca", authority)
    return parties


def start(
    children: Children,
    credentials: Credentials,
    upstream: Upstream,
    parties: Parties,
    *,
    service_name: str = "authz",
    envoy_authority: Issued | None = None,
    workers: int = 1,
) -> tuple[Stack, Envoy]:
    directory = credentials.directory
    parties.write("authz-tls", parties.authority.server(service_name))
    parties.write("envoy-tls", (envoy_authority or parties.authority).client("envoy"))
    (directory / "policy.yaml").write_text(policy_yaml(credentials), encoding="utf-8")
    tls = {
        "certificate": "authz-tls.crt",
        "key": "authz-tls.key",
        "client_ca": "inner-ca.crt",
    }
    settings: dict[str, Any] = {"policy": "policy.yaml", "grpc": {"tls": tls, "workers": workers}}
    authz = start_authz(children, directory, settings)
    options = default_options(
        credentials,
        upstream,
        authz.grpc,
        authz_ca=str(directory / "inner-ca.crt"),
        authz_client_certificate=str(directory / "envoy-tls.crt"),
        authz_client_key=str(directory / "envoy-tls.key"),
    )
    config = render_envoy_config(load_settings(directory / "authz.yaml"), options)
    envoy = start_envoy(children, directory, config)
    return Stack(credentials=credentials, authz=authz, envoy=envoy), envoy


def test_envoy_and_the_service_know_each_other(
    children: Children, credentials: Credentials, upstream: Upstream, parties: Parties
) -> None:
    stack, envoy = start(children, credentials, upstream, parties)
    wait_for_health(envoy, 1)

    assert stack.get("api.localhost", "/", "valid").status == 200
    assert stack.get("api.localhost").status == 403
    assert stack.authz.metric("authz_transport_info", transport="grpcio") == 1


def test_an_envoy_that_nobody_vouches_for_gets_no_answer(
    children: Children, credentials: Credentials, upstream: Upstream, parties: Parties
) -> None:
    stranger = make_root("Other CA", at=credentials.authority.at)
    stack, envoy = start(children, credentials, upstream, parties, envoy_authority=stranger)

    eventually(lambda: envoy.stat("cluster.authz.health_check.failure") > 0, "a failed check")
    assert stack.get("api.localhost", "/", "valid").status == 503
    assert stack.authz.metric("authz_checks_total") == 0


def shake_hands(address: str) -> None:
    """One TLS connection and no more."""
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.set_alpn_protocols(["h2"])
    host, _, port = address.rpartition(":")
    with (
        socket.create_connection((host, int(port)), timeout=PATIENCE) as raw,
        context.wrap_socket(raw),
    ):
        pass


@pytest.mark.parametrize("workers", [1, 2])
def test_half_a_rotation_is_counted_and_does_no_harm(
    children: Children,
    credentials: Credentials,
    upstream: Upstream,
    parties: Parties,
    workers: int,
) -> None:
    stack, envoy = start(children, credentials, upstream, parties, workers=workers)
    wait_for_health(envoy, 1)

    other = parties.authority.server("authz")
    (parties.directory / "authz-tls.crt").write_bytes(other.chain_pem)

    def counted() -> bool:
        shake_hands(stack.authz.grpc[0])
        return stack.authz.metric("authz_reload_failures_total", kind="tls") >= 1

    eventually(counted, "the failure was counted")
    assert stack.get("api.localhost", "/", "valid").status == 200


def test_a_service_with_another_name_is_not_believed(
    children: Children, credentials: Credentials, upstream: Upstream, parties: Parties
) -> None:
    stack, envoy = start(children, credentials, upstream, parties, service_name="impostor")

    eventually(lambda: envoy.stat("cluster.authz.ssl.fail_verify_san") > 0, "a refused name")
    assert stack.get("api.localhost", "/", "valid").status == 503
