# SPDX-License-Identifier: Apache-2.0
"""Objects as the API and `--json` give them: Cloudflare's shape, and what only we have besides.

Moments are RFC 3339 in UTC, serial numbers and key identifiers lower-case hexadecimal.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from authz.certs.pem import write_pem
from authz.services.times import rfc3339, rfc3339_seconds

if TYPE_CHECKING:
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
        "status": str(one.status),
        "zone": None if known.zone is None else {"id": known.zone.id, "name": known.zone.name},
        "revocation": one.revocation,
        "sources": {"crl_urls": list(one.sources.crl_urls), "ocsp": one.sources.ocsp},
        "certificates": [_authority_certificate(each) for each in known.certificates],
        "created_on": rfc3339(one.created_at),
        "modified_on": rfc3339(one.modified_at),
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
        value = {"url_hostname": one.value, "exclude_exact_hostname": one.exclude_exact}
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
