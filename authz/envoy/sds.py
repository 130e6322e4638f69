# SPDX-License-Identifier: Apache-2.0
"""The parts of an Envoy configuration with which Envoy gets its trust bundle from this service.

Whom Envoy asks a certificate of, and which authorities it names, then follows the policy within
moments and without a restart (docs/how-to/let-envoy-verify.md). Facts are Envoy 1.40's, measured.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from authz.envoy.cluster import is_literal
from authz.envoy.options import reachable
from authz.envoy.text import endpoint, indented, quoted
from authz.errors import SettingsError
from authz.settings.addresses import parse_address

if TYPE_CHECKING:
    from authz.envoy.options import SdsOptions
    from authz.settings import Settings


def asking_text(options: SdsOptions) -> str:
    """What a DownstreamTlsContext asks of clients, up to the end of its validation context."""
    return f"""\
{_STRICT if options.strict else _LENIENT}\
common_tls_context:
  combined_validation_context:
    default_validation_context:
      trust_chain_verification: {"VERIFY_TRUST_CHAIN" if options.strict else "ACCEPT_UNTRUSTED"}
    # The bundle of {_whose(options)}, from cluster sds below. It is never
    # empty: with an empty one Envoy asks for no certificate at all. A new one holds from
    # the next handshake on; open connections keep the verdict of their own, which is
    # what max_connection_duration below is for.
    validation_context_sds_secret_config:
      name: {quoted(options.secret)}
      sds_config:
        resource_api_version: V3
        # When Envoy starts, ALL of its listeners wait this long for the secret. Then
        # they open, and handshakes here are cut off until the secret comes.
        initial_fetch_timeout: 15s
        api_config_source:
          api_type: GRPC
          transport_api_version: V3
          grpc_services:
          - envoy_grpc: {{cluster_name: sds}}
"""


#: Envoy asks for no secret without a name of its own.
NODE_TEXT: Final = """
# How this Envoy introduces itself, for the service's log; --service-node and --service-cluster
# of the command line go before it.
node: {id: envoy, cluster: envoy}
"""

_STRICT: Final = """\
# Refuse in the handshake who has no certificate that leads to an authority of the bundle.
# What gets through is judged once more by the authorizer: revocation, time and host.
require_client_certificate: true
"""

_LENIENT: Final = """\
# Ask for a certificate, take none as an answer, and let any certificate through the
# handshake (the client proves that it holds the key): the authorizer judges it and
# can answer with a page, where a refused handshake is only an alert. The bundle puts
# the names of its authorities into the request, so that browsers offer only
# certificates that fit.
require_client_certificate: false
"""


def _whose(options: SdsOptions) -> str:
    return "all sites together" if options.site is None else "one site"


def sds_cluster_text(settings: Settings, options: SdsOptions) -> str:
    """The cluster of the SDS port, as an item of `static_resources.clusters`.

    Raises:
        SettingsError: no address of it is known.
    """
    address = options.address or _listening_address(settings)
    kind = "STATIC" if is_literal(address) else "STRICT_DNS"
    return f"""\
# Trust bundles. While nobody answers here, Envoy keeps the last one and tries again.
- name: sds
  type: {kind}
  connect_timeout: 0.25s
  typed_extension_protocol_options:
    envoy.extensions.upstreams.http.v3.HttpProtocolOptions:
      "@type": type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions
      explicit_http_config:
        http2_protocol_options:
          # The stream is silent for days: a connection that is gone must be noticed.
          connection_keepalive: {{interval: 30s, timeout: 5s}}
  load_assignment:
    cluster_name: sds
    endpoints:
    - lb_endpoints:
{indented(endpoint(address), 6)}"""


def _listening_address(settings: Settings) -> str:
    if not settings.sds.active:
        raise SettingsError(
            "sds is off: nobody would give Envoy its trust bundle",
            hint="set sds.enabled to true and sds.listen to an address",
            where="sds",
        )
    listen = parse_address(settings.sds.listen)
    if listen.port == 0:
        raise SettingsError(
            "sds.listen has port 0: the system chooses a port that Envoy cannot know",
            hint="give sds.listen a port",
            where="sds.listen",
        )
    return str(reachable(listen))
