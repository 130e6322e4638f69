# SPDX-License-Identifier: Apache-2.0
"""What pages show of certificates: rows of the table, the certificates of an authority, files."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from fastapi import Response

from authz.ca.description import describe
from authz.certs.certificate import Certificate
from authz.dashboard.certificate_words import BADGES
from authz.services.certificate_table import state_of
from authz.services.check_counts import CertificateCounts, certificate_counts

if TYPE_CHECKING:
    from collections.abc import Mapping

    from authz.ca.description import CertificateFacts
    from authz.services.certificate_table import CertificateState
    from authz.store.engine import Store
    from authz.store.records import AuthorityCertificate, ClientCertificate

PEM: Final = "application/x-pem-file"

_NEVER_SEEN: Final = CertificateCounts(allowed=0, blocked=0, first_at=0.0, last_at=0.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A certificate that was issued here, as a table has it.

    Args:
        requests: how many were allowed and blocked, in every zone together.
    """

    certificate: ClientCertificate
    authority: str
    state: CertificateState
    requests: CertificateCounts

    @property
    def badge(self) -> tuple[str, str]:
        """What it says of its state, and its kind (ui.badge)."""
        return BADGES[self.state]


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownCertificate:
    """A certificate of an authority, described."""

    record: AuthorityCertificate
    facts: CertificateFacts


def rows_of(
    store: Store, certificates: tuple[ClientCertificate, ...], names: Mapping[str, str], at: float
) -> list[Row]:
    """Certificates as rows.

    Args:
        names: of their authorities, by identifier.
    """
    counts = certificate_counts(store, [one.fingerprint_sha256 for one in certificates])
    return [
        Row(
            certificate=one,
            authority=names.get(one.authority_id, ""),
            state=state_of(one, at),
            requests=counts.get(one.fingerprint_sha256, _NEVER_SEEN),
        )
        for one in certificates
    ]


def shown(record: AuthorityCertificate) -> ShownCertificate:
    """A certificate of an authority."""
    read = Certificate.from_der(record.der, allow_zero_serial=True)
    return ShownCertificate(record=record, facts=describe(read))


def file(body: str | bytes, name: str, media_type: str = PEM) -> Response:
    """Something to save. `name` has plain letters only (addresses.file_name)."""
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return Response(body, media_type=media_type, headers=headers)
