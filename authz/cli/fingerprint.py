# SPDX-License-Identifier: Apache-2.0
"""`authz fingerprint`: the values the rule fields would have for a certificate."""

from __future__ import annotations

from pathlib import Path  # noqa: TC003 - typer evaluates it
from typing import Annotated

import typer

from authz.cli import messages
from authz.cli.options import ConfigOption, JsonOption, settings_of


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
    from authz.services.certificate_fields import fields_of
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
    found = fields_of(leaf, others)
    values = found.values
    if not found.issuer_known:
        messages.note(
            "its issuer is not in the file: cert_issuer_* are what the certificate says about it"
        )
    if json:
        messages.result_json(dict(values))
        return
    width = max(len(name) for name in values)
    for name, value in values.items():
        shown = str(value).lower() if isinstance(value, bool) else messages.printable(value)
        messages.result(f"{name:<{width}}  {shown}".rstrip())
