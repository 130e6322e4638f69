# SPDX-License-Identifier: Apache-2.0
"""The policy in force, for whoever asks about it."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from authz.errors import AuthzError
from authz.services.live_policy import MAX_AGE_SECONDS, LivePolicy, site_named, sites_of
from authz.services.rulesets import append_rule
from authz.services.zones import create_zone
from authz.store.engine import open_store
from tests.factories.pki import AT
from tests.factories.populated import World

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    with closing(open_store("sqlite", tmp_path)) as store:
        yield World(store)


class Clock:
    """Seconds that pass when they are told to."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_it_is_what_the_store_says_now(world: World) -> None:
    live = LivePolicy()
    world.protect("api.example.com", "Acme")

    before = live.now(world.store, AT)
    rule = {"ref": "new", "expression": "ssl", "action": "log"}
    append_rule(world.store, "default", rule, actor="t", at=AT)
    after = live.now(world.store, AT)

    assert {one.name for one in before.snapshot.sites} == {"api.example.com", "default"}
    rules = [one.ref for one in site_named(after.snapshot, "default").ruleset.rules]
    assert rules == [
        *(one.ref for one in site_named(before.snapshot, "default").ruleset.rules),
        "new",
    ]
    assert after.revision > before.revision


def test_it_is_kept_while_nothing_changed_and_not_for_too_long(world: World) -> None:
    clock = Clock()
    live = LivePolicy(monotonic=clock)

    first = live.now(world.store, AT)
    again = live.now(world.store, AT)
    clock.now = MAX_AGE_SECONDS
    later = live.now(world.store, AT)

    assert again is first
    assert later is not first
    assert later.revision == first.revision


def test_hosts_of_a_policy_file_are_the_file_s(world: World, tmp_path: Path) -> None:
    file = tmp_path / "policy.yaml"
    file.write_text('sites:\n  - {name: f, hosts: ["f.test"]}\n  - {name: all, hosts: ["*"]}\n')
    world.protect("api.example.com", "Acme")
    world.host("f.test", "Acme")

    live = LivePolicy(tmp_path, file).now(world.store, AT)
    with world.store.read() as session:
        (zone,) = session.zones.all()
        ours = sites_of(session, zone, live.model)

    assert [one.name for one in ours] == ["api.example.com"]
    assert {one.name for one in live.snapshot.sites} == {"api.example.com", "f", "all"}


def test_the_sites_of_a_zone_are_those_of_its_hosts_and_the_rest(world: World) -> None:
    create_zone(world.store, "example.org", actor="t", at=AT)
    world.protect("api.example.com", "Acme")

    live = LivePolicy().now(world.store, AT)
    with world.store.read() as session:
        found = {
            zone.name: {one.name for one in sites_of(session, zone, live.model)}
            for zone in session.zones.all()
        }

    assert found == {"default": {"api.example.com", "default"}, "example.org": {"example.org"}}


def test_after_a_failure_everything_is_read_anew(world: World, tmp_path: Path) -> None:
    file = tmp_path / "policy.yaml"
    live = LivePolicy(tmp_path, file)

    with pytest.raises(AuthzError):
        live.now(world.store, AT)
    file.write_text('sites: [{name: f, hosts: ["f.test"]}]\n')

    assert {one.name for one in live.now(world.store, AT).snapshot.sites} == {"f"}
