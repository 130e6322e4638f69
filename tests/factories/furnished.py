# SPDX-License-Identifier: Apache-2.0
"""A store with something of everything that pages show.

    furnished = furnish(store)                   # what somebody might have after a year
    furnished = furnish(store, written=hostile)  # the same, with other texts wherever there is one
    furnished.values["certificate_id"]           # for the paths of pages

Every text that an operator or a client writes goes through `written`, so that a test can put in
what should be shown as text everywhere.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from itertools import cycle
from typing import TYPE_CHECKING, Final

from authz.ca.keys import KeyEncryption
from authz.ca.names import AlternativeNames, Subject
from authz.demo.pki import make_root
from authz.policy.decision import Reason
from authz.rules.list_items import ListKind
from authz.services.activity import keep_activity
from authz.services.authority_creation import create_authority, upload_authority
from authz.services.context import account_of
from authz.services.hosts import add_host
from authz.services.issuance import NewKey, issue_certificate
from authz.services.list_items import append_items
from authz.services.list_values import GivenItem, judge_items
from authz.services.lists import create_list
from authz.services.permissions import Grant, Level, Resource
from authz.services.revocation import revoke_certificate
from authz.services.rulesets import get_rules, replace_rules
from authz.services.tokens import create_token
from tests.factories.events import blocked
from tests.factories.pki import fixed_key

if TYPE_CHECKING:
    from collections.abc import Callable

    from authz.observability.events import Event
    from authz.services.issuance import Issued
    from authz.store.engine import Store

HOST: Final = "api.example.com"
NAMES: Final = ("sensor-berlin-17", "sensor-lyon-4", "billing", "alice", "bob", "old-gateway")
PATHS: Final = ("/admin", "/admin/users", "/orders", "/health", "/v1/readings")


@dataclass(frozen=True, slots=True, kw_only=True)
class Furnished:
    """What is there: `values` are those of the parameters in the paths of pages."""

    values: dict[str, str]
    issued: tuple[Issued, ...]


def furnish(
    store: Store, *, written: Callable[[str], str] = str, key_file: bytes = bytes(range(32))
) -> Furnished:
    """Make it."""
    now = time.time()
    encryption = KeyEncryption.from_key_file(key_file)
    made = create_authority(
        store, written("Acme Devices"), zone="default", encryption=encryption, actor="test", at=now
    )
    partner = make_root(written("Partner Root CA"), at=now, key=fixed_key("Partner"), serial=17)
    uploaded = upload_authority(store, partner.pem, name=written("Partner"), actor="test", at=now)
    for host, authority in (
        (HOST, made),
        ("shop.example.com", made),
        ("b2b.example.com", uploaded),
    ):
        add_host(
            store, host, authority=authority.authority.id, protect=("/admin",), actor="test", at=now
        )
    issued = tuple(
        issue_certificate(
            store,
            NewKey(
                subject=Subject.of(written(name)),
                names=AlternativeNames(dns=(f"{name}.example.com",)),
            ),
            zone="default",
            label=written(f"{name}, of team {number}"),
            days=14 if name == "billing" else 365,
            encryption=encryption,
            actor="test",
            at=now,
        )
        for number, name in enumerate(NAMES)
    )
    revoke_certificate(store, issued[-1].certificate.id, reason="superseded", actor="test", at=now)
    _rules(store, written, now)
    values = {
        "certificate_id": issued[0].certificate.id,
        "authority_id": made.authority.id,
        "list_id": _list(store, written, now),
    }
    token = create_token(
        store,
        written("pipeline"),
        [Grant(resource=Resource.RULES, level=Level.READ, place="*")],
        expires_at=now + 30 * 86_400,
        actor="test",
        at=now,
    )
    events = _events(issued, written, now)
    seen = {one.certificate.fingerprint_sha256: now - 60 for one in issued[:4]}
    keep_activity(store, seen, events)
    with store.read() as session:
        zone = session.zones.all()[0]
        entry = session.audit.latest(most=1)[0]
    rule = get_rules(store, "default").rules[0]
    values |= {"zone_id": zone.id, "entry_id": entry.id, "rule_id": str(rule["id"])}
    values |= {"token_id": token.token.id, "event_id": events[0].id, "version": "1"}
    return Furnished(values=values, issued=issued)


def _rules(store: Store, written: Callable[[str], str], at: float) -> None:
    rules = get_rules(store, "default").rules
    more = [
        {
            "description": written("Only our own network writes readings"),
            "expression": 'http.request.uri.path eq "/v1/readings" and not ip.src in {10.0.0.0/8}',
            "action": "log",
        },
        {
            "description": written("Nobody may use the old gateway"),
            "expression": 'cf.tls_client_auth.cert_subject_dn contains "old-gateway"',
            "action": "block",
            "action_parameters": {
                "response": {
                    "status_code": 403,
                    "content_type": "text/plain",
                    "content": written("This gateway was replaced"),
                }
            },
            "enabled": False,
        },
    ]
    replace_rules(store, "default", [*rules, *more], actor="test", at=at)


def _list(store: Store, written: Callable[[str], str], at: float) -> str:
    with store.read() as session:
        account = account_of(session)
    made = create_list(
        store,
        account.id,
        "office",
        "ip",
        description=written("Where we work"),
        actor="test",
        at=at,
    )
    judged = judge_items(
        ListKind.IP,
        [GivenItem(ip=f"192.0.2.{n}", comment=written(f"desk {n}")) for n in range(1, 12)],
    )
    append_items(store, account.id, made.list.id, judged, actor="test", at=at)
    return made.list.id


def _events(issued: tuple[Issued, ...], written: Callable[[str], str], now: float) -> list[Event]:
    people, paths = cycle([None, *issued]), cycle(PATHS)
    found = []
    for number in range(60):
        who, path = next(people), next(paths)
        verdict = "deny" if who is None or who is issued[-1] else "allow"
        found.append(
            blocked(
                id=f"{number:032x}",
                at=now - number * 50,
                verdict=verdict,
                reason=Reason.RULE.value if verdict == "deny" else Reason.DEFAULT_ACTION.value,
                site=HOST,
                rule="" if verdict == "allow" else "protect",
                action="" if verdict == "allow" else "block",
                host=HOST,
                path=written(path),
                detail=written(""),
                client_ip=f"198.51.100.{number}",
                fingerprint="" if who is None else who.certificate.fingerprint_sha256,
                presented=who is not None,
                verified=who is not None,
                revoked=who is issued[-1],
            )
        )
    return found
