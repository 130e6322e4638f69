# SPDX-License-Identifier: Apache-2.0
"""What the configuration takes from authz.yaml."""

from __future__ import annotations

from typing import Any

import pytest

from authz.envoy.options import (
    EnvoyOptions,
    Forwarding,
    answered_within,
    asked_at,
    authz_cluster,
    forwarding_of,
    most_checks,
)
from authz.errors import SettingsError, TransportError
from authz.settings import Settings


def settings(**values: Any) -> Settings:
    return Settings.model_validate(values)


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({}, Forwarding.PEER),
        ({"xfcc": {"trusted_hops": 2}}, Forwarding.PEER),
        ({"certificate_source": "xfcc"}, Forwarding.XFCC),
        ({"certificate_source": "xfcc", "xfcc": {"trusted_hops": 2}}, Forwarding.BEHIND_PROXY),
        ({"certificate_source": "xfcc", "xfcc": {"trusted_hops": 3}}, Forwarding.BEHIND_PROXY),
    ],
)
def test_the_certificate_travels_the_way_that_authz_believes(
    values: dict[str, Any], expected: Forwarding
) -> None:
    assert forwarding_of(settings(**values)) is expected


@pytest.mark.parametrize(
    ("grpc", "expected"),
    [
        ({}, ("127.0.0.1:50051",)),
        ({"listen": "unix:/run/a.sock"}, ("unix:/run/a.sock",)),
        ({"listen": "0.0.0.0:7000"}, ("127.0.0.1:7000",)),
        ({"listen": "[::]:7000"}, ("[::1]:7000",)),
        ({"workers": 3}, ("127.0.0.1:50051",)),
        ({"port_per_worker": True}, ("127.0.0.1:50051",)),
        (
            {"workers": 3, "port_per_worker": True},
            ("127.0.0.1:50051", "127.0.0.1:50052", "127.0.0.1:50053"),
        ),
        (
            {"listen": "unix:/run/a", "workers": 2, "port_per_worker": True},
            ("unix:/run/a.0", "unix:/run/a.1"),
        ),
    ],
)
def test_the_cluster_has_one_endpoint_for_each_listening_address(
    grpc: dict[str, Any], expected: tuple[str, ...]
) -> None:
    assert (
        authz_cluster(settings(grpc=grpc, sds={"listen": "off"}), EnvoyOptions()).endpoints
        == expected
    )


@pytest.mark.parametrize(
    ("grpc", "shared"),
    [({}, False), ({"workers": 2}, True), ({"workers": 2, "port_per_worker": True}, False)],
)
def test_a_port_is_shared_by_several_workers_only(grpc: dict[str, Any], shared: bool) -> None:
    assert (
        authz_cluster(settings(grpc=grpc, sds={"listen": "off"}), EnvoyOptions()).shared_port
        is shared
    )


def test_options_replace_the_addresses() -> None:
    options = EnvoyOptions(authz=("authz:50051",))

    assert authz_cluster(settings(), options).endpoints == ("authz:50051",)


def test_a_port_that_the_system_chooses_cannot_be_written_down() -> None:
    with pytest.raises(SettingsError, match="port 0"):
        authz_cluster(settings(grpc={"listen": "127.0.0.1:0"}), EnvoyOptions())


def test_workers_that_cannot_share_a_socket_are_an_error_here_too() -> None:
    with pytest.raises(TransportError):
        authz_cluster(settings(grpc={"listen": "unix:/a", "workers": 2}), EnvoyOptions())


@pytest.mark.parametrize(("client_ca", "mutual"), [(None, False), ("ca.pem", True)])
def test_tls_of_the_grpc_port_is_spoken_by_envoy(client_ca: str | None, mutual: bool) -> None:
    tls = {"certificate": "a.pem", "key": "a.key", "client_ca": client_ca}

    cluster = authz_cluster(settings(grpc={"tls": tls}), EnvoyOptions())

    assert (cluster.tls, cluster.mutual_tls) == (True, mutual)


# --- addresses that an operator names -------------------------------------------------------------


def test_addresses_that_are_named_take_the_place_of_those_in_the_settings() -> None:
    named = asked_at(["127.0.0.1:50051", "unix:///run/next.sock", "authz.example:1"], Settings())

    assert named == ("127.0.0.1:50051", "unix:/run/next.sock", "authz.example:1")
    found = authz_cluster(Settings(), EnvoyOptions(authz=named))
    assert (found.endpoints, found.shared_port) == (named, False)
    assert asked_at(None, Settings()) == ()


@pytest.mark.parametrize(
    ("named", "message"),
    [
        (["nothing"], "is not an address"),
        (["0.0.0.0:50051"], "nobody can connect to"),
        (["[::]:50051"], "nobody can connect to"),
        (["127.0.0.1:0"], "nobody can connect to"),
        (["127.0.0.1:1", "127.0.0.1:1"], "named twice"),
    ],
)
def test_addresses_that_are_none_to_connect_to(named: list[str], message: str) -> None:
    with pytest.raises(SettingsError, match=message) as caught:
        asked_at(named, Settings())
    assert caught.value.where == "--authz-address"


def test_several_addresses_of_workers_that_share_a_port_would_have_no_health_checks() -> None:
    shared = settings(grpc={"workers": 2})
    per_worker = settings(grpc={"workers": 2, "port_per_worker": True}, sds={"enabled": False})
    two = ["127.0.0.1:50051", "127.0.0.1:50061"]

    with pytest.raises(SettingsError, match="need health checks"):
        asked_at(two, shared)
    assert asked_at(two[:1], shared) == ("127.0.0.1:50051",)
    assert len(asked_at(two, per_worker)) == 2


@pytest.mark.parametrize(
    ("grpc", "most", "in_a_second"),
    [
        ({}, 2000, 20_000),
        ({"workers": 4}, 2000, 20_000),
        ({"listen": "unix:/run/a.sock"}, 2000, 20_000),
        ({"transport": "grpcio"}, 500, 5_000),
        ({"transport": "grpcio", "workers": 4}, 2000, 5_000),
        ({"transport": "grpcio", "workers": 4, "port_per_worker": True}, 2000, 5_000),
        # `auto` uses grpcio beyond this machine, and with TLS.
        ({"listen": "0.0.0.0:50051"}, 500, 5_000),
        ({"tls": {"certificate": "a", "key": "b"}}, 500, 5_000),
        ({"listen": "0.0.0.0:50051", "transport": "native"}, 2000, 20_000),
    ],
)
def test_how_much_is_answered_in_time(grpc: dict[str, Any], most: int, in_a_second: int) -> None:
    """`most` is of all workers of a node, the other of one worker."""
    of = settings(grpc=grpc, sds={"listen": "off"})

    assert most_checks(of) == most
    assert answered_within(of, 1, 1) == in_a_second
    assert answered_within(of, 0.25, 2) == in_a_second // 2
