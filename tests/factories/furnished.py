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
from typing import TYPE_CHECKING, Final

from authz.ca.keys import KeyEncryption
from authz.ca.names import AlternativeNames, Subject
from authz.demo.pki import make_root
from authz.rules.list_items import ListKind
from authz.services.authority_creation import create_authority, upload_authority
from authz.services.context import account_of
from authz.services.hosts import add_host
from authz.services.issuance import NewKey, issue_certificate
from authz.services.list_items import append_items
from authz.services.list_values import GivenItem, judge_items
from authz.services.lists import create_list
from authz.services.permissions import Grant, Level, Resource
from authz.services.revocation import revoke_certificate
from authz.services.tokens import create_token
from tests.factories.furnished_events import furnish_events
from tests.factories.furnished_rules import furnish_rules
from tests.factories.pki import fixed_key

if TYPE_CHECKING:
    from collections.abc import Callable

    from authz.services.issuance import Issued
    from authz.store.engine import Store

HOST: Final = "api.example.com"
NAMES: Final = ("sensor-berlin-17", "sensor-lyon-4", "billing", "alice", "bob", "old-gateway")


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
    values = furnish_rules(store, written, now) | {
        "certificate_id": issued[0].certificate.id,
        "authority_id": made.authority.id,
        "uploaded_id": uploaded.authority.id,
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
    first_event = furnish_events(store, issued, written, now)
    with store.read() as session:
        zone = session.zones.all()[0]
        entry = session.audit.latest(most=1)[0]
    values |= {"zone_id": zone.id, "entry_id": entry.id}
    values |= {"token_id": token.token.id, "event_id": first_event, "version": "1"}
    return Furnished(values=values, issued=issued)


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
