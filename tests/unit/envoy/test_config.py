# SPDX-License-Identifier: Apache-2.0
"""The whole configuration: what is shipped, and what each setting changes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import yaml

from authz.envoy.config import render_envoy_config
from authz.envoy.options import EnvoyOptions
from authz.settings import Settings
from envoy.generate import BEHIND_ANOTHER_PROXY, ROOT, files

if TYPE_CHECKING:
    from pathlib import Path

FILES = files()


def rendered(options: EnvoyOptions | None = None, **values: Any) -> Any:
    return yaml.safe_load(render_envoy_config(Settings.model_validate(values), options))


def cluster(config: Any, name: str) -> Any:
    (found,) = [one for one in config["static_resources"]["clusters"] if one["name"] == name]
    return found


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(ROOT)))
def test_the_committed_files_are_what_is_generated(file: Path) -> None:
    """Otherwise: python -m envoy.generate"""
    assert file.read_text(encoding="utf-8") == FILES[file]


def test_every_committed_configuration_is_generated() -> None:
    committed = {*(ROOT / "envoy").glob("*.yaml"), *(ROOT / "deploy").glob("envoy*.yaml")}

    assert committed == set(FILES)


def test_workers_with_ports_of_their_own_are_endpoints_of_their_own() -> None:
    config = rendered(grpc={"workers": 2, "port_per_worker": True}, sds={"listen": "off"})

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
    (name,) = context["validation_context"]["match_typed_subject_alt_names"]
    assert name == {"san_type": "DNS", "matcher": {"exact": "authz"}}
    assert ("tls_certificates" in context) == (client_ca is not None)


def test_without_tls_there_is_no_transport_socket() -> None:
    assert "transport_socket" not in cluster(rendered(), "authz")


def test_every_worker_is_asked_for_its_health() -> None:
    (check,) = cluster(rendered(), "authz")["health_checks"]

    assert check["grpc_health_check"] == {}
    assert check["interval"] == check["no_traffic_interval"] == "0.4s"


@pytest.mark.parametrize("values", [{}, {"certificate_source": "xfcc"}, BEHIND_ANOTHER_PROXY])
def test_no_line_is_too_long_to_read(values: dict[str, Any]) -> None:
    text = render_envoy_config(Settings.model_validate(values))

    long = [line for line in text.splitlines() if len(line) > 100 and "@type" not in line]
    assert long == []


def test_more_listeners_share_the_clusters() -> None:
    first = EnvoyOptions(listen="127.0.0.1:1")
    second = EnvoyOptions(name="other", listen="127.0.0.1:2")

    config = yaml.safe_load(render_envoy_config(Settings(), first, second))

    resources = config["static_resources"]
    ports = {
        one["name"]: one["address"]["socket_address"]["port_value"]
        for one in resources["listeners"]
    }
    assert ports == {"https": 1, "other": 2}
    assert [one["name"] for one in resources["clusters"]] == ["authz", "upstream"]
