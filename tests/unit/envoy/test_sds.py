# SPDX-License-Identifier: Apache-2.0
"""The SDS form of the configuration: who is asked for a bundle, which one, and what else stays."""

from __future__ import annotations

from typing import Any

import pytest
import yaml

from authz.envoy.config import render_envoy_config
from authz.envoy.options import EnvoyOptions, SdsOptions
from authz.errors import SettingsError
from authz.settings import Settings
from envoy.generate import BEHIND_ANOTHER_PROXY

LENIENT = SdsOptions()
STRICT = SdsOptions(strict=True)


def rendered(options: SdsOptions | None, /, **values: Any) -> Any:
    text = render_envoy_config(Settings.model_validate(values), EnvoyOptions(sds=options))
    return yaml.safe_load(text)


def tls(config: Any) -> Any:
    (listener,) = config["static_resources"]["listeners"]
    return listener["filter_chains"][0]["transport_socket"]["typed_config"]


def context(config: Any) -> Any:
    return tls(config)["common_tls_context"]["combined_validation_context"]


def cluster(config: Any) -> Any:
    (found,) = [one for one in config["static_resources"]["clusters"] if one["name"] == "sds"]
    return found


def test_the_lenient_form_asks_and_lets_everybody_through() -> None:
    config = rendered(LENIENT)

    assert tls(config)["require_client_certificate"] is False
    verification = context(config)["default_validation_context"]["trust_chain_verification"]
    assert verification == "ACCEPT_UNTRUSTED"


def test_the_strict_form_demands_a_certificate_that_verifies() -> None:
    config = rendered(STRICT)

    assert tls(config)["require_client_certificate"] is True
    verification = context(config)["default_validation_context"]["trust_chain_verification"]
    assert verification == "VERIFY_TRUST_CHAIN"


@pytest.mark.parametrize(
    ("site", "secret"), [(None, "trust"), ("api", "trust/api"), ('a "b": c', 'trust/a "b": c')]
)
def test_the_bundle_is_that_of_all_sites_or_of_one(site: str | None, secret: str) -> None:
    config = rendered(SdsOptions(site=site))

    source = context(config)["validation_context_sds_secret_config"]
    assert source["name"] == secret
    assert source["sds_config"]["initial_fetch_timeout"]
    (service,) = source["sds_config"]["api_config_source"]["grpc_services"]
    assert service == {"envoy_grpc": {"cluster_name": "sds"}}


@pytest.mark.parametrize("sds", [LENIENT, STRICT, SdsOptions(site="api")])
@pytest.mark.parametrize("source", ["envoy", "xfcc"])
def test_nothing_else_changes(sds: SdsOptions, source: str) -> None:
    """Resumption stays off and connections stay bounded, among all the rest."""
    plain = rendered(None, certificate_source=source)
    config = rendered(sds, certificate_source=source)
    assert tls(config)["disable_stateless_session_resumption"] is True
    assert tls(config)["disable_stateful_session_resumption"] is True

    config["static_resources"]["clusters"].remove(cluster(config))
    assert set(config.pop("node")) == {"id", "cluster"}
    tls(config)["require_client_certificate"] = tls(plain)["require_client_certificate"]
    common = tls(config)["common_tls_context"]
    del common["combined_validation_context"]
    common["validation_context"] = tls(plain)["common_tls_context"]["validation_context"]

    assert config == plain


@pytest.mark.parametrize(
    ("listen", "address", "kind"),
    [
        ("127.0.0.1:50052", "127.0.0.1", "STATIC"),
        ("0.0.0.0:50052", "127.0.0.1", "STATIC"),
        ("[::]:50052", "::1", "STATIC"),
        ("authz.internal:50052", "authz.internal", "STRICT_DNS"),
    ],
)
def test_the_cluster_is_where_the_service_listens(listen: str, address: str, kind: str) -> None:
    found = cluster(rendered(LENIENT, sds={"listen": listen}))

    assert found["type"] == kind
    assert f"'address': '{address}', 'port_value': 50052" in str(found["load_assignment"])
    assert "http2_protocol_options" in str(found["typed_extension_protocol_options"])


def test_the_address_can_be_replaced() -> None:
    found = cluster(rendered(SdsOptions(address="authz:1"), sds={"listen": "off"}))

    assert "'address': 'authz', 'port_value': 1" in str(found["load_assignment"])


@pytest.mark.parametrize(
    ("values", "says"),
    [
        ({"sds": {"listen": "off"}}, "sds is off"),
        ({"sds": {"enabled": False}}, "sds is off"),
        ({"sds": {"listen": "127.0.0.1:0"}}, "port 0"),
        (BEHIND_ANOTHER_PROXY, "behind another proxy"),
    ],
)
def test_what_cannot_work_is_refused_with_a_hint(values: dict[str, Any], says: str) -> None:
    with pytest.raises(SettingsError, match=says) as raised:
        rendered(LENIENT, **values)

    assert raised.value.hint


@pytest.mark.parametrize("sds", [LENIENT, STRICT, SdsOptions(site="api")])
def test_no_line_is_too_long_to_read(sds: SdsOptions) -> None:
    text = render_envoy_config(Settings(), EnvoyOptions(sds=sds))

    long = [line for line in text.splitlines() if len(line) > 100 and "@type" not in line]
    assert long == []
