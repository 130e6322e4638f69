# SPDX-License-Identifier: Apache-2.0
"""Records for the store: everything valid by default, change what the test is about."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

from authz.store.records import (
    Account,
    Authority,
    AuthorityCertificate,
    AuthorityKind,
    CertificateRole,
    CertificateStatus,
    ClientCertificate,
    Key,
    List,
    ListItem,
    Ruleset,
    RulesetVersion,
    Token,
    Zone,
)
from authz.store.rule_drafts import RuleDraft
from tests.factories.pki import AT

if TYPE_CHECKING:
    from authz.store.session import Session


def identifier(name: str) -> str:
    """The identifier of whatever a test calls `name`."""
    return hashlib.sha256(name.encode(errors="surrogatepass")).hexdigest()[:32]


def account(name: str = "acme", **changes: Any) -> Account:
    return Account(**{"id": identifier(name), "name": name, "created_at": AT} | changes)


def zone(account_id: str, name: str = "shop", **changes: Any) -> Zone:
    values = {
        "id": identifier(name),
        "account_id": account_id,
        "name": name,
        "created_at": AT,
        "modified_at": AT,
    }
    return Zone(**values | changes)


def authority(account_id: str, name: str = "devices", **changes: Any) -> Authority:
    values = {
        "id": identifier(name),
        "account_id": account_id,
        "zone_id": None,
        "name": name,
        "kind": AuthorityKind.MANAGED,
        "created_at": AT,
        "modified_at": AT,
    }
    return Authority(**values | changes)


def key(name: str = "key", **changes: Any) -> Key:
    values = {
        "id": identifier(name),
        "kind": "ecdsa-p256",
        "record": name.encode(),
        "created_at": AT,
    }
    return Key(**values | changes)


def authority_certificate(
    authority_id: str, name: str = "root", **changes: Any
) -> AuthorityCertificate:
    values = {
        "id": identifier(name),
        "authority_id": authority_id,
        "position": 0,
        "role": CertificateRole.ISSUING,
        "key_id": None,
        "der": name.encode(),
        "fingerprint_sha256": hashlib.sha256(name.encode()).hexdigest(),
        "not_before": AT,
        "not_after": AT + 1,
        "added_at": AT,
    }
    return AuthorityCertificate(**values | changes)


def certificate(of: Authority, zone_id: str, number: int, **changes: Any) -> ClientCertificate:
    """The client certificate with the serial number `number`."""
    name = f"device {number}"
    values = {
        "id": identifier(f"{of.id} {number}"),
        "zone_id": zone_id,
        "authority_id": of.id,
        "serial": f"{number:X}",
        "fingerprint_sha256": hashlib.sha256(f"{of.id} {number}".encode()).hexdigest(),
        "ski": "00" * 20,
        "der": b"\x30" + number.to_bytes(20),
        "csr": "",
        "label": name,
        "common_name": f"client-{number}.example",
        "country": "",
        "state": "",
        "location": "",
        "organization": "Acme",
        "organizational_unit": "",
        "signature": "ECDSAWithSHA256",
        "status": CertificateStatus.ACTIVE,
        "validity_days": 365,
        "issued_at": AT + number,
        "expires_at": AT + number + 365 * 86_400,
    }
    return ClientCertificate(**values | changes)


def ruleset(account_id: str, zone_id: str | None, name: str = "rules", **changes: Any) -> Ruleset:
    values = {
        "id": identifier(name),
        "account_id": account_id,
        "zone_id": zone_id,
        "kind": "zone",
        "phase": "http_request_firewall_custom",
        "name": name,
        "description": "",
        "version": 1,
        "created_at": AT,
        "modified_at": AT,
    }
    return Ruleset(**values | changes)


def ruleset_version(ruleset_id: str, version: int = 1, **changes: Any) -> RulesetVersion:
    values = {
        "ruleset_id": ruleset_id,
        "version": version,
        "description": "",
        "rules": ({"expression": f"http.host eq {version}", "enabled": True},),
        "actor": "test",
        "created_at": AT + version,
    }
    return RulesetVersion(**values | changes)


def rule_draft(account_id: str, zone_id: str | None, name: str = "d", **changes: Any) -> RuleDraft:
    values = {
        "id": identifier(name),
        "account_id": account_id,
        "zone_id": zone_id,
        "ruleset_id": None,
        "version": 0,
        "rule_id": None,
        "rule": {"expression": "ssl", "action": "block"},
        "place": None,
        "actor": "test",
        "created_at": AT,
        "modified_at": AT,
    }
    return RuleDraft(**values | changes)


def named_list(account_id: str, name: str = "offices", **changes: Any) -> List:
    values = {
        "id": identifier(name),
        "account_id": account_id,
        "zone_id": None,
        "name": name,
        "kind": "ip",
        "description": "",
        "items": 0,
        "revision": 0,
        "created_at": AT,
        "modified_at": AT,
    }
    return List(**values | changes)


def list_item(list_id: str, value: str, **changes: Any) -> ListItem:
    values = {
        "id": identifier(f"{list_id} {value}"),
        "list_id": list_id,
        "value": value,
        "comment": "",
        "created_at": AT,
        "modified_at": AT,
    }
    return ListItem(**values | changes)


def default_zone(session: Session) -> Zone:
    """The zone that a new store has."""
    (found,) = session.zones.all()
    return found


def with_authority(session: Session, name: str = "devices") -> tuple[Zone, Authority]:
    """The first zone of the store and a new authority of its account."""
    here = session.zones.all()[0]
    made = authority(here.account_id, name)
    session.authorities.add(made)
    return here, made


def token(name: str = "pipeline", **changes: Any) -> Token:
    values = {
        "id": identifier(name),
        "name": name,
        "sha256": "0" * 64,
        "scopes": (),
        "created_at": AT,
    }
    return Token(**values | changes)
