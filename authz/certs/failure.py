# SPDX-License-Identifier: Apache-2.0
"""Why a peer certificate is not verified: a closed set.

The values are a metric label, a log field and a dynamic metadata value; each is explained in
docs/reference/certificate-failures.md. Being revoked is not a failure: a revoked certificate is a
verified one (architecture 4.1).
"""

from __future__ import annotations

from enum import StrEnum


class VerifyFailure(StrEnum):
    """The one reason why `cert_verified` is false."""

    #: No certificate was presented.
    ABSENT = "absent"
    #: What was presented is not a certificate, or its transport form is broken.
    MALFORMED = "malformed"
    #: Over `limits.certificate_bytes` or `limits.chain_length`, or too many paths to try.
    TOO_LARGE = "too_large"
    #: A key type, signature algorithm, version or critical extension that is not judged here.
    UNSUPPORTED = "unsupported"
    #: A certificate of the path is past its notAfter.
    EXPIRED = "expired"
    #: A certificate of the path is before its notBefore.
    NOT_YET_VALID = "not_yet_valid"
    #: Nobody whom this site trusts is named as the issuer.
    UNKNOWN_ISSUER = "unknown_issuer"
    #: The issuer is known by name but did not sign this.
    BAD_SIGNATURE = "bad_signature"
    #: Not a client certificate, or issued by something that may not issue one.
    WRONG_USAGE = "wrong_usage"
    #: A path length or name constraint of an issuer is not kept.
    CONSTRAINT_VIOLATED = "constraint_violated"
    #: Strict revocation with a CRL that is missing or out of date.
    CRL_STALE = "crl_stale"
    #: Strict revocation with OCSP, and no current answer about the certificate.
    OCSP_MISSING = "ocsp_missing"
