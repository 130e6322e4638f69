# SPDX-License-Identifier: Apache-2.0
"""Events as rows of a table: for the page, and for the script that adds those that arrive.

    names = names_for(viewer, events)
    rows = [row_of(one, names) for one in events]    # plain values: the same as JSON

What whoever looks may not see is not named: rules and certificates of a zone have their own
permissions.
"""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from authz.dashboard.addresses import client_certificate
from authz.dashboard.event_words import certificate_state, reason_word, verdict_word
from authz.dashboard.shown import iso, second, short
from authz.policy.decision import Reason, Verdict
from authz.services.event_names import certificates_by_fingerprint, rules_by_ref
from authz.services.permissions import ACCOUNT_WIDE, Level, Resource

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from authz.dashboard.viewers import Viewer
    from authz.services.event_names import NamedRule
    from authz.store.records import ClientCertificate
    from authz.store.records_activity import StoredEvent

#: Digits of a fingerprint that tell certificates apart for people.
DIGITS = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class Names:
    """What people call that which events name.

    Args:
        rules: of the page's zone, by ref; none where they may not be seen.
        certificates: by fingerprint; those that may be seen.
        zones: the names of the zones that may be seen, by identifier.
        base: in front of the addresses of events: that of the page.
    """

    rules: Mapping[str, NamedRule]
    certificates: Mapping[str, ClientCertificate]
    zones: Mapping[str, str]
    base: str

    def rule(self, ref: str) -> str:
        """The title of a rule, or its ref."""
        return self.rules[ref].title if ref in self.rules else ref

    def certificate(self, fingerprint: str) -> str:
        """The label of a certificate, its common name, or a part of its fingerprint."""
        found = self.certificates.get(fingerprint)
        if found is None:
            return short(fingerprint, DIGITS)
        return found.label or found.common_name or short(fingerprint, DIGITS)

    def certificate_url(self, fingerprint: str) -> str:
        """The page of a certificate that is managed here, else ""."""
        found = self.certificates.get(fingerprint)
        if found is None:
            return ""
        return client_certificate(found.zone_id, found.id)


NOBODY: Mapping[str, Any] = MappingProxyType({})


def base_of(viewer: Viewer) -> str:
    """Where the pages of events are: of the zone, or of the account."""
    return "/events" if viewer.zone is None else f"/zones/{viewer.zone_id}/events"


def names_for(viewer: Viewer, fingerprints: Collection[str]) -> Names:
    """What the page of a zone, or of the account, may call things."""
    rules: Mapping[str, NamedRule] = NOBODY
    if viewer.zone is not None and viewer.may(Resource.RULES, Level.READ):
        account = viewer.may(Resource.RULES, Level.READ, ACCOUNT_WIDE)
        rules = rules_by_ref(viewer.store, viewer.zone_id, account=account)
    zones = viewer.zones if viewer.zone is None else (viewer.zone,)
    theirs = [one.id for one in zones if viewer.may(Resource.CERTIFICATES, Level.READ, one.id)]
    wanted = [one for one in fingerprints if one] if theirs else []
    return Names(
        rules=rules,
        certificates=certificates_by_fingerprint(viewer.store, theirs, wanted),
        zones={one.id: one.name for one in viewer.zones},
        base=base_of(viewer),
    )


def row_of(stored: StoredEvent, names: Names) -> dict[str, Any]:
    """One event, as plain values."""
    event = stored.event
    state, kind = certificate_state(event)
    fingerprint = stored.fingerprint_sha256
    return {
        "number": stored.number,
        "id": stored.id,
        "url": f"{names.base}/{stored.id}",
        "at": iso(stored.at),
        "at_text": second(stored.at).removesuffix(" UTC"),
        "verdict_word": verdict_word(stored.verdict),
        "verdict_kind": "bad" if stored.verdict == Verdict.DENY.value else "good",
        "host": event["host"],
        "path": event["path"],
        "zone": names.zones.get(stored.zone_id or "", ""),
        # That a rule decided is said by its name.
        "reason": ""
        if stored.rule and stored.reason == Reason.RULE
        else reason_word(stored.reason),
        "rule": names.rule(stored.rule) if stored.rule else "",
        "rule_url": _filtered(names, rule=stored.rule) if stored.rule else "",
        "logged": f"Logged by {', '.join(map(names.rule, event['logged']))}"
        if event["logged"]
        else "",
        "client": event["client_ip"],
        "certificate": names.certificate(fingerprint) if fingerprint else "",
        "certificate_url": (
            names.certificate_url(fingerprint) or _filtered(names, certificate=fingerprint)
            if fingerprint
            else ""
        ),
        "state": state,
        "state_kind": kind,
        "stands_for": f"stands for {stored.weight:,}" if stored.weight > 1 else "",
    }


def _filtered(names: Names, **fields: str) -> str:
    return f"{names.base}?{urlencode(fields)}"
