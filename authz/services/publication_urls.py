# SPDX-License-Identifier: Apache-2.0
"""Under which addresses the embedded CA publishes: written into certificates, and served later.

Below `publication.url` of the settings, by the identifier of the issuing certificate:

    /crl/ID.crl          its complete CRL (RFC 5280 §4.2.1.13)
    /crl/ID-delta.crl    its delta CRL (§4.2.1.15)
    /ca/ID.crt           the certificate itself, in DER (§4.2.2.1)
    /ocsp                OCSP, for all of them (RFC 6960)
"""

from __future__ import annotations

from authz.ca.issuance import PublicationUrls


def complete_crl_url(base: str, certificate_id: str) -> str:
    """Where the complete CRL of an issuing certificate is."""
    return f"{base}/crl/{certificate_id}.crl"


def delta_crl_url(base: str, certificate_id: str) -> str:
    """Where its delta CRL is."""
    return f"{base}/crl/{certificate_id}-delta.crl"


def issuer_url(base: str, certificate_id: str) -> str:
    """Where the issuing certificate itself is."""
    return f"{base}/ca/{certificate_id}.crt"


def ocsp_url(base: str) -> str:
    """Where OCSP is answered."""
    return f"{base}/ocsp"


def urls_for(base: str | None, certificate_id: str) -> PublicationUrls | None:
    """What goes into the certificates that are issued by this one; None: nothing is published."""
    if base is None:
        return None
    return PublicationUrls(
        crl=(complete_crl_url(base, certificate_id),),
        ocsp=(ocsp_url(base),),
        issuer=(issuer_url(base, certificate_id),),
    )
