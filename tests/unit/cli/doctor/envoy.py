# SPDX-License-Identifier: Apache-2.0
"""Envoy's `/config_dump` of the configuration that `authz envoy config` makes."""

from __future__ import annotations

import copy
from typing import Any

import yaml

from authz.envoy.config import render_envoy_config
from authz.settings import Settings

_ADMIN = "type.googleapis.com/envoy.admin.v3."


def config(**values: Any) -> dict[str, Any]:
    """The rendered configuration for these settings, to be changed and dumped."""
    rendered = yaml.safe_load(render_envoy_config(Settings.model_validate(values)))
    assert isinstance(rendered, dict)
    return rendered


def dump(configuration: dict[str, Any], *, dynamic: bool = False) -> dict[str, Any]:
    """The configuration as Envoy's admin interface shows it."""
    resources = copy.deepcopy(configuration["static_resources"])
    routes = [
        {"route_config": manager(listener)["route_config"]} for listener in resources["listeners"]
    ]
    if dynamic:
        listeners: dict[str, Any] = {
            "dynamic_listeners": [
                {"name": one["name"], "active_state": {"listener": one}}
                for one in resources["listeners"]
            ]
        }
        clusters = {"dynamic_active_clusters": [{"cluster": one} for one in resources["clusters"]]}
        route_configs = {"dynamic_route_configs": routes}
    else:
        listeners = {"static_listeners": [{"listener": one} for one in resources["listeners"]]}
        clusters = {"static_clusters": [{"cluster": one} for one in resources["clusters"]]}
        route_configs = {"static_route_configs": routes}
    return {
        "configs": [
            {"@type": _ADMIN + "BootstrapConfigDump", "bootstrap": {}},
            {"@type": _ADMIN + "ClustersConfigDump", **clusters},
            {"@type": _ADMIN + "ListenersConfigDump", **listeners},
            {"@type": _ADMIN + "RoutesConfigDump", **route_configs},
        ]
    }


def listener(configuration: dict[str, Any]) -> dict[str, Any]:
    """The only listener."""
    (one,) = configuration["static_resources"]["listeners"]
    assert isinstance(one, dict)
    return one


def manager(one: dict[str, Any]) -> dict[str, Any]:
    """The connection manager of a listener."""
    found = one["filter_chains"][0]["filters"][0]["typed_config"]
    assert isinstance(found, dict)
    return found


def ext_authz(configuration: dict[str, Any]) -> dict[str, Any]:
    """The ext_authz filter."""
    found = manager(listener(configuration))["http_filters"][0]["typed_config"]
    assert isinstance(found, dict)
    return found


def tls(configuration: dict[str, Any]) -> dict[str, Any]:
    """The TLS context."""
    found = listener(configuration)["filter_chains"][0]["transport_socket"]["typed_config"]
    assert isinstance(found, dict)
    return found


def authz_cluster(configuration: dict[str, Any]) -> dict[str, Any]:
    """The cluster of the authorizer."""
    name = ext_authz(configuration)["grpc_service"]["envoy_grpc"]["cluster_name"]
    return next(one for one in configuration["static_resources"]["clusters"] if one["name"] == name)
