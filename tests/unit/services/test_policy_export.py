# SPDX-License-Identifier: Apache-2.0
"""What a zone has, as a file: applied again, it changes nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import yaml

from authz.errors import NotFoundError
from authz.services.hosts import add_host
from authz.services.policies import apply_policy
from authz.services.policy_export import export_policy
from authz.services.ruleset_management import put_entry_point
from authz.services.scopes import CUSTOM_RULES, Scope, scope_of
from authz.sources.policy_import import import_policy
from tests.factories.pki import AT

if TYPE_CHECKING:
    from pathlib import Path

    from tests.unit.services.conftest import World

POLICY = """
sites:
  - name: any
    hosts: ["*"]
    default_action: block
    paths: as_sent
    misdirected: ignore
    upstream_headers: [cf-cert]
    rules:
      - ref: first
        description: 'Über "alles"'
        expression: 'ip.src in $office or ip.src.asnum in {1}'
        action: log
        enabled: false
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
  hosts: {kind: hostname, items: ["*.example.com", "bücher.example"]}
  numbers: {kind: integer, items: [1, 0x10]}
  asns: {kind: asn, items: [64512]}
  words: {kind: string, items: ["no", "0123", "ü"]}
""".replace(" or ip.src.asnum in {1}", "")


def test_what_is_exported_and_applied_again_changes_nothing(world: World, tmp_path: Path) -> None:
    file = tmp_path / "policy.yaml"
    file.write_text(POLICY)
    apply_policy(world.store, "default", import_policy(file), actor="t", at=AT)
    world.ca()
    add_host(world.store, "api.example.com", authority="Acme", protect=(), actor="t", at=AT)

    document = export_policy(world.store, "default")
    file.write_text(yaml.safe_dump(document, sort_keys=False, allow_unicode=True))
    again = apply_policy(world.store, "default", import_policy(file), actor="t", at=AT + 1)

    assert not again
    assert [rule["ref"] for rule in document["sites"][0]["rules"]] == [
        "first",
        "second",
        "third",
        "protect-api.example.com",
    ]
    assert "id" not in document["sites"][0]["rules"][0]


def test_an_empty_zone_is_a_site_without_rules(world: World) -> None:
    assert export_policy(world.store, "default") == {
        "sites": [{"name": "default", "hosts": ["*"], "rules": []}]
    }


def test_a_zone_that_is_not_there(world: World) -> None:
    with pytest.raises(NotFoundError):
        export_policy(world.store, "nowhere")


def test_what_the_api_keeps_besides_stays_out(world: World, tmp_path: Path) -> None:
    """The account's rules are no zone's, and a file has no `logging`."""
    skip = {
        "ref": "s",
        "expression": "ssl",
        "action": "skip",
        "action_parameters": {"ruleset": "current"},
        "logging": {"enabled": False},
    }
    with world.store.read() as session:
        zone = scope_of(session.zones.all()[0])
    account = Scope(account_id=zone.account_id)
    block = {"ref": "a", "expression": "ssl", "action": "block"}
    for scope, rule in ((account, block), (zone, skip)):
        put_entry_point(
            world.store, scope, CUSTOM_RULES, {"rules": [rule]}, geo=None, actor="t", at=AT
        )
    exported = export_policy(world.store, "default")

    assert exported["sites"][0]["rules"] == [
        {key: value for key, value in skip.items() if key != "logging"}
    ]
    file = tmp_path / "policy.yaml"
    file.write_text(yaml.safe_dump(exported))
    import_policy(file)
