# SPDX-License-Identifier: Apache-2.0
"""Which clause of which standard a certificate does not meet, for people who have to mend it.

By the failure and by what its detail says of it; names in a detail are the client's, and no part of
what is looked at. What each failure means, and what to do, is docs/reference/
certificate-failures.md.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from authz.certs.failure import VerifyFailure

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True)
class Clause:
    """Where it is written, and what it asks for. `source` is `""` for limits of our own."""

    source: str
    says: str


_VALIDITY: Final = Clause(
    "RFC 5280 §4.1.2.5",
    "a certificate is valid from its notBefore to its notAfter, and so is every one above it",
)
_BASIC: Final = Clause(
    "RFC 5280 §4.2.1.9",
    "a CA says so in basicConstraints, with how many more may stand below it; a client does not",
)

#: By failure: words of the detail (the first that is in it; `""` is in each), and the clause.
_CLAUSES: Final[Mapping[VerifyFailure, tuple[tuple[str, Clause], ...]]] = {
    VerifyFailure.ABSENT: (
        (
            "",
            Clause(
                "RFC 8446 §4.4.2.4",
                "a client may answer a request for a certificate with none; whether it gets in is "
                "then for the rules to say",
            ),
        ),
    ),
    VerifyFailure.MALFORMED: (
        (
            "",
            Clause(
                "RFC 5280 §4.1",
                "a certificate is the DER of one Certificate, with a positive serial number and no "
                "extension twice",
            ),
        ),
    ),
    VerifyFailure.TOO_LARGE: (
        ("", Clause("", "limits.certificate_bytes and limits.chain_length bound what is judged")),
    ),
    VerifyFailure.UNSUPPORTED: (
        (
            "critical extension",
            Clause(
                "RFC 5280 §4.2",
                "a certificate with a critical extension that is not processed has to be refused",
            ),
        ),
        ("version 3", Clause("RFC 5280 §4.1.2.1", "a certificate with extensions has version 3")),
        (
            "serial number",
            Clause("RFC 5280 §4.1.2.2", "a serial number has 20 octets at most"),
        ),
        (
            "signature",
            Clause("RFC 9155", "a signature with MD5 or SHA-1 proves nothing any more"),
        ),
        (
            "",
            Clause(
                "RFC 5280 §4.1.2.7",
                "RSA of 2048 to 8192 bits, P-256, P-384 and P-521 are the keys judged here",
            ),
        ),
    ),
    VerifyFailure.EXPIRED: (("", _VALIDITY),),
    VerifyFailure.NOT_YET_VALID: (("", _VALIDITY),),
    VerifyFailure.UNKNOWN_ISSUER: (
        (
            "",
            Clause(
                "RFC 5280 §6.1",
                "a path leads from the certificate to a trust anchor, each issuer the subject of "
                "the next",
            ),
        ),
    ),
    VerifyFailure.BAD_SIGNATURE: (
        (
            "",
            Clause(
                "RFC 5280 §6.1.3 (a)(1)",
                "each certificate of the path is signed by the key of the one above it",
            ),
        ),
    ),
    VerifyFailure.WRONG_USAGE: (
        (
            "extended key usage",
            Clause(
                "RFC 5280 §4.2.1.12",
                "a certificate whose extended key usage does not name clientAuth, or any, is not "
                "for clients; nor is what stands below one",
            ),
        ),
        (
            "keyCertSign",
            Clause("RFC 5280 §4.2.1.3", "who signs certificates has keyCertSign in its key usage"),
        ),
        (
            "key usage",
            Clause(
                "RFC 5280 §4.2.1.3",
                "a client proves its key by a signature: its key usage allows digitalSignature",
            ),
        ),
        ("", _BASIC),
    ),
    VerifyFailure.CONSTRAINT_VIOLATED: (
        ("longer than", _BASIC),
        (
            "",
            Clause(
                "RFC 5280 §4.2.1.10",
                "names below a CA are within its name constraints",
            ),
        ),
    ),
    VerifyFailure.CRL_STALE: (
        (
            "",
            Clause(
                "RFC 5280 §6.3.3",
                "whether a certificate is revoked is known from a CRL of its issuer that is "
                "complete for it and current",
            ),
        ),
    ),
    VerifyFailure.OCSP_MISSING: (
        (
            "",
            Clause(
                "RFC 6960 §3.2",
                "an answer counts that is of an authorised responder, about this certificate, and "
                "current",
            ),
        ),
    ),
}

# What a detail quotes, as repr() writes it.
_QUOTED: Final = re.compile(r"""'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*\"""")


def clause_of(failure: VerifyFailure, detail: str = "") -> Clause:
    """The clause that a certificate with this failure does not meet."""
    said = _QUOTED.sub("", detail)
    return next(clause for words, clause in _CLAUSES[failure] if words in said)
