# SPDX-License-Identifier: Apache-2.0
"""`authz fingerprint`: the values the rule fields would have for a certificate."""

from __future__ import annotations

from pathlib import Path  # noqa: TC003 - typer evaluates it
from typing import TYPE_CHECKING, Annotated

import typer

from authz.cli import messages
from authz.cli.options import ConfigOption, JsonOption, settings_of

if TYPE_CHECKING:
    from authz.certs.certificate import Certificate


def fingerprint(
    certificate: Annotated[
        Path, typer.Argument(metavar="CERT.pem", help="PEM (the first certificate) or DER.")
    ],
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """Print what the rule fields say about a certificate.

    Issuer fields have the issuer's own values when its certificate follows in the file; without
    it, what this certificate says about its issuer.
    """
    from authz.certs.certificate import Certificate
    from authz.certs.pem import split_pem, without_private_keys
    from authz.errors import CertificateError, CertificateTooLargeError
    from authz.sources.files import UnreadableFileError, read_file

    limit = settings_of(config).limits.certificate_bytes
    try:
        # What a client presents is often one file with its key.
        blocks = split_pem(without_private_keys(read_file(certificate)))
        if len(blocks[0]) > limit:
            raise CertificateTooLargeError(
                f"the certificate has {len(blocks[0])} bytes",
                hint=f"limits.certificate_bytes is {limit}: no check accepts this certificate",
            )
        leaf, *others = [Certificate.from_der(block) for block in blocks]
    except UnreadableFileError as error:
        raise CertificateError(
            f"the file {error.reason}", hint="name a certificate file", where=str(certificate)
        ) from None
    except CertificateError as error:
        error.where = str(certificate)
        raise
    values = _values(leaf, others)
    if json:
        messages.result_json(values)
        return
    width = max(len(name) for name in values)
    for name, value in values.items():
        shown = str(value).lower() if isinstance(value, bool) else messages.printable(value)
        messages.result(f"{name:<{width}}  {shown}".rstrip())


def _values(leaf: Certificate, others: list[Certificate]) -> dict[str, str | bool]:
    """Field values in the catalogue's order; only those the certificate decides."""
    from authz.certs.rfc9440 import client_cert, client_cert_chain
    from authz.certs.signature import Signed, signed_by

    issuer = next(
        (
            other
            for other in (*others, leaf)
            if other.subject_raw == leaf.issuer_raw and signed_by(leaf, other) is Signed.YES
        ),
        None,
    )
    if issuer is None:
        messages.note(
            "its issuer is not in the file: cert_issuer_* are what the certificate says about it"
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
    return {f"cf.tls_client_auth.{name}": value for name, value in values.items()} | {
        "authz.cert.spki_sha256": leaf.spki_sha256,
        "authz.cert.san.dns": ", ".join(leaf.san_dns),
        "authz.cert.san.uri": ", ".join(leaf.san_uri),
        "authz.cert.san.email": ", ".join(leaf.san_email),
        "authz.cert.san.ip": ", ".join(map(str, leaf.san_ip)),
    }
