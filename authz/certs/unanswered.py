# SPDX-License-Identifier: Apache-2.0
"""Certificates about which nobody has asked yet what their issuers say.

Which CRL a certificate names, and which responder knows about it, is known once it was seen.
Nothing is asked here: who is told of them is the caller's (observability.seen_certificates). Only
of verified ones: what a stranger sends makes nobody ask anybody.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from authz.certs.authority import RevocationMode
from authz.certs.revocation import is_unanswered

if TYPE_CHECKING:
    from authz.certs.certificate import Certificate
    from authz.certs.judgement import Judgement
    from authz.certs.trust import TrustBundle


@dataclass(frozen=True, slots=True, kw_only=True)
class Unanswered:
    """A certificate, its issuer's, and the anchor and authority that its path leads to."""

    certificate: Certificate
    issuer: Certificate
    anchor: Certificate
    authority: str


def unanswered_of(judgement: Judgement, bundle: TrustBundle, at: float) -> tuple[Unanswered, ...]:
    """What there is to ask about the certificate of a judgement at Unix time `at`."""
    found: dict[Unanswered, None] = {}
    for path in judgement.paths:
        rules = bundle.revocation_by_authority[path.authority]
        if not rules.asks or rules.mode is RevocationMode.OFF:
            continue
        certificate, issuer, *_ = path.certificates
        if is_unanswered(rules, certificate, issuer, at):
            found[
                Unanswered(
                    certificate=certificate,
                    issuer=issuer,
                    anchor=path.certificates[-1],
                    authority=path.authority,
                )
            ] = None
    return tuple(found)
