# SPDX-License-Identifier: Apache-2.0
"""What people call that which events name: rules by their ref, certificates by their fingerprint.

An event has names as they were when it happened: a rule that is gone, or a certificate that is
managed elsewhere, is not found here.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from authz.policy.model import Action
from authz.services.account_rules import PREFIX, kept_rules
from authz.services.context import zone_of
from authz.services.scopes import Scope, scope_of
from authz.sources.rule_json import ref_of

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from authz.store.engine import Store
    from authz.store.records import ClientCertificate


@dataclass(frozen=True, slots=True, kw_only=True)
class NamedRule:
    """A rule as events may name it.

    Args:
        description: "" where nobody wrote one.
        of_account: whether it is the account's.
        logs: whether it only logs: then it decides nothing.
    """

    ref: str
    rule_id: str
    description: str
    of_account: bool
    logs: bool

    @property
    def title(self) -> str:
        """What people call it."""
        return self.description or self.ref


def rules_by_ref(store: Store, zone_id: str, *, account: bool) -> dict[str, NamedRule]:
    """The rules of a zone, in their order, by what events call them.

    Args:
        account: whether those of the account, which run first, are wanted, too.

    Raises:
        NotFoundError: there is no such zone.
    """
    with store.read() as session:
        zone = zone_of(session, zone_id)
        first = kept_rules(session, Scope(account_id=zone.account_id)) if account else ()
        rules = [(PREFIX, rule) for rule in first]
        rules += [("", rule) for rule in kept_rules(session, scope_of(zone))]
    found = (
        NamedRule(
            ref=prefix + ref_of(rule),
            rule_id=str(rule["id"]),
            description=str(rule.get("description") or ""),
            of_account=bool(prefix),
            logs=rule.get("action") == Action.LOG.value,
        )
        for prefix, rule in rules
    )
    return {one.ref: one for one in found}


def certificates_by_fingerprint(
    store: Store, zone_ids: Collection[str], fingerprints: Collection[str]
) -> Mapping[str, ClientCertificate]:
    """The certificates of some zones with these SHA-256 fingerprints (lower-case hexadecimal)."""
    found: dict[str, ClientCertificate] = {}
    with store.read() as session:
        # A page has some dozen: each is one look into an index.
        for fingerprint in sorted(set(fingerprints)):
            one = session.certificates.by_fingerprint(fingerprint)
            if one is not None and one.zone_id in zone_ids:
                found[fingerprint] = one
    return found
