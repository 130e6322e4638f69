# SPDX-License-Identifier: Apache-2.0
"""HTTP/3: as the listener over TCP where they can be alike, and with QUIC's own switches."""

from __future__ import annotations

from typing import Any

import pytest
import yaml

from authz.envoy.config import render_envoy_config
from authz.envoy.options import EnvoyOptions, Forwarding, Http3Options, SdsOptions
from authz.envoy.quic import listeners
from authz.errors import SettingsError
from authz.settings import Settings
from envoy.generate import BEHIND_ANOTHER_PROXY

HTTP3 = Http3Options()


def both(options: EnvoyOptions, forwarding: Forwarding = Forwarding.PEER) -> tuple[Any, Any]:
    tcp, quic = listeners(options, forwarding, 0)
    return yaml.safe_load(tcp)[0], yaml.safe_load(quic)[0]


def manager(listener: Any) -> Any:
    return listener["filter_chains"][0]["filters"][0]["typed_config"]


def transport(listener: Any) -> Any:
    return listener["filter_chains"][0]["transport_socket"]["typed_config"]


@pytest.mark.parametrize("forwarding", [Forwarding.PEER, Forwarding.XFCC])
def test_requests_are_read_asked_about_and_routed_alike(forwarding: Forwarding) -> None:
    tcp, quic = (manager(one) for one in both(EnvoyOptions(http3=HTTP3), forwarding))

    assert (tcp.pop("codec_type"), quic.pop("codec_type")) == ("AUTO", "HTTP3")
    http2 = tcp.pop("http2_protocol_options")
    assert quic.pop("http3_protocol_options") == {}
    assert quic == tcp
    _, listener = both(EnvoyOptions(http3=HTTP3), forwarding)
    assert listener["udp_listener_config"]["quic_options"]["quic_protocol_options"] == http2


@pytest.mark.parametrize(
    "options",
    [
        EnvoyOptions(http3=HTTP3),
        EnvoyOptions(http3=HTTP3, client_ca="ca.pem"),
        EnvoyOptions(http3=HTTP3, sds=SdsOptions(strict=True)),
    ],
    ids=["any certificate", "named authorities", "strict"],
)
def test_certificates_are_asked_for_alike(options: EnvoyOptions) -> None:
    over_tcp, over_quic = both(options)
    tcp, quic = transport(over_tcp), transport(over_quic)["downstream_tls_context"]

    assert quic["require_client_certificate"] == tcp["require_client_certificate"]
    common, of_quic = tcp["common_tls_context"], quic["common_tls_context"]
    assert of_quic.pop("alpn_protocols") == ["h3"]
    # TLS in QUIC is 1.3, and nothing else can be chosen (RFC 9001 section 4.2).
    del common["alpn_protocols"], common["tls_params"]
    assert of_quic == common


def test_sessions_are_never_resumed_and_nothing_comes_early() -> None:
    _, quic = both(EnvoyOptions(http3=HTTP3))

    assert transport(quic)["enable_resumption"] is False
    assert transport(quic)["enable_early_data"] is False


@pytest.mark.parametrize(
    ("http3", "port"), [(HTTP3, 8443), (Http3Options(advertised=443), 443)], ids=["own", "mapped"]
)
def test_clients_are_told_of_the_port_that_they_see(http3: Http3Options, port: int) -> None:
    tcp, quic = both(EnvoyOptions(listen="0.0.0.0:8443", http3=http3))

    for listener in (tcp, quic):
        (added,) = manager(listener)["route_config"]["response_headers_to_add"]
        assert added["header"] == {"key": "alt-svc", "value": f'h3=":{port}"; ma=86400'}
        assert added["append_action"] == "OVERWRITE_IF_EXISTS_OR_ADD"


def test_the_port_is_the_same_over_udp() -> None:
    tcp, quic = both(EnvoyOptions(listen="[::1]:7443", http3=HTTP3))

    assert quic["address"]["socket_address"] == {
        "protocol": "UDP",
        **tcp["address"]["socket_address"],
    }
    assert (tcp["name"], quic["name"]) == ("https", "https-http3")


def test_nobody_is_told_of_what_is_not_there() -> None:
    (tcp,) = listeners(EnvoyOptions(), Forwarding.PEER, 0)

    assert "alt-svc" not in tcp


@pytest.mark.parametrize(
    ("values", "options", "says"),
    [
        (BEHIND_ANOTHER_PROXY, EnvoyOptions(http3=HTTP3), "speak HTTP/3 with that proxy"),
        ({}, EnvoyOptions(http3=HTTP3, proxy_protocol_from=("10.0.0.0/8",)), "no PROXY header"),
        ({"client_ip": {"trusted_hops": 1}}, EnvoyOptions(http3=HTTP3), "its own address"),
        ({}, EnvoyOptions(http3=HTTP3, listen="127.0.0.1:0"), "has port 0"),
    ],
    ids=["proxy", "balancer", "addresses", "port"],
)
def test_what_cannot_work_is_refused_with_a_hint(
    values: dict[str, Any], options: EnvoyOptions, says: str
) -> None:
    with pytest.raises(SettingsError, match=says) as caught:
        render_envoy_config(Settings.model_validate(values), options)

    assert caught.value.hint


def test_the_configuration_says_which_envoy_it_needs() -> None:
    assert "for Envoy 1.40.0 or later" in render_envoy_config(Settings(), EnvoyOptions(http3=HTTP3))
    assert "for Envoy 1.39.1 or later" in render_envoy_config(Settings())


def test_no_line_is_too_long_to_read() -> None:
    text = render_envoy_config(Settings(), EnvoyOptions(http3=HTTP3))

    assert [line for line in text.splitlines() if len(line) > 100 and "@type" not in line] == []
