# SPDX-License-Identifier: Apache-2.0
"""How a decision came about, as values: what `explain` (explain.py) finds and pages show.

Nothing here is computed. Values of fields are as the rules see them; their JSON form, bounded in
size, is explain_json.py.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from authz.certs.certificate import Certificate
    from authz.certs.failure import VerifyFailure
    from authz.policy.decision import Decision, Verdict
    from authz.policy.model import Action, DefaultAction, PathMode
    from authz.rules import Value
    from authz.rules.trace import Traced


class RuleOutcome(StrEnum):
    """What became of one rule."""

    MATCHED = "matched"
    NOT_MATCHED = "not_matched"
    #: It reads what was cut short on its way, and counts as matching because it blocks.
    COUNTED = "counted_as_matching"
    #: The same of a rule that does not block: it counts as not matching.
    NOT_COUNTED = "counted_as_not_matching"
    #: A `skip` rule before it left it out.
    SKIPPED = "skipped"
    #: A rule before it ended evaluation.
    NOT_REACHED = "not_reached"


@dataclass(frozen=True, slots=True, kw_only=True)
class HostExplained:
    """Which site answers, and why.

    Args:
        sent: the Host as it was sent.
        read_as: the name that it is; None when it is no host.
        pattern: the pattern of a site that covers it, `api.example.com`, `*.example.com` or `*`;
            None when there is none.
        site: the site's name, None without one.
        sni: the TLS server name; None when Envoy did not say, `""` for TLS without one.
        sni_site: the site of that name, None when there is none or it is not asked for.
        misdirected: whether that site trusts others, so that the answer is 421.
    """

    sent: bytes
    read_as: str | None
    pattern: str | None = None
    site: str | None = None
    sni: str | None = None
    sni_site: str | None = None
    misdirected: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class CertificateExplained:
    """How the peer certificate was judged for the site.

    Args:
        failure: why it is not verified, None exactly when it is.
        detail: one sentence for people.
        certificate: the end-entity certificate, None when absent or unreadable.
        authority: whose it is, `""` unless verified.
        path: the verified path, the end-entity certificate first and the anchor last.
    """

    presented: bool
    verified: bool
    revoked: bool
    failure: VerifyFailure | None
    detail: str
    certificate: Certificate | None
    authority: str = ""
    path: tuple[Certificate, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleExplained:
    """What one rule says of one reading of the request.

    Args:
        matches: what its expression gives; None when it reads what nobody knows for certain.
        outcome: what became of it.
        skipped_by: the `ref` of the rule that left it out.
        traced: what every part of its expression gives; None where that was left out.
    """

    ref: str
    action: Action
    expression: str
    matches: bool | None
    outcome: RuleOutcome
    skipped_by: str = ""
    traced: Traced | None = None

    @property
    def reached(self) -> bool:
        """Whether evaluation comes to it."""
        return self.outcome not in (RuleOutcome.SKIPPED, RuleOutcome.NOT_REACHED)


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadingExplained:
    """One way to read the path, and what the rules say of it.

    Args:
        ended_by: the `ref` of the rule that ended evaluation, `""` when none did.
    """

    path: bytes
    verdict: Verdict
    ended_by: str
    rules: tuple[RuleExplained, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """A decision and what led to it.

    Args:
        certificate: None when no site was found.
        readings: every way to read the path, as sent first; where the path is refused for having
            too many, the one as sent.
        path_refused: whether it is, or for having a second one where that is refused.
        paths: how the site judges paths, None without a site.
        unknown_fields: fields that rules read and that were cut short, or may mean something else.
        fields: what the rules see of the reading as sent: every field that one of them reads, and
            everything about the certificate.
        default_action: what happens when no rule ends evaluation; None without a site.
    """

    decision: Decision
    host: HostExplained
    certificate: CertificateExplained | None = None
    readings: tuple[ReadingExplained, ...] = ()
    path_refused: bool = False
    paths: PathMode | None = None
    unknown_fields: frozenset[str] = frozenset()
    fields: Mapping[str, Value] = field(default_factory=dict)
    default_action: DefaultAction | None = None
