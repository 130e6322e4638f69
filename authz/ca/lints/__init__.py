# SPDX-License-Identifier: Apache-2.0
"""What is looked at before anything is signed: every rule a certificate or CRL must keep.

`CERTIFICATE_LINTS` and `CRL_LINTS` are the whole tables; each lint is one function and cites its
clause. They look at what would be signed, signed by a throwaway key (issuance.py), and through a
reader of their own (view.py, crl_view.py), not through what wrote it. ADR-0025.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from authz.ca.lints.certificate_extensions import EXTENSION_LINTS
from authz.ca.lints.certificate_form import FORM_LINTS
from authz.ca.lints.certificate_issuer import ISSUER_LINTS
from authz.ca.lints.crl import CRL_LINTS
from authz.ca.lints.crl_view import CrlView, view_crl
from authz.ca.lints.finding import Lint, LintFinding, Severity, run
from authz.ca.lints.name_constraints import NAME_CONSTRAINT_LINTS
from authz.ca.lints.view import CertificateView, view_certificate
from authz.errors import LintFailedError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

__all__ = [
    "CERTIFICATE_LINTS",
    "CRL_LINTS",
    "CertificateView",
    "CrlView",
    "Lint",
    "LintFinding",
    "Severity",
    "lint_certificate",
    "lint_crl",
    "refuse_errors",
]

CERTIFICATE_LINTS: Final[tuple[Lint[CertificateView], ...]] = (
    *FORM_LINTS,
    *EXTENSION_LINTS,
    *ISSUER_LINTS,
    *NAME_CONSTRAINT_LINTS,
)


def lint_certificate(
    der: bytes, issuer: bytes | None = None, chain: Sequence[bytes] = ()
) -> tuple[LintFinding, ...]:
    """What is wrong with a certificate below `issuer` (None: it signs itself), in DER.

    `chain` are the certificates above the issuer, from the nearest up.

    Raises:
        MalformedCertificateError: it is not shaped like a certificate.
    """
    return run(CERTIFICATE_LINTS, view_certificate(der, issuer, chain))


def lint_crl(der: bytes, issuer: bytes) -> tuple[LintFinding, ...]:
    """What is wrong with a CRL of `issuer`, both in DER.

    Raises:
        MalformedCertificateError: it is not shaped like a CRL, or an entry cannot be read.
    """
    return run(CRL_LINTS, view_crl(der, issuer))


def refuse_errors(findings: Iterable[LintFinding]) -> tuple[LintFinding, ...]:
    """The warnings among these findings.

    Raises:
        LintFailedError: there are errors among them; `others` has all but the first.
    """
    found = tuple(findings)
    errors = [
        LintFailedError(
            f"{one.message} (lint {one.id}, {one.clause})",
            hint="nothing was signed: ask for something else, or correct the profile",
        )
        for one in found
        if one.severity is Severity.ERROR
    ]
    if errors:
        errors[0].others = tuple(errors[1:])
        raise errors[0]
    return found
