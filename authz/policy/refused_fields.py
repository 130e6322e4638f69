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

_TLS = "Envoy's CheckRequest does not carry it"
_BOT = "Cloudflare's bot management computes it; there is no equivalent here"
_WAF = "Cloudflare's WAF computes it; a WAF of your own (Coraza, ModSecurity) would"
_RESPONSE = "it belongs to the response; this service decides before there is one"
_CONFIG = "it describes a Cloudflare zone"

_NAMES: dict[str, tuple[str, ...]] = {
    _TLS: (
        "cf.tls_cipher",
        "cf.tls_version",
        "cf.tls_client_hello_length",
        "cf.tls_client_random",
        "cf.tls_client_extensions_sha1",
        "cf.tls_client_extensions_sha1_le",
        "cf.tls_ciphers_sha1",
        "cf.timings.client_tcp_rtt_msec",
        "cf.edge.l4.delivery_rate",
    ),
    _BOT: (
        "cf.bot_management.score",
        "cf.bot_management.verified_bot",
        "cf.bot_management.static_resource",
        "cf.bot_management.js_detection.passed",
        "cf.bot_management.detection_ids",
        "cf.bot_management.corporate_proxy",
        "cf.bot_management.signed_agent",
        "cf.bot_management.ja3_hash",
        "cf.bot_management.ja4",
        "cf.client.bot",
        "cf.verified_bot_category",
    ),
    _WAF: (
        "cf.waf.score",
        "cf.waf.score.sqli",
        "cf.waf.score.xss",
        "cf.waf.score.rce",
        "cf.waf.score.class",
        "cf.waf.auth_detected",
        "cf.waf.content_scan.has_obj",
        "cf.waf.content_scan.has_malicious_obj",
        "cf.waf.content_scan.has_failed",
        "cf.waf.content_scan.num_obj",
        "cf.waf.content_scan.num_malicious_obj",
        "cf.waf.content_scan.obj_sizes",
        "cf.waf.content_scan.obj_types",
        "cf.waf.content_scan.obj_results",
        "cf.waf.credential_check.password_leaked",
        "cf.waf.credential_check.username_leaked",
        "cf.waf.credential_check.username_and_password_leaked",
        "cf.waf.credential_check.username_password_similar",
        "cf.api_gateway.auth_id_present",
        "cf.api_gateway.request_violates_schema",
        "cf.api_gateway.fallthrough_detected",
    ),
    "Cloudflare allows it in transform rules only": ("http.request.accepted_languages",),
    "only uuidv4() reads it, which Cloudflare allows in transform rules only": ("cf.random_seed",),
    _CONFIG: ("cf.hostname.metadata", "cf.zone.name", "cf.zone.plan"),
    _RESPONSE: (
        "http.response.code",
        "http.response.headers",
        "http.response.headers.names",
        "http.response.headers.values",
        "http.response.content_type.media_type",
        "cf.response.1xxx_code",
        "cf.response.error_type",
    ),
}

#: Field name to the reason shown in the error.
REFUSED: Mapping[str, str] = MappingProxyType(
    {name: reason for reason, names in _NAMES.items() for name in names}
)
