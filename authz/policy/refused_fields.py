# SPDX-License-Identifier: Apache-2.0
"""Cloudflare's fields that cannot exist here, each with what would supply it.

An expression that reads one is refused by name, so that nobody waits for a value that never comes.
Fields that need a GeoIP database are in fields_geo: they are refused where none is configured.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

_METADATA = (
    "Envoy's CheckRequest does not carry it; an Envoy filter can write it to dynamic metadata, "
    "which authz.metadata reads"
)
_FINGERPRINT = (
    "Envoy's tls_inspector can take this fingerprint; a filter can write it to dynamic metadata, "
    "which authz.metadata reads"
)
_HANDSHAKE = "Envoy keeps nothing of this from the TLS handshake"
_TIMINGS = "Envoy measures such things in its statistics, not for a single request"
_BOT = "Cloudflare's bot management computes it; CrowdSec or a vendor of bot detection would"
_WAF = "Cloudflare's WAF computes it; a WAF of your own (Coraza, ModSecurity) would"
_MALWARE = "a malware scanner of your own (ClamAV) would supply it"
_PASSWORDS = "a service that knows leaked passwords (Have I Been Pwned) would supply it"
_OPENAPI = "an OpenAPI validator of your own would supply it"
_LLM = "Cloudflare's firewall for AI computes it; there is no equivalent here"
_PACKET = "it describes a packet; Cloudflare has it in network firewall rules only"
_RESPONSE = "it belongs to the response; this service decides before there is one"

# `.*` at the end is a family: every name below that is not listed itself is refused likewise.
_NAMES: dict[str, tuple[str, ...]] = {
    _METADATA: ("cf.tls_cipher", "cf.tls_version"),
    _FINGERPRINT: ("cf.bot_management.ja3_hash", "cf.bot_management.ja4"),
    _HANDSHAKE: (
        "cf.tls_client_hello_length",
        "cf.tls_client_random",
        "cf.tls_client_extensions_sha1",
        "cf.tls_client_extensions_sha1_le",
        "cf.tls_ciphers_sha1",
    ),
    _TIMINGS: (
        "cf.timings.*",
        "cf.timings.client_tcp_rtt_msec",
        "cf.edge.l4.delivery_rate",
    ),
    _BOT: (
        "cf.bot_management.*",
        "cf.bot_management.score",
        "cf.bot_management.verified_bot",
        "cf.bot_management.static_resource",
        "cf.bot_management.js_detection.passed",
        "cf.bot_management.detection_ids",
        "cf.bot_management.corporate_proxy",
        "cf.bot_management.signed_agent",
        "cf.client.bot",
        "cf.verified_bot_category",
    ),
    _WAF: (
        "cf.waf.*",
        "cf.waf.score",
        "cf.waf.score.sqli",
        "cf.waf.score.xss",
        "cf.waf.score.rce",
        "cf.waf.score.class",
        "cf.waf.auth_detected",
    ),
    _MALWARE: (
        "cf.waf.content_scan.*",
        "cf.waf.content_scan.has_obj",
        "cf.waf.content_scan.has_malicious_obj",
        "cf.waf.content_scan.has_failed",
        "cf.waf.content_scan.num_obj",
        "cf.waf.content_scan.num_malicious_obj",
        "cf.waf.content_scan.obj_sizes",
        "cf.waf.content_scan.obj_types",
        "cf.waf.content_scan.obj_results",
    ),
    _PASSWORDS: (
        "cf.waf.credential_check.*",
        "cf.waf.credential_check.password_leaked",
        "cf.waf.credential_check.username_leaked",
        "cf.waf.credential_check.username_and_password_leaked",
        "cf.waf.credential_check.username_password_similar",
    ),
    _OPENAPI: (
        "cf.api_gateway.*",
        "cf.api_gateway.auth_id_present",
        "cf.api_gateway.request_violates_schema",
        "cf.api_gateway.fallthrough_detected",
        "cf.schema_validation.*",
    ),
    _LLM: ("cf.llm.*",),
    _PACKET: (
        "icmp.*",
        "tcp.*",
        "udp.*",
        *("ip.dst", "ip.dst.*", "ip.hdr_len", "ip.len", "ip.opt.*", "ip.proto", "ip.proto.*"),
        "ip.ttl",
    ),
    _RESPONSE: (
        "http.response.*",
        "http.response.code",
        "http.response.headers",
        "http.response.headers.names",
        "http.response.headers.values",
        "http.response.content_type.media_type",
        "raw.http.response.*",
        "cf.response.*",
        "cf.response.1xxx_code",
        "cf.response.error_type",
    ),
}

#: Field name, or family, to the reason shown in the error.
REFUSED: Mapping[str, str] = MappingProxyType(
    {name: reason for reason, names in _NAMES.items() for name in names}
)
