# SPDX-License-Identifier: Apache-2.0
"""The policy in force, for whoever asks about it."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from authz.certs.authority import OcspStatus
from authz.errors import AuthzError
from authz.services.authorities import set_sources
from authz.services.authority_creation import upload_authority
from authz.services.hosts import add_host
from authz.services.live_policy import MAX_AGE_SECONDS, LivePolicy, site_named, sites_of
from authz.services.revocation import revoke_serial
from authz.services.rulesets import append_rule
from authz.services.zones import create_zone
from authz.sources.fetch_targets import AuthorityId
from authz.sources.fetched import DIRECTORY, FetchedFiles, Header, Stored
from authz.store.engine import open_store
from tests.factories.pki import AT, root
from tests.factories.populated import World

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from authz.certs.authority import AuthorityModel
    from authz.services.live_policy import Live


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


def test_what_was_fetched_is_read_again_only_when_something_else_was(
    world: World, tmp_path: Path
) -> None:
    url = "http://crl.example/ca.crl"
    files = FetchedFiles(tmp_path / DIRECTORY)
    clock = Clock()
    live = LivePolicy(tmp_path, monotonic=clock)
    upload_authority(world.store, root().pem, name="acme", actor="t", at=AT)
    set_sources(world.store, "acme", crl_urls=[url], ocsp="certificate", actor="t", at=AT)
    add_host(world.store, "api.example.com", authority="acme", actor="t", at=AT)

    def later() -> AuthorityModel:
        clock.now += MAX_AGE_SECONDS
        return _trusted(live.now(world.store, AT))

    files.store(Stored(header=Header(url=url, fetched_at=AT), body=root().crl(range(1, 2001)).der))
    status = OcspStatus(issuer=b"i" * 32, serial=b"s", revoked=True, this_update=1.0, until=2.0)
    files.store_statuses(AuthorityId(site="", authority="acme"), [status])
    first = later()
    # Another authority to the model, which would be the one before otherwise.
    revoke_serial(world.store, "acme", "A1", reason="unspecified", actor="t", at=AT)
    same = later()
    others = root().crl([1, 2]).der
    files.store(Stored(header=Header(url=url, fetched_at=AT + 1), body=others))

    assert same.crls[0] is first.crls[0]
    assert same.read_crls[0] is first.read_crls[0]
    assert (first.ocsp_statuses, same.revoked_serials) == ((status,), (0xA1,))
    assert same.ocsp_statuses is first.ocsp_statuses
    assert later().crls == (others,)


def _trusted(live: Live) -> AuthorityModel:
    return next(one for site in live.model.sites for one in site.trust)


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
