# SPDX-License-Identifier: Apache-2.0
"""A CA whose key leaked is trusted by nobody any more."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from authz.errors import IssuerInactiveError, KeyUnavailableError, NotFoundError
from authz.services.authority_creation import upload_authority
from authz.services.distrust import distrust_authority, what_stops
from authz.services.hosts import add_host
from authz.services.revocation import revoke_certificate
from tests.factories.pki import AT, DAY, root

if TYPE_CHECKING:
    from tests.unit.services.conftest import World


def test_an_embedded_one_is_followed_by_a_successor(world: World) -> None:
    before = world.ca()
    add_host(world.store, "api.example.com", authority="Acme", actor="tester", at=AT)
    world.issue("alice")
    revoke_certificate(world.store, world.issue("bob").certificate.id, actor="tester", at=AT)
    world.issue("late", days=1)
    assert before.issuing is not None

    stops = what_stops(world.store, "Acme", at=AT + 2 * DAY)
    done = distrust_authority(
        world.store, "Acme", encryption=world.encryption, actor="tester", at=AT
    )

    assert (stops.clients, stops.hosts, stops.is_embedded) == (1, ("api.example.com",), True)
    with world.store.read() as session:
        now = {one.fingerprint_sha256: one.role.value for one in session.authorities.certificates()}
        assert session.revision == done.revision
    assert before.issuing.fingerprint_sha256 not in now
    assert now[str(done.successor)] == "issuing"
    assert done.gone[0] == ("Acme", before.issuing.fingerprint_sha256)
    assert done.hosts_without == ()
    assert world.issue("carol").certificate.authority_id == before.authority.id


def test_an_uploaded_one_is_taken_from_its_hosts(world: World) -> None:
    world.ca()
    upload_authority(world.store, root().pem, name="Partner", actor="tester", at=AT)
    for host, authorities in (("a.example", ("Partner",)), ("b.example", ("Partner", "Acme"))):
        for one in authorities:
            add_host(world.store, host, authority=one, actor="tester", at=AT)

    stops = what_stops(world.store, "Partner", at=AT)
    done = distrust_authority(world.store, "Partner", encryption=None, actor="tester", at=AT)

    assert (stops.clients, stops.is_embedded) == (0, False)
    assert sorted(stops.hosts) == ["a.example", "b.example"]
    assert (done.hosts_without, done.successor) == (("a.example",), None)
    with world.store.read() as session:
        names = {one.id: one.name for one in session.authorities.all()}
        left = [(one.hostname, names[one.authority_id]) for one in session.hosts.all()]
    assert left == [("b.example", "Acme")]
    assert world.last().action == "authority.distrust"


def test_nothing_is_half_done_without_the_keys_secret(world: World) -> None:
    world.ca()
    with world.store.read() as session:
        revision = session.revision
    with pytest.raises(KeyUnavailableError):
        distrust_authority(world.store, "Acme", encryption=None, actor="tester", at=AT)
    with pytest.raises(NotFoundError):
        what_stops(world.store, "Nobody", at=AT)
    with closing(world.store), world.store.read() as session:
        assert session.revision == revision


def test_one_whose_issuers_key_is_elsewhere_says_so(world: World) -> None:
    from authz.services.authority_creation import import_authority

    above = root("Elsewhere")
    below = above.intermediate("Below")
    import_authority(
        world.store,
        below.pem + above.pem,
        below.key_pem,
        name="Below",
        encryption=world.encryption,
        actor="tester",
        at=AT,
    )
    with pytest.raises(IssuerInactiveError):
        distrust_authority(world.store, "Below", encryption=world.encryption, actor="tester", at=AT)
