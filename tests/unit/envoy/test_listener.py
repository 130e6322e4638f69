# SPDX-License-Identifier: Apache-2.0
"""The listener: each protection is on, and nothing a client sends about itself is believed."""

from __future__ import annotations

import re
from typing import Any

import pytest
import yaml

from authz.envoy.listener import listener
from authz.envoy.options import EnvoyOptions, Forwarding, VirtualHost

EVERY = list(Forwarding)


def rendered(forwarding: Forwarding, options: EnvoyOptions | None = None, hops: int = 0) -> Any:
    (one,) = yaml.safe_load(listener(options or EnvoyOptions(), forwarding, hops))
    return one


def tls(one: Any) -> Any:
    return one["filter_chains"][0]["transport_socket"]["typed_config"]


def manager(one: Any) -> Any:
    return one["filter_chains"][0]["filters"][0]["typed_config"]


def ext_authz(one: Any) -> Any:
    first, last = manager(one)["http_filters"]
    assert last["name"] == "envoy.filters.http.router"
    return first["typed_config"]


@pytest.mark.parametrize("forwarding", EVERY)
@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("normalize_path", True),
        ("merge_slashes", True),
        ("path_with_escaped_slashes_action", "REJECT_REQUEST"),
        ("strip_any_host_port", True),
        ("strip_trailing_host_dot", True),
        ("use_remote_address", True),
    ],
)
def test_a_request_has_one_reading(forwarding: Forwarding, key: str, value: object) -> None:
    assert manager(rendered(forwarding))[key] == value


@pytest.mark.parametrize("forwarding", EVERY)
@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("failure_mode_allow", False),
        ("status_on_error", {"code": "ServiceUnavailable"}),
        ("include_tls_session", True),
        ("encode_raw_headers", True),
        ("validate_mutations", True),
        ("transport_api_version", "V3"),
    ],
)
def test_the_check_carries_everything_and_fails_closed(
    forwarding: Forwarding, key: str, value: object
) -> None:
    assert ext_authz(rendered(forwarding))[key] == value


@pytest.mark.parametrize("forwarding", EVERY)
def test_the_service_has_an_explicit_time_limit(forwarding: Forwarding) -> None:
    assert ext_authz(rendered(forwarding))["grpc_service"]["timeout"] == "0.5s"


@pytest.mark.parametrize("forwarding", EVERY)
def test_sessions_are_never_resumed(forwarding: Forwarding) -> None:
    context = tls(rendered(forwarding))

    assert context["disable_stateless_session_resumption"] is True
    assert context["disable_stateful_session_resumption"] is True


@pytest.mark.parametrize("forwarding", EVERY)
def test_streams_connections_and_headers_are_bounded(forwarding: Forwarding) -> None:
    options = manager(rendered(forwarding))["common_http_protocol_options"]

    assert options["headers_with_underscores_action"] == "REJECT_REQUEST"
    assert {"max_stream_duration", "max_connection_duration", "max_headers_count"} <= set(options)


@pytest.mark.parametrize(
    ("forwarding", "expected"),
    [
        (Forwarding.PEER, "SANITIZE"),
        (Forwarding.XFCC, "SANITIZE_SET"),
        (Forwarding.BEHIND_PROXY, "APPEND_FORWARD"),
    ],
)
def test_incoming_xfcc_is_kept_only_behind_a_proxy(forwarding: Forwarding, expected: str) -> None:
    assert manager(rendered(forwarding))["forward_client_cert_details"] == expected


@pytest.mark.parametrize("forwarding", [Forwarding.PEER, Forwarding.XFCC])
def test_any_certificate_passes_the_handshake(forwarding: Forwarding) -> None:
    context = tls(rendered(forwarding))

    assert context["require_client_certificate"] is False
    assert context["common_tls_context"]["validation_context"] == {
        "trust_chain_verification": "ACCEPT_UNTRUSTED"
    }


def test_a_trusted_authority_can_be_named_for_browsers() -> None:
    context = tls(rendered(Forwarding.PEER, EnvoyOptions(client_ca="ca.pem")))

    assert context["common_tls_context"]["validation_context"] == {
        "trust_chain_verification": "ACCEPT_UNTRUSTED",
        "trusted_ca": {"filename": "ca.pem"},
    }


def test_behind_a_proxy_nobody_else_may_connect() -> None:
    context = tls(rendered(Forwarding.BEHIND_PROXY, EnvoyOptions(proxy_ca="proxy.pem")))

    assert context["require_client_certificate"] is True
    assert context["common_tls_context"]["validation_context"] == {
        "trusted_ca": {"filename": "proxy.pem"}
    }


def test_the_default_leaves_certificates_out_of_headers() -> None:
    assert "set_current_client_cert_details" not in manager(rendered(Forwarding.PEER))


def test_hops_are_counted_as_the_service_counts_them() -> None:
    assert manager(rendered(Forwarding.PEER, hops=2))["xff_num_trusted_hops"] == 2


def test_virtual_hosts_are_named_after_their_routes() -> None:
    hosts = (
        VirtualHost(name="a", domains=("a.example",)),
        VirtualHost(name="rest", domains=("*.example", "*")),
    )

    config = manager(rendered(Forwarding.PEER, EnvoyOptions(virtual_hosts=hosts)))

    found = config["route_config"]["virtual_hosts"]
    assert [(h["name"], h["domains"], h["routes"][-1]["name"]) for h in found] == [
        ("a", ["a.example"], "a"),
        ("rest", ["*.example", "*"], "rest"),
    ]


@pytest.mark.parametrize(
    ("host", "malformed"),
    [
        ("api.example.com", False),
        ("192.0.2.7", False),
        ("[2001:db8::7]", False),
        ("api.example.com.", True),
        ("api.example.com:443", True),
        ("api.example.com:", True),
        ("[2001:db8::7]:443", True),
    ],
)
def test_what_is_left_of_a_doubled_port_or_dot_goes_no_further(host: str, malformed: bool) -> None:
    (virtual_host,) = manager(rendered(Forwarding.PEER))["route_config"]["virtual_hosts"]
    first, _ = virtual_host["routes"]
    (header,) = first["match"]["headers"]

    assert first["direct_response"] == {"status": 400}
    assert header["name"] == ":authority"
    pattern = header["string_match"]["safe_regex"]["regex"]
    assert bool(re.fullmatch(pattern, host)) is malformed


@pytest.mark.parametrize(("path", "name"), [(None, "stdout"), ("/var/log/a.log", "file")])
def test_the_access_log_says_what_was_decided(path: str | None, name: str) -> None:
    (log,) = manager(rendered(Forwarding.PEER, EnvoyOptions(access_log=path)))["access_log"]

    fields = log["typed_config"]["log_format"]["json_format"]
    assert log["name"] == f"envoy.access_loggers.{name}"
    assert log["typed_config"].get("path") == path
    for key in ("decision_id", "verdict", "site", "rule", "reason", "failure", "fingerprint"):
        assert fields[key] == f"%DYNAMIC_METADATA(envoy.filters.http.ext_authz:{key})%"
