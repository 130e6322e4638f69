# SPDX-License-Identifier: Apache-2.0
"""Parts of Envoy's configuration that pages show, put into the shipped one; Envoy itself reads it.

A cluster, a listener and an HTTP filter take the place of the one of the same name, or come beside
the others; keys of the HTTP connection manager or of the ext_authz filter are merged into those.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import yaml

from tests.factories.envoy import expect_valid
from tests.factories.page_blocks import ROOT

if TYPE_CHECKING:
    from pathlib import Path

_BOOTSTRAP = {
    "admin",
    "node",
    "static_resources",
    "dynamic_resources",
    "layered_runtime",
    "tracing",
}
_BOOTSTRAP |= {"stats_sinks", "stats_config", "overload_manager", "bootstrap_extensions"}
_MANAGER = "HttpConnectionManager"
_AUTHORIZER = "ExtAuthz"
_LOG = "StdoutAccessLog"
#: Keys by which a fragment is known to belong into one of the two.
_KEYS_OF = {
    _MANAGER: {
        "access_log",
        "http_filters",
        "route_config",
        "forward_client_cert_details",
        "set_current_client_cert_details",
        "common_http_protocol_options",
        "xff_num_trusted_hops",
        "path_with_escaped_slashes_action",
        "strip_any_host_port",
        "normalize_path",
        "use_remote_address",
    },
    _AUTHORIZER: {
        "with_request_body",
        "allowed_headers",
        "disallowed_headers",
        "include_peer_certificate",
        "failure_mode_allow",
        "status_on_error",
    },
}


def with_fragment(fragment: Any) -> dict[str, Any] | None:
    """The shipped configuration with this part; None: it is no part that is known."""
    config: dict[str, Any] = yaml.safe_load((ROOT / "envoy" / "envoy.yaml").read_text("utf-8"))
    placed = _placed(config, fragment)
    if placed is not None and placed is not fragment:
        _put(placed["static_resources"]["clusters"], _clusters_for(placed))
    return placed


def _placed(config: dict[str, Any], fragment: Any) -> dict[str, Any] | None:
    if _is_log_format(fragment):
        _typed(config, _LOG)["log_format"]["json_format"].update(fragment)
        return config
    if isinstance(fragment, dict) and "provider" in (fragment.get("tracing") or {}):
        _typed(config, _MANAGER).update(fragment)
        return config
    if isinstance(fragment, dict) and fragment and set(fragment) <= _BOOTSTRAP:
        return fragment if "static_resources" in fragment else {**config, **fragment}
    resources = config["static_resources"]
    if isinstance(fragment, dict) and set(fragment) <= {"clusters", "listeners", "secrets"}:
        for kind, entries in fragment.items():
            _put(resources.setdefault(kind, []), entries)
        return config
    entries = fragment if isinstance(fragment, list) else [fragment]
    if not entries or not all(isinstance(entry, dict) for entry in entries):
        return None
    if all("load_assignment" in entry or "connect_timeout" in entry for entry in entries):
        _put(resources["clusters"], entries)
        return config
    if all("filter_chains" in entry for entry in entries):
        _put(resources["listeners"], entries)
        return config
    manager = _typed(config, _MANAGER)
    if all(str(entry.get("name")).startswith("envoy.filters.http.") for entry in entries):
        _put(manager["http_filters"], entries, first=True)
        return config
    if all(str(entry.get("name")).startswith("envoy.access_loggers.") for entry in entries):
        manager["access_log"] = entries
        return config
    for type_, keys in _KEYS_OF.items():
        if isinstance(fragment, dict) and keys & set(fragment):
            _typed(config, type_).update(fragment)
            return config
    return None


def _is_log_format(fragment: Any) -> bool:
    """Whether it is a part of an access log's `json_format`: names, and what Envoy fills in."""
    return (
        isinstance(fragment, dict)
        and bool(fragment)
        and all(isinstance(one, str) and re.search(r"%[A-Z_]+", one) for one in fragment.values())
    )


def _clusters_for(config: dict[str, Any]) -> list[dict[str, Any]]:
    """A cluster on this machine for each that a fragment asks and the configuration has not."""
    asked = set(re.findall(r"\bcluster(?:_name)?: ([\w-]+)", yaml.safe_dump(config)))
    have = {cluster["name"] for cluster in config["static_resources"]["clusters"]}
    return [
        {
            "name": name,
            "type": "STATIC",
            "connect_timeout": "1s",
            "load_assignment": {
                "cluster_name": name,
                "endpoints": [
                    {
                        "lb_endpoints": [
                            {
                                "endpoint": {
                                    "address": {
                                        "socket_address": {"address": "127.0.0.1", "port_value": 9}
                                    }
                                }
                            }
                        ]
                    }
                ],
            },
        }
        for name in sorted(asked - have)
    ]


def validate(config: dict[str, Any], directory: Path) -> None:
    """Have Envoy read it.

    Raises:
        AssertionError: with what Envoy says.
    """
    text = yaml.safe_dump(config)
    for name in ("server.crt", "server.key", "proxy-ca.crt"):
        text = text.replace(f"/etc/envoy/tls/{name}", str(directory / name))
    file = directory / "envoy.yaml"
    file.write_text(text, encoding="utf-8")
    expect_valid("-c", file)


def _put(into: list[Any], entries: list[Any], *, first: bool = False) -> None:
    """Each in the place of the one of its name, or beside the others."""
    for entry in entries:
        names = [one.get("name") for one in into]
        if entry.get("name") in names:
            into[names.index(entry["name"])] = entry
        else:
            into.insert(0 if first else len(into), entry)


def _typed(config: Any, type_: str) -> dict[str, Any]:
    """The first message of a type, anywhere in a configuration."""
    if isinstance(config, dict):
        if str(config.get("@type", "")).endswith(f".{type_}"):
            return config
        config = list(config.values())
    if isinstance(config, list):
        for entry in config:
            found = _typed(entry, type_)
            if found:
                return found
    return {}
