# SPDX-License-Identifier: Apache-2.0
"""What pages call the states of certificates, their orders, and the reasons to revoke one."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from authz.ca.reasons import REASONS_TO_REVOKE, RevocationReason
from authz.services.certificate_table import CertificateOrder, CertificateState

if TYPE_CHECKING:
    from collections.abc import Mapping

#: What the filter says.
STATES: Final[Mapping[str, str]] = MappingProxyType(
    {
        CertificateState.ALL: "All",
        CertificateState.ACTIVE: "Active (not revoked)",
        CertificateState.EXPIRING: "Expiring within 30 days",
        CertificateState.EXPIRED: "Expired",
        CertificateState.REVOKED: "Revoked",
    }
)

#: What the badge of one certificate says, and its kind (ui.badge).
BADGES: Final[Mapping[str, tuple[str, str]]] = MappingProxyType(
    {
        CertificateState.ACTIVE: ("Active", "good"),
        CertificateState.EXPIRING: ("Expires soon", "warn"),
        CertificateState.EXPIRED: ("Expired", "plain"),
        CertificateState.REVOKED: ("Revoked", "bad"),
    }
)

ORDERS: Final[Mapping[str, str]] = MappingProxyType(
    {
        CertificateOrder.NEWEST: "Newest first",
        CertificateOrder.OLDEST: "Oldest first",
        CertificateOrder.EXPIRES_FIRST: "Expires first",
        CertificateOrder.EXPIRES_LAST: "Expires last",
    }
)

#: RFC 5280 §5.3.1, in words for whoever has to choose one.
_REASONS: Final = {
    RevocationReason.UNSPECIFIED: "No reason given",
    RevocationReason.KEY_COMPROMISE: "The private key may be known to somebody else",
    RevocationReason.CA_COMPROMISE: "The authority's key may be known to somebody else",
    RevocationReason.AFFILIATION_CHANGED: "Its owner moved to another place or name",
    RevocationReason.SUPERSEDED: "Another certificate takes its place",
    RevocationReason.CESSATION_OF_OPERATION: "It is not needed any more",
    RevocationReason.CERTIFICATE_HOLD: "For now; it may be restored",
    RevocationReason.PRIVILEGE_WITHDRAWN: "Its owner may not use it any more",
}

#: What the audit log calls what was done.
ACTIONS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "certificate.issue": "Created",
        "certificate.label": "Renamed",
        "certificate.revoke": "Revoked",
        "certificate.restore": "Restored",
        "authority.create": "Created",
        "authority.import": "Imported",
        "authority.upload": "Uploaded",
        "authority.rename": "Renamed",
        "authority.revocation": "Revocation mode changed",
        "authority.sources": "Sources of revocations changed",
        "authority.status": "Status changed",
        "authority.distrust": "Distrusted because of an incident",
        "authority.trust_again": "Trusted again, by force",
        "authority.rotate": "Rotated",
        "authority.retire_previous": "Previous keys trusted no more",
        "authority.rotate_root": "Root rotated",
        "authority.retire_root": "Previous root trusted no more",
        "authority.crl": "Revocation list signed",
        "host.replace": "Hostnames changed",
    }
)

#: By the name that the service takes.
REASONS: Final[Mapping[str, str]] = MappingProxyType(
    {one.text: _REASONS[one] for one in REASONS_TO_REVOKE}
)
