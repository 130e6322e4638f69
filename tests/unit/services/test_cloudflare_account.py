# SPDX-License-Identifier: Apache-2.0
"""What zones share at Cloudflare, taken over: the account's rules before all else."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from authz.services.cloudflare_import import apply_import, rehearse_import
from authz.services.cloudflare_report import Verdict
from authz.services.context import zone_of
from authz.services.ruleset_management import get_entry_point
from authz.services.rulesets import get_rules, put_rules, rules_of
from authz.services.scopes import CUSTOM_RULES, Scope
from authz.services.zones import create_zone
from tests.factories.cloudflare import (
    MANAGED_CA,
    OWN_CA_ID,
    FakeCloudflare,
    FakeZone,
    client_certificate,
    fake_list,
    rule,
    ruleset,
    typical,
)
from tests.factories.pki import AT
from tests.unit.services.test_cloudflare_import import (
    OPTIONS,
    applied,
    codes,
    items,
    read,
    rehearsed,
)

if TYPE_CHECKING:
    from tests.unit.services.conftest import World

WHO: Any = {"actor": "t", "at": AT}


def with_rules(*rules: dict[str, Any], **more: Any) -> FakeCloudflare:
    """One zone, and rules of its account."""
    fake = typical(**more)
    fake.rulesets = [ruleset(*rules, kind="root", number=0x99)]
    return fake


def account_rules(world: World) -> list[Any]:
    with world.store.read() as session:
        account = session.zones.accounts()[0]
    found = get_entry_point(world.store, Scope(account_id=account.id), CUSTOM_RULES)
    return [] if found is None else list(found.rules)


def test_rules_of_the_account_are_taken_before_the_zones(world: World) -> None:
    first = rule("first", "ip.src in $office", description="Only there")
    report = applied(world, with_rules(first, rule("second", "ssl", "log", enabled=False)))

    assert report.complete
    account, zone = report.parts
    assert account.changes == (
        "list office: 1 items",
        "rules new: first, second",
    )
    assert (account.applied, zone.applied) == (True, True)
    kept, second = account_rules(world)
    assert (kept["ref"], kept["expression"], kept["description"]) == (
        "first",
        "ip.src in $office",
        "Only there",
    )
    assert (second["ref"], second["action"], second["enabled"]) == ("second", "log", False)
    assert [one["ref"] for one in get_rules(world.store, "example.com").rules] == ["protect"]
    imported = [one for one in world.audited() if one.action == "ruleset.import"]
    assert [one.zone_id is None for one in imported] == [False, True]


def test_again_it_changes_nothing(world: World) -> None:
    fake = with_rules(rule("first", "ip.src in $office"), rule("second", "ssl"))
    applied(world, fake)
    before = len(world.audited())

    report = applied(world, fake)

    assert [part.changes for part in report.parts] == [(), ()]
    assert len(world.audited()) == before


def test_what_goes_there_goes_here_and_is_a_loss(world: World) -> None:
    applied(world, with_rules(rule("a", "ssl"), rule("b", "ssl")))

    report = applied(world, with_rules(rule("b", "not ssl")))

    assert report.losses == ("account Acme: rule a goes",)
    assert report.parts[0].changes == ("rules changed: b", "rules removed: a")
    assert [one["ref"] for one in account_rules(world)] == ["b"]


def test_what_cannot_be_carried_over_is_said(world: World) -> None:
    report = rehearsed(
        world,
        with_rules(
            rule("d", "ssl", "execute", action_parameters={"id": "e" * 32}),
            rule("e", "ssl", "skip", action_parameters={"ruleset": "current"}),
            rule("f", "cf.bot_management.score lt 30", enabled=False),
            rule("g", 'ssl and cf.zone.plan eq "ENT"'),
        ),
    )

    told = items(report, "rule")[:4]
    assert [one.verdict for one in told] == [Verdict.CANNOT] * 3 + [Verdict.CHANGES]
    assert [codes(one) for one in told] == [["action"], ["account_skip"], [], ["other_value"]]
    assert report.losses == (
        "account Acme: rule d (execute) is left out",
        'account Acme: rule g (block) reads cf.zone.plan, which is "" here: it may never block',
    )


def test_rules_that_are_here_stay_where_there_are_none_at_cloudflare(world: World) -> None:
    applied(world, with_rules(rule("a", "ssl")))

    report = applied(world, typical())

    assert [(one.name, codes(one)) for one in items(report, "ruleset")] == [
        (CUSTOM_RULES, ["only_here"])
    ]
    assert [one["ref"] for one in account_rules(world)] == ["a"]


def test_a_rule_that_has_the_name_of_a_zones_is_left_out(world: World) -> None:
    create_zone(world.store, "other.example", **WHO)
    mine = {"ref": "account:first", "expression": "ssl", "action": "log"}
    with world.store.write() as session:
        # As no call would give it a name any more.
        before = rules_of(session, zone_of(session, "other.example"))
        put_rules(session, before, [mine], checked=True, **WHO)

    report = applied(world, with_rules(rule("first", "ssl"), rule("second", "ssl")))

    ruleset_item, first, second, _ = [
        one for part in report.parts for one in part.items if one.kind in ("rule", "ruleset")
    ]
    assert (ruleset_item.verdict, codes(ruleset_item)) == (Verdict.CHANGES, ["other_zones"])
    assert (first.verdict, second.verdict) == (Verdict.CANNOT, Verdict.CARRIES_OVER)
    assert 'is called "account:first"' in str(first.error)
    assert report.losses == ("account Acme: rule first (block) is left out",)
    assert [one["ref"] for one in account_rules(world)] == ["second"]


def test_a_zones_rule_that_has_the_name_of_the_accounts_is_left_out(world: World) -> None:
    fake = with_rules(rule("first", "ssl"), rulesets=[ruleset(rule("account:first"), rule("b"))])

    report = applied(world, fake)

    assert [part.error for part in report.parts] == [None, None]
    assert report.losses == ("zone example.com: rule account:first (block) is left out",)
    assert [one["ref"] for one in get_rules(world.store, "example.com").rules] == ["b"]


def test_certificates_are_judged_by_host_in_rules_of_the_account_too(world: World) -> None:
    verified = rule("v", "not cf.tls_client_auth.cert_verified")
    fake = with_rules(verified, hosts={OWN_CA_ID: ["api.example.com"], "": ["b.example.com"]})

    told = items(rehearsed(world, fake, managed_ca=MANAGED_CA.pem), "rule")[0]

    assert (told.name, told.verdict) == ("v (block)", Verdict.CHANGES)
    assert codes(told) == ["trust_per_host"]


@pytest.mark.parametrize("known", [False, True])
def test_revoked_certificates_that_nobody_knows_here_are_a_loss(world: World, known: bool) -> None:
    fake = with_rules(
        rule("r", "cf.tls_client_auth.cert_revoked"),
        certificates=[client_certificate("b", "revoked", 0xB1)],
        hosts={"": ["b.example.com"]},
        rulesets=[],
    )

    report = rehearsed(world, fake, managed_ca=MANAGED_CA.pem if known else None)

    lost = "account Acme: rule r knows none of 1 revoked certificates here"
    assert (lost in report.losses) is not known


def test_rules_of_several_accounts_are_nobodys(world: World) -> None:
    document = read(with_rules(rule("a", "ip.src in $office"), rule("b", "ssl", "log")))
    other = document.accounts[0].model_copy(update={"id": "b" * 32, "name": "B", "rulesets": []})
    document = document.model_copy(update={"accounts": [*document.accounts, other]})

    report = rehearse_import(world.store, document, OPTIONS)
    apply_import(world.store, document, OPTIONS, rehearsed=report, agreed=report.losses)

    told = items(report, "rule")[:2]
    assert [codes(one) for one in told] == [["one_account"]] * 2
    assert report.losses == ("account Acme: rule a (block) is left out",)
    assert account_rules(world) == []


def test_an_account_that_fails_leaves_its_zones(world: World) -> None:
    twice = {**rule("a", "ssl"), "id": "f" * 32}
    document = read(with_rules(rule("a", "ssl"), twice))

    report = rehearse_import(world.store, document, OPTIONS)
    done = apply_import(world.store, document, OPTIONS, rehearsed=report, agreed=report.losses)

    account, zone = done.parts
    assert 'a second rule "a"' in str(account.error)
    assert zone.applied


def test_lists_of_the_accounts_rules_come_with_them_and_not_again(world: World) -> None:
    fake = with_rules(rule("a", "ip.src in $office"), rulesets=[ruleset(rule("z", "ssl"))])
    fake.lists.append(fake_list("other", "ip", {"ip": "192.0.2.7"}, number=2))
    fake.zones.append(
        FakeZone(name="two.example", number=2, rulesets=[ruleset(rule("y", "ip.src in $office"))])
    )

    report = applied(world, fake)

    account, _, two = report.parts
    assert account.changes[:2] == ("list office: 1 items", "list other: 1 items")
    assert "rules new: y" in two.changes
    assert not any(one.startswith("list") for one in two.changes)


def test_the_ruleset_keeps_its_name_and_description(world: World) -> None:
    fake = with_rules(rule("a", "ssl"))
    fake.rulesets[0] |= {"name": "Account rules", "description": "first"}
    applied(world, fake)
    fake.rulesets[0] |= {"name": "another", "description": "second"}

    report = applied(world, fake)

    assert report.parts[0].changes == ("the description of the ruleset changes",)
    with world.store.read() as session:
        (found,) = session.rulesets.all(account_id=session.zones.accounts()[0].id)
    assert (found.name, found.description, found.version) == ("Account rules", "second", 2)


def test_a_name_that_none_can_have_here_is_not_taken(world: World) -> None:
    fake = with_rules(rule("a", "ssl"))
    fake.rulesets[0] |= {"name": "two\nlines"}

    assert applied(world, fake).complete
    with world.store.read() as session:
        (found,) = session.rulesets.all(account_id=session.zones.accounts()[0].id)
    assert found.name == "default"
