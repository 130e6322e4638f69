# SPDX-License-Identifier: Apache-2.0
"""A snapshot file is put in force, out of what was there, and what it replaced is gone."""

from __future__ import annotations

import gc
import weakref
from typing import TYPE_CHECKING

import pytest

from authz.errors import PolicyError, SettingsError
from authz.node.endpoint import Endpoint
from authz.node.installer import Installer
from authz.node.messages import EndpointConfig
from authz.node.snapshot_file import write_snapshot
from authz.policy.authorizer import authorize
from authz.policy.model import PolicyModel
from authz.rules.lists import ListKind, ListModel, pack_list
from tests.factories.mmdb import city_file
from tests.factories.pki import AT
from tests.factories.policies import facts, rule, site

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from authz.policy.snapshot import Snapshot

AGENTS = pack_list(
    ListModel(name="agents", kind=ListKind.STRING, items=tuple(f"agent {n}" for n in range(20_000)))
)
RULES = (
    rule('http.request.uri.path eq "/a"', ref="a"),
    rule("http.user_agent in $agents", ref="b"),
)


class _Node:
    """An endpoint and models to install."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.endpoint = Endpoint(EndpointConfig(listen="127.0.0.1:0"), clock=lambda: AT)
        self.installer = Installer(self.endpoint)
        self.generation = 0

    def install(self, *rules: object, city: str | None = None) -> Snapshot:
        self.generation += 1
        model = PolicyModel(sites=(site(*(rules or RULES)),), lists=(AGENTS,))  # type: ignore[arg-type]
        file = write_snapshot(self.directory / "snapshots", model, self.generation, AT)
        return self.installer.install(str(file), city, None)


@pytest.fixture
def node(tmp_path: Path) -> Iterator[_Node]:
    yield _Node(tmp_path)
    gc.unfreeze()


def test_what_is_installed_answers(node: _Node) -> None:
    snapshot = node.install()

    assert node.endpoint.snapshot is snapshot
    assert snapshot.generation == 1
    assert snapshot.created_at == AT
    assert authorize(snapshot, facts(path=b"/a"), AT).rule == "a"
    assert node.endpoint.metrics.export()["snapshot"] == [1, AT]


def test_what_did_not_change_is_used_again(node: _Node) -> None:
    before = node.install()
    ruleset = before.sites[0].ruleset
    trust = before.sites[0].trust
    mapped = set(node.installer._sections.values())
    after = node.install()

    assert after.sites[0].ruleset is ruleset
    assert after.sites[0].trust is trust
    assert {id(one) for one in node.installer._sections.values()} == {id(one) for one in mapped}


def test_what_was_replaced_is_gone_by_reference_counts_alone(node: _Node) -> None:
    before = node.install(*RULES, rule('http.host eq "x"', ref="x"))
    authorize(before, facts(path=b"/b"), AT)
    parts = [
        weakref.ref(before.hosts),
        weakref.ref(before.sites[0].ruleset.rules[2].filter.matches),
    ]
    kept = weakref.ref(before.sites[0].ruleset.rules[0].filter.matches)
    del before
    gc.disable()
    try:
        node.install()
        assert [part() for part in parts] == [None, None]
        assert kept() is not None
    finally:
        gc.enable()


def test_a_check_that_began_with_what_was_replaced_is_answered_by_it(node: _Node) -> None:
    before = node.install()
    node.install(rule("true", ref="all"))

    assert authorize(before, facts(path=b"/a"), AT).rule == "a"
    assert authorize(before, facts(path=b"/a", host=b"other.test"), AT).generation == 1


def test_one_that_cannot_be_used_changes_nothing(node: _Node, tmp_path: Path) -> None:
    before = node.install()
    (tmp_path / "bad").write_bytes(b"text")

    with pytest.raises(PolicyError):
        node.installer.install(str(tmp_path / "bad"), None, None)
    assert node.endpoint.snapshot is before
    assert authorize(before, facts(path=b"/a"), AT).rule == "a"


def test_places_are_looked_up_in_the_databases_that_come_with_it(
    node: _Node, tmp_path: Path
) -> None:
    database = tmp_path / "city.mmdb"
    city_file(database, {"198.51.100.0/24": {"country": {"iso_code": "GB"}}})
    in_britain = rule('ip.src.country eq "GB"', ref="gb")
    snapshot = node.install(in_britain, city=str(database))

    assert authorize(snapshot, facts(source_address="198.51.100.7"), AT).rule == "gb"
    with pytest.raises(SettingsError):
        node.install(in_britain, city=str(tmp_path / "none.mmdb"))
