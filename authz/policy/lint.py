# SPDX-License-Identifier: Apache-2.0
"""Finds rules that are legal and probably not what was meant, where it takes the whole ruleset.

A finding never stops a policy from being used. What one expression says by itself is
authz.rules.lint; here are rules that nothing reaches, rules that are there twice, and rules that
believe a certificate nobody verified.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from authz.policy.model import Action
from authz.rules import format_expression
from authz.rules.lint import REVOKED, VERIFIED
from authz.rules.lint_truth import known_truth

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from authz.policy.model import RuleModel
    from authz.rules import Expression

_TLS: Final = "cf.tls_client_auth."

#: The leaf's own facts: there for whatever was presented, signed by nobody (architecture 4.4).
CLAIMS: Final = frozenset(
    {
        *(
            _TLS + name
            for name in (
                "cert_subject_dn",
                "cert_subject_dn_rfc2253",
                "cert_subject_dn_legacy",
                "cert_serial",
                "cert_not_before",
                "cert_not_after",
                "cert_ski",
                "cert_rfc9440",
                "cert_chain_rfc9440",
            )
        ),
        "authz.cert.san.dns",
        "authz.cert.san.uri",
        "authz.cert.san.email",
        "authz.cert.san.ip",
    }
)

# Nobody else has a certificate with these: its holder has shown the key.
_PINS: Final = frozenset({_TLS + "cert_fingerprint_sha256", "authz.cert.spki_sha256"})


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyFinding:
    """Something in a policy that can be used and is probably not meant.

    `code` is a stable word for what it is, `rule` the ref of the rule it is about or `""`.
    """

    where: str
    code: str
    message: str
    rule: str = ""
    hint: str | None = None
