# SPDX-License-Identifier: Apache-2.0
"""Objects as the API and `--json` give them: Cloudflare's shape, and what only we have besides.

Moments are RFC 3339 in UTC, serial numbers and key identifiers lower-case hexadecimal.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from authz.certs.pem import write_pem
from authz.services.authentication import status_of
from authz.services.list_values import excludes_exact
from authz.services.times import rfc3339, rfc3339_seconds
from authz.services.token_policies import policies_of, policy_object

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from authz.services.authorities import KnownAuthority
    from authz.services.hosts import Host
    from authz.services.lists import KnownList
    from authz.services.policies import Applied
    from authz.store.records import (
        AuthorityCertificate,
        ClientCertificate,
        List,
        ListItem,
        Revocation,
        Ruleset,
        Token,
        Zone,
    )


def certificate_object(one: ClientCertificate, authority_name: str) -> dict[str, Any]:
    """A client certificate (Cloudflare), with label, revocation and when it was last seen."""
    return {
        "id": one.id,
        "certificate": write_pem(one.der, "CERTIFICATE"),
        "certificate_authority": {"id": one.authority_id, "name": authority_name},
        "common_name": one.common_name,
        "country": one.country,
        "state": one.state,
        "location": one.location,
        "organization": one.organization,
        "organizational_unit": one.organizational_unit,
        "csr": one.csr,
        "issued_on": rfc3339_seconds(one.issued_at),
        "expires_on": rfc3339_seconds(one.expires_at),
        "fingerprint_sha256": one.fingerprint_sha256,
        "serial_number": serial_hex(one.serial),
        "signature": one.signature,
        "ski": one.ski,
        "status": str(one.status),
        "validity_days": one.validity_days,
        "label": one.label,
        "reason": one.reason,
        "revoked_on": _moment(one.revoked_at),
        "last_seen_on": _moment(one.last_seen_at),
    }


def token_object(token: Token, at: float) -> dict[str, Any]:
    """A token (Cloudflare), without its value."""
    return {
        "id": token.id,
        "name": token.name,
        "status": status_of(token, at),
        "issued_on": rfc3339_seconds(token.created_at),
        "modified_on": rfc3339_seconds(token.modified_at or token.created_at),
        "last_used_on": _moment(token.last_used_at),
        **token_times(not_before=token.not_before, expires_at=token.expires_at),
        "policies": [policy_object(one) for one in policies_of(token.scopes)],
    }


def token_times(*, not_before: float | None, expires_at: float | None) -> dict[str, str | None]:
    """From when to when a token is valid; None for no limit."""
    return {
        "not_before": _moment(not_before),
        "expires_on": _moment(expires_at),
    }


def zone_object(zone: Zone) -> dict[str, Any]:
    """A zone and its settings."""
    return {
        "id": zone.id,
        "name": zone.name,
        "default_action": zone.default_action,
        "paths": zone.paths,
        "misdirected": zone.misdirected,
        "upstream_headers": list(zone.upstream_headers),
        "created_on": rfc3339(zone.created_at),
        "modified_on": rfc3339(zone.modified_at),
    }


def authority_object(known: KnownAuthority) -> dict[str, Any]:
    """An authority with its certificates."""
    one = known.authority
    return {
        "id": one.id,
        "name": one.name,
        "kind": str(one.kind),
        "status": known.status,
        "distrusted_on": _moment(known.distrusted_at),
        "zone": None if known.zone is None else {"id": known.zone.id, "name": known.zone.name},
        "revocation": one.revocation,
        "sources": {"crl_urls": list(one.sources.crl_urls), "ocsp": one.sources.ocsp},
        "certificates": [_authority_certificate(each) for each in known.certificates],
        "created_on": rfc3339(one.created_at),
        "modified_on": rfc3339(one.modified_at),
    }


def embedded_object(known: KnownAuthority, managed_id: str | None) -> dict[str, Any]:
    """An embedded CA as its zone has it: when what issues expires, and whether it is meant when
    none is named (`managed_id`)."""
    issuing = known.issuing
    return authority_object(known) | {
        "expires_on": None if issuing is None else rfc3339_seconds(issuing.not_after),
        "default": known.authority.id == managed_id,
    }


def mtls_certificate_object(known: KnownAuthority) -> dict[str, Any]:
    """An uploaded authority (Cloudflare), described by its first certificate."""
    from authz.ca.description import describe
    from authz.certs.certificate import Certificate
    from authz.services.authority_creation import given_name

    facts = [
        describe(Certificate.from_der(one.der, allow_zero_serial=True))
        for one in known.certificates
    ]
    return {
        "id": known.authority.id,
        "ca": True,
        "certificates": known.text or "".join(one.pem for one in facts),
        "expires_on": rfc3339_seconds(facts[0].not_after),
        "issuer": facts[0].issuer,
        "name": given_name(known.authority),
        # Cloudflare: decimal here, hexadecimal in client certificates.
        "serial_number": str(facts[0].serial_number),
        "signature": facts[0].signature,
        "type": "custom",
        "uploaded_on": rfc3339(known.authority.created_at),
    }


def host_object(host: Host) -> dict[str, Any]:
    """A hostname and the authorities it asks for."""
    return {
        "hostname": host.hostname,
        "zone": {"id": host.zone.id, "name": host.zone.name},
        "authorities": [{"id": one.id, "name": one.name} for one in host.authorities],
    }


def revocation_object(one: Revocation) -> dict[str, Any]:
    """A serial number on an authority's list."""
    return {
        "serial_number": serial_hex(one.serial),
        "reason": one.reason,
        "revoked_on": rfc3339_seconds(one.revoked_at),
    }


def list_object(known: KnownList) -> dict[str, Any]:
    """A list without its items (Cloudflare); `description` is None when it is empty."""
    one = known.list
    return {
        "id": one.id,
        "name": one.name,
        "description": one.description or None,
        "kind": one.kind,
        "num_items": one.items,
        "num_referencing_filters": len(known.rules),
        "created_on": rfc3339(one.created_at),
        "modified_on": rfc3339(one.modified_at),
    }


def list_item_object(of: List, one: ListItem) -> dict[str, Any]:
    """An item: its value under the name of the list's kind, and nothing under another's."""
    value: Any = one.value
    if of.kind == "hostname":
        exact = excludes_exact(one.value, one.exclude_exact)
        value = {"url_hostname": one.value, "exclude_exact_hostname": exact}
    elif of.kind in ("asn", "integer"):
        # A policy file may say AS64496.
        value = int(one.value.lower().removeprefix("as"))
    return {
        "id": one.id,
        of.kind: value,
        "comment": one.comment or None,
        "created_on": rfc3339(one.created_at),
        "modified_on": rfc3339(one.modified_at),
    }


def applied_object(applied: Applied, *, dry_run: bool) -> dict[str, Any]:
    """What a policy file changed."""
    rules, lists = applied.rules, applied.lists
    return {
        "zone": {"id": applied.zone.id, "name": applied.zone.name},
        "dry_run": dry_run,
        "version": applied.version,
        "rules": {
            "added": list(rules.added),
            "changed": list(rules.changed),
            "removed": list(rules.removed),
            "moved": rules.moved,
        },
        "lists": {
            "added": list(lists.added),
            "changed": list(lists.changed),
            "removed": list(lists.removed),
            "kept": list(lists.kept),
        },
        "settings": dict(applied.settings),
        "loosened": list(applied.loosened),
        "covers_zone": applied.covers,
    }


def ruleset_object(
    ruleset: Ruleset, rules: Sequence[Mapping[str, Any]] | None = None
) -> dict[str, Any]:
    """A ruleset (Cloudflare); with its rules, where they are given."""
    made: dict[str, Any] = {
        "id": ruleset.id,
        "name": ruleset.name,
        "description": ruleset.description,
        "kind": ruleset.kind,
        "version": str(ruleset.version),
        "last_updated": rfc3339(ruleset.modified_at),
        "phase": ruleset.phase,
    }
    return made if rules is None else made | {"rules": [rule_object(one) for one in rules]}


def rule_object(rule: Mapping[str, Any]) -> dict[str, Any]:
    """A rule (Cloudflare); `logging` is of skip rules, and on unless they say something else."""
    if rule["action"] != "skip":
        return dict(rule)
    return {**rule, "logging": rule.get("logging") or {"enabled": True}}


def serial_hex(serial: str) -> str:
    """A serial number of the store in lower case and whole bytes."""
    return serial.lower().zfill(len(serial) + len(serial) % 2)


def _authority_certificate(one: AuthorityCertificate) -> dict[str, Any]:
    # Reading certificates takes a while to import, and only authorities need it.
    from authz.ca.description import describe
    from authz.certs.certificate import Certificate

    facts = describe(Certificate.from_der(one.der, allow_zero_serial=True))
    return {
        "id": one.id,
        "role": str(one.role),
        "certificate": facts.pem,
        "subject": facts.subject,
        "issuer": facts.issuer,
        "serial_number": serial_hex(facts.serial_hex),
        "signature": facts.signature,
        "key": facts.key,
        "has_private_key": one.key_id is not None,
        "ski": facts.ski,
        "fingerprint_sha256": one.fingerprint_sha256,
        "issued_on": rfc3339_seconds(one.not_before),
        "expires_on": rfc3339_seconds(one.not_after),
    }


def _moment(at: float | None) -> str | None:
    return None if at is None else rfc3339_seconds(at)
