# SPDX-License-Identifier: Apache-2.0
"""The shipped configuration has nothing wrong with it; each change has exactly its finding."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from authz.cli.doctor import (
    envoy_around,
    envoy_cluster,
    envoy_dump,
    envoy_filter,
    envoy_limit,
    envoy_listener,
)
from authz.cli.doctor.envoy_endpoints import Endpoints
from authz.settings import Settings
from tests.unit.cli.doctor import envoy

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from authz.cli.doctor.findings import Finding

PEER: dict[str, Any] = {}
XFCC: dict[str, Any] = {"certificate_source": "xfcc"}
BEHIND: dict[str, Any] = {
    "certificate_source": "xfcc",
    "xfcc": {"trusted_hops": 2},
    "client_ip": {"trusted_hops": 1},
}


def findings(configuration: dict[str, Any], values: dict[str, Any], **how: bool) -> list[str]:
    settings = Settings.model_validate(values)
    dump = envoy.dump(configuration, **how)
    clusters = envoy_dump.clusters(dump)
    return [
        finding.id
        for chain in envoy_dump.chains(dump)
        for finding in (
            *envoy_filter.look(chain, settings),
            *envoy_listener.look(chain, settings),
            *envoy_around.look(chain, dump),
            *envoy_cluster.look(chain, clusters, settings, ["127.0.0.1:50051"]),
            *_limits(chain, clusters, settings),
        )
    ]


def _limits(
    chain: envoy_dump.Chain, clusters: dict[str, Any], settings: Settings
) -> Iterator[Finding]:
    if chain.cluster in clusters:
        one = Endpoints(1, 1, may_be_more=False)
        waits = envoy_limit.shortest([chain])
        asked = (chain.cluster, clusters[chain.cluster], settings, one, waits)
        assert envoy_limit.not_judged(*asked) is None
        yield from envoy_limit.look(*asked)


@pytest.mark.parametrize("values", [PEER, XFCC, BEHIND], ids=["peer", "xfcc", "behind-proxy"])
@pytest.mark.parametrize("dynamic", [False, True], ids=["static", "dynamic"])
def test_the_shipped_configuration_is_fine(values: dict[str, Any], dynamic: bool) -> None:
    configuration = envoy.config(**values)

    assert len([*envoy_dump.chains(envoy.dump(configuration, dynamic=dynamic))]) == 1
    assert findings(configuration, values, dynamic=dynamic) == []


def without(part: Callable[[dict[str, Any]], dict[str, Any]], *path: str) -> Any:
    def change(configuration: dict[str, Any]) -> None:
        holder = part(configuration)
        for key in path[:-1]:
            holder = holder[key]
        del holder[path[-1]]

    return change


def having(
    part: Callable[[dict[str, Any]], dict[str, Any]], key: str, value: Any
) -> Callable[[dict[str, Any]], None]:
    def change(configuration: dict[str, Any]) -> None:
        part(configuration)[key] = value

    return change


def manager(configuration: dict[str, Any]) -> dict[str, Any]:
    return envoy.manager(envoy.listener(configuration))


def http_options(configuration: dict[str, Any]) -> dict[str, Any]:
    options = manager(configuration)["common_http_protocol_options"]
    assert isinstance(options, dict)
    return options


def common_tls(configuration: dict[str, Any]) -> dict[str, Any]:
    context = envoy.tls(configuration)["common_tls_context"]
    assert isinstance(context, dict)
    return context


def chain(configuration: dict[str, Any]) -> dict[str, Any]:
    found = envoy.listener(configuration)["filter_chains"][0]
    assert isinstance(found, dict)
    return found


def address_of_authz(configuration: dict[str, Any]) -> dict[str, Any]:
    cluster = envoy.authz_cluster(configuration)
    (endpoint,) = cluster["load_assignment"]["endpoints"][0]["lb_endpoints"]
    address = endpoint["endpoint"]["address"]["socket_address"]
    assert isinstance(address, dict)
    return address


def retries(configuration: dict[str, Any]) -> dict[str, Any]:
    policy = envoy.ext_authz(configuration)["grpc_service"]["retry_policy"]
    assert isinstance(policy, dict)
    return policy


def virtual_host(configuration: dict[str, Any]) -> dict[str, Any]:
    (host,) = manager(configuration)["route_config"]["virtual_hosts"]
    assert isinstance(host, dict)
    return host


def http_filter(place: int, kind: str) -> Callable[[dict[str, Any]], None]:
    """One more filter, before or behind ext_authz."""

    def change(configuration: dict[str, Any]) -> None:
        one = {"name": "other", "typed_config": {"@type": f"type.googleapis.com/{kind}"}}
        manager(configuration)["http_filters"].insert(place, one)

    return change


@pytest.mark.parametrize(
    ("id_", "change"),
    [
        ("http-service", without(envoy.ext_authz, "grpc_service")),
        ("transport-api", without(envoy.ext_authz, "transport_api_version")),
        ("failure-mode-allow", having(envoy.ext_authz, "failure_mode_allow", True)),
        ("shadow-mode", having(envoy.ext_authz, "shadow_mode", True)),
        (
            "filter-disabled",
            having(
                envoy.ext_authz,
                "filter_enabled",
                {"default_value": {"numerator": 100, "denominator": "TEN_THOUSAND"}},
            ),
        ),
        (
            "long-timeout",
            having(lambda c: envoy.ext_authz(c)["grpc_service"], "timeout", "600s"),
        ),
        ("long-timeout", having(lambda c: envoy.ext_authz(c)["grpc_service"], "timeout", "0s")),
        ("status-on-error", without(envoy.ext_authz, "status_on_error")),
        ("peer-certificate", without(envoy.ext_authz, "include_peer_certificate")),
        ("tls-session", without(envoy.ext_authz, "include_tls_session")),
        ("raw-headers", without(envoy.ext_authz, "encode_raw_headers")),
        ("validate-mutations", having(envoy.ext_authz, "validate_mutations", False)),
        ("allowed-headers", having(envoy.ext_authz, "allowed_headers", {"patterns": []})),
        ("normalize-path", without(manager, "normalize_path")),
        ("merge-slashes", without(manager, "merge_slashes")),
        ("escaped-slashes", having(manager, "path_with_escaped_slashes_action", "KEEP_UNCHANGED")),
        ("host-port", without(manager, "strip_any_host_port")),
        ("host-dot", without(manager, "strip_trailing_host_dot")),
        ("route-chosen-again", having(envoy.ext_authz, "clear_route_cache", True)),
        ("remote-address", without(manager, "use_remote_address")),
        (
            "client-ip-otherwise",
            having(manager, "original_ip_detection_extensions", [{"name": "custom"}]),
        ),
        ("connection-duration", without(http_options, "max_connection_duration")),
        ("stream-duration", without(http_options, "max_stream_duration")),
        ("underscores", without(http_options, "headers_with_underscores_action")),
        ("client-ip-hops", having(manager, "xff_num_trusted_hops", 2)),
        ("xfcc-forwarded", having(manager, "forward_client_cert_details", "APPEND_FORWARD")),
        ("no-tls", without(chain, "transport_socket")),
        ("no-validation-context", without(common_tls, "validation_context")),
        (
            "handshake-refuses",
            having(common_tls, "validation_context", {"trusted_ca": {"filename": "ca.pem"}}),
        ),
        ("session-tickets", without(envoy.tls, "disable_stateless_session_resumption")),
        ("session-ids", without(envoy.tls, "disable_stateful_session_resumption")),
        ("no-health-check", without(envoy.authz_cluster, "health_checks")),
        ("no-cluster", having(envoy.authz_cluster, "name", "other")),
        ("few-checks-at-once", without(envoy.authz_cluster, "circuit_breakers")),
        (
            "few-checks-at-once",
            having(envoy.authz_cluster, "circuit_breakers", {"thresholds": [{"max_requests": 9}]}),
        ),
        (
            "cluster-without-http2",
            without(envoy.authz_cluster, "typed_extension_protocol_options"),
        ),
        ("cluster-elsewhere", having(address_of_authz, "port_value", 50055)),
        ("try-too-short", without(retries, "retry_back_off")),
        ("try-too-short", having(retries, "retry_back_off", {"max_interval": "0.1s"})),
        ("host-left-over", having(virtual_host, "routes", [{"match": {"prefix": "/"}}])),
        (
            "filter-before",
            http_filter(0, "envoy.extensions.filters.http.health_check.v3.HealthCheck"),
        ),
        ("filter-before", http_filter(0, "envoy.extensions.filters.http.lua.v3.Lua")),
        ("filter-behind", http_filter(1, "envoy.extensions.filters.http.lua.v3.Lua")),
        (
            "filter-behind",
            http_filter(1, "envoy.extensions.filters.http.header_mutation.v3.HeaderMutation"),
        ),
        (
            "filter-conditional",
            having(envoy.ext_authz, "filter_enabled_metadata", {"filter": "rbac"}),
        ),
    ],
)
def test_each_mistake_has_its_finding(id_: str, change: Callable[[dict[str, Any]], None]) -> None:
    configuration = envoy.config()
    change(configuration)

    assert findings(configuration, PEER) == [id_]


def test_without_a_timeout_the_shipped_limit_is_too_high() -> None:
    """Envoy waits for 0.2 s then."""
    configuration = envoy.config()
    without(envoy.ext_authz, "grpc_service", "timeout")(configuration)

    assert findings(configuration, PEER) == ["no-timeout", "many-checks-at-once"]


@pytest.mark.parametrize(
    ("id_", "values", "change"),
    [
        ("xfcc-not-written", XFCC, without(manager, "forward_client_cert_details")),
        ("xfcc-hops", XFCC, having(manager, "forward_client_cert_details", "FORWARD_ONLY")),
        ("xfcc-forwarded", XFCC, having(manager, "forward_client_cert_details", "APPEND_FORWARD")),
        (
            "xfcc-without-cert",
            XFCC,
            having(manager, "set_current_client_cert_details", {"uri": True}),
        ),
        ("xfcc-not-written", BEHIND, without(manager, "forward_client_cert_details")),
        ("xfcc-hops", BEHIND, having(manager, "forward_client_cert_details", "SANITIZE_SET")),
        (
            "proxy-not-verified",
            BEHIND,
            having(envoy.tls, "require_client_certificate", False),
        ),
        ("proxy-not-verified", BEHIND, without(common_tls, "validation_context")),
        ("no-tls", BEHIND, without(chain, "transport_socket")),
    ],
)
def test_each_mistake_with_xfcc_has_its_finding(
    id_: str, values: dict[str, Any], change: Callable[[dict[str, Any]], None]
) -> None:
    configuration = envoy.config(**values)
    change(configuration)

    assert findings(configuration, values) == [id_]


def test_plaintext_to_a_port_with_tls_is_found() -> None:
    values = {"grpc": {"tls": {"certificate": "a", "key": "b"}}}
    configuration = envoy.config(**values)
    del envoy.authz_cluster(configuration)["transport_socket"]

    assert findings(configuration, values) == ["cluster-without-tls"]


@pytest.mark.parametrize(
    ("switches", "expected"),
    [
        ({}, []),
        ({"enable_resumption": False, "enable_early_data": False}, []),
        ({"enable_resumption": True}, ["quic-resumption"]),
        ({"enable_resumption": True, "enable_early_data": True}, ["quic-resumption"]),
    ],
)
def test_tls_over_quic_has_switches_of_its_own(
    switches: dict[str, bool], expected: list[str]
) -> None:
    configuration = envoy.config()
    over_quic(configuration, **switches)

    assert findings(configuration, PEER) == expected


def test_tls_over_quic_is_looked_at_as_well() -> None:
    configuration = envoy.config()
    del common_tls(configuration)["validation_context"]
    over_quic(configuration)

    assert findings(configuration, PEER) == ["no-validation-context"]


def over_quic(configuration: Any, **switches: bool) -> None:
    """Wrap the TLS context as HTTP/3 has it, without the switches of TLS over TCP."""
    inner = envoy.tls(configuration)
    del inner["@type"]
    del inner["disable_stateless_session_resumption"], inner["disable_stateful_session_resumption"]
    chain(configuration)["transport_socket"]["typed_config"] = {
        "@type": "type.googleapis.com/envoy.extensions.transport_sockets.quic.v3."
        "QuicDownstreamTransport",
        "downstream_tls_context": inner,
        **switches,
    }


def test_a_validation_context_over_sds_is_one() -> None:
    configuration = envoy.config()
    context = common_tls(configuration).pop("validation_context")
    common_tls(configuration)["combined_validation_context"] = {
        "default_validation_context": context,
        "validation_context_sds_secret_config": {"name": "trust"},
    }

    assert findings(configuration, PEER) == []


@pytest.mark.parametrize("value", [None, [], {}, {"configs": None}, {"configs": [1, {}]}])
def test_a_dump_that_is_none_has_nothing_in_it(value: Any) -> None:
    assert [*envoy_dump.chains(value)] == []
    assert envoy_dump.clusters(value) == {}
    assert [*envoy_dump.unchecked_routes(value)] == []


@pytest.mark.parametrize(
    "kind",
    [
        "type.googleapis.com/envoy.extensions.filters.http.ext_authz.v3.ExtAuthzPerRoute",
        "type.googleapis.com/envoy.config.route.v3.FilterConfig",
    ],
)
def test_routes_that_are_not_checked_are_named(kind: str) -> None:
    configuration = envoy.config()
    host = manager(configuration)["route_config"]["virtual_hosts"][0]
    per_filter = {"envoy.filters.http.ext_authz": {"@type": kind, "disabled": True}}
    host["routes"] = [
        {"name": "open", "typed_per_filter_config": per_filter},
        {"match": {"prefix": "/x"}, "typed_per_filter_config": per_filter},
        {"name": "checked"},
    ]

    assert [*envoy_dump.unchecked_routes(envoy.dump(configuration))] == [
        "virtual host default, route open",
        "virtual host default, route 1",
    ]
