# SPDX-License-Identifier: Apache-2.0
"""What was read of Cloudflare, rehearsed and applied: zone by zone, again, and in part."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from authz.errors import ConflictError, StoreUnavailableError
from authz.services.authority_creation import upload_authority
from authz.services.cloudflare_import import apply_import, rehearse_import
from authz.services.cloudflare_options import ImportOptions
from authz.services.cloudflare_report import Report, Verdict
from authz.services.hosts import add_host, list_hosts
from authz.services.revocation import list_revoked
from authz.services.rulesets import append_rule, get_rules
from authz.services.zones import create_zone, list_zones
from authz.sources.cloudflare_client import CloudflareClient
from authz.sources.cloudflare_reader import read_cloudflare
from tests.factories.cloudflare import (
    BASE,
    MANAGED_CA,
    OWN_CA,
    OWN_CA_ID,
    TOKEN,
    FakeCloudflare,
    FakeZone,
    client_certificate,
    fake_list,
    own_ca,
    rule,
    ruleset,
    typical,
)
from tests.factories.http_server import serving
from tests.factories.pki import AT, root

if TYPE_CHECKING:
    from authz.services.cloudflare_report import Item
    from authz.sources.cloudflare_document import ExportDocument
    from tests.unit.services.conftest import World

OPTIONS = ImportOptions(actor="importer", at=AT)


def read(fake: FakeCloudflare) -> ExportDocument:
    with serving(fake.answer) as server:
        return read_cloudflare(CloudflareClient(server.url(BASE), TOKEN))


def rehearsed(world: World, fake: FakeCloudflare, **options: Any) -> Report:
    return rehearse_import(world.store, read(fake), replace(OPTIONS, **options))


def applied(world: World, fake: FakeCloudflare, **options: Any) -> Report:
    document, chosen = read(fake), replace(OPTIONS, **options)
    report = rehearse_import(world.store, document, chosen)
    return apply_import(world.store, document, chosen, rehearsed=report, agreed=report.losses)


def items(report: Report, kind: str) -> list[Item]:
    return [one for part in report.parts for one in part.items if one.kind == kind]


def codes(item: Item) -> list[str]:
    return [note.code for note in item.notes]


def test_a_report_writes_nothing(world: World) -> None:
    report = rehearsed(world, typical())

    assert [part.title for part in report.parts] == ["account Acme", "zone example.com"]
    assert report.parts[1].changes == (
        "the zone is made",
        "authority Own CA: uploaded",
        "authority Own CA: asked for by api.example.com",
        "rules new: protect",
    )
    assert [one.name for one in list_zones(world.store)] == ["default"]
    assert world.audited() == []


def test_everything_of_a_zone_is_taken(world: World) -> None:
    protect = rule("protect", description="Only ours")
    report = applied(world, typical(rulesets=[ruleset(protect)]))

    assert report.complete
    assert all(part.applied for part in report.parts)
    (host,) = list_hosts(world.store)
    assert (host.hostname, host.zone.name) == ("api.example.com", "example.com")
    assert [one.name for one in host.authorities] == ["Own CA"]
    (kept,) = get_rules(world.store, "example.com").rules
    assert (kept["ref"], kept["expression"]) == ("protect", protect["expression"])
    assert (kept["description"], kept["id"] != protect["id"]) == ("Only ours", True)
    with world.store.read() as session:
        (office,) = session.lists.all()
        assert [(one.value, one.comment) for one in session.lists.items(office.id)] == [
            ("192.0.2.0/24", "here")
        ]
    assert [entry.action for entry in reversed(world.audited())] == [
        "list.import",
        "zone.create",
        "authority.upload",
        "host.replace",
        "ruleset.import",
    ]
    assert {entry.actor for entry in world.audited()} == {"importer"}


def test_again_it_changes_nothing(world: World) -> None:
    fake = typical(
        rulesets=[
            ruleset(
                rule("one"),
                rule("two", "ip.src in $office", "skip", action_parameters={"ruleset": "current"}),
            )
        ],
        certificates=[client_certificate("a"), client_certificate("b", "revoked", 0xB1)],
        hosts={OWN_CA_ID: ["api.example.com"], "": ["old.example.com"]},
    )
    applied(world, fake, managed_ca=MANAGED_CA.pem)
    before = len(world.audited())
    with world.store.read() as session:
        revision = session.revision

    report = applied(world, fake, managed_ca=MANAGED_CA.pem)

    assert [part.changes for part in report.parts] == [(), ()]
    assert len(world.audited()) == before
    with world.store.read() as session:
        assert session.revision == revision


def test_what_changed_at_cloudflare_changes_here(world: World) -> None:
    fake = typical(rulesets=[ruleset(rule("a"), rule("b"), rule("c"))])
    applied(world, fake)
    fake.zones[0].rulesets = [ruleset(rule("c"), rule("b", "ssl"), rule("d"))]
    fake.zones[0].hosts = {OWN_CA_ID: ["new.example.com"]}
    fake.lists[0]["items"] = [{"id": "1", "ip": "198.51.100.1"}]

    report = applied(world, fake)

    assert report.parts[0].changes == ("list office: 1 items come, 1 go",)
    assert report.parts[1].changes == (
        "authority Own CA: asked for by new.example.com",
        "rules new: d",
        "rules changed: b",
        "rules removed: a",
        "the order of rules changes",
    )
    assert report.losses == (
        "zone example.com: api.example.com asks no more for certificates of Own CA",
        "zone example.com: rule a goes",
    )
    assert [one["ref"] for one in get_rules(world.store, "example.com").rules] == ["c", "b", "d"]


def test_rules_that_are_here_and_would_go_are_losses(world: World) -> None:
    create_zone(world.store, "example.com", actor="t", at=AT)
    mine = {"ref": "mine", "expression": "ssl", "action": "block"}
    append_rule(world.store, "example.com", mine, actor="t", at=AT)

    assert "zone example.com: rule mine goes" in rehearsed(world, typical()).losses


def test_a_new_zone_whose_names_are_protected_until_then_is_a_loss(world: World) -> None:
    world.ca()
    add_host(world.store, "*.com", authority="Acme", actor="t", at=AT)

    assert rehearsed(world, typical()).losses == (
        "zone example.com: *.com of the zone default answers for them",
    )


def test_a_zone_that_fails_leaves_the_others_and_nothing_of_its_own(world: World) -> None:
    world.ca()
    add_host(world.store, "api.bad.example", authority="Acme", actor="t", at=AT)
    fake = FakeCloudflare(
        zones=[
            FakeZone(name="bad.example", number=1, rulesets=[ruleset(rule("x"))]),
            FakeZone(name="good.example", number=2, rulesets=[ruleset(rule("y"))]),
        ]
    )

    report = applied(world, fake)

    _, bad, good = report.parts
    assert isinstance(bad.error, ConflictError)
    assert (bad.applied, good.applied, report.complete) == (False, True, False)
    assert {one.name for one in list_zones(world.store)} == {"default", "good.example"}


def test_what_a_zone_that_failed_would_have_made_is_made_by_another(world: World) -> None:
    office = ruleset(rule("x", "not ip.src in $office"))
    twice = ruleset(rule("x", "not ip.src in $office"), {**rule("x"), "id": "f" * 32})
    fake = FakeCloudflare(
        zones=[
            FakeZone(name="bad.example", number=1, rulesets=[office]),
            FakeZone(name="good.example", number=2, rulesets=[office]),
        ],
        lists=[fake_list("office", "ip", {"ip": "192.0.2.1"})],
    )
    applied(world, fake)
    fake.zones[0].rulesets = [twice]
    fake.lists = [fake_list("office", "ip", {"ip": "192.0.2.2"})]

    report = applied(world, fake)

    assert [part.error is None for part in report.parts] == [True, False, True]
    with world.store.read() as session:
        (office_list,) = session.lists.all()
        assert list(session.lists.values(office_list.id)) == ["192.0.2.2"]


def test_more_losses_than_were_agreed_to_are_not_taken(world: World) -> None:
    document = read(typical())
    report = rehearse_import(world.store, document, OPTIONS)
    create_zone(world.store, "example.com", actor="t", at=AT)
    mine = {"ref": "mine", "expression": "ssl", "action": "block"}
    append_rule(world.store, "example.com", mine, actor="t", at=AT)

    report = apply_import(world.store, document, OPTIONS, rehearsed=report, agreed=report.losses)

    assert "was changed meanwhile: rule mine goes" in str(report.parts[1].error)
    assert [one["ref"] for one in get_rules(world.store, "example.com").rules] == ["mine"]


def test_a_store_that_is_gone_ends_it(world: World) -> None:
    document = read(typical())
    report = rehearse_import(world.store, document, OPTIONS)
    world.store.close()
    with pytest.MonkeyPatch.context() as patch:

        def gone() -> None:
            raise StoreUnavailableError("gone")

        patch.setattr(world.store, "write", gone)
        patch.setattr(world.store, "rehearsal", lambda: world.store)
        with pytest.raises(StoreUnavailableError):
            apply_import(world.store, document, OPTIONS, rehearsed=report, agreed=())


def test_hosts_of_the_managed_ca_are_not_trusted_without_its_certificate(world: World) -> None:
    fake = typical(
        hosts={"": ["api.example.com"]},
        certificates=[client_certificate("a"), client_certificate("b", "revoked", 2)],
    )

    report = rehearsed(world, fake)

    (hosts,) = items(report, "hosts")
    assert (hosts.verdict, codes(hosts)) == (Verdict.CANNOT, ["not_trusted"])
    (clients,) = items(report, "client certificates")
    assert (clients.name, clients.verdict) == ("1 active, 1 revoked", Verdict.CANNOT)
    text = clients.notes[0].text
    assert "CN=Managed CA 7f" in text
    assert "whose key never leaves Cloudflare" in text
    assert list_hosts(world.store) == []


def test_with_its_certificate_the_managed_ca_is_trusted_and_what_is_revoked_stays_so(
    world: World,
) -> None:
    revoked = [
        client_certificate("b", "revoked", 0xB1),
        client_certificate("c", "pending_revocation", 0xC1),
    ]
    fake = typical(
        hosts={"": ["api.example.com"]}, certificates=[client_certificate("a"), *revoked]
    )

    report = applied(world, fake, managed_ca=MANAGED_CA.pem)

    (clients,) = items(report, "client certificates")
    assert clients.verdict is Verdict.CARRIES_OVER
    (host,) = list_hosts(world.store)
    assert [one.name for one in host.authorities] == ["Cloudflare Managed CA for account"]
    assert [
        one.serial for one in list_revoked(world.store, "Cloudflare Managed CA for account")
    ] == ["B1", "C1"]


def test_what_was_restored_at_cloudflare_stays_revoked_here(world: World) -> None:
    fake = typical(
        hosts={"": ["api.example.com"]}, certificates=[client_certificate("b", "revoked", 0xB1)]
    )
    applied(world, fake, managed_ca=MANAGED_CA.pem)
    fake.zones[0].certificates[0]["status"] = "active"

    report = rehearsed(world, fake, managed_ca=MANAGED_CA.pem)

    first, _ = items(report, "client certificates")
    assert (first.verdict, codes(first)) == (Verdict.CHANGES, ["revoked_here"])


def test_another_certificate_is_not_the_managed_ca(world: World) -> None:
    fake = typical(hosts={"": ["api.example.com"]}, certificates=[client_certificate("a")])

    report = rehearsed(world, fake, managed_ca=OWN_CA.pem)

    assert "none of 1 client certificates names the managed CA" in str(report.parts[1].error)
    assert report.parts[1].error is not None
    assert report.parts[1].error.hint == "they name CN=Managed CA 7f"


def test_a_rule_for_revoked_certificates_alone_knows_none_of_them(world: World) -> None:
    fake = typical(
        rulesets=[ruleset(rule("revoked", "cf.tls_client_auth.cert_revoked"))],
        hosts={"": ["api.example.com"]},
        certificates=[client_certificate("b", "revoked", 2)],
    )

    assert (
        "zone example.com: rule revoked knows none of 1 revoked certificates here"
        in rehearsed(world, fake).losses
    )
    assert not rehearsed(world, fake, managed_ca=MANAGED_CA.pem).losses


def test_an_authority_that_is_here_is_the_same(world: World) -> None:
    upload_authority(world.store, OWN_CA.pem, name="Ours", actor="t", at=AT)

    report = applied(world, typical())

    assert "authority Own CA: uploaded" not in report.parts[1].changes
    (host,) = list_hosts(world.store)
    assert [one.name for one in host.authorities] == ["Ours"]


def test_another_authority_of_the_same_name_keeps_it(world: World) -> None:
    upload_authority(world.store, root("Other").pem, name="Own CA", actor="t", at=AT)

    report = applied(world, typical())

    assert "authority Own CA (2): uploaded" in report.parts[1].changes


def test_certificates_that_are_no_ca_stay(world: World) -> None:
    fake = typical(hosts={"unknown": ["x.example.com"], OWN_CA_ID: ["api.example.com"]})
    leaf = OWN_CA.client("worker", at=AT).pem.decode()
    fake.certificates += [
        own_ca(id="leaf", name="Worker", ca=False, certificates=leaf),
        own_ca(id="gateway", name="Gateway", type="gateway_managed"),
        own_ca(id="broken", name="Broken", certificates="nothing"),
        own_ca(id="spare", name="Spare", certificates=root("Spare").pem.decode()),
    ]

    report = applied(world, fake)

    told = {one.name: (one.verdict, codes(one)) for one in items(report, "authority")}
    assert told == {
        "Worker": (Verdict.CANNOT, ["no_ca"]),
        "Gateway": (Verdict.CANNOT, ["no_ca"]),
        "Broken": (Verdict.CANNOT, []),
        "Spare": (Verdict.CARRIES_OVER, []),
        "Own CA": (Verdict.CARRIES_OVER, []),
    }
    with world.store.read() as session:
        assert {one.name for one in session.authorities.all()} == {"Own CA", "Spare"}


def test_hosts_of_a_certificate_that_cannot_be_trusted_are_said(world: World) -> None:
    fake = typical(hosts={OWN_CA_ID: ["api.example.com", "a.other.example"]})

    report = rehearsed(world, fake)
    (refused,) = items(report, "host")
    assert (refused.name, refused.verdict) == ("a.other.example", Verdict.CANNOT)

    fake.certificates = [own_ca(certificates="nothing")]
    (hosts,) = items(rehearsed(world, fake), "hosts")
    assert "certificates of Own CA" in hosts.notes[0].text

    document = read(typical())
    (account,) = document.accounts
    without = document.model_copy(
        update={"accounts": [account.model_copy(update={"mtls_certificates": []})]}
    )
    (hosts,) = items(rehearse_import(world.store, without, OPTIONS), "hosts")
    assert "which was not read" in hosts.notes[0].text


def test_trust_by_host_is_told_where_it_is_narrower(world: World) -> None:
    fake = typical()
    assert items(rehearsed(world, fake), "rule")[0].verdict is Verdict.CARRIES_OVER

    fake.certificates.append(
        own_ca(id="other", name="Other", certificates=root("Other").pem.decode())
    )
    (told,) = items(rehearsed(world, fake), "rule")

    assert (told.verdict, codes(told)) == (Verdict.CHANGES, ["trust_per_host"])


def test_what_lint_finds_is_told_and_carries_over(world: World) -> None:
    plain = '(not cf.tls_client_auth.cert_verified and http.host eq "api.example.com")'
    (told,) = items(rehearsed(world, typical(rulesets=[ruleset(rule("plain", plain))])), "rule")

    assert told.verdict is Verdict.CARRIES_OVER
    assert codes(told) == ["revoked_not_checked"]


def test_other_products_stay_and_those_that_protect_are_losses(world: World) -> None:
    fake = typical(
        rulesets=[
            ruleset(rule("a"), rule("b", enabled=False), phase="http_ratelimit", number=2),
            ruleset(rule("c"), phase="http_request_transform", number=3),
            ruleset(phase="http_request_redirect", number=4),
        ]
    )
    fake.rulesets = [ruleset(rule("g"), kind="root", phase="ddos_l7", number=5)]

    report = rehearsed(world, fake)

    assert [one.name for one in items(report, "ruleset")] == [
        "ddos_l7 (1 rules)",
        "http_ratelimit (2 rules)",
        "http_request_transform (1 rules)",
    ]
    assert report.losses == (
        "account Acme: 1 rules of ddos_l7 are left out",
        "zone example.com: 1 rules of http_ratelimit are left out",
    )


def test_a_paused_zone_does_more_here(world: World) -> None:
    (zone,) = items(rehearsed(world, typical(paused=True)), "zone")

    assert (zone.verdict, codes(zone)) == (Verdict.CHANGES, ["paused"])


def test_lists_come_with_the_zone_that_names_them(world: World) -> None:
    fake = typical(rulesets=[ruleset(rule("office", "not ip.src in $office"))])

    report = applied(world, fake)

    assert report.parts[0].changes == ()
    assert report.parts[1].changes[1] == "list office: 1 items"


def test_a_list_that_rules_read_and_that_changes_is_a_loss(world: World) -> None:
    fake = typical(rulesets=[ruleset(rule("office", "not ip.src in $office"))])
    applied(world, fake)
    fake.lists = [fake_list("office", "ip", {"ip": "0.0.0.0/0"})]

    assert rehearsed(world, fake).losses == (
        "zone example.com: list office: 1 items come, 1 go, and rules that are here read it",
    )


def test_a_rule_that_cannot_be_put_as_a_whole_fails_its_zone(world: World) -> None:
    twice = [rule("same"), {**rule("same"), "id": "f" * 32}]

    report = rehearsed(world, typical(rulesets=[ruleset(*twice)]))

    assert 'a second rule "same"' in str(report.parts[1].error)
    assert not report.complete


def test_lists_that_cannot_be_taken_are_said(world: World) -> None:
    applied(world, typical())
    fake = typical()
    fake.lists = [
        fake_list("moved", "redirect", number=2),
        fake_list("office", "asn", {"asn": 1}, number=3),
    ]

    report = rehearsed(world, fake)

    told = [(one.name, one.verdict, bool(one.error)) for one in items(report, "list")]
    assert told == [("moved", Verdict.CANNOT, False), ("office", Verdict.CANNOT, True)]


def test_a_rehearsal_of_a_store_that_is_gone_ends(world: World) -> None:
    document = read(typical())
    gone = world.store.rehearsal()
    with pytest.MonkeyPatch.context() as patch:

        def unavailable(*_: object, **__: object) -> None:
            raise StoreUnavailableError("gone")

        patch.setattr(world.store, "rehearsal", lambda: gone)
        patch.setattr("authz.services.cloudflare_zone.add_zone", unavailable)
        with pytest.raises(StoreUnavailableError):
            rehearse_import(world.store, document, OPTIONS)


def test_a_client_certificate_that_cannot_be_read_is_counted(world: World) -> None:
    unreadable = {**client_certificate("a"), "certificate": "none", "certificate_authority": None}
    fake = typical(certificates=[unreadable])

    (clients,) = items(rehearsed(world, fake), "client certificates")

    assert (clients.name, clients.verdict) == ("1 active, 0 revoked", Verdict.CANNOT)
    assert "issued by Cloudflare's managed CA, whose key" in clients.notes[0].text


def test_a_serial_number_that_is_none_fails_its_zone(world: World) -> None:
    broken = {**client_certificate("a", "revoked"), "serial_number": "xyz"}
    fake = typical(hosts={"": ["api.example.com"]}, certificates=[broken])

    report = rehearsed(world, fake, managed_ca=MANAGED_CA.pem)

    assert "xyz" in str(report.parts[1].error)


def test_a_zone_that_fails_at_last_does_not_leave_another_with_what_it_had(world: World) -> None:
    office = ruleset(rule("x", "not ip.src in $office"))
    fake = FakeCloudflare(
        zones=[
            FakeZone(name="one.example", number=1, rulesets=[office]),
            FakeZone(name="two.example", number=2, rulesets=[office]),
        ],
        lists=[fake_list("office", "ip", {"ip": "192.0.2.1"})],
    )
    applied(world, fake)
    fake.lists = [fake_list("office", "ip", {"ip": "192.0.2.2"})]
    document = read(fake)
    report = rehearse_import(world.store, document, OPTIONS)
    assert [bool(part.changes) for part in report.parts] == [False, True, False]
    mine = {"ref": "mine", "expression": "ssl", "action": "block"}
    append_rule(world.store, "one.example", mine, actor="t", at=AT)

    report = apply_import(world.store, document, OPTIONS, rehearsed=report, agreed=report.losses)

    # The list would change by the second one then, which nobody has agreed to.
    assert [bool(part.error) for part in report.parts] == [False, True, True]
    assert not any(part.applied for part in report.parts)
