# SPDX-License-Identifier: Apache-2.0
"""What the fields of rules say about a certificate, for whoever writes a rule about it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from authz.certs.rfc9440 import client_cert, client_cert_chain
from authz.certs.signature import Signed, signed_by

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from authz.certs.certificate import Certificate


@dataclass(frozen=True, slots=True, kw_only=True)
class CertificateFields:
    """Values of fields by their names, in the catalogue's order; only those that a certificate
    decides.

    Args:
        issuer_known: whether `cert_issuer_*` are of its issuer, and not what it says about it.
    """

    values: Mapping[str, str | bool]
    issuer_known: bool


def fields_of(
    leaf: Certificate, others: Sequence[Certificate], *, trusted: Sequence[Certificate] = ()
) -> CertificateFields:
    """What rules see of a certificate that is verified.

    Args:
        others: those that its owner sends along, its issuer among them or not.
        trusted: those that nobody sends, such as the root that issued it.
    """
    issuer = next(
        (
            other
            for other in (*others, *trusted, leaf)
            if other.subject_raw == leaf.issuer_raw and signed_by(leaf, other) is Signed.YES
        ),
        None,
    )
    whole = client_cert(leaf.der)
    chain = client_cert_chain([other.der for other in others])
    values: dict[str, str | bool] = {
        "cert_issuer_dn": leaf.issuer_dn,
        "cert_subject_dn": leaf.subject_dn,
        "cert_issuer_dn_rfc2253": leaf.issuer_dn_rfc2253,
        "cert_subject_dn_rfc2253": leaf.subject_dn_rfc2253,
        "cert_issuer_dn_legacy": leaf.issuer_dn_legacy,
        "cert_subject_dn_legacy": leaf.subject_dn_legacy,
        "cert_serial": leaf.serial,
        "cert_issuer_serial": issuer.serial if issuer else "",
        "cert_fingerprint_sha256": leaf.fingerprint_sha256,
        "cert_fingerprint_sha1": leaf.fingerprint_sha1,
        "cert_not_before": leaf.not_before,
        "cert_not_after": leaf.not_after,
        "cert_ski": leaf.ski,
        "cert_issuer_ski": issuer.ski if issuer else leaf.authority_key_id,
        "cert_rfc9440": whole or "",
        "cert_rfc9440_too_large": whole is None,
        "cert_chain_rfc9440": chain or "",
        "cert_chain_rfc9440_too_large": chain is None,
    }
    return CertificateFields(
        values={f"cf.tls_client_auth.{name}": value for name, value in values.items()}
        | {
            "authz.cert.spki_sha256": leaf.spki_sha256,
            "authz.cert.san.dns": ", ".join(leaf.san_dns),
            "authz.cert.san.uri": ", ".join(leaf.san_uri),
            "authz.cert.san.email": ", ".join(leaf.san_email),
            "authz.cert.san.ip": ", ".join(map(str, leaf.san_ip)),
        },
        issuer_known=issuer is not None,
    )
