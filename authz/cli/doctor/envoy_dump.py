# SPDX-License-Identifier: Apache-2.0
"""Finding the parts that matter in Envoy's `/config_dump`.

Static and dynamic resources alike; TLS over TCP and over QUIC. Knows where things are, not whether
they are right (`envoy_filter`, `envoy_listener`). Envoy leaves out what has its default value.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

Json = dict[str, Any]

_EXT_AUTHZ: Final = "envoy.extensions.filters.http.ext_authz.v3.ExtAuthz"
_EXT_AUTHZ_ROUTE: Final = "envoy.extensions.filters.http.ext_authz.v3.ExtAuthzPerRoute"
_CONNECTION_MANAGER: Final = "HttpConnectionManager"


@dataclass(frozen=True, slots=True, kw_only=True)
class Chain:
    """One filter chain that asks an authorizer: its TLS context, connection manager and filter.

    `tls` is None without TLS. `where` names listener and chain for people.
    """

    where: str
    tls: Json | None
    manager: Json
    filter: Json

    @property
    def cluster(self) -> str:
        """The cluster that is asked; `""` when the filter names none."""
        name = at(self.filter, "grpc_service", "envoy_grpc", "cluster_name")
        return name if isinstance(name, str) else ""


def at(value: Any, *path: str) -> Any:
    """The value at a path of keys, None when it is not there."""
    for key in path:
        if not isinstance(value, dict):
            return None
        value = value.get(key)
    return value


def chains(dump: Any) -> Iterator[Chain]:
    """Every filter chain with an ext_authz filter."""
    for listener in _listeners(dump):
        name = listener.get("name") or "listener"
        found = [*_items(listener.get("filter_chains"))]
        default = listener.get("default_filter_chain")
        if isinstance(default, dict):
            found.append(default)
        for number, chain in enumerate(found):
            label = chain.get("name") or (str(number) if len(found) > 1 else "")
            where = f"listener {name}, chain {label}" if label else f"listener {name}"
            yield from _in_chain(chain, where)


def clusters(dump: Any) -> dict[str, Json]:
    """Every cluster by name."""
    found: dict[str, Json] = {}
    for section in _sections(dump, "ClustersConfigDump"):
        for kind in ("static_clusters", "dynamic_active_clusters"):
            for entry in _items(section.get(kind)):
                cluster = entry.get("cluster")
                if isinstance(cluster, dict):
                    found[str(cluster.get("name"))] = cluster
    return found


def check_settings(dump: Any, chain: Chain) -> Iterator[tuple[str, Json]]:
    """Every route behind a filter, named for people, with the `check_settings` in force there.

    What a route says wins over its virtual host, that over the whole configuration; context
    extensions are merged key by key.
    """
    for config in _route_configs(dump, chain):
        for host in _items(config.get("virtual_hosts")):
            name = f"virtual host {host.get('name') or ''}".rstrip()
            routes = _items(host.get("routes"))
            for number, route in enumerate(routes):
                label = f"{name}, route {route.get('name') or number}"
                yield label, _merged(config, host, route)
            if not routes:
                yield name, _merged(config, host)


def unchecked_routes(dump: Any) -> Iterator[str]:
    """The routes and virtual hosts for which the filter is disabled."""
    for section in _sections(dump, "RoutesConfigDump"):
        for kind in ("static_route_configs", "dynamic_route_configs"):
            for entry in _items(section.get(kind)):
                yield from _unchecked(entry.get("route_config"))


def _route_configs(dump: Any, chain: Chain) -> Iterator[Json]:
    inline = chain.manager.get("route_config")
    if isinstance(inline, dict):
        yield inline
        return
    wanted = at(chain.manager, "rds", "route_config_name")
    for section in _sections(dump, "RoutesConfigDump"):
        for kind in ("static_route_configs", "dynamic_route_configs"):
            for entry in _items(section.get(kind)):
                config = entry.get("route_config")
                if isinstance(config, dict) and config.get("name") == wanted:
                    yield config


def _merged(*holders: Json) -> Json:
    settings: Json = {}
    extensions: Json = {}
    for holder in holders:
        per_filter = holder.get("typed_per_filter_config")
        for one in per_filter.values() if isinstance(per_filter, dict) else ():
            if isinstance(one, dict) and _is(one, _EXT_AUTHZ_ROUTE):
                found = one.get("check_settings")
                settings |= found if isinstance(found, dict) else {}
                more = at(found, "context_extensions")
                extensions |= more if isinstance(more, dict) else {}
    return settings | {"context_extensions": extensions}


def _in_chain(chain: Json, where: str) -> Iterator[Chain]:
    tls = at(chain, "transport_socket", "typed_config")
    if isinstance(tls, dict) and "downstream_tls_context" in tls:
        tls = tls["downstream_tls_context"]  # QUIC wraps it
    if not (isinstance(tls, dict) and ("common_tls_context" in tls or "@type" in tls)):
        tls = None
    for network in _items(chain.get("filters")):
        manager = network.get("typed_config")
        if not isinstance(manager, dict) or not _is(manager, _CONNECTION_MANAGER):
            continue
        for http in _items(manager.get("http_filters")):
            config = http.get("typed_config")
            if isinstance(config, dict) and _is(config, _EXT_AUTHZ):
                yield Chain(where=where, tls=tls, manager=manager, filter=config)


def _listeners(dump: Any) -> Iterator[Json]:
    for section in _sections(dump, "ListenersConfigDump"):
        for entry in _items(section.get("static_listeners")):
            if isinstance(entry.get("listener"), dict):
                yield entry["listener"]
        for entry in _items(section.get("dynamic_listeners")):
            listener = at(entry, "active_state", "listener")
            if isinstance(listener, dict):
                yield listener


def _sections(dump: Any, kind: str) -> Iterator[Json]:
    for section in _items(at(dump, "configs")):
        if _is(section, kind):
            yield section


def _unchecked(config: Any) -> Iterator[str]:
    for host in _items(at(config, "virtual_hosts")):
        name = host.get("name") or ",".join(map(str, host.get("domains") or ()))
        if _is_disabled(host):
            yield f"virtual host {name}"
        for number, route in enumerate(_items(host.get("routes"))):
            if _is_disabled(route):
                yield f"virtual host {name}, route {route.get('name') or number}"


def _is_disabled(holder: Json) -> bool:
    per_filter = holder.get("typed_per_filter_config")
    return isinstance(per_filter, dict) and any(
        isinstance(one, dict)
        and (_is(one, _EXT_AUTHZ_ROUTE) or _is(one, "FilterConfig"))
        and one.get("disabled") is True
        for one in per_filter.values()
    )


def _is(value: Json, kind: str) -> bool:
    return str(value.get("@type", "")).endswith(kind)


def _items(value: Any) -> list[Json]:
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []
