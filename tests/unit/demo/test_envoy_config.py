# SPDX-License-Identifier: Apache-2.0
"""The whole configuration: what is shipped, and what each setting changes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from authz.demo.envoy_config import render_envoy_config
from authz.demo.envoy_options import EnvoyOptions
from authz.settings import Settings, load_settings

ROOT = Path(__file__).parents[3]

BEHIND_PROXY = {
    "certificate_source": "xfcc",
    "xfcc": {"trusted_hops": 2},
    "client_ip": {"trusted_hops": 1},
}


def rendered(options: EnvoyOptions | None = None, **values: Any) -> Any:
    return yaml.safe_load(render_envoy_config(Settings.model_validate(values), options))


def cluster(config: Any, name: str) -> Any:
    (found,) = [one for one in config["static_resources"]["clusters"] if one["name"] == name]
    return found


@pytest.mark.parametrize(
    ("file", "values"), [("envoy.yaml", {}), ("envoy-behind-proxy.yaml", BEHIND_PROXY)]
)
def test_the_shipped_files_are_what_the_command_prints(file: str, values: dict[str, Any]) -> None:
    text = render_envoy_config(Settings.model_validate(values))

    assert (ROOT / "envoy" / file).read_text(encoding="utf-8") == text


def test_the_file_of_the_compose_topology_is_what_the_command_prints() -> None:
    settings = load_settings(ROOT / "deploy" / "authz.yaml")

    text = render_envoy_config(settings, EnvoyOptions(upstream="upstream:8000"))

    assert (ROOT / "deploy" / "envoy.yaml").read_text(encoding="utf-8") == text


def test_workers_with_ports_of_their_own_are_endpoints_of_their_own() -> None:
    config = rendered(grpc={"workers": 2, "port_per_worker": True})

    (locality,) = cluster(config, "authz")["load_assignment"]["endpoints"]
    endpoints = locality["lb_endpoints"]
    ports = [e["endpoint"]["address"]["socket_address"]["port_value"] for e in endpoints]
    assert ports == [50051, 50052]
    assert cluster(config, "authz")["type"] == "STATIC"


def test_a_unix_socket_is_a_pipe() -> None:
    config = rendered(grpc={"listen": "unix:/run/authz.sock"})

    text = str(cluster(config, "authz"))
    assert "{'pipe': {'path': '/run/authz.sock'}}" in text
    assert cluster(config, "authz")["type"] == "STATIC"


@pytest.mark.parametrize(
    ("address", "kind"),
    [("10.0.0.1:80", "STATIC"), ("[::1]:80", "STATIC"), ("application:80", "STRICT_DNS")],
)
def test_a_name_is_resolved_and_an_address_is_not(address: str, kind: str) -> None:
    config = rendered(EnvoyOptions(upstream=address, authz=(address,)))

    assert [c["type"] for c in config["static_resources"]["clusters"]] == [kind, kind]


@pytest.mark.parametrize("client_ca", [None, "ca.pem"])
def test_tls_to_the_service_follows_its_settings(client_ca: str | None) -> None:
    tls = {"certificate": "a.pem", "key": "a.key", "client_ca": client_ca}

    socket = cluster(rendered(grpc={"tls": tls}), "authz")["transport_socket"]

    context = socket["typed_config"]["common_tls_context"]
    assert context["validation_context"]["trusted_ca"]["filename"]
    assert ("tls_certificates" in context) == (client_ca is not None)


def test_without_tls_there_is_no_transport_socket() -> None:
    assert "transport_socket" not in cluster(rendered(), "authz")


def test_every_worker_is_asked_for_its_health() -> None:
    (check,) = cluster(rendered(), "authz")["health_checks"]

    assert check["grpc_health_check"] == {}
    assert check["interval"] == check["no_traffic_interval"] == "0.4s"


@pytest.mark.parametrize("values", [{}, {"certificate_source": "xfcc"}, BEHIND_PROXY])
def test_no_line_is_too_long_to_read(values: dict[str, Any]) -> None:
    text = render_envoy_config(Settings.model_validate(values))

    long = [line for line in text.splitlines() if len(line) > 100 and "@type" not in line]
    assert long == []
