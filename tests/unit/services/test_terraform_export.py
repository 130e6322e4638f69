# SPDX-License-Identifier: Apache-2.0
"""Configuration for Cloudflare's provider: every resource with the identifier to import it by."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from authz.services.cloudflare_export import export_store
from authz.services.hosts import add_host
from authz.services.terraform_export import export_terraform
from authz.services.zones import create_zone
from tests.factories.pki import AT
from tests.unit.services.test_cloudflare_export import WHO, fill

if TYPE_CHECKING:
    from pathlib import Path

    from tests.unit.services.conftest import World


def test_every_resource_is_imported_by_its_identifier(world: World, tmp_path: Path) -> None:
    fill(world, tmp_path)
    read = export_store(world.store)
    (account,) = read.accounts
    text = "\n".join(export_terraform(world.store).values())

    resources = re.findall(r'^resource "(\S+)" "(\S+)"', text, re.M)
    imports = dict(re.findall(r'^import \{\n  to = (\S+)\n  id = "(\S+)"', text, re.M))
    assert sorted(imports) == sorted(f"{kind}.{name}" for kind, name in resources)
    (uploaded,) = [one.id for one in account.mtls_certificates if one.name == "Uploaded"]
    by_name = {zone.name: zone for zone in read.zones}
    zone, default = by_name["example.com"], by_name["default"]
    lists = {one.name: one.id for one in account.lists}
    hosts = "cloudflare_certificate_authorities_hostname_associations"
    assert imports == {
        "cloudflare_list.office": f"{account.id}/{lists['office']}",
        "cloudflare_list.hosts": f"{account.id}/{lists['hosts']}",
        "cloudflare_list.asns": f"{account.id}/{lists['asns']}",
        "cloudflare_mtls_certificate.uploaded": f"{account.id}/{uploaded}",
        "cloudflare_zone.example_com": zone.id,
        "cloudflare_zone.default": default.id,
        f"{hosts}.example_com": f"{zone.id}/{uploaded}",
        f"{hosts}.default": default.id,
        "cloudflare_ruleset.account": f"accounts/{account.id}/{account.rulesets[0].id}",
        "cloudflare_ruleset.example_com": f"zones/{zone.id}/{zone.rulesets[0].id}",
        "cloudflare_ruleset.default": f"zones/{default.id}/{default.rulesets[0].id}",
    }
    assert "# The list words is of the kind string" in text
    assert "mtls_certificate_id = cloudflare_mtls_certificate.uploaded.id" in text


def test_rules_are_as_the_provider_has_them(world: World, tmp_path: Path) -> None:
    fill(world, tmp_path)
    text = export_terraform(world.store, ["default"])["zone_default.tf"]

    assert (
        """\
    {
      ref = "first"
      expression = "ip.src in $office"
      action = "log"
      enabled = false
    },
    {
      ref = "second"
      expression = "http.host in $hosts"
      action = "block"
      action_parameters = {
        response = {
          status_code = 410
          content_type = "text/plain"
          content = "off"
        }
      }
      enabled = true
    },
"""
        in text
    )
    assert text.count("logging = {") == 1


def test_the_same_store_is_the_same_text(world: World, tmp_path: Path) -> None:
    fill(world, tmp_path)

    assert export_terraform(world.store) == export_terraform(world.store)


def test_a_second_ca_with_a_key_cannot_be_named(world: World) -> None:
    create_zone(world.store, "example.com", **WHO)
    world.ca("First", zone="example.com")
    world.ca("Second", zone="example.com", at=AT + 1)
    add_host(world.store, "a.example.com", authority="Second", **WHO)
    add_host(world.store, "b.example.com", authority="First", **WHO)

    text = export_terraform(world.store, ["example.com"])["zone_example_com.tf"]

    assert "# a.example.com: of a further authority whose key is here" in text
    assert 'hostnames = ["b.example.com"]' in text
