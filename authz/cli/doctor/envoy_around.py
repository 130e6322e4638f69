# SPDX-License-Identifier: Apache-2.0
"""What stands around the filter: other filters, listeners without it, virtual hosts, Envoy's own
admin port and server certificates.

Facts: Envoy 1.40. A filter before the authorizer may answer a request that nobody asked about; one
behind it may send on another request than the one that was judged.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from authz.cli.doctor.envoy_dump import at, chains, forwards, items, left_off, sections, unasking
from authz.cli.doctor.files import SERVER_DAYS
from authz.cli.doctor.findings import Finding
from authz.settings.addresses import ListenAddress

if TYPE_CHECKING:
    from collections.abc import Iterator

    from authz.cli.doctor.envoy_dump import Chain, Json

#: Filters that run somebody's program: they may do anything.
_PROGRAMS: Final = (
    "lua.v3.Lua",
    "wasm.v3.Wasm",
    "ext_proc.v3.ExternalProcessor",
    "golang.v3alpha.Config",
    "dynamic_modules.v3.DynamicModuleFilter",
)
_ANSWERING: Final = (*_PROGRAMS, "health_check.v3.HealthCheck", "cache.v3.CacheConfig")
_CHANGING: Final = (
    *_PROGRAMS,
    "header_mutation.v3.HeaderMutation",
    "grpc_json_transcoder.v3.GrpcJsonTranscoder",
)

#: Parts of an RBAC policy that match every request.
_EVERYTHING: Final = frozenset(
    {"any", "and_rules", "and_ids", "or_rules", "or_ids", "rules", "ids"}
)


def look(chain: Chain, dump: Any) -> Iterator[Finding]:
    """Findings about one chain with an ext_authz filter."""
    yield from _other_filters(chain)
    yield from _conditional(chain, dump)
    yield from _left_over_hosts(chain)


def look_at_envoy(dump: Any, where: str) -> Iterator[Finding]:
    """Findings about the rest of an Envoy: where no listener asks, `no-ext-authz` says enough."""
    for place, manager in unasking(dump) if any(chains(dump)) else ():
        if forwards(dump, manager):
            yield Finding(
                id="listener-not-checked",
                where=f"{where}: {place}",
                what="it forwards requests, and asks no authorizer",
                do="add the filter there too, or make sure that only friends reach this listener",
            )
    for section in sections(dump, "BootstrapConfigDump"):
        address = at(section, "bootstrap", "admin", "address", "socket_address", "address")
        if isinstance(address, str) and not ListenAddress(host=address).is_local:
            yield Finding(
                id="envoy-admin-open",
                where=f"{where}: admin {address}",
                what="whoever reaches Envoy's admin port can stop it and read its configuration",
                do="bind it to 127.0.0.1",
            )


def look_at_certificates(certificates: Any, where: str) -> Iterator[Finding]:
    """Findings about Envoy's `/certs`: its own server certificates."""
    for entry in items(at(certificates, "certificates")):
        for one in items(entry.get("cert_chain")):
            days = one.get("days_until_expiration")
            left = int(days) if isinstance(days, (str, int)) and str(days).isdigit() else None
            if left is not None and left < SERVER_DAYS:
                yield Finding(
                    id="envoy-certificate",
                    where=f"{where}: {one.get('path') or 'a server certificate'}",
                    what=f"it expires at {one.get('expiration_time')}"
                    if left
                    else f"it expires today or has expired ({one.get('expiration_time')})",
                    do="see why it was not renewed; Envoy reads a file anew when it came by SDS",
                )


def _other_filters(chain: Chain) -> Iterator[Finding]:
    before, behind = chain.others
    for name, config in before:
        if _kind_is(config, _ANSWERING):
            yield Finding(
                id="filter-before",
                where=f"{chain.where}: {name}",
                what="it stands before ext_authz and may answer requests that nobody asked about",
                do="put ext_authz first, or make sure that nothing it answers needs protection",
            )
    for name, config in behind:
        if _kind_is(config, _CHANGING):
            yield Finding(
                id="filter-behind",
                where=f"{chain.where}: {name}",
                what="it stands behind ext_authz and may change path, host or headers: the "
                "application gets another request than the one that was judged",
                do="put it before ext_authz, or make sure that it changes nothing that rules read",
            )


def _conditional(chain: Chain, dump: Any) -> Iterator[Finding]:
    for name in left_off(dump, chain) if chain.is_off else ():
        yield Finding(
            id="route-not-checked",
            where=f"{chain.where}: {name}",
            what="the filter is disabled, and this does not turn it on",
            do="remove disabled: true, or configure the filter for this route",
        )
    if "filter_enabled_metadata" in chain.filter and not _marks_everything(chain):
        yield Finding(
            id="filter-conditional",
            where=f"{chain.where}: ext_authz",
            what="only requests that another filter marks are asked about "
            "(filter_enabled_metadata): a path that is written otherwise may go past",
            do="ask about all of them; with Istio, rules: [{}] in the AuthorizationPolicy",
        )


def _marks_everything(chain: Chain) -> bool:
    """Whether an RBAC filter before it marks every request, as Istio's does for an empty rule."""
    for _, config in chain.others[0]:
        policies = at(config, "shadow_rules", "policies")
        if isinstance(policies, dict) and any(map(_is_everything, policies.values())):
            return True
    return False


def _is_everything(policy: Any) -> bool:
    parts = (at(policy, "permissions"), at(policy, "principals"))
    return all(bool(part) and _only_any(part) for part in parts)


def _only_any(value: Any) -> bool:
    if isinstance(value, list):
        return all(map(_only_any, value))
    if isinstance(value, dict):
        return bool(value) and all(
            key in _EVERYTHING and _only_any(below) for key, below in value.items()
        )
    return value is True


def _left_over_hosts(chain: Chain) -> Iterator[Finding]:
    manager = chain.manager
    strips = (
        manager.get("strip_any_host_port")
        or manager.get("strip_matching_host_port")
        or manager.get("strip_trailing_host_dot")
    )
    hosts = items(at(manager, "route_config", "virtual_hosts"))
    for host in hosts if strips else ():
        catches_all = "*" in (host.get("domains") or ())
        if catches_all and not any(map(_refuses_left_overs, items(host.get("routes")))):
            yield Finding(
                id="host-left-over",
                where=f"{chain.where}: virtual host {host.get('name') or '*'}",
                what='it takes "example.com.." and "example.com:1:1" too, of which Envoy took off '
                "one port or dot: authz and Envoy may mean different hosts",
                do="begin with the route malformed-host of authz envoy config (ADR 0016)",
            )


def _refuses_left_overs(route: Json) -> bool:
    headers = items(at(route, "match", "headers"))
    return "direct_response" in route and any(one.get("name") == ":authority" for one in headers)


def _kind_is(config: Json, kinds: tuple[str, ...]) -> bool:
    return str(config.get("@type", "")).endswith(kinds)
