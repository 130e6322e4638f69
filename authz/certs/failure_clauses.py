# SPDX-License-Identifier: Apache-2.0
"""Which clause a certificate that is not accepted fails, in words for people.

For every VerifyFailure, and for a certificate that is revoked: what it means, the clause that says
so, and what to do. At greater length: docs/reference/certificate-failures.md. What exactly was
found of one certificate is the `detail` of its judgement.
"""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from authz.certs.failure import VerifyFailure

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True, kw_only=True)
class Clause:
    """A requirement that is not met.

    Args:
        meaning: one sentence.
        source: where the requirement stands.
        remedy: what to do, one sentence.
    """

    meaning: str
    source: str
    remedy: str


_IN_TIME: Final = "RFC 5280 §6.1.3 (a)(2)"

CLAUSES: Final[Mapping[VerifyFailure, Clause]] = MappingProxyType(
    {
        VerifyFailure.ABSENT: Clause(
            meaning="No certificate was presented.",
            source="RFC 8446 §4.4.2.4",
            remedy="Give the client a certificate, and make sure that Envoy asks for one and "
            "forwards it.",
        ),
        VerifyFailure.MALFORMED: Clause(
            meaning="What was presented is not a certificate.",
            source="RFC 5280 §4.1",
            remedy="Look at it with openssl x509 -text, and issue it again.",
        ),
        VerifyFailure.TOO_LARGE: Clause(
            meaning="The certificate or its chain is larger than this installation reads.",
            source="limits.certificate_bytes, limits.chain_length",
            remedy="Issue a smaller certificate, or raise the limit if it is really yours.",
        ),
        VerifyFailure.UNSUPPORTED: Clause(
            meaning="The certificate has a key, a signature or a critical extension that is not "
            "judged here.",
            source="RFC 5280 §4.2, ADR 0005",
            remedy="Issue it again with a supported key and without that extension.",
        ),
        VerifyFailure.EXPIRED: Clause(
            meaning="The certificate, or one above it, is past its last day.",
            source=_IN_TIME,
            remedy="Renew it.",
        ),
        VerifyFailure.NOT_YET_VALID: Clause(
            meaning="The certificate, or one above it, is not valid yet.",
            source=_IN_TIME,
            remedy="Wait, or set the clock of the machine that issued it.",
        ),
        VerifyFailure.UNKNOWN_ISSUER: Clause(
            meaning="Nobody whom this host trusts stands above the certificate.",
            source="RFC 5280 §6.1.3 (a)(4)",
            remedy="Use a certificate of an authority of this host, or associate its authority "
            "with the host; a missing intermediate belongs beside the root.",
        ),
        VerifyFailure.BAD_SIGNATURE: Clause(
            meaning="An authority of the right name is known, but its key did not sign this.",
            source="RFC 5280 §6.1.3 (a)(1)",
            remedy="If the authority has a new key, add its new certificate.",
        ),
        VerifyFailure.WRONG_USAGE: Clause(
            meaning="The certificate is not for clients, or one above it may not issue any.",
            source="RFC 5280 §4.2.1.3, §4.2.1.12, §6.1.4 (k) and (n)",
            remedy="Issue it with extendedKeyUsage = clientAuth.",
        ),
        VerifyFailure.CONSTRAINT_VIOLATED: Clause(
            meaning="A CA above the certificate limits path lengths or names, and that is not "
            "kept.",
            source="RFC 5280 §6.1.3 (b) and (c), §6.1.4 (l)",
            remedy="Issue it for a name that the CA may issue for, or by a CA that is not limited.",
        ),
        VerifyFailure.CRL_STALE: Clause(
            meaning="Revocation is strict, and the CRL is missing or out of date.",
            source="RFC 5280 §6.3.3",
            remedy="Publish a current CRL, and see that it can be fetched.",
        ),
        VerifyFailure.OCSP_MISSING: Clause(
            meaning="Revocation is strict, and there is no current OCSP answer.",
            source="RFC 6960 §3.2",
            remedy="See that the responder can be reached and answers for this certificate.",
        ),
    }
)

REVOKED: Final = Clause(
    meaning="The certificate is verified, and its issuer revoked it.",
    source="RFC 5280 §6.1.3 (a)(3)",
    remedy="Restore it if that was a mistake, or issue another.",
)


def clause_of(failure: VerifyFailure | None, *, revoked: bool) -> Clause | None:
    """The clause that a judged certificate fails, None when it is in order."""
    if failure is not None:
        return CLAUSES[failure]
    return REVOKED if revoked else None
