# SPDX-License-Identifier: Apache-2.0
"""Which of our messages stands for which of Envoy's, by full name: same name, another package."""

from __future__ import annotations

_NAMES = {
    "envoy.config.core.v3": (
        "Address",
        "DataSource",
        "EnvoyInternalAddress",
        "HeaderMap",
        "HeaderValue",
        "HeaderValueOption",
        "Metadata",
        "Node",
        "Pipe",
        "QueryParameter",
        "SocketAddress",
    ),
    "envoy.extensions.transport_sockets.tls.v3": ("CertificateValidationContext", "Secret"),
    "envoy.service.auth.v3": (
        "AttributeContext",
        "AttributeContext.HttpRequest",
        "AttributeContext.Peer",
        "AttributeContext.Request",
        "AttributeContext.TLSSession",
        "CheckRequest",
        "CheckResponse",
        "DeniedHttpResponse",
        "OkHttpResponse",
    ),
    "envoy.service.discovery.v3": (
        "DeltaDiscoveryRequest",
        "DeltaDiscoveryResponse",
        "DiscoveryRequest",
        "DiscoveryResponse",
        "Resource",
    ),
    "envoy.type.v3": ("HttpStatus",),
    "google.rpc": ("Status",),
    "grpc.health.v1": ("HealthCheckRequest", "HealthCheckResponse"),
}

#: Envoy's full name by ours.
MESSAGES = {
    f"{'authz.health.v1' if package == 'grpc.health.v1' else 'authz.envoy.v3'}.{name}": (
        f"{package}.{name}"
    )
    for package, names in _NAMES.items()
    for name in names
}

_SDS = ("envoy.extensions.transport_sockets.tls.v3.", "envoy.service.discovery.v3.")

#: Ours that have some of Envoy's fields only: those of secret.proto, which nobody writes as JSON.
PARTIAL = frozenset(
    ours
    for ours, theirs in MESSAGES.items()
    if theirs.startswith(_SDS) or theirs.endswith((".DataSource", ".Node"))
)
