# SPDX-License-Identifier: Apache-2.0
"""Why a certificate was revoked. RFC 5280 §5.3.1."""

from __future__ import annotations

from enum import IntEnum

from authz.errors import InvalidRequestError


class RevocationReason(IntEnum):
    """CRLReason: the standard's numbers; `text` is its spelling."""

    UNSPECIFIED = 0
    KEY_COMPROMISE = 1
    CA_COMPROMISE = 2
    AFFILIATION_CHANGED = 3
    SUPERSEDED = 4
    CESSATION_OF_OPERATION = 5
    CERTIFICATE_HOLD = 6
    REMOVE_FROM_CRL = 8
    PRIVILEGE_WITHDRAWN = 9
    AA_COMPROMISE = 10

    @property
    def text(self) -> str:
        """The name as the standard writes it: `keyCompromise`."""
        return _TEXT[self]


_TEXT = {
    RevocationReason.UNSPECIFIED: "unspecified",
    RevocationReason.KEY_COMPROMISE: "keyCompromise",
    RevocationReason.CA_COMPROMISE: "cACompromise",
    RevocationReason.AFFILIATION_CHANGED: "affiliationChanged",
    RevocationReason.SUPERSEDED: "superseded",
    RevocationReason.CESSATION_OF_OPERATION: "cessationOfOperation",
    RevocationReason.CERTIFICATE_HOLD: "certificateHold",
    RevocationReason.REMOVE_FROM_CRL: "removeFromCRL",
    RevocationReason.PRIVILEGE_WITHDRAWN: "privilegeWithdrawn",
    RevocationReason.AA_COMPROMISE: "aACompromise",
}
_BY_NAME = {text.lower(): reason for reason, text in _TEXT.items()}

#: removeFromCRL is no reason to revoke: only a delta CRL says it, of what was restored. And
#: aACompromise is about attribute authorities: no certificate of ours is one's.
_NOT_TO_REVOKE = {
    RevocationReason.REMOVE_FROM_CRL: "restore the certificate: the next delta CRL says so",
    RevocationReason.AA_COMPROMISE: "attribute certificates are not issued here; "
    "keyCompromise is the reason for a stolen key",
}
REASONS_TO_REVOKE: tuple[RevocationReason, ...] = tuple(
    reason for reason in RevocationReason if reason not in _NOT_TO_REVOKE
)


def parse_reason(text: str) -> RevocationReason:
    """The reason to revoke of this name: `keyCompromise`, `key_compromise` or `key-compromise`.

    Raises:
        InvalidRequestError: there is no such reason, or it is none to revoke for.
    """
    reason = _BY_NAME.get(text.strip().replace("_", "").replace("-", "").lower())
    if reason is None:
        raise InvalidRequestError(
            f"unknown revocation reason {text[:40]!r}",
            hint=f"one of {', '.join(one.text for one in REASONS_TO_REVOKE)}",
        )
    return check_revocable(reason)


def check_revocable(reason: RevocationReason) -> RevocationReason:
    """The reason itself, if a certificate may be revoked for it.

    Raises:
        InvalidRequestError: it is removeFromCRL or aACompromise.
    """
    if reason in _NOT_TO_REVOKE:
        raise InvalidRequestError(
            f"{reason.text} is no reason to revoke a certificate", hint=_NOT_TO_REVOKE[reason]
        )
    return reason
