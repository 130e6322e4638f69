# SPDX-License-Identifier: Apache-2.0
"""The store as a policy model."""

from __future__ import annotations

import time
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from authz.errors import PolicyError
from authz.policy.model import DefaultAction
from authz.policy.snapshot import compile_snapshot
from authz.services import model as module
from authz.services.hosts import add_host, remove_host
from authz.services.model import SCOPE, StoreModels, hosts_of, list_model
from authz.services.ruleset_management import delete_ruleset, put_entry_point
from authz.services.rulesets import append_rule, replace_rules
from authz.services.scopes import CUSTOM_RULES, Scope
from authz.services.zones import change_zone, create_zone
from authz.store.backup import backup, restore
from authz.store.engine import open_store
from authz.store.records import List, ListItem
from tests.factories.populated import World

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from authz.policy.model import PolicyModel, SiteModel


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    with closing(open_store("sqlite", tmp_path)) as store:
        yield World(store)


def _model(world: World, models: StoreModels | None = None) -> PolicyModel:
    with world.store.read() as session:
        return (models or StoreModels()).build(session).model


def _sites(model: PolicyModel) -> dict[str, SiteModel]:
    return {one.name: one for one in model.sites}


def _list(name: str = "offices", kind: str = "ip") -> List:
    return List(
        id=name.ljust(32, "0"),
        account_id="",
        zone_id=None,
        name=name,
        kind=kind,
        description="",
        items=0,
        revision=0,
        created_at=0.0,
        modified_at=0.0,
    )


def _add_list(world: World, *items: str) -> str:
    with world.store.write() as session:
        account = session.zones.accounts()[0]
        made = List(
            id="1" * 32,
            account_id=account.id,
            zone_id=None,
            name="offices",
            kind="ip",
            description="",
            items=0,
            revision=0,
            created_at=0.0,
            modified_at=0.0,
        )
        session.lists.add(made)
        _put(session, made.id, items)
    return made.id


def _put(session: object, list_id: str, items: tuple[str, ...]) -> None:
    session.lists.replace_items(  # type: ignore[attr-defined]  # a Session
        list_id,
        [
            ListItem(
                id=item.encode().hex().ljust(32, "0")[:32],
                list_id=list_id,
                value=item,
                comment="",
                created_at=0.0,
                modified_at=0.0,
            )
            for item in items
        ],
        0.0,
    )


def test_a_new_store_answers_for_every_host_by_its_zone(world: World) -> None:
    model = _model(world)

    (site,) = model.sites
    assert (site.name, site.hosts, site.trust, site.scope) == ("default", ("*",), (), SCOPE)
    compile_snapshot(model, 1, 0.0)


def test_a_zone_answers_for_its_name_and_what_is_below(world: World) -> None:
    zone = create_zone(world.store, "Example.com", actor="t", at=1.0).zone

    assert hosts_of(zone) == ("example.com", "*.example.com")
    assert _sites(_model(world))["example.com"].hosts == ("example.com", "*.example.com")


def test_an_association_is_a_site_with_its_authorities_in_order(world: World) -> None:
    world.protect("api.example.com", "Acme")
    world.ca("Other")
    world.host("api.example.com", "Other")

    sites = _sites(_model(world))

    assert [one.name for one in sites["api.example.com"].trust] == ["Acme", "Other"]
    assert sites["default"].trust == ()
    assert len(sites["default"].rules) == 1  # the second would do what the first does
    assert sites["default"].rules is sites["api.example.com"].rules


def test_hosts_that_are_associated_are_not_answered_for_twice(world: World) -> None:
    create_zone(world.store, "example.com", actor="t", at=1.0)
    world.ca("Acme", "example.com")
    for host in ("example.com", "*.example.com"):
        add_host(world.store, host, authority="Acme", actor="t", at=1.0)
    model = _model(world)
    assert _sites(model).keys() == {"default", "example.com", "*.example.com"}
    compile_snapshot(model, 1, 0.0)

    remove_host(world.store, "*.example.com", actor="t", at=1.0)
    sites = _sites(_model(world))
    # The name of the zone is taken by a host.
    assert sites["example.com (other hosts)"].hosts == ("*.example.com",)


def test_zones_of_one_tree_do_not_meet(world: World) -> None:
    for name in ("example.com", "eu.example.com"):
        create_zone(world.store, name, actor="t", at=1.0)
    world.ca("Acme", "eu.example.com")
    add_host(world.store, "api.eu.example.com", authority="Acme", actor="t", at=1.0)

    snapshot = compile_snapshot(_model(world), 1, 0.0)

    found = {
        host: (snapshot.hosts.find(host.encode()) or pytest.fail(host)).name
        for host in ("example.com", "a.example.com", "b.eu.example.com", "api.eu.example.com")
    }
    assert list(found.values()) == [
        "example.com",
        "example.com",
        "eu.example.com",
        "api.eu.example.com",
    ]


def test_settings_of_the_zone_are_those_of_its_sites(world: World) -> None:
    world.protect()
    change_zone(world.store, "default", default_action="block", actor="t", at=1.0)

    assert {one.default_action for one in _model(world).sites} == {DefaultAction.BLOCK}


def test_what_did_not_change_is_the_same_object(world: World) -> None:
    """Whoever compiles it asks by identity."""
    world.protect()
    _add_list(world, "192.0.2.1")
    models = StoreModels()
    before = _model(world, models)
    world.revoke_serial(7)
    after = _model(world, models)

    assert after.lists[0] is before.lists[0]
    sites = [_sites(one)["api.example.com"] for one in (before, after)]
    assert sites[0].rules is sites[1].rules
    assert sites[1].trust[0].revoked_serials == (7,)


def test_what_changed_is_read(world: World) -> None:
    world.protect()
    list_id = _add_list(world, "192.0.2.1")
    models = StoreModels()
    before = _model(world, models)

    append_rule(
        world.store,
        "default",
        {"expression": 'http.host eq "x"', "action": "block"},
        actor="t",
        at=1.0,
    )
    with world.store.write() as session:
        _put(session, list_id, ("192.0.2.2", "192.0.2.3"))
    after = _model(world, models)

    assert [len(one.sites[0].rules) for one in (before, after)] == [1, 2]
    assert sorted(after.lists[0].items) == ["192.0.2.2", "192.0.2.3"]


def test_rules_of_the_account_come_first_and_are_kept_with_those_of_each_zone(
    world: World,
) -> None:
    world.protect()
    rule = {"expression": "ssl", "action": "log", "ref": "first"}
    with world.store.read() as session:
        account = Scope(account_id=session.zones.accounts()[0].id)
    created = put_entry_point(
        world.store, account, CUSTOM_RULES, {"rules": [rule]}, geo=None, actor="t", at=1.0
    )
    models = StoreModels()
    before = _sites(_model(world, models))
    after = _sites(_model(world, models))

    assert before["default"].rules[0].ref == "account:first"
    assert len(before["default"].rules) == 2
    assert before["default"].rules is before["api.example.com"].rules
    assert before["default"].rules is after["default"].rules

    assert created.ruleset is not None
    delete_ruleset(world.store, account, created.ruleset.id, actor="t", at=1.0)
    assert len(_sites(_model(world, models))["default"].rules) == 1
    assert len(models._rules) == 1  # nothing of what is gone


def test_what_another_history_has_under_the_same_numbers_is_read(
    world: World, tmp_path: Path
) -> None:
    """A backup is restored and written to: its next version has the number of the one before."""

    def replace(expression: str) -> None:
        rule = {"ref": "r", "expression": expression, "action": "block"}
        replace_rules(world.store, "default", [rule], actor="t", at=1.0)

    replace('http.host eq "first"')
    backup(world.store, tmp_path / "backup.db")
    replace('http.host eq "mistake"')
    models = StoreModels()
    _model(world, models)
    restore("sqlite", tmp_path, tmp_path / "backup.db", replace=True, actor="t", at=1.0)
    replace("true")

    (site,) = _model(world, models).sites
    assert [one.expression for one in site.rules] == ["true"]


def test_a_version_that_is_missing_is_told(world: World) -> None:
    world.protect()
    with world.store.write() as session:
        session._connection.exec_driver_sql("UPDATE rulesets SET version = 9")

    with pytest.raises(PolicyError, match="version 9 of the rules is missing"):
        _model(world)


def test_the_moment_is_told(world: World) -> None:
    world.protect()
    world.revoke_serial(7)

    with world.store.read() as session:
        built = StoreModels().build(session)
        assert (built.store_id, built.revision) == (session.store_id, session.revision)
        assert built.mark == session.revocations.mark(session.revision)
        (authority,) = session.authorities.all()
    assert built.authorities == {"Acme": authority.id}


def test_large_lists_are_packed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PACKED_FROM", 1)

    assert list_model(_list(), ("192.0.2.1",)).packed is None
    packed = list_model(_list(), ("192.0.2.1", "192.0.2.2"))
    assert packed.packed is not None
    assert packed.scope == SCOPE


def test_an_item_of_another_kind_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PACKED_FROM", 0)

    with pytest.raises(PolicyError):
        list_model(_list(), ("no address",))


def test_sites_can_be_made_of_a_store_while_it_is_written_to(world: World) -> None:
    """One moment: what is committed in between is not half in it."""
    world.protect()
    with world.store.read() as session:
        before = session.revision
        world.revoke_serial(int(time.time()))
        built = StoreModels().build(session)

    assert built.revision == before
    assert _sites(built.model)["api.example.com"].trust[0].revoked_serials == ()
