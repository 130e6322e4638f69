# SPDX-License-Identifier: Apache-2.0
"""What is distrusted goes, although the rest of what the store says cannot be enforced."""

from __future__ import annotations

import sqlite3
from typing import TYPE_CHECKING

from authz.certs.trust import compile_trust
from authz.node.control.last_trusted import without_distrusted
from authz.policy.client import identify
from authz.services.authority_creation import upload_authority
from authz.services.authority_lifecycle import retire_previous, rotate_authority
from authz.services.distrust import distrust_authority
from authz.services.hosts import add_host
from authz.services.model import StoreModels
from tests.factories.pki import AT, intermediate, presented, root

if TYPE_CHECKING:
    from authz.certs.authority import AuthorityModel
    from authz.policy.model import PolicyModel
    from authz.services.model import StoreModel
    from tests.factories.populated import World
    from tests.unit.node.control.conftest import Bench

HOST = "ext.example.com"


def _built(world: World) -> StoreModel:
    with world.store.read() as session:
        return StoreModels().build(session)


def _now(world: World, built: StoreModel) -> PolicyModel:
    with world.store.read() as session:
        return without_distrusted(session, built)


def _trust(model: PolicyModel) -> dict[str, AuthorityModel]:
    return {one.name: one for site in model.sites for one in site.trust}


def _upload(world: World, *certificates: bytes) -> None:
    upload_authority(world.store, b"".join(certificates), name="Ext", actor="t", at=AT)
    add_host(world.store, HOST, authority="Ext", protect=(), actor="t", at=AT)


def _execute(world: World, *statements: str) -> None:
    with world.store.write() as session:
        for one in statements:
            session._connection.exec_driver_sql(one)


def test_an_authority_that_is_distrusted_goes_and_others_stay(world: World) -> None:
    _upload(world, root().pem)
    built = _built(world)
    assert _now(world, built) is built.model

    distrust_authority(world.store, "Ext", encryption=None, actor="t", at=AT)
    left = _now(world, built)

    assert list(_trust(left)) == ["Acme"]
    assert [site.hosts for site in left.sites] == [site.hosts for site in built.model.sites]
    assert _trust(left)["Acme"] is _trust(built.model)["Acme"]


def test_it_counts_although_the_content_cannot_be_enforced(bench: Bench, world: World) -> None:
    _upload(world, root().pem)
    leaf = root().client("mallory")
    bench.start()
    bench.attempt()

    def verified() -> bool:
        site = bench.compiled().hosts.find(HOST.encode())
        assert site is not None
        return identify(presented(leaf), site.trust, AT).verified

    assert verified()
    with sqlite3.connect(bench.database) as connection:
        connection.execute("UPDATE zones SET default_action = 'maybe'")
        connection.execute("UPDATE state SET revision = revision + 1")
    connection.close()
    bench.attempt()
    assert verified()

    distrust_authority(world.store, "Ext", encryption=None, actor="t", at=AT)
    (new,) = bench.attempt()
    assert new.last_good
    assert not verified()
    assert bench.attempt() == []

    # And for a process that begins then, with or without the store.
    bench.start()
    bench.attempt()
    assert not verified()


def test_a_certificate_that_was_retired_goes_and_its_successor_waits(world: World) -> None:
    built = _built(world)
    rotate_authority(world.store, "Acme", encryption=world.encryption, actor="t", at=world.clock())
    assert _now(world, built) is built.model

    retire_previous(world.store, "Acme", force=True, actor="t", at=world.clock())

    # Its only one: nobody is verified until the content can be enforced again.
    assert _trust(_now(world, built)) == {}


def test_what_stood_below_a_certificate_that_went_is_no_anchor(world: World) -> None:
    other = root("Other")
    _upload(world, root().pem, intermediate().pem, other.pem)
    built = _built(world)
    with_all = _trust(built.model)["Ext"]
    assert with_all.certificates == (root().der, intermediate().der, other.der)

    _remove(world, root().fingerprint)
    left = _trust(_now(world, built))["Ext"]

    assert left.certificates == (other.der,)
    bundle = compile_trust([left])
    assert [one.der for one in bundle.authorities[0].anchors] == [other.der]


def _remove(world: World, fingerprint: str) -> None:
    _execute(
        world,
        f"DELETE FROM authority_certificates WHERE fingerprint_sha256 = '{fingerprint}'",
    )


def test_an_authority_of_which_nothing_can_be_read_stays(world: World) -> None:
    built = _built(world)

    _execute(world, "UPDATE authority_certificates SET der = x'3000'")

    assert _now(world, built) is built.model
