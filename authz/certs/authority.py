# SPDX-License-Identifier: Apache-2.0
"""A certificate authority as configured: plain data, files already read. Compiled by trust.py."""

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
    positive integers revoked without a CRL, whoever on a path to this authority issued them.
    `crl_sources_configured` is how many CRLs there should at least be: fewer `crls` mean that a
    source is missing.
    """

    name: str
    certificates: tuple[bytes, ...]
    crls: tuple[bytes, ...] = ()
    revoked_serials: tuple[int, ...] = ()
    revocation: RevocationMode = RevocationMode.STRICT
    crl_sources_configured: int = 0
    where: str = ""
