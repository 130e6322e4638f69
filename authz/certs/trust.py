# SPDX-License-Identifier: Apache-2.0
"""Whom a site trusts: authorities, as data and compiled."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class RevocationMode(StrEnum):
    """How an authority's revocation sources count (architecture 4.11)."""

    STRICT = "strict"
    SOFT = "soft"
    OFF = "off"


@dataclass(frozen=True, slots=True, kw_only=True)
class AuthorityModel:
    """One certificate authority as configured: DER bytes, files already read.

    `certificates` are anchors (self-issued or not: partial chains count, as in Envoy) and
    intermediates of this authority; `crls` complete and delta CRLs in DER; `revoked_serials`
    positive integers revoked without a CRL, whoever of `certificates` issued them.
    """

    name: str
    certificates: tuple[bytes, ...]
    crls: tuple[bytes, ...] = ()
    revoked_serials: tuple[int, ...] = ()
    revocation: RevocationMode = RevocationMode.STRICT
    crl_sources_configured: int = 0
    where: str = ""
