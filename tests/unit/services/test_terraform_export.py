# SPDX-License-Identifier: Apache-2.0
"""Configuration for Cloudflare's provider: every resource with the identifier to import it by.

What the provider refuses and what it compares was found with the provider itself (5.24); what it
sends is in tests/contract/test_terraform.py.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest

from authz.rules import ListKind
from authz.services.authority_creation import upload_authority
from authz.services.authority_lifecycle import set_status
from authz.services.cloudflare_export import export_store
from authz.services.hosts import add_host
from authz.services.issuance import issue_certificate
from authz.services.list_items import replace_items
from authz.services.list_values import GivenHostname, GivenItem, judge_items
from authz.services.lists import create_list
from authz.services.revocation import revoke_certificate
from authz.services.rulesets import append_rule
from authz.services.terraform_export import export_terraform
from authz.services.zones import create_zone
from authz.store.records import List, ListItem
from tests.factories.issuing import csr
from tests.factories.pki import AT, root
from tests.unit.services.test_cloudflare_export import WHO, fill

if TYPE_CHECKING:
    from pathlib import Path

    from tests.unit.services.conftest import World

HOSTS = "cloudflare_certificate_authorities_hostname_associations"


def fill_lists(world: World, **items: GivenItem) -> None:
    """A list of each kind and name, with one item, and one without any."""
    with world.store.read() as session:
        account_id = session.zones.accounts()[0].id
    for name, item in items.items():
        kind = name.partition("_")[0]
        made = create_list(world.store, account_id, name, kind, description="d", **WHO)
        judged = judge_items(ListKind(kind), [item])
        replace_items(world.store, account_id, made.list.id, judged, **WHO)
    create_list(world.store, account_id, "without", "ip", **WHO)


def hostname(name: str, exclude: bool | None = None) -> GivenItem:
    return GivenItem(
        hostname=GivenHostname(url_hostname=name, exclude_exact_hostname=exclude), comment="c"
    )


def text_of(world: World, **more: Any) -> str:
    return "\n".join(export_terraform(world.store, **more).values())


def test_every_resource_is_imported_by_its_identifier(world: World, tmp_path: Path) -> None:
    fill(world, tmp_path)
    fill_lists(world, ip_mine=GivenItem(ip="192.0.2.1"), asn_mine=GivenItem(asn=7))
    read = export_store(world.store)
    (account,) = read.accounts
    text = text_of(world)

    resources = re.findall(r'^resource "(\S+)" "(\S+)"', text, re.M)
    imports = dict(re.findall(r'^import \{\n  to = (\S+)\n  id = "(\S+)"', text, re.M))
    assert sorted(imports) == sorted(f"{kind}.{name}" for kind, name in resources)
    (uploaded,) = [one.id for one in account.mtls_certificates if one.name == "Uploaded"]
    by_name = {zone.name: zone for zone in read.zones}
    zone, default = by_name["example.com"], by_name["default"]
    lists = {one.name: one.id for one in account.lists}
    assert imports == {
        "cloudflare_list.ip_mine": f"{account.id}/{lists['ip_mine']}",
        "cloudflare_list.asn_mine": f"{account.id}/{lists['asn_mine']}",
        "cloudflare_list.without": f"{account.id}/{lists['without']}",
        "cloudflare_mtls_certificate.uploaded": f"{account.id}/{uploaded}",
        "cloudflare_zone.example_com": zone.id,
        "cloudflare_zone.default": default.id,
        f"{HOSTS}.example_com": f"{zone.id}/{uploaded}",
        f"{HOSTS}.default": default.id,
        "cloudflare_ruleset.account": f"accounts/{account.id}/{account.rulesets[0].id}",
        "cloudflare_ruleset.example_com": f"zones/{zone.id}/{zone.rulesets[0].id}",
        "cloudflare_ruleset.default": f"zones/{default.id}/{default.rulesets[0].id}",
    }
    assert "mtls_certificate_id = cloudflare_mtls_certificate.uploaded.id" in text
    assert '  kind        = "root"\n  name        = "all zones"\n' in text


def test_rules_are_as_the_provider_has_them(world: World, tmp_path: Path) -> None:
    fill(world, tmp_path)
    text = export_terraform(world.store, ["default"])["zone_default.tf"]

    assert (
        """\
    {
      ref        = "first"
      expression = "ip.src in $office"
      action     = "log"
      enabled    = false
    },
    {
      ref        = "second"
      expression = "http.host in $hosts"
      action     = "block"
      action_parameters = {
        response = {
          status_code  = 410
          content_type = "text/plain"
          content      = "off"
        }
      }
      enabled = true
    },
"""
        in text
    )
    assert text.count("logging = {") == 1


def test_lists_are_as_the_provider_has_them(world: World) -> None:
    fill_lists(
        world,
        ip_mine=GivenItem(ip="2001:db8::/32"),
        asn_mine=GivenItem(asn=64496, comment="ours"),
        hostname_all=hostname("*.a.example"),
        hostname_with=hostname("*.a.example", False),
        hostname_one=hostname("a.example"),
    )
    text = export_terraform(world.store)["account.tf"]

    assert '      asn     = 64496\n      comment = "ours"\n' in text
    assert text.count("        exclude_exact_hostname = true\n") == 1
    assert text.count("        exclude_exact_hostname = false\n") == 1
    assert '        url_hostname = "a.example"\n' in text
    assert '  description = "d"\n' in text
    # One without items is imported as one whose items nobody manages.
    assert re.search(r'"without" \{\n(  \w+ += "\w+"\n){3}\}\n', text)


@pytest.mark.parametrize(
    ("kind", "value", "exclude"),
    [
        ("ip", "10.0.0.0..10.0.0.9", None),
        ("ip", "2001:DB8::1", None),
        ("hostname", "A.example", None),
        ("hostname", "a.example", True),
    ],
)
def test_items_that_the_provider_refuses_are_no_resource(
    world: World, kind: str, value: str, exclude: bool | None
) -> None:
    with world.store.write() as session:
        of = List(
            id="a" * 32,
            account_id=session.zones.accounts()[0].id,
            zone_id=None,
            name="old",
            kind=kind,
            description="",
            items=0,
            revision=0,
            created_at=AT,
            modified_at=AT,
        )
        session.lists.add(of)
        item = ListItem(
            id="b" * 32,
            list_id=of.id,
            value=value,
            comment="",
            exclude_exact=exclude,
            created_at=AT,
            modified_at=AT,
        )
        session.lists.add_items(of.id, [item], AT)

    text = text_of(world)

    assert "# The list old has items that the provider does not take.\n" in text
    assert "cloudflare_list" not in text


def test_lists_of_policy_files_and_of_our_own_kinds_are_no_resources(
    world: World, tmp_path: Path
) -> None:
    fill(world, tmp_path)
    fill_lists(world, string_mine=GivenItem(string="x"))

    text = text_of(world)

    assert "# The list office is that of a policy file: change it there.\n" in text
    assert "# The list string_mine is of the kind string, which the provider lacks.\n" in text
    assert '"cloudflare_list" "office"' not in text


def test_a_ruleset_needs_the_lists_that_it_names(world: World) -> None:
    fill_lists(world, ip_b=GivenItem(ip="192.0.2.1"), ip_a=GivenItem(ip="192.0.2.2"))
    named = {"ref": "x", "expression": "ip.src in $ip_b or ip.src in $ip_a", "action": "block"}
    append_rule(world.store, "default", named, **WHO)

    text = text_of(world)

    assert (
        "  depends_on = [\n    cloudflare_list.ip_a,\n    cloudflare_list.ip_b,\n  ]\n}\n" in text
    )


def test_what_the_provider_cannot_say_of_a_rule_is_said_otherwise(world: World) -> None:
    rule = {
        "ref": "x",
        "expression": "ssl",
        "action": "skip",
        "action_parameters": {"phase": "current", "products": ["waf"]},
    }
    append_rule(world.store, "default", rule, **WHO)

    text = text_of(world)

    assert '# x: the provider does not know phase = "current"; ruleset = "current" does' in text
    assert '        ruleset  = "current"\n' in text
    assert "\n        phase" not in text


def test_a_ca_without_a_name_has_none(world: World) -> None:
    upload_authority(world.store, root("Nameless").pem, nameless=True, **WHO)

    text = export_terraform(world.store)["account.tf"]

    assert "name" not in text.partition("EOT\n")[2]
    assert "  name" not in text


def test_certificates_come_when_asked_for(world: World) -> None:
    world.ca()
    sent = csr("carol").decode()
    kept = issue_certificate(
        world.store, sent, zone="default", days=30, encryption=world.encryption, **WHO
    ).certificate
    made_here = world.issue("alice").certificate
    gone = world.issue("bob").certificate
    revoke_certificate(world.store, gone.id, **WHO)
    files = export_terraform(world.store, client_certificates=True)

    text = files["certificates_default.tf"]
    assert "certificates_default.tf" not in export_terraform(world.store)
    assert f'"{kept.zone_id}/{kept.id}"' in text
    assert "  validity_days = 30\n" in text
    assert f"# alice ({made_here.id}): its key was made here.\n" in text
    assert gone.id not in text


def test_the_same_store_is_the_same_text(world: World, tmp_path: Path) -> None:
    fill(world, tmp_path)

    assert export_terraform(world.store) == export_terraform(world.store)


def test_a_second_ca_with_a_key_cannot_be_named(world: World) -> None:
    create_zone(world.store, "example.com", force=True, **WHO)
    world.ca("First", zone="example.com")
    world.ca("Second", zone="example.com", at=AT + 1)
    add_host(world.store, "a.example.com", authority="Second", **WHO)
    add_host(world.store, "b.example.com", authority="First", **WHO)

    text = export_terraform(world.store, ["example.com"])["zone_example_com.tf"]

    assert "# a.example.com: of a further authority whose key is here" in text
    assert 'hostnames = ["b.example.com"]' in text


def test_where_all_are_retired_the_oldest_is_meant(world: World) -> None:
    create_zone(world.store, "example.com", force=True, **WHO)
    world.ca("First", zone="example.com")
    add_host(world.store, "b.example.com", authority="First", **WHO)
    set_status(world.store, "First", "retired", **WHO)

    text = export_terraform(world.store, ["example.com"])["zone_example_com.tf"]

    assert 'hostnames = ["b.example.com"]' in text
