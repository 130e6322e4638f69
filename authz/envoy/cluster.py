# SPDX-License-Identifier: Apache-2.0
"""The cluster of the shipped Envoy configuration through which Envoy asks this service.

Two forms (docs/how-to/several-workers.md): an endpoint for each worker, with health checks, which
is what loses no request; and one port that several workers share, where health checks would do harm
and connections have to be made anew, or a few workers do all the work. The retries are the
listener's.
"""

from __future__ import annotations

import ipaddress
from typing import TYPE_CHECKING

from authz.envoy.text import endpoint, indented, quoted
from authz.settings.addresses import parse_address

if TYPE_CHECKING:
    from authz.envoy.options import AuthzCluster, EnvoyOptions

_OWN_PORTS = """\
common_lb_config:
  # With no healthy worker left, answer at once (status_on_error) instead of trying sick ones.
  healthy_panic_threshold: {value: 0}
typed_extension_protocol_options:
  envoy.extensions.upstreams.http.v3.HttpProtocolOptions:
    "@type": type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions
    explicit_http_config:
      # gRPC is HTTP/2. No keepalive pings: the health checks below do that work, and
      # gRPC servers close connections that ping too often.
      http2_protocol_options: {}
# A worker that stops says NOT_SERVING first and closes a moment later; Envoy notices
# within one interval and sends it nothing more. That, with an endpoint for each worker,
# is what makes a rolling restart lose no request. NOT_SERVING counts at once; the
# threshold is for time-outs and lost connections.
health_checks:
- timeout: 0.4s
  interval: 0.4s
  no_traffic_interval: 0.4s
  healthy_threshold: 1
  unhealthy_threshold: 2
  grpc_health_check: {}
"""

_SHARED_PORT = """\
typed_extension_protocol_options:
  envoy.extensions.upstreams.http.v3.HttpProtocolOptions:
    "@type": type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions
    # Each of Envoy's threads keeps one connection to this port, and the system gives a
    # connection to one worker for as long as it lasts. A new one after so many checks
    # spreads them over the workers, in the course of time.
    common_http_protocol_options:
      max_requests_per_connection: 1000
    explicit_http_config:
      # gRPC is HTTP/2. No keepalive pings: gRPC servers close connections that ping too often.
      http2_protocol_options: {}
# No health checks: one worker would answer for all of them, and when that one stops, Envoy
# would ask nobody until it is gone. A worker that is gone is a connection that ended, and
# the retries of the ext_authz filter mend that.
"""


def authz_cluster_text(cluster: AuthzCluster, options: EnvoyOptions) -> str:
    """The cluster, as an item of `static_resources.clusters`."""
    kind = "STATIC" if all(is_literal(value) for value in cluster.endpoints) else "STRICT_DNS"
    endpoints = "".join(endpoint(value) for value in cluster.endpoints)
    tls = indented(_tls(options, cluster.mutual_tls), 2) if cluster.tls else ""
    return f"""\
- name: authz
  type: {kind}
  connect_timeout: 0.25s
  lb_policy: LEAST_REQUEST
{indented(_SHARED_PORT if cluster.shared_port else _OWN_PORTS, 2)}\
  circuit_breakers:
    thresholds:
    # About what is answered in a tenth of a second. At an overload, Envoy denies what is beyond
    # at once instead of letting it wait in vain (docs/adr/0038-shedding.md). And 3 retries, its
    # default, are too few when a worker dies with many checks in flight.
    - max_requests: {cluster.most_checks}
      max_pending_requests: {cluster.most_checks}
      max_retries: 1000
  load_assignment:
    cluster_name: authz
    endpoints:
    - lb_endpoints:
{indented(endpoints, 6)}{tls}"""


def _tls(options: EnvoyOptions, mutual: bool) -> str:
    certificate = f"""\
      # What authz.yaml's grpc.tls.client_ca asks for: only this Envoy may ask questions.
      tls_certificates:
      - certificate_chain: {{filename: {quoted(options.authz_client_certificate)}}}
        private_key: {{filename: {quoted(options.authz_client_key)}}}
"""
    return f"""\
transport_socket:
  name: envoy.transport_sockets.tls
  typed_config:
    "@type": type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext
    sni: {quoted(options.authz_name)}
    common_tls_context:
      alpn_protocols: [h2]
{certificate if mutual else ""}\
      validation_context:
        trusted_ca: {{filename: {quoted(options.authz_ca)}}}
        # Envoy compares no name by itself: anyone's certificate from this CA would do.
        match_typed_subject_alt_names:
        - {{san_type: DNS, matcher: {{exact: {quoted(options.authz_name)}}}}}
"""


def is_literal(value: str) -> bool:
    """Whether an address needs no resolver: a Unix socket or an IP address."""
    parsed = parse_address(value)
    if parsed.is_unix:
        return True
    try:
        ipaddress.ip_address(parsed.host)
    except ValueError:
        return False
    return True
