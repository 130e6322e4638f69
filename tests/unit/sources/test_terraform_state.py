# SPDX-License-Identifier: Apache-2.0
"""Terraform state of both versions of the provider, as what was read."""

from __future__ import annotations

import json
from typing import Any

import pytest

from authz.errors import PolicyError
from authz.sources.terraform_state import read_state
from tests.factories.cloudflare import ACCOUNT, OWN_CA_ID, hex_id, own_ca

ZONE = hex_id(0xF001)
LIST = hex_id(0x9001)


def resource(
    kind: str, *attributes: dict[str, Any], mode: str = "managed", **more: Any
) -> dict[str, Any]:
    return {
        "mode": mode,
        "type": f"cloudflare_{kind}",
        "name": "it",
        "provider": 'provider["terraform.example/cloudflare/cloudflare"]',
        "instances": [{"schema_version": 500, "attributes": one} for one in attributes],
        **more,
    }


def state(*resources: dict[str, Any], **more: Any) -> bytes:
    return json.dumps(
        {"version": 4, "terraform_version": "1.9.5", "serial": 3, "resources": resources, **more}
    ).encode()


ZONE_V5 = resource(
    "zone", {"id": ZONE, "name": "example.com", "account": {"id": ACCOUNT, "name": "Acme"}}
)
RULESET_V5 = resource(
    "ruleset",
    {
        "id": hex_id(0x77),
        "account_id": None,
        "zone_id": ZONE,
        "kind": "zone",
        "name": "default",
        "phase": "http_request_firewall_custom",
        "description": "",
        "rules": [
            {
                "id": hex_id(1),
                "ref": "off",
                "action": "block",
                "action_parameters": {
                    "response": {
                        "content": "no",
                        "content_type": "text/plain",
                        "status_code": 403,
                    },
                    "phases": None,
                },
                "description": "",
                "enabled": True,
                "expression": "ssl",
                "logging": None,
                "ratelimit": None,
                "categories": None,
            },
            {
                "id": hex_id(2),
                "ref": "over",
                "action": "skip",
                "action_parameters": {"ruleset": None, "rules": {hex_id(0x77): [hex_id(1)]}},
                "expression": "ssl",
                "enabled": False,
                "logging": {"enabled": True},
            },
        ],
    },
)


def test_version_5_is_read() -> None:
    found = read_state(
        state(
            ZONE_V5,
            RULESET_V5,
            resource(
                "list",
                {
                    "id": LIST,
                    "account_id": ACCOUNT,
                    "name": "office",
                    "kind": "ip",
                    "description": None,
                    "num_items": 1.0,
                    "items": [{"ip": "192.0.2.1", "asn": None, "comment": "x", "hostname": None}],
                },
            ),
            resource(
                "list_item",
                {"list_id": LIST, "account_id": ACCOUNT, "ip": "192.0.2.2", "comment": ""},
            ),
            resource("mtls_certificate", {**own_ca(), "account_id": ACCOUNT, "private_key": "key"}),
            resource(
                "certificate_authorities_hostname_associations",
                {"zone_id": ZONE, "hostnames": ["a.example.com"], "mtls_certificate_id": OWN_CA_ID},
                {"zone_id": ZONE, "hostnames": ["b.example.com"], "mtls_certificate_id": None},
            ),
            resource(
                "client_certificate",
                {"zone_id": ZONE, "id": hex_id(5), "status": "active", "serial_number": "0a"},
            ),
            resource("dns_record", {"zone_id": ZONE}),
            {"mode": "managed", "type": "aws_instance", "instances": []},
        ),
        "terraform.tfstate",
    )

    (zone,), (account,) = found.zones, found.accounts
    assert (zone.id, zone.name, zone.account.id) == (ZONE, "example.com", ACCOUNT)
    assert zone.rulesets[0].rules == [
        {
            "id": hex_id(1),
            "ref": "off",
            "expression": "ssl",
            "action": "block",
            "enabled": True,
            "action_parameters": {
                "response": {"content": "no", "content_type": "text/plain", "status_code": 403}
            },
        },
        {
            "id": hex_id(2),
            "ref": "over",
            "expression": "ssl",
            "action": "skip",
            "enabled": False,
            "action_parameters": {"rules": {hex_id(0x77): [hex_id(1)]}},
            "logging": {"enabled": True},
        },
    ]
    assert [(one.ip, one.comment) for one in account.lists[0].items] == [
        ("192.0.2.1", "x"),
        ("192.0.2.2", None),
    ]
    assert "key" not in repr(account.mtls_certificates)
    assert [(one.mtls_certificate_id, one.hostnames) for one in zone.hostname_associations] == [
        (OWN_CA_ID, ["a.example.com"]),
        (None, ["b.example.com"]),
    ]
    assert [one.serial_number for one in zone.client_certificates] == ["0a"]


def test_blocks_of_version_4_are_read() -> None:
    found = read_state(
        state(
            resource("zone", {"id": ZONE, "zone": "example.com", "account_id": ACCOUNT}),
            resource(
                "ruleset",
                {
                    "id": hex_id(0x77),
                    "account_id": "",
                    "zone_id": ZONE,
                    "kind": "zone",
                    "name": "default",
                    "phase": "http_request_firewall_custom",
                    "rules": [
                        {
                            "id": hex_id(1),
                            "ref": hex_id(1),
                            "action": "block",
                            "action_parameters": [
                                {
                                    "response": [
                                        {
                                            "content": "no",
                                            "content_type": "text/plain",
                                            "status_code": 403,
                                        }
                                    ],
                                    "ruleset": "",
                                    "increment": 0,
                                }
                            ],
                            "enabled": True,
                            "expression": "ssl",
                            "logging": [],
                        },
                        {
                            "id": hex_id(2),
                            "ref": hex_id(2),
                            "action": "skip",
                            "action_parameters": [
                                {"rules": {hex_id(7): "x,y"}, "products": ["waf"], "response": []}
                            ],
                            "enabled": True,
                            "expression": "ssl",
                            "logging": [{"enabled": True, "status": None}],
                        },
                        {
                            "action": "managed_challenge",
                            "expression": "ssl",
                            "action_parameters": [],
                        },
                    ],
                },
            ),
            resource(
                "list",
                {
                    "id": LIST,
                    "account_id": ACCOUNT,
                    "name": "hosts",
                    "kind": "hostname",
                    "item": [
                        {
                            "comment": "c",
                            "value": [
                                {
                                    "ip": "",
                                    "asn": 0,
                                    "hostname": [{"url_hostname": "a.example"}],
                                    "redirect": [],
                                }
                            ],
                        }
                    ],
                },
            ),
        ),
        "terraform.tfstate",
    )

    first, second, third = found.zones[0].rulesets[0].rules or []
    assert first["action_parameters"] == {
        "response": {"content": "no", "content_type": "text/plain", "status_code": 403}
    }
    assert second["action_parameters"] == {"products": ["waf"], "rules": {hex_id(7): ["x", "y"]}}
    assert second["logging"] == {"enabled": True}
    assert third == {"expression": "ssl", "action": "managed_challenge"}
    (item,) = found.accounts[0].lists[0].items
    assert item.hostname is not None
    assert (item.hostname.url_hostname, item.ip, item.asn) == ("a.example", None, None)


def test_rulesets_of_the_account_are_the_accounts() -> None:
    attributes = {**RULESET_V5["instances"][0]["attributes"], "zone_id": None, "kind": "root"}
    found = read_state(state(resource("ruleset", {**attributes, "account_id": ACCOUNT})), "f")

    assert [one.kind for one in found.accounts[0].rulesets] == ["root"]
    assert found.zones == []


def test_a_zone_of_a_data_source_is_known_by_it() -> None:
    data = {**ZONE_V5, "mode": "data"}
    other = {**RULESET_V5, "mode": "data"}

    found = read_state(state(data, other), "f")

    assert [(one.name, one.rulesets) for one in found.zones] == [("example.com", [])]


def test_the_name_of_a_zone_may_be_said() -> None:
    with pytest.raises(PolicyError) as caught:
        read_state(state(RULESET_V5), "terraform.tfstate")
    assert caught.value.hint == f"say it: --zone-name {ZONE}=example.com"

    found = read_state(state(RULESET_V5), "f", {ZONE: "other.example"})
    assert found.zones[0].name == "other.example"


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"{}", "is no Terraform state"),
        (b"[]", "is no Terraform state"),
        (b'{"version": 3, "resources": []}', "is of state format 3"),
        (b"nothing", "is not JSON"),
    ],
)
def test_another_file_is_no_state(data: bytes, message: str) -> None:
    with pytest.raises(PolicyError, match=message):
        read_state(data, "f")


def test_a_resource_of_another_shape_is_named() -> None:
    broken = resource("list", {"name": 7, "kind": "ip"}, module="module.lists")

    with pytest.raises(PolicyError) as caught:
        read_state(state(broken), "terraform.tfstate")

    assert caught.value.where == "terraform.tfstate: module.lists.cloudflare_list.it: name"


def test_what_is_no_resource_is_passed_over() -> None:
    odd = {"mode": "managed", "type": "cloudflare_list", "instances": [None, {"attributes": None}]}

    assert read_state(state(odd, resources=[7, odd]), "f").accounts == []
