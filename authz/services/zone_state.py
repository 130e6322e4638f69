# SPDX-License-Identifier: Apache-2.0
"""How a zone stands: what protects it, what it has issued, and whether anything was heard of Envoy.

Everything is read at one moment, out of indexes and counts. What is wrong with it is for
`zone_problems` to say.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from authz.policy.model import Action
from authz.services.certificates import EXPIRY_WARNING_SECONDS
from authz.services.context import zone_of
from authz.services.crls import COMPLETE, DELTA
from authz.services.loosening import blocks
from authz.services.rulesets import RulesInForce, rules_in, rules_of
from authz.services.scopes import Scope
from authz.sources.rule_json import ref_of
from authz.store.certificates import CertificateQuery
from authz.store.records import CertificateRole, CertificateStatus

if TYPE_CHECKING:
    from collections.abc import Mapping

    from authz.store.engine import Store
    from authz.store.records import Authority, ClientCertificate, Zone
    from authz.store.session import Session

#: Certificates that are looked at for one that was ever seen: the latest.
LATEST: Final = 200

#: More certificates that expire soon are not counted.
MOST_EXPIRING: Final = 10_000

#: What makes an expression be about more hosts than it names.
_OPEN: Final = (
    "$",
    " ne ",
    "!=",
    " matches ",
    "~",
    "contains",
    "wildcard",
    "starts_with",
    "not http",
)

#: What makes one be about others than it names.
_EXCLUDING: Final = (
    " ne ",
    "!=",
    "not http",
    "!http",
    "not (",
    "!(",
    "not ends_with",
    "!ends_with",
    "not starts_with",
    "!starts_with",
    " xor ",
    "^^",
)

#: What fields about the client certificate begin with.
_IDENTITY: Final = ("cf.tls_client_auth.", "authz.cert.")


@dataclass(frozen=True, slots=True, kw_only=True)
class AuthorityStanding:
    """A certificate authority that hosts of the zone may ask for.

    Args:
        expires_at: when the first of its certificates does that are not of before a rotation.
        ends_with_root: whether that is because the root above what issues ends, so that another
            intermediate below it would last no longer.
        crl_until: until when its latest CRLs are good, None where it signs none.
        is_asked_for: whether a host of the zone asks for it.
    """

    authority: Authority
    expires_at: float
    ends_with_root: bool
    crl_until: float | None
    is_asked_for: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleStanding:
    """An enabled rule that is about client certificates and blocks: `ref` is its name."""

    ref: str
    of_account: bool
    expression: str

    def may_be_about(self, hostname: str) -> bool:
        """Whether it may block requests to a hostname, as far as its text says.

        It is not, where all that it says of hosts are other names. What is looked up in lists or
        matched by patterns may be any.
        """
        return any(one in self.expression for one in _OPEN) or self._has(hostname)

    def is_about(self, hostname: str) -> bool:
        """Whether it is for a hostname by its text: for every host, or it names this one.

        What is looked up, matched or excluded is not counted.
        """
        excludes = any(one in self.expression for one in _EXCLUDING)
        return not excludes and self._has(hostname)

    def _has(self, hostname: str) -> bool:
        text = self.expression
        if "http.host" not in text:
            return True
        name = hostname.removeprefix("*.")
        labels = name.split(".")
        ends = (f'".{".".join(labels[first:])}"' for first in range(len(labels)))
        return f'"{name}"' in text or any(end in text for end in ends)


@dataclass(frozen=True, slots=True, kw_only=True)
class ZoneState:
    """A zone at one moment, in Unix seconds.

    Args:
        hosts: the hostnames that ask for client certificates.
        active, revoked: how many client certificates; of the active ones, `expiring` do so soon.
        some: an active certificate, the latest; None without any.
        seen_at: when one of the latest certificates was last seen; None for never.
        all_looked_at: whether there are no others.
        rules: those in force.
        enabled: how many of them, and of the account's, are enabled.
        protecting: rules that block by what the client certificate is.
        has_block, has_skip: whether any enabled rule blocks, or ends evaluation.
        heard_at: when the latest event was, None for none.
    """

    zone: Zone
    authorities: tuple[AuthorityStanding, ...]
    hosts: tuple[str, ...]
    active: int
    revoked: int
    expiring: int
    some: ClientCertificate | None
    seen_at: float | None
    all_looked_at: bool
    rules: RulesInForce
    enabled: int
    protecting: tuple[RuleStanding, ...]
    has_block: bool
    has_skip: bool
    heard_at: float | None

    @property
    def blocks_by_default(self) -> bool:
        """Whether what no rule decides is denied."""
        return self.zone.default_action == "block"

    @property
    def is_protected(self) -> bool:
        """Whether some host asks for certificates and not everybody without one gets through."""
        return bool(self.hosts) and (bool(self.protecting) or self.blocks_by_default)

    @property
    def unprotected(self) -> tuple[str, ...]:
        """Hostnames that ask for certificates, and everybody gets through without one."""
        if self.blocks_by_default:
            return ()
        return tuple(
            host
            for host in self.hosts
            if not any(rule.may_be_about(host) for rule in self.protecting)
        )


def zone_state(store: Store, zone: str, *, at: float) -> ZoneState:
    """How the zone with this name or identifier stands at Unix time `at`.

    Raises:
        NotFoundError: there is no such zone.
    """
    with store.read() as session:
        here = zone_of(session, zone)
        hosts = session.hosts.all(here.id)
        latest = session.certificates.find(CertificateQuery(zone_id=here.id), most=LATEST)
        counts = {
            status: session.certificates.count(CertificateQuery(zone_id=here.id, status=status))
            for status in CertificateStatus
        }
        own = rules_of(session, here)
        above = rules_in(session, Scope(account_id=here.account_id))
        heard = session.events.latest(most=1, zone_id=here.id)
        authorities = _authorities(session, here, {one.authority_id for one in hosts})
        expiring = session.certificates.count_expiring(
            here.id, at, at + EXPIRY_WARNING_SECONDS, most=MOST_EXPIRING
        )
    enabled = [
        (rule, of_account)
        for rules, of_account in ((above.rules, True), (own.rules, False))
        for rule in rules
        if rule.get("enabled", True)
    ]
    seen = [one.last_seen_at for one in latest if one.last_seen_at is not None]
    return ZoneState(
        zone=here,
        authorities=authorities,
        hosts=tuple(dict.fromkeys(one.hostname for one in hosts)),
        active=counts[CertificateStatus.ACTIVE],
        revoked=counts[CertificateStatus.REVOKED],
        expiring=expiring,
        some=next((one for one in latest if one.status is CertificateStatus.ACTIVE), None),
        seen_at=max(seen, default=None),
        all_looked_at=sum(counts.values()) <= LATEST,
        rules=own,
        enabled=len(enabled),
        protecting=tuple(
            RuleStanding(
                ref=ref_of(rule), of_account=of_account, expression=str(rule["expression"])
            )
            for rule, of_account in enabled
            if blocks(rule) and _is_about_identity(rule)
        ),
        has_block=any(blocks(rule) for rule, _ in enabled),
        has_skip=any(rule.get("action") == Action.SKIP for rule, _ in enabled),
        heard_at=heard[0].at if heard else None,
    )


def _authorities(session: Session, zone: Zone, asked: set[str]) -> tuple[AuthorityStanding, ...]:
    """Those of the zone, and those of the account that a host of it asks for."""
    heads = session.published.heads()
    found = []
    for one in session.authorities.all():
        if one.zone_id != zone.id and one.id not in asked:
            continue
        certificates = [
            each for each in session.authorities.certificates(one.id) if not each.role.is_of_before
        ]
        ids = {each.id for each in certificates}
        until = [
            crl.next_update
            for crl in heads
            if crl.certificate_id in ids and crl.kind in (COMPLETE, DELTA)
        ]
        expires_at = min((each.not_after for each in certificates), default=math.inf)
        roots = [
            each for each in certificates if each.key_id and each.role is CertificateRole.TRUSTED
        ]
        found.append(
            AuthorityStanding(
                authority=one,
                expires_at=expires_at,
                # What is issued below a root lasts whole days.
                ends_with_root=any(each.not_after < expires_at + 86_400 for each in roots),
                crl_until=min(until, default=None),
                is_asked_for=one.id in asked,
            )
        )
    return tuple(found)


def _is_about_identity(rule: Mapping[str, Any]) -> bool:
    # Names of fields in a text would count as well: nothing is decided by this.
    expression = str(rule.get("expression", ""))
    return any(beginning in expression for beginning in _IDENTITY)
