# SPDX-License-Identifier: Apache-2.0
"""The listener behind a load balancer that passes connections on (layer 4) with PROXY protocol.

TLS still ends in this Envoy, so everything about certificates is as without the balancer; only the
client's address comes from the header that the balancer writes in front of each connection. Who
else could write one is kept out here. The header: haproxy.org, "The PROXY protocol".
"""

from __future__ import annotations

import ipaddress

from authz.envoy.text import quoted
from authz.errors import SettingsError

_TYPE = "type.googleapis.com/envoy.extensions.filters.listener.proxy_protocol.v3.ProxyProtocol"


def filter_text(ranges: tuple[str, ...]) -> str:
    """The listener filter that reads the header, as an item of `listener_filters`."""
    if not ranges:
        return ""
    return f"""\
  # Every connection begins with a PROXY header (version 1 or 2) that names the client; one
  # without is closed. First: TLS begins behind it.
  - name: envoy.filters.listener.proxy_protocol
    typed_config:
      "@type": {_TYPE}
"""


def match_text(ranges: tuple[str, ...]) -> str:
    """What the one filter chain asks of a connection: the beginning of an item.

    Raises:
        SettingsError: a range is no network in CIDR form, or is every address.
    """
    if not ranges:
        return "  - "
    networks = "".join(map(_range_text, ranges))
    return f"""\
  - filter_chain_match:
      # Who may write that header: the balancers alone, by the address they connect from. For
      # anybody else there is no filter chain, and Envoy closes the connection.
      direct_source_prefix_ranges:
{networks}\
    """


def _range_text(text: str) -> str:
    try:
        network = ipaddress.ip_network(text)
    except ValueError as error:
        raise SettingsError(
            f"{text!r} is no network: {error}",
            hint="write the addresses the load balancer connects from, like 10.0.8.0/24",
        ) from error
    if network.prefixlen == 0:
        raise SettingsError(
            f"{text!r} is every address: anybody could write a header and be whom they like",
            hint="write the addresses the load balancer connects from, like 10.0.8.0/24",
        )
    address = quoted(str(network.network_address))
    return f"      - {{address_prefix: {address}, prefix_len: {network.prefixlen}}}\n"
