# SPDX-License-Identifier: Apache-2.0
"""The listener for HTTP/3, beside the one over TCP and with the same protections.

QUIC is UDP and has TLS 1.3 inside (RFC 9000, 9001; HTTP/3: RFC 9114). What is the same for every
version of HTTP is `listener`'s; here is what is QUIC's alone: its transport, and what it could
remember about a client. Facts are Envoy 1.40's, measured.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from authz.envoy.listener import asking, connection_manager, listener, server_certificate
from authz.envoy.options import Forwarding
from authz.envoy.text import address, indented
from authz.errors import SettingsError
from authz.settings.addresses import parse_address

if TYPE_CHECKING:
    from collections.abc import Iterator

    from authz.envoy.options import EnvoyOptions, Http3Options

_TYPE = "type.googleapis.com/envoy.extensions"

_OVER_QUIC = ("HTTP3", "http3_protocol_options: {}\n")


def listeners(
    options: EnvoyOptions, forwarding: Forwarding, client_ip_trusted_hops: int
) -> Iterator[str]:
    """The listener over TCP, and with `options.http3` the one over QUIC.

    Raises:
        SettingsError: something in front makes HTTP/3 impossible here, or no port of it is known.
    """
    yield listener(options, forwarding, client_ip_trusted_hops)
    if options.http3 is not None:
        _refuse_what_cannot_be(options.http3, options, forwarding, client_ip_trusted_hops)
        yield _quic_listener(options, forwarding, client_ip_trusted_hops)


def _quic_listener(options: EnvoyOptions, forwarding: Forwarding, trusted_hops: int) -> str:
    return f"""\
# HTTP/3: the same requests and the same answers over QUIC.
- name: {options.name}-http3
  address:
    {address(options.listen, udp=True)}
  per_connection_buffer_limit_bytes: 32768
  udp_listener_config:
    quic_options:
      # As http2_protocol_options above.
      quic_protocol_options:
        max_concurrent_streams: 100
        initial_stream_window_size: 65536
        initial_connection_window_size: 1048576
    downstream_socket_config: {{prefer_gro: true}}
  filter_chains:
  - transport_socket:
      name: envoy.transport_sockets.quic
      typed_config:
{indented(_transport(options, forwarding), 8)}\
    filters:
    - name: envoy.filters.network.http_connection_manager
      typed_config:
{indented(connection_manager(options, forwarding, trusted_hops, _OVER_QUIC), 8)}"""


def _transport(options: EnvoyOptions, forwarding: Forwarding) -> str:
    return f"""\
"@type": {_TYPE}.transport_sockets.quic.v3.QuicDownstreamTransport
# A resumed session shows the certificate of the first handshake, whatever has happened
# since; and a request in early data (0-RTT, RFC 8470) may be somebody's recording. The
# switches of TLS over TCP do nothing here.
enable_resumption: false
enable_early_data: false
downstream_tls_context:
{indented(asking(options, forwarding), 2)}\
    alpn_protocols: [h3]
{indented(server_certificate(options), 2)}"""


def _refuse_what_cannot_be(
    http3: Http3Options, options: EnvoyOptions, forwarding: Forwarding, trusted_hops: int
) -> None:
    if forwarding is Forwarding.BEHIND_PROXY:
        raise SettingsError(
            "behind another proxy, clients speak HTTP/3 with that proxy and not with this Envoy",
            hint="leave --http3 out, and set it up there",
            where="xfcc.trusted_hops",
        )
    if trusted_hops > 0:
        raise SettingsError(
            "over UDP nobody comes through the trusted proxies, and each client would write its "
            "own address into x-forwarded-for",
            hint="leave --http3 out, and set HTTP/3 up at the proxy that clients come to",
            where="client_ip.trusted_hops",
        )
    if options.proxy_protocol_from:
        raise SettingsError(
            "Envoy reads no PROXY header over QUIC: every client would have the balancer's address",
            hint="leave --http3 out, or take a balancer that keeps the client's address",
        )
    if http3.advertised is None and parse_address(options.listen).port == 0:
        raise SettingsError(
            "the listener has port 0: clients cannot be told which one the system chooses for UDP",
            hint="name the port that clients come to: --http3-port",
        )
