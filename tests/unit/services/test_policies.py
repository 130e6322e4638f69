# SPDX-License-Identifier: Apache-2.0
"""policy apply: a file's rules, settings and lists become a zone's."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from authz.errors import (
    ConflictError,
    ExpressionError,
    InvalidInputError,
    NotFoundError,
    PolicyError,
)
from authz.services.policies import apply_policy
from authz.services.ruleset_management import put_entry_point
from authz.services.rulesets import append_rule, get_rules
from authz.services.scopes import CUSTOM_RULES, Scope
from authz.services.zones import create_zone, get_zone
from authz.sources.policy_import import import_policy
from authz.store.records import List
from tests.factories.pki import AT

if TYPE_CHECKING:
    from pathlib import Path

    from authz.services.policies import Applied
    from tests.unit.services.conftest import World

POLICY = """
sites:
  - name: api
    hosts: ["*"]
    default_action: block
    upstream_headers: [cf-cert]
    rules:
      - {ref: a, expression: 'ip.src in $office', action: block}
      - {ref: b, expression: ssl, action: log}
lists:
  office: {kind: ip, items: ["10.0.0.0/8", "192.0.2.1"]}
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "policy.yaml"
    path.write_text(POLICY)
    return path


def _apply(world: World, file: Path, zone: str = "default", **changes: Any) -> Applied:
    given = {"actor": "tester", "at": AT, **changes}
    return apply_policy(world.store, zone, import_policy(file), **given)


def _lists(world: World) -> dict[str, tuple[str, tuple[str, ...]]]:
    with world.store.read() as session:
        return {
            one.name: (one.kind, tuple(session.lists.values(one.id))) for one in session.lists.all()
        }


def test_everything_of_the_file_is_the_zone_s(world: World, file: Path) -> None:
    applied = _apply(world, file)

    assert applied.rules.added == ("a", "b")
    assert applied.lists.added == ("office",)
    assert applied.settings == {"default_action": "block", "upstream_headers": ("cf-cert",)}
    assert get_zone(world.store, "default").default_action == "block"
    assert [one["ref"] for one in get_rules(world.store, "default").rules] == ["a", "b"]
    assert _lists(world) == {"office": ("ip", ("10.0.0.0/8", "192.0.2.1"))}
    row = world.last()
    assert (row.action, row.object_type) == ("policy.apply", "zone")
    assert row.after is not None
    assert row.after["lists_added"] == ["office"]
    assert len(world.audited()) == 1


def test_the_audit_log_has_the_rules_and_items_that_change(world: World, file: Path) -> None:
    _apply(world, file)
    first = get_rules(world.store, "default").rules
    row = world.last()
    assert row.after is not None
    assert row.after["definitions"] == [*first]
    assert row.after["items"] == {"office": {"values": ["10.0.0.0/8", "192.0.2.1"]}}

    file.write_text(
        POLICY.replace("192.0.2.1", "192.0.2.9").replace("action: block}", "action: log}")
    )
    _apply(world, file)
    row = world.last()
    assert row.before is not None
    assert row.after is not None
    assert row.before["definitions"] == [first[0]]
    assert row.before["items"] == {"office": {"values": ["192.0.2.1"]}}
    assert row.after["items"] == {"office": {"values": ["192.0.2.9"]}}
    assert row.after["loosened"] == ["rule a does not block any more"]

    file.write_text("sites: [{name: api, hosts: ['*']}]")
    _apply(world, file)
    gone = world.last().before
    assert gone is not None
    assert len(gone["definitions"]) == 2
    assert gone["items"] == {"office": {"values": ["10.0.0.0/8", "192.0.2.9"]}}


def test_the_same_file_again_changes_nothing(world: World, file: Path) -> None:
    _apply(world, file)
    again = _apply(world, file)

    assert not again
    assert again.version == 1


def test_a_dry_run_keeps_nothing(world: World, file: Path) -> None:
    applied = _apply(world, file, dry_run=True)

    assert applied
    assert applied.rules.added == ("a", "b")
    assert get_rules(world.store, "default").version == 0
    assert _lists(world) == {}
    assert world.audited() == []


def test_what_is_less_strict_is_told_and_has_to_be_agreed_to(world: World, file: Path) -> None:
    _apply(world, file, agreed=())
    file.write_text('sites: [{name: pub, hosts: ["public.example"]}]\n')
    would = _apply(world, file, dry_run=True)

    assert would.loosened == (
        "rule a goes",
        "rule b goes",
        "default_action goes from block to allow",
    )
    assert not would.covers
    append_rule(
        world.store,
        "default",
        {"ref": "c", "expression": "ssl", "action": "block"},
        actor="another",
        at=AT,
    )
    with pytest.raises(ConflictError, match="was changed meanwhile"):
        _apply(world, file, agreed=would.loosened)
    assert len(get_rules(world.store, "default").rules) == 3

    assert _apply(world, file, agreed=(*would.loosened, "rule c goes")).rules.removed


def test_what_changed_is_told(world: World, file: Path) -> None:
    _apply(world, file)
    file.write_text(
        POLICY.replace("ssl, action: log", "ssl, action: block")
        .replace('"192.0.2.1"', '"192.0.2.2"')
        .replace("ref: a,", "ref: new,")
    )
    applied = _apply(world, file)

    assert (applied.rules.added, applied.rules.removed) == (("new",), ("a",))
    assert applied.rules.changed == ("b",)
    assert applied.lists.changed == ("office",)
    assert _lists(world)["office"][1] == ("10.0.0.0/8", "192.0.2.2")


def test_a_list_of_another_kind_is_another_list(world: World, file: Path) -> None:
    _apply(world, file)
    file.write_text(
        POLICY.replace("ip.src in", "http.host in").replace(
            'kind: ip, items: ["10.0.0.0/8", "192.0.2.1"]', 'kind: string, items: ["a"]'
        )
    )

    assert _apply(world, file).lists.changed == ("office",)
    assert _lists(world) == {"office": ("string", ("a",))}


def test_a_list_that_is_gone_goes(world: World, file: Path) -> None:
    _apply(world, file)
    file.write_text(POLICY.split("lists:", maxsplit=1)[0].replace("ip.src in $office", "ssl"))

    assert _apply(world, file).lists.removed == ("office",)
    assert _lists(world) == {}


def test_a_rule_that_names_a_list_which_goes_is_found(world: World, file: Path) -> None:
    _apply(world, file)
    file.write_text(POLICY.split("lists:", maxsplit=1)[0])

    with pytest.raises(ExpressionError, match=r'policy.yaml:\d+: .*unknown list "\$office"'):
        _apply(world, file)
    assert _lists(world) != {}


def test_a_list_that_others_name_stays(world: World, file: Path) -> None:
    _apply(world, file)
    create_zone(world.store, "example.com", force=True, actor="t", at=AT)
    rule = {"expression": "ip.src in $office", "action": "block"}
    append_rule(world.store, "example.com", rule, actor="t", at=AT)
    file.write_text(POLICY.split("lists:", maxsplit=1)[0].replace("ip.src in $office", "ssl"))

    applied = _apply(world, file)
    assert (applied.lists.removed, applied.lists.kept) == ((), ("office",))
    assert "office" in _lists(world)


def test_others_rules_go_on_compiling(world: World, file: Path) -> None:
    _apply(world, file)
    create_zone(world.store, "example.com", force=True, actor="t", at=AT)
    rule = {"expression": "ip.src in $office", "action": "block"}
    append_rule(world.store, "example.com", rule, actor="t", at=AT)
    file.write_text(
        POLICY.replace("ip.src in", "http.host in").replace(
            'kind: ip, items: ["10.0.0.0/8", "192.0.2.1"]', 'kind: string, items: ["a"]'
        )
    )

    with pytest.raises(ExpressionError, match=r'the zone "example\.com"'):
        _apply(world, file)
    assert _lists(world)["office"][0] == "ip"


def test_a_list_of_another_zone_is_not_touched(world: World, file: Path) -> None:
    create_zone(world.store, "example.com", actor="t", at=AT)
    _apply(world, file, "example.com")

    with pytest.raises(ConflictError, match='a list "office" already'):
        _apply(world, file)


def test_a_list_that_was_made_by_itself_is_used_and_not_touched(world: World, file: Path) -> None:
    with world.store.write() as session:
        account = session.zones.accounts()[0]
        session.lists.add(
            List(
                id="f" * 32,
                account_id=account.id,
                zone_id=None,
                name="office",
                kind="ip",
                description="",
                items=0,
                revision=0,
                created_at=AT,
                modified_at=AT,
            )
        )
    with pytest.raises(ConflictError):
        _apply(world, file)
    file.write_text(POLICY.split("lists:", maxsplit=1)[0])

    assert _apply(world, file).rules.added == ("a", "b")
    assert "office" in _lists(world)


def test_hosts_are_the_zone_s(world: World, file: Path) -> None:
    create_zone(world.store, "example.com", actor="t", at=AT)
    file.write_text(POLICY.replace('["*"]', '["api.example.com", "*.example.com"]'))

    with pytest.raises(InvalidInputError, match=r"policy\.yaml: .* belongs to the zone"):
        _apply(world, file)
    assert _apply(world, file, "example.com")


def test_a_zone_that_is_not_there(world: World, file: Path) -> None:
    with pytest.raises(NotFoundError):
        _apply(world, file, "gone")


def test_the_account_s_rules_must_still_compile(world: World, file: Path) -> None:
    _apply(world, file)
    with world.store.read() as session:
        account = Scope(account_id=session.zones.accounts()[0].id)
    rule = {"ref": "x", "expression": "ip.src in $office", "action": "log"}
    put_entry_point(
        world.store, account, CUSTOM_RULES, {"rules": [rule]}, geo=None, actor="t", at=AT
    )

    file.write_text(
        POLICY.replace("ip.src in $office", "http.host in $office")
        .replace("kind: ip", "kind: hostname")
        .replace('"10.0.0.0/8", "192.0.2.1"', '"a.example"')
    )
    with pytest.raises(ExpressionError, match=r"rules of the account\[0\]\.expression"):
        _apply(world, file)
    file.write_text(POLICY.replace("ref: b", "ref: 'account:x'"))
    with pytest.raises(PolicyError, match="a rule of the account is called"):
        _apply(world, file)
    # What the account's rules name stays when it is gone from the file.
    file.write_text('sites: [{name: api, hosts: ["*"]}]\n')
    assert _apply(world, file).lists.kept == ("office",)
