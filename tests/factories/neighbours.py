# SPDX-License-Identifier: Apache-2.0
"""Two zones and their account, each with one of every object that paths name.

    neighbours = settle(store, encryption, here="example.com", elsewhere="elsewhere.example")
    neighbours.here["certificate_id"]   # by the parameters of paths
    for values, nowhere in attempts(path, neighbours): ...

Whatever somebody wrote in the other zone has `MARK` in it: a test sees whether an answer tells it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from authz.ca.names import Subject
from authz.demo.pki import make_root
from authz.rules.list_items import ListKind
from authz.services.activity import keep_activity
from authz.services.authority_creation import create_authority, upload_authority
from authz.services.context import account_of, new_id
from authz.services.crls import sign_crl
from authz.services.hosts import add_host
from authz.services.issuance import issue_certificate
from authz.services.issuance_requests import NewKey
from authz.services.list_items import append_items, read_items
from authz.services.list_values import GivenItem, judge_items
from authz.services.lists import create_list
from authz.services.permissions import EVERYTHING
from authz.services.rule_deployment import Wanted, basis_of, deploy_rule
from authz.services.rule_drafts import save_draft
from authz.services.rulesets import rules_in
from authz.services.scopes import CUSTOM_RULES, Scope, scope_of
from authz.services.sign_ins import Browser, SessionTimes, sign_in
from authz.services.tokens import create_token
from tests.factories.events import blocked, with_request
from tests.factories.pki import fixed_key
from tests.factories.rights import NOTHING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from authz.ca.keys import KeyEncryption
    from authz.services.rule_deployment import Basis
    from authz.store.engine import Store
    from authz.store.records import Zone

#: In every name, label, description and path of the other zone.
MARK: Final = "quagga"

#: Parameters of paths that name no object.
FIXED: Final = {"ruleset_phase": CUSTOM_RULES}

#: Nothing is there: a version of rules is a number, all others are identifiers.
NOWHERE: Final = {False: NOTHING, True: "999999"}

#: What somebody with rights of the account may see of every zone.
ACCOUNT_WIDE_SLOTS: Final = frozenset({"event_id", "entry_id"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Neighbours:
    """Identifiers of what is there, by the kinds of `kind_of`.

    Args:
        here, elsewhere: of two zones.
        account: of the account.
        beside: of the account as well, what belongs to something else, as an item of another list.
        bases: what forms say of the rules that they were made from, of this zone and the account.
    """

    here: Mapping[str, str]
    elsewhere: Mapping[str, str]
    account: Mapping[str, str]
    beside: Mapping[str, str]
    bases: tuple[Basis, Basis]

    def own(self, path: str) -> Mapping[str, str]:
        """What may be in this path."""
        return self.here if "{zone_id}" in path else self.account

    def basis(self, path: str) -> Basis:
        """Of the rules in this path."""
        return self.bases["{zone_id}" not in path]

    def foreign(self, path: str) -> Iterator[Mapping[str, str]]:
        """What may not be, by whose it is."""
        if "{zone_id}" in path:
            yield self.elsewhere
            yield self.account
        else:
            yield self.elsewhere
            yield self.here
        if path.startswith("/sessions/"):
            # A person's own.
            yield self.account


def slots_of(path: str) -> tuple[str, ...]:
    """The parameters of a path that name an object of a zone or of the account."""
    names = re.findall(r"{(\w+)}", path)
    return tuple(one for one in names if one not in {"zone_id", "account_id", *FIXED})


def kind_of(path: str, slot: str) -> str:
    """What a parameter of a path names: several have one name."""
    if slot == "certificate_id" and "/authorities/" in path:
        return "ca_certificate_id"
    if slot == "certificate_id" and "/mtls_certificates/" in path:
        return "uploaded_id"
    return {"ruleset_version": "version"}.get(slot, slot)


def at_places(path: str, values: Mapping[str, str]) -> str:
    """A path with these values of its slots; zone and account are left to the bench."""
    given = {**FIXED, **values, "zone_id": "{zone}", "account_id": "{account}"}
    return re.sub(r"{(\w+)}", lambda found: given[found[1]], path)


def attempts(
    path: str, neighbours: Neighbours, *, of_its_kind: bool = False
) -> Iterator[tuple[dict[str, str], dict[str, str]]]:
    """What to ask for that is not the caller's: values of the slots, and the same where nothing is.

    Every identifier of everybody else in every slot, with the caller's own in the others; and those
    that fit together, so that nothing but whose they are is wrong.

    Args:
        of_its_kind: no identifier of a rule where one of a list belongs.
    """
    slots = slots_of(path)
    own = {one: neighbours.own(path).get(kind_of(path, one), NOTHING) for one in slots}
    for values in neighbours.foreign(path):
        fitting = {one: values.get(kind_of(path, one), NOTHING) for one in slots}
        if len(slots) > 1 and NOTHING not in fitting.values():
            yield fitting, {one: NOWHERE[kind_of(path, one) == "version"] for one in slots}
        for slot in slots:
            is_number = kind_of(path, slot) == "version"
            for kind, identifier in values.items():
                if (
                    is_number is (kind == "version")
                    # Versions count from 1 everywhere: the caller may have the same.
                    and identifier != own[slot]
                    and (kind == kind_of(path, slot) or not of_its_kind)
                    and not _is_right_of(path, slot, kind)
                ):
                    yield {**own, slot: identifier}, {**own, slot: NOWHERE[is_number]}
    for slot in slots[1:]:
        if kind_of(path, slot) in neighbours.beside:
            beside = neighbours.beside[kind_of(path, slot)]
            yield {**own, slot: beside}, {**own, slot: NOTHING}


def _is_right_of(path: str, slot: str, kind: str) -> bool:
    return "{zone_id}" not in path and slot == kind and kind in ACCOUNT_WIDE_SLOTS


def settle(
    store: Store, encryption: KeyEncryption, zones: tuple[Zone, Zone], at: float
) -> Neighbours:
    """Make it all, of the caller's zone and of another one, and of the account."""
    how: dict[str, Any] = {"actor": "test", "at": at}
    # The other zone has versions of rules that nobody else has.
    here = _zone(store, encryption, zones[0], "own", 2, how)
    elsewhere = _zone(store, encryption, zones[1], MARK, 5, how)
    account, beside = _account(store, how)
    # Whoever may see events of the account may see everybody's.
    account |= {"event_id": here["event_id"]}
    with store.read() as session:
        scopes = (scope_of(zones[0]), Scope(account_id=account_of(session).id))
        first, second = (basis_of(rules_in(session, one)) for one in scopes)
    return Neighbours(
        here=here, elsewhere=elsewhere, account=account, beside=beside, bases=(first, second)
    )


def _zone(
    store: Store,
    encryption: KeyEncryption,
    zone: Zone,
    mark: str,
    rules: int,
    how: dict[str, Any],
) -> dict[str, str]:
    # The default zone has every name that no other one has.
    host = f"api.{zone.name if '.' in zone.name else 'example.com'}"
    made = create_authority(store, f"{mark} CA", zone=zone.id, encryption=encryption, **how)
    crl = sign_crl(store, made.authority.id, encryption=encryption, **how)
    add_host(store, host, authority=made.authority.id, **how)
    issued = issue_certificate(
        store,
        NewKey(subject=Subject.of(f"{mark} client")),
        zone=zone.id,
        label=f"{mark} label",
        encryption=encryption,
        **how,
    )
    event = blocked(
        id=new_id(),
        at=how["at"] - 5,
        site=host,
        host=host,
        path=f"/{mark}",
        fingerprint=issued.certificate.fingerprint_sha256,
    )
    keep_activity(store, {}, [with_request(event)])
    return {
        "authority_id": made.authority.id,
        "ca_certificate_id": crl.certificate_id,
        "certificate_id": issued.certificate.id,
        "event_id": event.id,
        **_rules(store, scope_of(zone), mark, rules, how),
    }


def _rules(
    store: Store, scope: Scope, mark: str, rules: int, how: dict[str, Any]
) -> dict[str, str]:
    for number in range(rules):
        with store.read() as session:
            basis = basis_of(rules_in(session, scope))
        wanted = Wanted(rule=_rule(mark, number), basis=basis)
        deploy_rule(store, scope, wanted, geo=None, **how)
    with store.read() as session:
        there = rules_in(session, scope)
    assert there.ruleset is not None
    first = str(there.rules[0]["id"])
    wanted = Wanted(rule=_rule(mark, 9), basis=basis_of(there), rule_id=first)
    draft = save_draft(store, scope, wanted, **how)
    return {
        "ruleset_id": there.ruleset.id,
        "rule_id": first,
        "draft_id": draft.id,
        # The last before the one in force.
        "version": str(there.version - 1),
    }


def _rule(mark: str, number: int) -> dict[str, Any]:
    return {
        "description": f"{mark} {number}",
        "expression": f"ip.src eq 192.0.2.{number}",
        "action": "block",
    }


def _account(store: Store, how: dict[str, Any]) -> tuple[dict[str, str], dict[str, str]]:
    with store.read() as session:
        account = account_of(session)
    root = make_root("Partner", at=how["at"], key=fixed_key("Partner"), serial=17)
    uploaded = upload_authority(store, root.pem, name="Partner", **how)
    token = create_token(store, "somebody", EVERYTHING, **how)
    browser = Browser(address="192.0.2.1", agent="curl")
    begun = sign_in(store, token.secret, browser, times=SessionTimes(), at=how["at"])
    with store.read() as session:
        entry = session.audit.latest(most=1)[0].id
    known = {
        "uploaded_id": uploaded.authority.id,
        "ca_certificate_id": uploaded.certificates[0].id,
        "token_id": token.token.id,
        "session_id": begun.sign_in.id,
        "entry_id": entry,
        **_rules(store, Scope(account_id=account.id), "own", 2, how),
        **_list(store, account.id, "mine", how),
    }
    return known, _list(store, account.id, "beside", how)


def _list(store: Store, account_id: str, name: str, how: dict[str, Any]) -> dict[str, str]:
    made = create_list(store, account_id, name, "string", **how).list.id
    judged = judge_items(ListKind.STRING, [GivenItem(string=name)])
    done = append_items(store, account_id, made, judged, **how)
    page = read_items(store, account_id, made, most=1)
    return {"list_id": made, "item_id": page.items[0].id, "operation_id": done.id}
