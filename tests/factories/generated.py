# SPDX-License-Identifier: Apache-2.0
"""Runs what a control plane generated (`translations`) on this machine's Envoy.

Only what depends on the place is replaced: addresses and ports of listeners and endpoints, and
where routes, endpoints and secrets come from (files instead of the control plane's stream). Filters
that only Istio's own build of Envoy has are taken out, by name. Whatever was to be replaced and is
not there is an error, so nothing silently stays or goes.
"""

from __future__ import annotations

import copy
import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from tests.factories.translations import form_named

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

#: Not in Envoy itself: telemetry between sidecars, and the ALPN of connections between them.
ISTIO_ONLY: Final = ("istio.metadata_exchange", "istio.alpn")

_TYPE: Final = "type.googleapis.com/envoy"
_KINDS: Final = {
    "route": f"{_TYPE}.config.route.v3.RouteConfiguration",
    "endpoint": f"{_TYPE}.config.endpoint.v3.ClusterLoadAssignment",
    "secret": f"{_TYPE}.extensions.transport_sockets.tls.v3.Secret",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Secret:
    """A secret's contents: a certificate with its key, or authorities (PEM)."""

    certificate: bytes = b""
    key: bytes = b""
    authorities: bytes = b""

    def resource(self, name: str) -> dict[str, Any]:
        """What the control plane would send under this name."""
        if self.authorities:
            inner = {"validationContext": {"trustedCa": _inline(self.authorities)}}
        else:
            inner = {
                "tlsCertificate": {
                    "certificateChain": _inline(self.certificate),
                    "privateKey": _inline(self.key),
                }
            }
        return {"name": name, **inner}


def _inline(pem: bytes) -> dict[str, str]:
    return {"inlineString": pem.decode()}


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a generated configuration is to run.

    `listeners` are the listeners to take and their ports (0: the system chooses); `endpoints` the
    clusters to take and where each of them is; `secrets` by the names that the configuration has.
    `ports` are further ports that filter chains match, `{generated: ours}`.
    """

    directory: Path
    listeners: Mapping[str, int]
    endpoints: Mapping[str, str]
    secrets: Mapping[str, Secret] = field(default_factory=dict)
    ports: Mapping[int, int] = field(default_factory=dict)
    without: tuple[str, ...] = ()


def generated(name: str) -> dict[str, Any]:
    """The generated configuration of a form."""
    found: dict[str, Any] = json.loads(form_named(name).file.read_text(encoding="utf-8"))
    return found


def bootstrap(name: str, place: Place) -> str:
    """An Envoy configuration that runs a form's listeners and clusters here (JSON, so YAML)."""
    return _Local(generated(name), place).bootstrap()


class _Local:
    """One configuration being adapted; counts what it replaced."""

    def __init__(self, found: Mapping[str, Any], place: Place) -> None:
        self._found = copy.deepcopy(found)
        self._place = place
        self._removed: set[str] = set()
        self._secrets: set[str] = set()
        self._ports: set[int] = set()
        self._clusters: set[str] = set()

    def bootstrap(self) -> str:
        place = self._place
        listeners = [self._listener(name, port) for name, port in place.listeners.items()]
        clusters = [self._cluster(name, address) for name, address in place.endpoints.items()]
        text = json.dumps(
            {
                "node": {"id": "test", "cluster": "test"},
                "admin": {"address": _address("127.0.0.1", 0)},
                "static_resources": {"listeners": listeners, "clusters": clusters},
            },
            indent=1,
        )
        assert '"ads"' not in text, "something still asks the control plane"
        assert self._removed == set(place.without), self._removed
        assert self._secrets == set(place.secrets), self._secrets
        assert self._ports == set(place.ports), self._ports
        return text

    def _named(self, group: str, name: str, key: str = "name") -> dict[str, Any]:
        """A resource of the configuration."""
        (one,) = [one for one in self._found[group] if one[key] == name]
        # The type stands outside, or in the file, where it is written again.
        return {key: value for key, value in one.items() if key != "@type"}

    def _listener(self, name: str, port: int) -> dict[str, Any]:
        listener = self._named("listeners", name)
        here = listener["address"]["socketAddress"]
        here["address"], here["portValue"] = "127.0.0.1", port
        self._adapt(listener)
        return listener

    def _cluster(self, name: str, address: str) -> dict[str, Any]:
        cluster = self._named("clusters", name)
        self._adapt(cluster)
        if cluster["type"] == "EDS":
            service = cluster["edsClusterConfig"]["serviceName"]
            assignment = self._named("endpoints", service, "clusterName")
            _move(assignment, address)
            cluster["edsClusterConfig"]["edsConfig"] = self._file("endpoint", service, assignment)
        else:
            _move(cluster["loadAssignment"], address)
        return cluster

    def _adapt(self, tree: Any) -> None:
        """Whatever depends on the place, below here."""
        for node in _dicts(tree):
            for value in node.values():
                if isinstance(value, list):
                    self._take_out(value)
            if "routeConfigName" in node:
                name = node["routeConfigName"]
                node["configSource"] = self._file("route", name, self._named("routes", name))
            if "sdsConfig" in node:
                name = node["name"]
                self._secrets.add(name)
                secret = self._place.secrets[name].resource(name)
                node["sdsConfig"] = self._file("secret", name, secret)
            if (port := node.get("destinationPort")) is not None:
                node["destinationPort"] = self._port(port)
            if (ports := node.get("destinationPortRange")) is not None:
                ports["start"] = self._port(ports["start"])
                ports["end"] = ports["start"] + 1

    def _port(self, port: int) -> int:
        self._ports.add(port)
        return self._place.ports[port]

    def _take_out(self, items: list[Any]) -> None:
        for item in list(items):
            if isinstance(item, dict) and item.get("name") in self._place.without:
                self._removed.add(item["name"])
                items.remove(item)

    def _file(self, kind: str, name: str, resource: Mapping[str, Any]) -> dict[str, Any]:
        """A config source that reads this one resource from a file."""
        safe = "".join(letter if letter.isalnum() else "_" for letter in name)
        file = self._place.directory / f"{kind}-{safe}.json"
        response = {"versionInfo": "1", "resources": [{"@type": _KINDS[kind], **resource}]}
        file.write_text(json.dumps(response), encoding="utf-8")
        return {"pathConfigSource": {"path": str(file)}, "resourceApiVersion": "V3"}


def _dicts(tree: Any) -> Iterator[dict[str, Any]]:
    """Every object of a JSON tree, from the outside in."""
    if isinstance(tree, dict):
        yield tree
        for value in list(tree.values()):
            yield from _dicts(value)
    elif isinstance(tree, list):
        for value in tree:
            yield from _dicts(value)


def _move(assignment: dict[str, Any], address: str) -> None:
    """The one endpoint of a cluster, to somewhere else."""
    (group,) = assignment["endpoints"]
    (endpoint,) = group["lbEndpoints"]
    host, port = address.rsplit(":", 1)
    assert "socketAddress" in endpoint["endpoint"]["address"]
    endpoint["endpoint"]["address"] = _address(host, int(port))


def _address(host: str, port: int) -> dict[str, Any]:
    return {"socketAddress": {"address": host, "portValue": port}}
