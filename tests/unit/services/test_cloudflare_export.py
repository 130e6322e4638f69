# SPDX-License-Identifier: Apache-2.0
"""What is exported, imported again: here nothing changes, elsewhere the same comes to be."""

from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING, Any

import pytest

from authz.errors import NotFoundError
from authz.services.authorities import set_revocation, set_sources
from authz.services.authority_creation import import_authority, upload_authority
from authz.services.cloudflare_export import export_store
from authz.services.cloudflare_import import apply_import, rehearse_import
from authz.services.cloudflare_options import ImportOptions
from authz.services.hosts import add_host, list_hosts
from authz.services.policies import apply_policy
from authz.services.revocation import revoke_certificate, revoke_serial
from authz.services.ruleset_management import create_ruleset
from authz.services.scopes import CUSTOM_RULES, Scope
from authz.services.zones import change_zone, create_zone
from authz.sources.cloudflare_document import read_export, write_export
from authz.sources.policy_import import import_policy
from authz.store.engine import open_store
from tests.factories.pki import AT, intermediate, root

if TYPE_CHECKING:
    from pathlib import Path

    from authz.services.cloudflare_report import Report
    from authz.store.engine import Store
    from tests.unit.services.conftest import World

WHO: Any = {"actor": "t", "at": AT}
POLICY = """
sites:
  - name: any
    hosts: ["*"]
    rules:
      - {ref: first, expression: 'ip.src in $office', action: log, enabled: false}
      - ref: second
        expression: 'http.host in $hosts'
        action: block
        action_parameters:
          response: {status_code: 410, content_type: text/plain, content: 'off'}
      - ref: third
        expression: 'ssl'
        action: skip
        action_parameters: {rules: {current: [second]}}
lists:
  office: {kind: ip, items: ["10.0.0.0/8"]}
  hosts: {kind: hostname, items: ["*.example.com"]}
  numbers: {kind: integer, items: [1]}
  asns: {kind: asn, items: ["AS64512", 7]}
  words: {kind: string, items: ["no"]}
"""


OF_ACCOUNT = {
    "name": "all zones",
    "kind": "root",
    "phase": CUSTOM_RULES,
    "description": "before the zones' own",
    "rules": [
        {"ref": "first", "expression": "ip.src in $office", "action": "log", "description": "d"},
        {"ref": "last", "expression": "ssl", "action": "block", "enabled": False},
    ],
}


def fill(world: World, directory: Path) -> None:
    """A store with something of everything."""
    file = directory / "policy.yaml"
    file.write_text(POLICY)
    apply_policy(world.store, "default", import_policy(file), **WHO)
    with world.store.read() as session:
        account = Scope(account_id=session.zones.accounts()[0].id)
    create_ruleset(world.store, account, OF_ACCOUNT, geo=None, **WHO)
    world.ca()
    create_zone(world.store, "example.com", force=True, **WHO)
    change_zone(
        world.store, "example.com", default_action="block", upstream_headers=["cf-cert"], **WHO
    )
    upload_authority(world.store, root("Uploaded").pem, name="Uploaded", **WHO)
    set_sources(world.store, "Uploaded", crl_urls=["http://crl.example/ca.crl"], **WHO)
    set_revocation(world.store, "Uploaded", "soft", **WHO)
    revoke_serial(world.store, "Uploaded", "0A1B", reason="keyCompromise", **WHO)
    add_host(world.store, "a.other.example", authority="Acme", protect=(), **WHO)
    add_host(world.store, "api.example.com", authority="Uploaded", protect=("/admin",), **WHO)
    world.issue("alice")
    revoked = world.issue("bob").certificate
    revoke_certificate(world.store, revoked.id, reason="superseded", **WHO)


@pytest.fixture
def other(tmp_path: Path, empty_store: Path) -> Any:
    (tmp_path / "other").mkdir()
    shutil.copy(empty_store, tmp_path / "other")
    store = open_store("sqlite", tmp_path / "other")
    yield store
    store.close()


def taken(store: Store, text: str) -> Report:
    read = read_export(text.encode(), "export.json")
    options = ImportOptions(actor="t", at=AT)
    report = rehearse_import(store, read, options)
    return apply_import(store, read, options, rehearsed=report, agreed=report.losses)


def without_identifiers(value: Any) -> Any:
    """What is the same in two stores."""
    left_out = ("id", "last_updated", "version", "mtls_certificate_id", "client_certificates")
    if isinstance(value, dict):
        found = {key: without_identifiers(one) for key, one in value.items() if key not in left_out}
        if "rules" in found and isinstance(found["rules"], dict):
            found["rules"] = len(found["rules"])
        return found
    if isinstance(value, list):
        each = [without_identifiers(one) for one in value]
        return sorted(each, key=lambda one: json.dumps(one, sort_keys=True))
    return value


def test_taken_again_it_changes_nothing(world: World, tmp_path: Path) -> None:
    fill(world, tmp_path)
    text = write_export(export_store(world.store))

    report = taken(world.store, text)

    assert [(part.changes, part.losses, part.error) for part in report.parts] == [
        ((), (), None)
    ] * 3
    told = [one for part in report.parts for one in part.items if one.verdict != "carries_over"]
    assert (told, report.complete) == ([], True)
    assert write_export(export_store(world.store)) == text


def test_taken_elsewhere_it_is_the_same(world: World, other: Store, tmp_path: Path) -> None:
    fill(world, tmp_path)
    text = write_export(export_store(world.store))

    report = taken(other, text)

    assert [part.error for part in report.parts] == [None] * 3
    here, there = json.loads(text), json.loads(write_export(export_store(other)))
    (account,) = here["accounts"]
    (acme,) = [one for one in account["mtls_certificates"] if one["name"] == "Acme"]
    # What was issued here is a serial number there: there is no key to have issued it by.
    acme["revoked"] = [
        {"serial_number": one["serial_number"], "reason": "superseded"}
        for zone in here["zones"]
        for one in zone.get("client_certificates", ())
        if one["status"] == "revoked"
    ]
    assert without_identifiers(there) == without_identifiers(here)
    assert {one.hostname for one in list_hosts(other)} == {"a.other.example", "api.example.com"}
    assert [part.changes for part in taken(other, text).parts] == [()] * 3


def test_a_ca_below_a_root_of_others_is_trusted_alone(
    world: World, other: Store, tmp_path: Path
) -> None:
    made = intermediate()
    pem = made.pem + root().pem
    import_authority(
        world.store, pem, made.key_pem, name="Below", encryption=world.encryption, **WHO
    )
    add_host(world.store, "a.example", authority="Below", **WHO)
    text = write_export(export_store(world.store))

    (authority,) = export_store(world.store).accounts[0].mtls_certificates
    assert authority.certificates.count("BEGIN CERTIFICATE") == 1
    assert [part.changes for part in taken(world.store, text).parts] == [(), ()]
    assert not any(part.error for part in taken(other, text).parts)


def test_how_certificates_were_written_comes_along(world: World, other: Store) -> None:
    pem = root("Uploaded").pem.decode().replace("\n", "\r\n")
    upload_authority(world.store, pem, **WHO)
    text = write_export(export_store(world.store))

    account, _ = taken(other, text).parts
    assert account.changes == ("authority Uploaded: uploaded",)
    (account,) = export_store(other).accounts
    assert [one.certificates for one in account.mtls_certificates] == [pem]


def test_no_private_key_is_exported(world: World, tmp_path: Path) -> None:
    fill(world, tmp_path)

    assert "PRIVATE KEY" not in write_export(export_store(world.store))


def test_only_the_zones_that_are_named_are_exported(world: World) -> None:
    create_zone(world.store, "example.com", force=True, **WHO)

    assert [one.name for one in export_store(world.store, ["example.com"]).zones] == ["example.com"]
    with pytest.raises(NotFoundError):
        export_store(world.store, ["nowhere.example"])
