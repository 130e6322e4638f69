# SPDX-License-Identifier: Apache-2.0
"""What stands around the filter: listeners without it, routes that turn it on, Envoy's ports."""

from __future__ import annotations

import copy
from typing import Any

import pytest
import yaml

from authz.cli.doctor import envoy_around, envoy_dump, envoy_listener
from authz.envoy.config import render_envoy_config
from authz.envoy.options import EnvoyOptions, SdsOptions
from authz.settings import Settings
from tests.unit.cli.doctor import envoy

TYPE = "type.googleapis.com/envoy.extensions.filters.http.ext_authz.v3.ExtAuthzPerRoute"


def around(dump: dict[str, Any]) -> list[tuple[str, str]]:
    found = [*envoy_around.look_at_envoy(dump, "Envoy")]
    for chain in envoy_dump.chains(dump):
        found += envoy_around.look(chain, dump)
    return [(one.id, one.where) for one in found]


def with_another(**changes: Any) -> dict[str, Any]:
    """A second listener without the filter; `changes` are of its route."""
    configuration = envoy.config()
    other = copy.deepcopy(envoy.listener(configuration))
    other["name"] = "plain"
    manager = envoy.manager(other)
    del manager["http_filters"][0]
    manager["route_config"]["virtual_hosts"][0]["routes"] = [
        {"match": {"prefix": "/"}, **(changes or {"route": {"cluster": "upstream"}})}
    ]
    configuration["static_resources"]["listeners"].append(other)
    return configuration


def test_a_listener_that_forwards_without_asking_is_found() -> None:
    assert around(envoy.dump(with_another())) == [("listener-not-checked", "Envoy: listener plain")]


@pytest.mark.parametrize(
    "changes", [{"redirect": {"https_redirect": True}}, {"direct_response": {}}]
)
def test_one_that_only_redirects_or_answers_is_fine(changes: dict[str, Any]) -> None:
    assert around(envoy.dump(with_another(**changes))) == []


def test_a_listener_for_http3_without_the_filter_is_found() -> None:
    """It has a UDP port and a chain of its own, which is easily forgotten."""
    configuration = with_another()
    other = configuration["static_resources"]["listeners"][1]
    other |= {"name": "https_udp", "udp_listener_config": {"quic_options": {}}}
    envoy.manager(other)["codec_type"] = "HTTP3"

    assert around(envoy.dump(configuration)) == [
        ("listener-not-checked", "Envoy: listener https_udp")
    ]


def test_routes_of_a_control_plane_are_found_by_their_name() -> None:
    configuration = with_another()
    manager = envoy.manager(configuration["static_resources"]["listeners"][1])
    config = manager["route_config"] | {"name": "of-rds"}
    dump = envoy.dump(configuration)
    (section,) = (one for one in dump["configs"] if "static_listeners" in one)
    shown = envoy.manager(section["static_listeners"][1]["listener"])
    del shown["route_config"]
    shown["rds"] = {"route_config_name": "of-rds"}
    assert around(dump) == []

    dump["configs"][3]["dynamic_route_configs"] = [{"route_config": config}]

    assert around(dump) == [("listener-not-checked", "Envoy: listener plain")]


def test_a_filter_that_is_off_is_on_where_a_route_configures_it() -> None:
    configuration = envoy.config()
    manager = envoy.manager(envoy.listener(configuration))
    manager["http_filters"][0]["disabled"] = True
    name = manager["http_filters"][0]["name"]
    on = {name: {"@type": TYPE, "check_settings": {}}}
    (host,) = manager["route_config"]["virtual_hosts"]
    first, second = host["routes"]
    first["typed_per_filter_config"] = on
    second["name"] = "open"

    assert [one for one in around(envoy.dump(configuration)) if "route" in one[0]] == [
        ("route-not-checked", "listener https: virtual host default, route open")
    ]

    host["typed_per_filter_config"] = on
    assert around(envoy.dump(configuration)) == []


def test_everything_below_a_route_configuration_or_in_a_weighted_cluster_is_seen() -> None:
    configuration = envoy.config()
    routes = envoy.manager(envoy.listener(configuration))["route_config"]
    off = {"envoy.filters.http.ext_authz": {"@type": TYPE, "disabled": True}}
    weighted = {"clusters": [{"name": "a"}, {"name": "b", "typed_per_filter_config": off}]}
    routes["virtual_hosts"][0]["routes"][1] |= {
        "name": "canary",
        "route": {"weighted_clusters": weighted},
    }
    unchecked = envoy_dump.unchecked_routes
    assert [*unchecked(envoy.dump(configuration))] == ["virtual host default, route canary"]

    routes["typed_per_filter_config"] = off
    assert next(unchecked(envoy.dump(configuration))) == "all of route configuration routes"


@pytest.mark.parametrize(("host", "found"), [("127.0.0.1", 0), ("::1", 0), ("0.0.0.0", 1)])
def test_an_admin_port_that_is_open_to_others(host: str, found: int) -> None:
    dump = envoy.dump(envoy.config())
    dump["configs"][0]["bootstrap"] = {
        "admin": {"address": {"socket_address": {"address": host, "port_value": 9901}}}
    }

    assert [one[0] for one in around(dump)] == ["envoy-admin-open"] * found


def marked(permissions: Any, principals: Any) -> dict[str, Any]:
    """The filter asks about what Istio's RBAC filter before it marks."""
    configuration = envoy.config()
    envoy.ext_authz(configuration)["filter_enabled_metadata"] = {"filter": "rbac"}
    policy = {"permissions": permissions, "principals": principals}
    rbac = {
        "name": "envoy.filters.http.rbac",
        "typed_config": {
            "@type": "type.googleapis.com/envoy.extensions.filters.http.rbac.v3.RBAC",
            "shadow_rules": {"policies": {"istio-ext-authz-ns[foo]-policy[x]-rule[0]": policy}},
        },
    }
    envoy.manager(envoy.listener(configuration))["http_filters"].insert(0, rbac)
    return configuration


ANY_RULE = [{"and_rules": {"rules": [{"any": True}]}}]
ANY_ID = [{"and_ids": {"ids": [{"any": True}]}}]
ONE_PATH = [{"and_rules": {"rules": [{"url_path": {"path": {"exact": "/admin"}}}]}}]


def found_in(configuration: dict[str, Any]) -> list[str]:
    dump = envoy.dump(configuration)
    return [one.id for chain in envoy_dump.chains(dump) for one in envoy_around.look(chain, dump)]


def test_a_filter_that_every_request_is_marked_for_asks_about_all() -> None:
    assert found_in(marked(ANY_RULE, ANY_ID)) == []


@pytest.mark.parametrize(
    ("permissions", "principals"), [(ONE_PATH, ANY_ID), (ANY_RULE, []), ([], []), (None, None)]
)
def test_a_filter_that_some_requests_are_marked_for_does_not(
    permissions: Any, principals: Any
) -> None:
    assert found_in(marked(permissions, principals)) == ["filter-conditional"]


@pytest.mark.parametrize(
    ("days", "found"), [("90", 0), (8, 0), ("6", 1), ("0", 1), (None, 0), ("soon", 0)]
)
def test_server_certificates_of_envoy_that_end_soon(days: Any, found: int) -> None:
    one = {"path": "/tls/server.crt", "days_until_expiration": days, "expiration_time": "later"}
    given = {"certificates": [{"ca_cert": [], "cert_chain": [one]}, {"cert_chain": None}]}

    ids = [each.id for each in envoy_around.look_at_certificates(given, "Envoy")]

    assert ids == ["envoy-certificate"] * found
    assert [*envoy_around.look_at_certificates([], "Envoy")] == []


def test_a_listener_that_is_strict_on_purpose_is_fine() -> None:
    options = EnvoyOptions(sds=SdsOptions(strict=True, address="127.0.0.1:50052"))
    configuration = yaml.safe_load(render_envoy_config(Settings(), options))
    (chain,) = envoy_dump.chains(envoy.dump(configuration))

    assert [*envoy_listener.look(chain, Settings())] == []
