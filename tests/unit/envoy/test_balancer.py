# SPDX-License-Identifier: Apache-2.0
"""PROXY protocol: read first, and only from those who may write it."""

from __future__ import annotations

from typing import Any

import pytest
import yaml

from authz.envoy.listener import listener
from authz.envoy.options import EnvoyOptions, Forwarding
from authz.errors import SettingsError

EVERY = list(Forwarding)


def rendered(forwarding: Forwarding, *ranges: str) -> Any:
    (one,) = yaml.safe_load(listener(EnvoyOptions(proxy_protocol_from=ranges), forwarding, 0))
    return one


@pytest.mark.parametrize("forwarding", EVERY)
def test_the_header_comes_before_tls_and_is_required(forwarding: Forwarding) -> None:
    first, second = rendered(forwarding, "10.0.8.0/24")["listener_filters"]

    assert first["name"] == "envoy.filters.listener.proxy_protocol"
    assert list(first["typed_config"]) == ["@type"], "connections without a header are not taken"
    assert second["name"] == "envoy.filters.listener.tls_inspector"


@pytest.mark.parametrize("forwarding", EVERY)
def test_only_the_balancers_find_a_filter_chain(forwarding: Forwarding) -> None:
    (chain,) = rendered(forwarding, "10.0.8.0/24", "2001:db8::/64")["filter_chains"]

    assert chain["filter_chain_match"] == {
        "direct_source_prefix_ranges": [
            {"address_prefix": "10.0.8.0", "prefix_len": 24},
            {"address_prefix": "2001:db8::", "prefix_len": 64},
        ]
    }


def test_with_and_without_it_everything_else_is_the_same() -> None:
    with_header, without = rendered(Forwarding.PEER, "10.0.8.0/24"), rendered(Forwarding.PEER)
    with_header["listener_filters"].pop(0)
    del with_header["filter_chains"][0]["filter_chain_match"]

    assert with_header == without


@pytest.mark.parametrize("text", ["", "balancer", "10.0.8.1/24", "10.0.8.0/33", "10.0.8.0/24\n"])
def test_what_is_no_network_is_refused(text: str) -> None:
    with pytest.raises(SettingsError, match="is no network"):
        rendered(Forwarding.PEER, text)


@pytest.mark.parametrize("text", ["0.0.0.0/0", "::/0"])
def test_not_everybody_is_a_balancer(text: str) -> None:
    with pytest.raises(SettingsError, match="anybody could write a header"):
        rendered(Forwarding.PEER, "10.0.8.0/24", text)
