# SPDX-License-Identifier: Apache-2.0
"""The life of every resource of Cloudflare's Terraform provider, request by request.

What the provider sends was recorded (terraform_provider.py), with its real executable against this
API. "The second plan is empty" means that a read gives what was written, for every attribute that
the provider compares.
"""

from __future__ import annotations

import re
import time
from contextlib import closing
from typing import TYPE_CHECKING, Any

import pytest

from authz.demo.pki import make_root
from authz.services.permissions import ACCOUNT_WIDE, EVERY_ZONE, Grant, Level, Resource
from authz.services.revocation import revoke_certificate
from authz.services.rulesets import append_rule, get_rules
from tests.contract.terraform_provider import (
    IDENTIFIER,
    ClientCertificate,
    Hosts,
    Item,
    List,
    MtlsCertificate,
    Provider,
    RefusedError,
    Ruleset,
    Zone,
)
from tests.factories.issuing import csr

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.contract.sdk_server import SdkServer

MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z")
BLOCK = {
    "ref": "protect_admin",
    "description": "needs a certificate",
    "expression": "(not cf.tls_client_auth.cert_verified or cf.tls_client_auth.cert_revoked) and "
    'http.request.uri.path in {"/admin"}',
    "action": "block",
    "action_parameters": {
        "response": {
            "status_code": 403,
            "content": '{"error":"mTLS"}',
            "content_type": "application/json",
        }
    },
}
LOG = {"ref": "seen", "expression": 'http.host eq "b.tf.example"', "action": "log"}
SKIP = {
    "ref": "office",
    "expression": "ip.src in {192.0.2.0/24}",
    "action": "skip",
    "action_parameters": {"ruleset": "current"},
}


@pytest.fixture
def provider(server: SdkServer) -> Iterator[Provider]:
    with closing(Provider(server.base_url, server.token)) as made:
        yield made


@pytest.fixture(params=["zones", "accounts"])
def scope(request: pytest.FixtureRequest, server: SdkServer) -> str:
    return f"{request.param}/{server.zone_id if request.param == 'zones' else server.account_id}"


@pytest.fixture
def zone(server: SdkServer, provider: Provider) -> Zone:
    made = Zone(account_id=server.account_id, name="tf.example")
    made.create(provider)
    return made


def audited(server: SdkServer) -> list[str]:
    with server.store.read() as session:
        return [one.action for one in session.audit.latest(most=1000)]


def authority(name: str = "Own") -> str:
    return make_root(name, at=time.time()).pem.decode()


# cloudflare_zone


def test_a_zone(server: SdkServer, provider: Provider) -> None:
    zone = Zone(account_id=server.account_id, name="tf.example")

    made = zone.create(provider)

    assert IDENTIFIER.fullmatch(zone.id)
    assert made["status"] == "active"
    for moment in ("created_on", "modified_on", "activated_on"):
        assert MOMENT.fullmatch(made[moment])
    assert zone.read(provider) == made
    assert zone.differs(provider) == {}
    # As data sources look for it.
    assert provider.result("GET", "/zones?name=tf.example") == [made]
    found = f"/zones?account.id={server.account_id}"
    assert made in provider.result("GET", found)
    assert provider.result("GET", f"{found}&page=2") == []


def test_a_zone_that_is_empty_is_destroyed(provider: Provider, zone: Zone) -> None:
    zone.destroy(provider)

    with pytest.raises(RefusedError) as caught:
        zone.read(provider)
    # The provider takes it out of the state.
    assert caught.value.status == 404


def test_the_zone_default_stays_when_it_is_destroyed(server: SdkServer, provider: Provider) -> None:
    (found,) = provider.result("GET", "/zones?name=default")
    zone = Zone(account_id=server.account_id, name="default", id=found["id"])
    with pytest.raises(RefusedError, match="the zone default has every host") as caught:
        zone.destroy(provider)

    assert caught.value.status == 400
    assert zone.differs(provider) == {}


@pytest.mark.parametrize(
    ("change", "pointer"), [({"paused": True}, "/paused"), ({"type": "partial"}, "/type")]
)
def test_what_a_zone_cannot_be_ends_the_apply(
    server: SdkServer, provider: Provider, change: dict[str, Any], pointer: str
) -> None:
    with pytest.raises(RefusedError) as caught:
        Zone(account_id=server.account_id, name="tf.example", **change).create(provider)

    assert (caught.value.status, caught.value.pointers) == (400, [pointer])
    assert provider.result("GET", "/zones?name=tf.example") == []


# cloudflare_ruleset


def test_a_ruleset(provider: Provider, scope: str) -> None:
    ruleset = Ruleset(scope=scope, name="mtls", rules=[BLOCK, LOG])

    made = ruleset.create(provider)

    assert IDENTIFIER.fullmatch(ruleset.id)
    assert re.fullmatch(r"[0-9]+", ruleset.version)
    assert MOMENT.fullmatch(made["last_updated"])
    assert all(IDENTIFIER.fullmatch(one["id"]) for one in made["rules"])
    assert [one["ref"] for one in made["rules"]] == ["protect_admin", "seen"]
    assert ruleset.read(provider) == made
    assert ruleset.differs(provider) == []
    assert ruleset.imported(provider) == made
    assert ruleset.differs(provider) == []


def test_without_rules(provider: Provider, scope: str) -> None:
    ruleset = Ruleset(scope=scope, description="nothing yet")

    ruleset.create(provider)

    assert ruleset.differs(provider) == []


def test_rules_keep_their_identifiers_by_their_refs(provider: Provider, scope: str) -> None:
    ruleset = Ruleset(scope=scope, rules=[BLOCK, LOG, {**LOG, "ref": "third"}])
    ids = {one["ref"]: one["id"] for one in ruleset.create(provider)["rules"]}

    def applied(*rules: dict[str, Any]) -> dict[str, str]:
        ruleset.rules = list(rules)
        before = int(ruleset.version)
        result = ruleset.update(provider)
        assert ruleset.differs(provider) == []
        assert [one["ref"] for one in result["rules"]] == [one["ref"] for one in rules]
        assert int(ruleset.version) == before + 1
        return {one["ref"]: one["id"] for one in result["rules"]}

    third = ruleset.rules[2]
    changed = {**BLOCK, "expression": "ssl", "description": "another"}
    assert applied(changed, LOG, third) == ids
    assert applied(third, changed, LOG) == ids
    assert applied(third, LOG) == {ref: ids[ref] for ref in ("third", "seen")}
    new = applied(third, BLOCK, LOG)
    assert {ref: new[ref] for ref in ("third", "seen")} == {
        ref: ids[ref] for ref in ("third", "seen")
    }
    assert new["protect_admin"] not in ids.values()
    logged = {key: value for key, value in BLOCK.items() if key != "action_parameters"}
    assert applied(third, {**logged, "action": "log", "enabled": False}, LOG) == new
    assert applied() == {}


def test_the_same_again_is_no_new_version(provider: Provider, scope: str) -> None:
    ruleset = Ruleset(scope=scope, rules=[BLOCK, LOG])
    ruleset.create(provider)

    ruleset.update(provider)

    assert ruleset.version == "1"


def test_a_rule_without_a_ref_is_another_one_after_each_apply(
    provider: Provider, scope: str
) -> None:
    nameless = {"expression": "ssl", "action": "log"}
    ruleset = Ruleset(scope=scope, rules=[BLOCK, nameless])
    first, second = ruleset.create(provider)["rules"]
    assert second["ref"] == second["id"]
    assert ruleset.differs(provider) == []
    ruleset.rules = [{**BLOCK, "enabled": False}, nameless]

    kept, other = ruleset.update(provider)["rules"]

    assert (kept["id"], other["id"] != second["id"]) == (first["id"], True)
    assert ruleset.differs(provider) == []


@pytest.mark.parametrize(
    ("parameters", "logging"),
    [
        ({"ruleset": "current"}, None),
        ({"ruleset": "current"}, {"enabled": False}),
        ({"phases": ["http_ratelimit"], "products": ["waf", "bic"]}, {"enabled": True}),
    ],
)
def test_a_rule_that_skips(
    server: SdkServer, provider: Provider, parameters: Any, logging: Any
) -> None:
    skip = {**SKIP, "action_parameters": parameters}
    skip |= {} if logging is None else {"logging": logging}
    ruleset = Ruleset(scope=f"zones/{server.zone_id}", rules=[skip, BLOCK])

    made = ruleset.create(provider)

    assert made["rules"][0]["logging"] == (logging or {"enabled": True})
    assert "logging" not in made["rules"][1]
    assert ruleset.differs(provider) == []
    ruleset.rules = [BLOCK, skip]
    again = ruleset.update(provider)
    assert again["rules"][1] == made["rules"][0]
    assert ruleset.differs(provider) == []


def test_a_rule_that_skips_others_names_them_by_their_identifiers(
    server: SdkServer, provider: Provider
) -> None:
    ruleset = Ruleset(scope=f"zones/{server.zone_id}", rules=[BLOCK])
    (block,) = ruleset.create(provider)["rules"]
    ruleset.rules = [
        {**SKIP, "action_parameters": {"rules": {ruleset.id: [block["id"]]}}},
        BLOCK,
    ]

    ruleset.update(provider)

    assert ruleset.differs(provider) == []


def test_a_ruleset_is_destroyed_and_made_again(provider: Provider, scope: str) -> None:
    ruleset = Ruleset(scope=scope, rules=[BLOCK])
    ruleset.create(provider)
    before = ruleset.id

    ruleset.destroy(provider)

    assert ruleset.gone(provider)
    ruleset.create(provider)
    assert ruleset.id != before
    assert ruleset.differs(provider) == []


def test_one_that_is_there_already_is_not_taken_over(provider: Provider, scope: str) -> None:
    first = Ruleset(scope=scope, name="first", rules=[BLOCK])
    first.create(provider)

    with pytest.raises(RefusedError) as caught:
        Ruleset(scope=scope, name="second", rules=[LOG]).create(provider)

    assert (caught.value.status, caught.value.codes) == (400, [20217])
    assert caught.value.pointers == ["/kind"]
    assert first.differs(provider) == []


def test_what_was_changed_elsewhere_is_in_the_plan(server: SdkServer, provider: Provider) -> None:
    ruleset = Ruleset(scope=f"zones/{server.zone_id}", rules=[BLOCK])
    ruleset.create(provider)
    append_rule(server.store, "default", LOG, actor="somebody", at=time.time())

    assert ruleset.differs(provider) == [("rules", 2)]
    ruleset.update(provider)
    assert ruleset.differs(provider) == []


@pytest.mark.parametrize(
    ("rule", "pointer"),
    [
        ({**BLOCK, "expression": 'http.hots eq "a"'}, "/rules/1/expression"),
        ({**BLOCK, "expression": "ip.src in $nowhere"}, "/rules/1/expression"),
        ({**BLOCK, "action": "managed_challenge"}, "/rules/1/action"),
        # What the provider makes of `phase = "current"`, which it does not know.
        ({**SKIP, "action_parameters": {}}, "/rules/1/action_parameters"),
        ({**BLOCK, "ref": "seen"}, "/rules/1/ref"),
    ],
)
@pytest.mark.parametrize("dry_run", [False, True], ids=["apply", "plan"])
def test_what_is_wrong_with_a_rule_is_said_at_the_plan_as_at_the_apply(
    server: SdkServer, provider: Provider, rule: dict[str, Any], pointer: str, dry_run: bool
) -> None:
    ruleset = Ruleset(scope=f"zones/{server.zone_id}", rules=[LOG, rule])

    with pytest.raises(RefusedError) as caught:
        ruleset.create(provider, dry_run=dry_run)

    assert (caught.value.status, caught.value.pointers) == (400, [pointer])
    assert get_rules(server.store, "default").rules == ()


# Plans of a provider that tries them: the request of the apply, with ?dry_run=true.


def test_a_plan_that_creates_leaves_nothing(
    server: SdkServer, provider: Provider, scope: str
) -> None:
    ruleset = Ruleset(scope=scope, rules=[BLOCK, LOG])
    before = audited(server)

    assert ruleset.create(provider, dry_run=True) is None

    assert provider.result("GET", f"/{scope}/rulesets") == []
    assert audited(server) == before
    assert ruleset.create(provider)["version"] == "1"


def test_a_plan_that_changes_leaves_what_is_there(
    server: SdkServer, provider: Provider, scope: str
) -> None:
    ruleset = Ruleset(scope=scope, rules=[BLOCK, LOG])
    made = ruleset.create(provider)
    before = audited(server)
    ruleset.rules = [LOG, {**BLOCK, "expression": "ssl"}]

    assert ruleset.update(provider, dry_run=True) is None

    assert ruleset.read(provider) == made
    assert audited(server) == before
    after = ruleset.update(provider)
    assert [one["id"] for one in after["rules"]] == [one["id"] for one in made["rules"]][::-1]


def test_a_plan_of_a_second_one_fails_as_its_apply_would(provider: Provider, scope: str) -> None:
    Ruleset(scope=scope, rules=[BLOCK]).create(provider)

    with pytest.raises(RefusedError) as caught:
        Ruleset(scope=scope, rules=[LOG]).create(provider, dry_run=True)

    assert (caught.value.status, caught.value.codes) == (400, [20217])


def test_a_plan_with_a_token_that_only_reads_is_no_mistake_of_the_configuration(
    server: SdkServer, scope: str
) -> None:
    grants = [
        Grant(resource=Resource.RULES, level=Level.READ, place=place)
        for place in (EVERY_ZONE, ACCOUNT_WIDE)
    ]
    with (
        closing(Provider(server.base_url, server.token_for(grants))) as reader,
        pytest.raises(RefusedError) as caught,
    ):
        Ruleset(scope=scope, rules=[BLOCK]).create(reader, dry_run=True)

    # Only a 400 fails the plan; this is a warning.
    assert caught.value.status == 403


# cloudflare_client_certificate


def test_a_client_certificate(provider: Provider, zone: Zone) -> None:
    client = ClientCertificate(zone_id=zone.id, csr=csr("alice").decode(), validity_days=30)

    made = client.create(provider)

    assert IDENTIFIER.fullmatch(client.id)
    assert made["status"] == "active"
    assert made["common_name"] == "alice"
    for key in ("certificate", "fingerprint_sha256", "serial_number", "signature", "ski"):
        assert made[key]
    for moment in ("issued_on", "expires_on"):
        assert MOMENT.fullmatch(made[moment])
    assert {"id", "name"} <= made["certificate_authority"].keys()
    assert client.read(provider) == made
    assert client.differs(provider) == []
    # `reactivate = true` of one that is active is no change.
    assert client.reactivate(provider) == made
    client.destroy(provider)
    # Never gone: it was revoked.
    assert client.read(provider)["status"] == "revoked"
    assert client.reactivate(provider)["status"] == "active"
    # As its data source reads them.
    found = f"/zones/{zone.id}/client_certificates"
    assert [one["id"] for one in provider.result("GET", found)] == [client.id]
    assert provider.result("GET", f"{found}?page=2") == []


def test_one_that_was_revoked_elsewhere_is_no_difference(
    server: SdkServer, provider: Provider, zone: Zone
) -> None:
    client = ClientCertificate(zone_id=zone.id, csr=csr("alice").decode(), validity_days=30)
    client.create(provider)

    revoke_certificate(server.store, client.id, actor="somebody", at=time.time())

    assert client.differs(provider) == []
    assert client.read(provider)["status"] == "revoked"


@pytest.mark.parametrize(
    "written", [lambda text: text.rstrip(), lambda text: text.replace("\n", "\r\n")]
)
def test_a_request_is_compared_as_it_was_written(
    provider: Provider, zone: Zone, written: Any
) -> None:
    text = written(csr("alice").decode())
    client = ClientCertificate(zone_id=zone.id, csr=text, validity_days=1)

    assert client.create(provider)["csr"] == text
    assert client.read(provider)["csr"] == text


# cloudflare_mtls_certificate


@pytest.mark.parametrize("name", [None, "own ca"])
def test_an_authority(server: SdkServer, provider: Provider, name: str | None) -> None:
    own = MtlsCertificate(account_id=server.account_id, certificates=authority(), name=name)

    made = own.create(provider)

    for moment in ("expires_on", "uploaded_on", "updated_at"):
        assert MOMENT.fullmatch(made.pop(moment))
    for key in ("issuer", "serial_number", "signature"):
        assert made[key]
    assert made.items() <= own.read(provider).items()
    assert own.differs(provider) == []
    own.destroy(provider)
    assert own.gone(provider)


@pytest.mark.parametrize(
    "written",
    [
        lambda text: text.rstrip("\n"),
        lambda text: text.replace("\n", "\r\n"),
        lambda text: f"Certificate:\n    Data: Zoë\n{text}",
        lambda text: f"{text}\n{authority('Other')}",
    ],
)
def test_certificates_are_compared_as_they_were_written(
    server: SdkServer, provider: Provider, written: Any
) -> None:
    text = written(authority())
    own = MtlsCertificate(account_id=server.account_id, certificates=text)

    own.create(provider)

    assert own.differs(provider) == []
    assert own.read(provider)["certificates"] == text


def test_an_authority_that_hosts_ask_for_stays(
    server: SdkServer, provider: Provider, zone: Zone
) -> None:
    own = MtlsCertificate(account_id=server.account_id, certificates=authority())
    own.create(provider)
    hosts = Hosts(zone_id=zone.id, mtls_certificate_id=own.id, hostnames=["a.tf.example"])
    hosts.apply(provider)

    # Their destroy sends nothing, so they are there when the authority is to go.
    with pytest.raises(RefusedError, match=r"a\.tf\.example"):
        own.destroy(provider)

    hosts.hostnames = []
    hosts.apply(provider)
    own.destroy(provider)
    assert own.gone(provider)


# cloudflare_certificate_authorities_hostname_associations


def test_hosts_of_the_managed_ca_and_of_an_own_one(
    server: SdkServer, provider: Provider, zone: Zone
) -> None:
    own = MtlsCertificate(account_id=server.account_id, certificates=authority())
    own.create(provider)
    managed = Hosts(zone_id=zone.id, hostnames=["b.tf.example", "a.tf.example"])
    others = Hosts(zone_id=zone.id, hostnames=["c.tf.example"], mtls_certificate_id=own.id)
    assert managed.read(provider) == []

    for hosts in (managed, others):
        hosts.apply(provider)

    assert (managed.differs(provider), others.differs(provider)) == ([], [])
    for names in (["a.tf.example", "b.tf.example"], ["*.tf.example", "a.tf.example"], []):
        managed.hostnames = names
        managed.apply(provider)
        assert (managed.differs(provider), others.differs(provider)) == ([], [])


# cloudflare_list


@pytest.mark.parametrize(
    ("kind", "first", "second"),
    [
        (
            "ip",
            [{"ip": "192.0.2.0/24", "comment": "net"}, {"ip": "2001:db8::/32"}],
            [{"ip": "192.0.2.0/24", "comment": "nets"}, {"ip": "198.51.100.7"}],
        ),
        ("asn", [{"asn": 64512, "comment": "us"}, {"asn": 7}], [{"asn": 7, "comment": "them"}]),
        (
            "hostname",
            [
                {"hostname": {"url_hostname": "x.example"}},
                {"hostname": {"url_hostname": "*.a.example", "exclude_exact_hostname": True}},
                {"hostname": {"url_hostname": "*.b.example", "exclude_exact_hostname": False}},
            ],
            [{"hostname": {"url_hostname": "*.a.example", "exclude_exact_hostname": False}}],
        ),
    ],
)
def test_a_list(
    server: SdkServer, provider: Provider, kind: str, first: list[Any], second: list[Any]
) -> None:
    one = List(account_id=server.account_id, name="office", kind=kind, items=first)

    made = one.create(provider)

    assert IDENTIFIER.fullmatch(one.id)
    assert (made["num_items"], made["num_referencing_filters"]) == (0, 0)
    for moment in ("created_on", "modified_on"):
        assert MOMENT.fullmatch(made[moment])
    assert one.differs(provider) == []
    assert one.read(provider)["num_items"] == len(first)
    one.items, one.description = second, " addresses\nof offices"
    one.update(provider)
    assert one.differs(provider) == []
    one.items, one.description = [], ""
    one.update(provider)
    assert one.differs(provider) == []
    one.destroy(provider)
    assert one.gone(provider)


def test_a_list_of_more_than_a_page(server: SdkServer, provider: Provider) -> None:
    items = [{"ip": f"10.{number >> 8}.{number & 255}.1"} for number in range(1201)]
    one = List(account_id=server.account_id, name="many", kind="ip", items=items)

    one.create(provider)

    provider.sent.clear()
    assert one.differs(provider) == []
    assert [sent.partition("?")[2].partition("&cursor=")[0] for sent in provider.sent] == [
        "",
        *["per_page=500&search="] * 3,
    ]


def test_a_list_that_rules_name_stays(server: SdkServer, provider: Provider) -> None:
    one = List(account_id=server.account_id, name="office", kind="ip", items=[{"ip": "192.0.2.1"}])
    one.create(provider)
    rule = {**BLOCK, "expression": "ip.src in $office"}
    ruleset = Ruleset(scope=f"zones/{server.zone_id}", rules=[rule])
    ruleset.create(provider)

    # What Terraform does without depends_on.
    with pytest.raises(RefusedError, match="rules name the list"):
        one.destroy(provider)

    ruleset.destroy(provider)
    one.destroy(provider)
    assert one.gone(provider)


# cloudflare_list_item


@pytest.mark.parametrize(
    ("kind", "value", "others"),
    [
        ("ip", {"ip": "192.0.2.1"}, [{"ip": "192.0.2.10"}, {"ip": "192.0.2.11"}]),
        ("ip", {"ip": "2001:db8::/32", "comment": "six"}, []),
        ("asn", {"asn": 64496}, [{"asn": 6449}]),
        (
            "hostname",
            {
                "hostname": {"url_hostname": "*.a.example", "exclude_exact_hostname": True},
                "comment": "all",
            },
            [{"hostname": {"url_hostname": "a.example"}}],
        ),
    ],
)
def test_an_item_of_a_list(
    server: SdkServer,
    provider: Provider,
    kind: str,
    value: dict[str, Any],
    others: list[dict[str, Any]],
) -> None:
    of = List(account_id=server.account_id, name="items", kind=kind)
    of.create(provider)
    for other in others:
        Item(of=of, value=other).create(provider)
    item = Item(of=of, value=value)

    made = item.create(provider)

    for moment in ("created_on", "modified_on"):
        assert MOMENT.fullmatch(made[moment])
    assert item.differs(provider) == []
    assert of.differs(provider) == []
    assert len(of.read_items(provider)) == len(others) + 1
    item.destroy(provider)
    assert item.gone(provider)
    assert len(of.read_items(provider)) == len(others)


# What is the same for all


def test_imports_read_all_that_the_configuration_has(server: SdkServer, provider: Provider) -> None:
    account_id, zone_id = server.account_id, server.zone_id
    request = csr("alice").decode()
    client = ClientCertificate(zone_id=zone_id, csr=request, validity_days=30)
    own = MtlsCertificate(account_id=account_id, certificates=authority(), name="own ca")
    office = List(account_id=account_id, name="office", kind="ip", description="us")
    for made in (client, own, office):
        made.create(provider)
    item = Item(of=office, value={"ip": "192.0.2.1", "comment": "one"})
    item.create(provider)
    hosts = Hosts(zone_id=zone_id, hostnames=["a.example.net"], mtls_certificate_id=own.id)
    hosts.apply(provider)

    # By `ZONE/ID`, `ACCOUNT/ID` and `ZONE/CA` alone: whatever else the state has is read.
    found = ClientCertificate(zone_id=zone_id, id=client.id, csr="", validity_days=0).read(provider)
    assert (found["csr"], found["validity_days"]) == (request, 30)
    found = MtlsCertificate(account_id=account_id, id=own.id, certificates="").read(provider)
    assert (found["certificates"], found["name"], found["ca"]) == (own.certificates, own.name, True)
    again = List(account_id=account_id, id=office.id, name="", kind="")
    found = again.read(provider)
    assert (found["name"], found["kind"], found["description"]) == ("office", "ip", "us")
    assert again.read_items(provider) == [item.value]
    found = Item(of=again, id=item.id, value={}).read(provider)
    assert item.value.items() <= found.items()
    imported = Hosts(zone_id=zone_id, hostnames=[], mtls_certificate_id=own.id)
    assert imported.read(provider) == hosts.hostnames


def test_an_answer_that_was_lost_is_given_again(
    server: SdkServer, provider: Provider, zone: Zone
) -> None:
    client = ClientCertificate(zone_id=zone.id, csr=csr("alice").decode(), validity_days=30)
    ruleset = Ruleset(scope=f"zones/{zone.id}", rules=[BLOCK])
    of = List(account_id=server.account_id, name="items", kind="ip")
    for create in (client.create, ruleset.create, of.create):
        server.faults.replace(500)
        create(provider)

    found = provider.result("GET", f"/zones/{zone.id}/client_certificates")
    assert [one["id"] for one in found] == [client.id]
    assert ruleset.differs(provider) == []
    assert of.differs(provider) == []


def test_all_of_it_from_the_first_apply_to_the_destroy(
    server: SdkServer, provider: Provider
) -> None:
    account_id = server.account_id
    zone = Zone(account_id=account_id, name="tf.example")
    zone.create(provider)
    office = List(account_id=account_id, name="office", kind="ip", items=[{"ip": "192.0.2.0/24"}])
    hosts_list = List(account_id=account_id, name="some_hosts", kind="hostname")
    own = MtlsCertificate(account_id=account_id, certificates=authority(), name="own ca")
    for made in (office, hosts_list, own):
        made.create(provider)
    item = Item(of=hosts_list, value={"hostname": {"url_hostname": "a.tf.example"}})
    item.create(provider)
    named = {**SKIP, "expression": "ip.src in $office"}
    in_zone = Ruleset(scope=f"zones/{zone.id}", name="mtls", rules=[BLOCK, named, LOG])
    in_account = Ruleset(
        scope=f"accounts/{account_id}", name="all", rules=[{**LOG, "expression": "ssl"}]
    )
    client = ClientCertificate(zone_id=zone.id, csr=csr("alice").decode(), validity_days=30)
    for later in (in_zone, in_account, client):
        later.create(provider)
    managed = Hosts(zone_id=zone.id, hostnames=["b.tf.example", "a.tf.example"])
    others = Hosts(zone_id=zone.id, hostnames=["c.tf.example"], mtls_certificate_id=own.id)
    for hosts in (managed, others):
        hosts.apply(provider)
    every = (
        *(zone, office, hosts_list, own, item),
        *(in_zone, in_account, client, managed, others),
    )

    assert [one.differs(provider) for one in every] == [{}, *[[]] * 9]  # type: ignore[attr-defined]
    before = audited(server)
    assert [one.differs(provider) for one in every] == [{}, *[[]] * 9]  # type: ignore[attr-defined]
    assert audited(server) == before

    for hosts in (managed, others):
        hosts.hostnames = []
        hosts.apply(provider)
    for gone in (in_zone, in_account, client, item, office, hosts_list, own):
        gone.destroy(provider)

    assert all(one.gone(provider) for one in (in_zone, in_account, office, hosts_list, own))
    assert client.read(provider)["status"] == "revoked"
    assert zone.differs(provider) == {}
