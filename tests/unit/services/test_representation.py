# SPDX-License-Identifier: Apache-2.0
"""Objects as the API and --json give them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from authz.services.authority_creation import upload_authority
from authz.services.certificates import get_certificate
from authz.services.hosts import add_host, list_hosts
from authz.services.representation import (
    authority_object,
    certificate_object,
    host_object,
    revocation_object,
    serial_hex,
    zone_object,
)
from authz.services.revocation import list_revoked, revoke_certificate
from tests.factories.pki import AT, root

if TYPE_CHECKING:
    from tests.unit.services.conftest import World


def test_a_certificate_has_cloudflare_s_keys_and_ours(world: World) -> None:
    known = world.ca()
    one = world.issue().certificate
    shown = certificate_object(one, "Acme")

    assert shown["certificate_authority"] == {"id": known.authority.id, "name": "Acme"}
    assert shown["serial_number"] == serial_hex(one.serial)
    assert shown["issued_on"] == "2026-03-01T12:00:00Z"
    assert (shown["status"], shown["reason"], shown["last_seen_on"]) == ("active", None, None)
    assert shown["certificate"].startswith("-----BEGIN CERTIFICATE-----\n")
    revoke_certificate(world.store, one.id, reason="superseded", actor="t", at=AT + 1)
    revoked = certificate_object(get_certificate(world.store, one.id), "Acme")
    assert (revoked["status"], revoked["reason"], revoked["revoked_on"]) == (
        "revoked",
        "superseded",
        "2026-03-01T12:00:01Z",
    )
    (listed,) = list_revoked(world.store, "Acme")
    assert revocation_object(listed) == {
        "serial_number": serial_hex(one.serial),
        "reason": "superseded",
        "revoked_on": "2026-03-01T12:00:01Z",
    }


def test_serial_numbers_are_whole_bytes_in_lower_case() -> None:
    assert [serial_hex(text) for text in ("A", "AB", "ABC")] == ["0a", "ab", "0abc"]


def test_authorities_hosts_and_zones(world: World) -> None:
    managed = world.ca()
    uploaded = upload_authority(world.store, root().pem, name="own", actor="t", at=AT)
    add_host(world.store, "a.example", authority="own", actor="t", at=AT)

    shown = authority_object(managed)
    assert managed.zone is not None
    assert shown["zone"] == {"id": managed.zone.id, "name": "default"}
    assert shown["certificates"][0]["has_private_key"]
    assert shown["certificates"][0]["subject"] == "CN=Acme"
    assert authority_object(uploaded)["zone"] is None
    (host,) = list_hosts(world.store)
    assert host_object(host)["authorities"] == [{"id": uploaded.authority.id, "name": "own"}]
    assert zone_object(managed.zone)["default_action"] == "allow"
