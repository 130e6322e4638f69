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
_ROUTER: Final = "envoy.extensions.filters.http.router.v3.Router"


@dataclass(frozen=True, slots=True, kw_only=True)
class Chain:
    """One filter chain that asks an authorizer: its TLS context, connection manager and filter.

    `tls` is None without TLS. `where` names listener and chain for people. `others` are the names
    and configurations of the other HTTP filters, those before the authorizer's and those behind it;
    the router, which ends the chain, is none of them. `name` is the authorizer's filter's name, and
    `is_off` whether it is disabled but where a route turns it on.
    """

    where: str
    tls: Json | None
    manager: Json
    filter: Json
    name: str = ""
    is_off: bool = False
    others: tuple[tuple[tuple[str, Json], ...], tuple[tuple[str, Json], ...]] = ((), ())

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
    for where, chain in _filter_chains(dump):
        yield from _in_chain(chain, where)


def unasking(dump: Any) -> Iterator[tuple[str, Json]]:
    """Every filter chain for HTTP without an ext_authz filter: where it is, and its manager."""
    for where, chain in _filter_chains(dump):
        for manager in _managers(chain):
            if not any(_is_ext_authz(one) for one in items(manager.get("http_filters"))):
                yield where, manager


def forwards(dump: Any, manager: Json) -> bool:
    """Whether any route of a connection manager leads to a cluster: redirects and answers of
    Envoy's own need no authorizer."""
    return any(
        "route" in route
        for config in _configs_of(dump, manager)
        for host in items(config.get("virtual_hosts"))
        for route in items(host.get("routes"))
    )


def clusters(dump: Any) -> dict[str, Json]:
    """Every cluster by name."""
    found: dict[str, Json] = {}
    for section in sections(dump, "ClustersConfigDump"):
        for kind in ("static_clusters", "dynamic_active_clusters"):
            for entry in items(section.get(kind)):
                cluster = entry.get("cluster")
                if isinstance(cluster, dict):
                    found[str(cluster.get("name"))] = cluster
    return found


def check_settings(dump: Any, chain: Chain) -> Iterator[tuple[str, Json]]:
    """Every route behind a filter, named for people, with the `check_settings` in force there.

    What a route says wins over its virtual host, that over the whole configuration; context
    extensions are merged key by key.
    """
    for config in _configs_of(dump, chain.manager):
        for host in items(config.get("virtual_hosts")):
            name = f"virtual host {host.get('name') or ''}".rstrip()
            routes = items(host.get("routes"))
            for number, route in enumerate(routes):
                label = f"{name}, route {route.get('name') or number}"
                yield label, _merged(config, host, route)
            if not routes:
                yield name, _merged(config, host)


def unchecked_routes(dump: Any) -> Iterator[str]:
    """The routes and virtual hosts for which the filter is disabled."""
    for config in _all_route_configs(dump):
        yield from _unchecked(config)


def left_off(dump: Any, chain: Chain) -> Iterator[str]:
    """The routes behind a filter that is off that do not turn it on, named for people."""
    for config in _configs_of(dump, chain.manager):
        for host in items(config.get("virtual_hosts")):
            for number, route in enumerate(items(host.get("routes"))):
                own = [at(one, "typed_per_filter_config") for one in (route, host, config)]
                if not any(isinstance(one, dict) and chain.name in one for one in own):
                    label = route.get("name") or number
                    yield f"virtual host {host.get('name') or ''}, route {label}"


def _configs_of(dump: Any, manager: Json) -> Iterator[Json]:
    inline = manager.get("route_config")
    if isinstance(inline, dict):
        yield inline
        return
    wanted = at(manager, "rds", "route_config_name")
    for config in _all_route_configs(dump):
        if config.get("name") == wanted:
            yield config


def _all_route_configs(dump: Any) -> Iterator[Json]:
    for section in sections(dump, "RoutesConfigDump"):
        for kind in ("static_route_configs", "dynamic_route_configs"):
            for entry in items(section.get(kind)):
                config = entry.get("route_config")
                if isinstance(config, dict):
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
    for manager in _managers(chain):
        filters = items(manager.get("http_filters"))
        for place, http in enumerate(filters):
            if _is_ext_authz(http):
                yield Chain(
                    where=where,
                    tls=tls,
                    manager=manager,
                    filter=http["typed_config"],
                    name=str(http.get("name") or ""),
                    is_off=http.get("disabled") is True,
                    others=(_named(filters[:place]), _named(filters[place + 1 :])),
                )


def _named(filters: list[Json]) -> tuple[tuple[str, Json], ...]:
    return tuple(
        (str(one.get("name") or ""), config)
        for one in filters
        for config in [one["typed_config"] if isinstance(one.get("typed_config"), dict) else {}]
        if not _is(config, _ROUTER) and not _is_ext_authz(one)
    )


def _is_ext_authz(http: Json) -> bool:
    config = http.get("typed_config")
    return isinstance(config, dict) and _is(config, _EXT_AUTHZ)


def _managers(chain: Json) -> Iterator[Json]:
    for network in items(chain.get("filters")):
        manager = network.get("typed_config")
        if isinstance(manager, dict) and _is(manager, _CONNECTION_MANAGER):
            yield manager


def _filter_chains(dump: Any) -> Iterator[tuple[str, Json]]:
    for listener in _listeners(dump):
        name = listener.get("name") or "listener"
        found = [*items(listener.get("filter_chains"))]
        default = listener.get("default_filter_chain")
        if isinstance(default, dict):
            found.append(default)
        for number, chain in enumerate(found):
            label = chain.get("name") or (str(number) if len(found) > 1 else "")
            yield (f"listener {name}, chain {label}" if label else f"listener {name}"), chain


def _listeners(dump: Any) -> Iterator[Json]:
    for section in sections(dump, "ListenersConfigDump"):
        for entry in items(section.get("static_listeners")):
            if isinstance(entry.get("listener"), dict):
                yield entry["listener"]
        for entry in items(section.get("dynamic_listeners")):
            listener = at(entry, "active_state", "listener")
            if isinstance(listener, dict):
                yield listener


def sections(dump: Any, kind: str) -> Iterator[Json]:
    """The parts of a dump of one kind."""
    for section in items(at(dump, "configs")):
        if _is(section, kind):
            yield section


def _unchecked(config: Json) -> Iterator[str]:
    if _is_disabled(config):
        yield f"all of route configuration {config.get('name') or ''}".rstrip()
    for host in items(config.get("virtual_hosts")):
        name = host.get("name") or ",".join(map(str, host.get("domains") or ()))
        if _is_disabled(host):
            yield f"virtual host {name}"
        for number, route in enumerate(items(host.get("routes"))):
            # A weighted cluster has settings of its own, which win over its route's.
            weighted = items(at(route, "route", "weighted_clusters", "clusters"))
            if any(map(_is_disabled, (route, *weighted))):
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


def items(value: Any) -> list[Json]:
    """The objects in a list; none of what is no list."""
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []
