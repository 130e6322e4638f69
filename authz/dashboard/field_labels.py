# SPDX-License-Identifier: Apache-2.0
"""What people call the fields, as Cloudflare's expression builder does, and where to look for them.

https://developers.cloudflare.com/ruleset-engine/rules-language/fields/
"""

from __future__ import annotations

from typing import Final

#: Fields that people look for by these words; the others go by their names.
LABELS: Final = {
    "http.request.uri.path": "URI Path",
    "http.host": "Hostname",
    "http.request.method": "Request Method",
    "http.request.uri": "URI",
    "http.request.full_uri": "URI Full",
    "http.request.uri.query": "URI Query String",
    "http.request.uri.path.extension": "File extension",
    "http.request.uri.args": "URI Query Argument",
    "http.request.headers": "Header",
    "http.request.cookies": "Cookie value of",
    "http.cookie": "Cookie",
    "http.referer": "Referer",
    "http.user_agent": "User Agent",
    "http.x_forwarded_for": "X-Forwarded-For",
    "http.request.version": "HTTP Version",
    "ip.src": "IP Source Address",
    "ip.src.asnum": "AS Num",
    "ip.src.country": "Country",
    "ip.src.continent": "Continent",
    "ssl": "SSL/HTTPS",
    "cf.edge.server_port": "Port",
    "cf.tls_client_auth.cert_verified": "Client Certificate Verified",
    "cf.tls_client_auth.cert_revoked": "Client Certificate Revoked",
    "cf.tls_client_auth.cert_presented": "Client Certificate Presented",
    "cf.tls_client_auth.cert_fingerprint_sha256": "Client Certificate SHA-256 Fingerprint",
    "cf.tls_client_auth.cert_fingerprint_sha1": "Client Certificate SHA-1 Fingerprint",
    "cf.tls_client_auth.cert_serial": "Client Certificate Serial Number",
    "cf.tls_client_auth.cert_subject_dn": "Client Certificate Subject DN",
    "cf.tls_client_auth.cert_issuer_dn": "Client Certificate Issuer DN",
    "cf.tls_client_auth.cert_issuer_ski": "Client Certificate Issuer SKI",
    "cf.tls_client_auth.cert_issuer_serial": "Client Certificate Issuer Serial Number",
    "cf.tls_client_auth.cert_ski": "Client Certificate SKI",
    "cf.tls_client_auth.cert_not_before": "Client Certificate Valid From",
    "cf.tls_client_auth.cert_not_after": "Client Certificate Valid Until",
    "authz.cert.san.dns": "Client Certificate DNS name",
    "authz.cert.san.uri": "Client Certificate URI",
    "authz.cert.san.email": "Client Certificate email address",
    "authz.cert.san.ip": "Client Certificate IP address",
    "authz.cert.failure": "Why the certificate is not verified",
}

#: By the beginning of a name, the first that fits.
_SECTIONS: Final = (
    ("cf.tls_client_auth.", "Client certificate"),
    ("authz.cert.", "Client certificate"),
    ("http.request.body.", "Body"),
    ("http.request.jwt.", "JSON Web Token"),
    ("raw.", "As sent"),
    ("http.", "Request"),
    ("ip.src.", "Place"),
    ("ip.geoip.", "Place"),
    ("ip.", "Connection"),
    ("ssl", "Connection"),
    ("cf.edge.", "Connection"),
    ("authz.tls.", "Connection"),
    ("authz.peer.", "Connection"),
)
_OTHER: Final = "Other"
#: The headings, in their order.
TITLES: Final = (*dict.fromkeys(title for _, title in _SECTIONS), _OTHER)


def section_of(name: str) -> str:
    """Under which heading a field is."""
    return next((title for start, title in _SECTIONS if name.startswith(start)), _OTHER)
