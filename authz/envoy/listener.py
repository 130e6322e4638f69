# SPDX-License-Identifier: Apache-2.0
"""The listener of the shipped Envoy configuration: TLS, the connection manager, its filters.

What makes Envoy and this service see the same request is here (hosts, paths, headers), and what
keeps a client from being believed about itself. HTTP/3 beside it is `quic`; clusters are in
`config`.
"""

from __future__ import annotations

from authz.envoy.balancer import filter_text, match_text
from authz.envoy.options import EnvoyOptions, Forwarding
from authz.envoy.sds import asking_text
from authz.envoy.text import address, indented, quoted
from authz.policy.unknown import BODY_LIMIT
from authz.settings.addresses import parse_address

_TYPE = "type.googleapis.com/envoy.extensions"

#: Of a connection manager over TCP: the codec, and what goes with it.
_OVER_TCP = (
    "AUTO",
    """\
http2_protocol_options:
  max_concurrent_streams: 100
  initial_stream_window_size: 65536
  initial_connection_window_size: 1048576
""",
)


def listener(options: EnvoyOptions, forwarding: Forwarding, client_ip_trusted_hops: int) -> str:
    """One listener with one filter chain, as an item of `static_resources.listeners`."""
    return f"""\
- name: {options.name}
  address:
    {address(options.listen)}
  # Envoy's advice for an edge proxy: bounds memory per connection.
  per_connection_buffer_limit_bytes: 32768
  listener_filters:
{filter_text(options.proxy_protocol_from)}\
  # Fills in the SNI that the access log shows.
  - name: envoy.filters.listener.tls_inspector
    typed_config:
      "@type": {_TYPE}.filters.listener.tls_inspector.v3.TlsInspector
  filter_chains:
{match_text(options.proxy_protocol_from)}transport_socket:
      name: envoy.transport_sockets.tls
      typed_config:
{indented(_tls(options, forwarding), 8)}\
    filters:
    - name: envoy.filters.network.http_connection_manager
      typed_config:
{indented(connection_manager(options, forwarding, client_ip_trusted_hops), 8)}"""


def asking(options: EnvoyOptions, forwarding: Forwarding) -> str:
    """How clients are asked for certificates: the beginning of a DownstreamTlsContext."""
    if forwarding is Forwarding.BEHIND_PROXY:
        return f"""\
# Only the proxy in front may connect, and it must prove it: whoever can open a
# connection here can claim any client certificate. Its authority must issue
# certificates for that proxy alone; where it issues others too, add
# match_typed_subject_alt_names.
require_client_certificate: true
common_tls_context:
  validation_context:
    trusted_ca: {{filename: {quoted(options.proxy_ca)}}}
"""
    if options.sds is not None:
        return asking_text(options.sds)
    trusted = (
        f"    trusted_ca: {{filename: {quoted(options.client_ca)}}}\n" if options.client_ca else ""
    )
    return f"""\
# Ask for a certificate, take none as an answer, and let any certificate through the
# handshake (the client proves that it holds the key): the authorizer judges it and
# can answer with a page, where a refused handshake is only an alert. trusted_ca is
# optional: it puts the names of these authorities into the request, so that browsers
# offer only certificates that fit. Without it, Envoy asks all the same.
require_client_certificate: false
common_tls_context:
  validation_context:
    trust_chain_verification: ACCEPT_UNTRUSTED
{trusted}"""


def _tls(options: EnvoyOptions, forwarding: Forwarding) -> str:
    return f"""\
"@type": {_TYPE}.transport_sockets.tls.v3.DownstreamTlsContext
{asking(options, forwarding)}\
  alpn_protocols: [h2, http/1.1]
  tls_params:
    tls_minimum_protocol_version: TLSv1_2
{server_certificate(options)}\
# A resumed session shows the certificate of the first handshake, whatever has happened
# since. Both switches are needed: the first alone leaves session ids of TLS 1.2, the
# second alone leaves tickets.
disable_stateless_session_resumption: true
disable_stateful_session_resumption: true
"""


def server_certificate(options: EnvoyOptions) -> str:
    """Envoy's own certificate: of a `common_tls_context`."""
    return f"""\
  tls_certificates:
  - certificate_chain: {{filename: {quoted(options.certificate)}}}
    private_key: {{filename: {quoted(options.key)}}}
"""


def one_reading(forwarding: Forwarding, trusted_hops: int) -> str:
    """What makes Envoy and the authorizer see the same request: of a connection manager."""
    return f"""\
# One reading of each request, for Envoy's routes, the authorizer and the application
# alike. What has two readings is refused (400) before anybody is asked.
normalize_path: true
merge_slashes: true
path_with_escaped_slashes_action: REJECT_REQUEST
strip_any_host_port: true
strip_trailing_host_dot: true

# The client's address is the TCP peer's; x-forwarded-for is believed for this many
# proxies (client_ip.trusted_hops in authz.yaml counts the same way).
use_remote_address: true
xff_num_trusted_hops: {trusted_hops}

{_FORWARDING[forwarding]}"""


def connection_manager(
    options: EnvoyOptions,
    forwarding: Forwarding,
    trusted_hops: int,
    protocol: tuple[str, str] = _OVER_TCP,
) -> str:
    """The connection manager of a listener.

    `protocol` is all that differs over QUIC: `codec_type`, and that codec's options as text.
    """
    codec, codec_options = protocol
    return f"""\
"@type": {_TYPE}.filters.network.http_connection_manager.v3.HttpConnectionManager
stat_prefix: ingress
codec_type: {codec}

{one_reading(forwarding, trusted_hops)}
# Limits. A stream is judged when it opens and not again (WebSocket, long calls): the
# first two bound how long it can outlive a revocation.
common_http_protocol_options:
  max_stream_duration: 300s
  max_connection_duration: 900s
  idle_timeout: 300s
  max_headers_count: 100
  # x_client_cert and x-client-cert are one header to many applications.
  headers_with_underscores_action: REJECT_REQUEST
max_request_headers_kb: {_HEADER_KIB[forwarding]}
request_headers_timeout: 10s
stream_idle_timeout: 300s
request_timeout: 300s
{codec_options}
access_log:
{_access_log(options)}
http_filters:
# First, so that no filter acts on a request that is then denied.
{ext_authz(options, forwarding)}\
- name: envoy.filters.http.router
  typed_config:
    "@type": {_TYPE}.filters.http.router.v3.Router

route_config:
  name: routes
{_alt_svc(options)}\
  virtual_hosts:
{indented(_virtual_hosts(options), 2)}"""


_FORWARDING = {
    Forwarding.PEER: """\
# Incoming x-forwarded-client-cert is removed; the certificate travels in the check.
forward_client_cert_details: SANITIZE
""",
    Forwarding.XFCC: """\
# Incoming x-forwarded-client-cert is replaced by what this Envoy saw: one element, so
# authz.yaml says certificate_source: xfcc and xfcc.trusted_hops: 1.
forward_client_cert_details: SANITIZE_SET
set_current_client_cert_details:
  cert: true
  chain: true
""",
    Forwarding.BEHIND_PROXY: """\
# What the proxy in front wrote stays, and this Envoy appends what it saw itself: that
# proxy. xfcc.trusted_hops in authz.yaml counts elements from the right, so with one proxy
# in front the client is element 2. The proxy in front must replace the header
# (SANITIZE_SET with cert and chain), never forward what it was sent.
forward_client_cert_details: APPEND_FORWARD
""",
}

# A certificate in x-forwarded-client-cert is URL-encoded PEM: about 2 KB for one RSA-2048
# certificate, several times that with a chain. Elsewhere ordinary headers need far less.
_HEADER_KIB = {Forwarding.PEER: 32, Forwarding.XFCC: 32, Forwarding.BEHIND_PROXY: 96}


def ext_authz(options: EnvoyOptions, forwarding: Forwarding) -> str:
    """The filter that asks this service: an item of `http_filters`."""
    # Behind a proxy, source.certificate is that proxy's: the authorizer has no use for it.
    certificate = "false" if forwarding is Forwarding.BEHIND_PROXY else "true"
    return f"""\
- name: envoy.filters.http.ext_authz
  typed_config:
    "@type": {_TYPE}.filters.http.ext_authz.v3.ExtAuthz
    transport_api_version: V3
    # No answer is a denial, and says so: 503 is us, 403 is the policy.
    failure_mode_allow: false
    status_on_error: {{code: ServiceUnavailable}}
    include_peer_certificate: {certificate}
    include_tls_session: true
    # Headers as sent: repeats stay apart, bytes that are not UTF-8 stay what they are.
    encode_raw_headers: true
{_body(options.body_bytes)}{_metadata(options.metadata_namespaces)}\
    # Refuse an answer that would put control characters into headers.
    validate_mutations: true
    grpc_service:
      envoy_grpc: {{cluster_name: authz}}
      # Covers the retries too. The default is 0.2 s (Istio 600 s, Envoy Gateway 10 s).
      timeout: 0.5s
      # Only this retry policy is followed (the one inside envoy_grpc is not): a worker
      # that has just gone away costs a moment, not a denial. Checks have no side effects.
      retry_policy:
        num_retries: 3
        retry_on: connect-failure,refused-stream,reset,unavailable
        retry_back_off:
          base_interval: 0.01s
          # Envoy's gRPC client gives each try this long, too. Longer than the timeout: a
          # slow check is waited for, not asked for again while it is being answered.
          max_interval: 1s
        retry_host_predicate:
        - name: envoy.retry_host_predicates.previous_hosts
          typed_config:
            "@type": {_TYPE}.retry.host.previous_hosts.v3.PreviousHostsPredicate
        host_selection_retry_max_attempts: 3
"""


def _body(limit: int) -> str:
    if not limit:
        return ""
    return f"""\
    # For rules that read http.request.body.*: every request waits here for its body. What is
    # longer arrives cut short (allow_partial_message; without it Envoy answers 413): a block
    # rule that reads the body then counts as matching. Beyond 4 MiB a check is denied unread.
    with_request_body:
      max_request_bytes: {limit}
      allow_partial_message: true
      # Bytes as they are: a protobuf string has no room for what is not UTF-8.
      pack_as_bytes: true
"""


def _body_limit(limit: int) -> str:
    if not limit:
        return ""
    return f"""\
  # The limit once more, for the authorizer: of a body without content-length that fills it
  # exactly, Envoy says that it is whole, whatever follows.
  typed_per_filter_config:
    envoy.filters.http.ext_authz:
      "@type": {_TYPE}.filters.http.ext_authz.v3.ExtAuthzPerRoute
      check_settings:
        context_extensions: {{{BODY_LIMIT}: "{limit}"}}
"""


def _metadata(namespaces: tuple[str, ...]) -> str:
    if not namespaces:
        return ""
    return f"""\
    # What other filters found out (authz.metadata, http.request.jwt.claims.*).
    metadata_context_namespaces: [{", ".join(map(quoted, namespaces))}]
"""


def _access_log(options: EnvoyOptions) -> str:
    if options.access_log is None:
        name, kind, path = "stdout", "stream.v3.StdoutAccessLog", ""
    else:
        name, kind = "file", "file.v3.FileAccessLog"
        path = f"    path: {quoted(options.access_log)}\n"
    decision = "".join(
        f'        {key}: "%DYNAMIC_METADATA(envoy.filters.http.ext_authz:{key})%"\n'
        for key in _DECISION
    )
    return f"""\
- name: envoy.access_loggers.{name}
  typed_config:
    "@type": {_TYPE}.access_loggers.{kind}
{path}\
    log_format:
      json_format:
        time: "%START_TIME%"
        client: "%DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT%"
        sni: "%REQUESTED_SERVER_NAME%"
        protocol: "%PROTOCOL%"
        method: "%REQ(:METHOD)%"
        host: "%REQ(:AUTHORITY)%"
        path: "%REQ(:PATH)%"
        route: "%ROUTE_NAME%"
        status: "%RESPONSE_CODE%"
        details: "%RESPONSE_CODE_DETAILS%"
        flags: "%RESPONSE_FLAGS%"
        duration_ms: "%DURATION%"
        request_id: "%REQ(X-REQUEST-ID)%"
        # What the authorizer decided and why (dynamic metadata of its answer).
{decision}"""


#: The dynamic metadata of a decision that the access log shows (extauthz.encode has them all).
_DECISION = (
    "decision_id",
    "verdict",
    "site",
    "rule",
    "reason",
    "failure",
    "fingerprint",
)


def _alt_svc(options: EnvoyOptions) -> str:
    if options.http3 is None:
        return ""
    port = options.http3.advertised or parse_address(options.listen).port
    return f"""\
  # RFC 7838: clients may come over HTTP/3, to this port, and remember it for a day. It
  # replaces what an application says, which knows nothing of this listener.
  response_headers_to_add:
  - header: {{key: alt-svc, value: 'h3=":{port}"; ma=86400'}}
    append_action: OVERWRITE_IF_EXISTS_OR_ADD
"""


def _virtual_hosts(options: EnvoyOptions) -> str:
    limit = _body_limit(options.body_bytes)
    return "".join(
        f"""\
- name: {quoted(virtual_host.name)}
  domains: [{", ".join(quoted(domain) for domain in virtual_host.domains)}]
{limit}\
  routes:
  # One port and one dot were taken off above. What is still there was doubled, and
  # Envoy and the authorizer could take it for different hosts.
  - name: malformed-host
    match:
      prefix: "/"
      headers:
      - {{name: ":authority", string_match: {{safe_regex: {{regex: '.*(\\.|:[0-9]*)'}}}}}}
    direct_response: {{status: 400}}
  - name: {quoted(virtual_host.name)}
    match: {{prefix: "/"}}
    route: {{cluster: upstream, timeout: 15s}}
"""
        for virtual_host in options.virtual_hosts
    )
