# SPDX-License-Identifier: Apache-2.0
"""A CA whose key leaked is trusted by nobody any more."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from authz.ca.keys import KeyEncryption
from authz.certs.certificate import Certificate
from authz.certs.pem import split_pem, write_pem
from authz.errors import NotFoundError
from authz.services.authority_creation import import_authority, upload_authority
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


def asked(world: World) -> list[tuple[str, str]]:
    """Which host asks for which authority."""
    with world.store.read() as session:
        names = {one.id: one.name for one in session.authorities.all()}
        return sorted((one.hostname, names[one.authority_id]) for one in session.hosts.all())


def retired(world: World) -> list[str]:
    with world.store.read() as session:
        return [one.name for one in session.authorities.all() if one.status == "retired"]


@pytest.mark.parametrize("encryption", [None, KeyEncryption.from_key_file(b"x" * 32)])
def test_without_the_keys_secret_it_is_taken_from_its_hosts(
    world: World, encryption: KeyEncryption | None
) -> None:
    """Whoever has the key does not wait until the secret is found."""
    world.ca()
    add_host(world.store, "api.example.com", authority="Acme", actor="tester", at=AT)

    done = distrust_authority(world.store, "Acme", encryption=encryption, actor="tester", at=AT)

    assert (asked(world), retired(world), done.successor) == ([], ["Acme"], None)
    assert done.taken.startswith("no successor can be made: ")
    assert done.hosts_without == ("api.example.com",)
    with pytest.raises(NotFoundError):
        what_stops(world.store, "Nobody", at=AT)


def test_one_whose_issuers_key_is_elsewhere_is_taken_from_its_hosts(world: World) -> None:
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
    # It is no copy: only the root is the same, whose key did not leak.
    upload_authority(world.store, above.pem, name="Other", actor="tester", at=AT)
    for name in ("Below", "Other"):
        host = f"{name.lower()}.example.com"
        add_host(world.store, host, authority=name, actor="tester", at=AT)

    stops = what_stops(world.store, "Below", at=AT)
    done = distrust_authority(
        world.store, "Below", encryption=world.encryption, actor="tester", at=AT
    )

    assert "is not here" in stops.taken
    assert done.taken == stops.taken
    assert asked(world) == [("other.example.com", "Other")]
    with world.store.read() as session:
        (authority,) = [one for one in session.authorities.all() if one.name == "Below"]
        serials = list(session.revocations.serials(authority.id))
    # Where its root is trusted, the root leads to it: a client may send it along.
    assert serials == [Certificate.from_der(split_pem(below.pem)[0]).serial_number]


def test_a_root_whose_key_is_here_too_is_trusted_no_more(world: World) -> None:
    """Whoever has the database and the secret has both keys."""
    before = world.ca(intermediate=True)
    add_host(world.store, "api.example.com", authority="Acme", actor="tester", at=AT)
    world.issue("alice")

    stops = what_stops(world.store, "Acme", at=AT)
    done = distrust_authority(
        world.store, "Acme", encryption=world.encryption, actor="tester", at=AT
    )

    assert "root is here as well" in stops.taken
    assert (stops.clients, asked(world), retired(world)) == (1, [], ["Acme"])
    assert {fingerprint for _, fingerprint in done.gone} == {
        one.fingerprint_sha256 for one in before.certificates
    }
    assert done.successor is None


def test_its_root_is_kept_where_somebody_says_so(world: World) -> None:
    before = world.ca(intermediate=True)
    add_host(world.store, "api.example.com", authority="Acme", actor="tester", at=AT)
    assert before.issuing is not None

    stops = what_stops(world.store, "Acme", keep_root=True, at=AT)
    done = distrust_authority(
        world.store, "Acme", keep_root=True, encryption=world.encryption, actor="tester", at=AT
    )

    assert (stops.taken, done.taken, asked(world)) == ("", "", [("api.example.com", "Acme")])
    assert done.gone == (("Acme", before.issuing.fingerprint_sha256),)
    assert done.successor is not None


def test_others_with_the_same_key_are_distrusted_too(world: World) -> None:
    before = world.ca()
    assert before.issuing is not None
    again = write_pem(before.issuing.der, "CERTIFICATE").encode()
    upload_authority(world.store, again, name="Acme again", actor="tester", at=AT)
    upload_authority(world.store, root().pem, name="Partner", actor="tester", at=AT)
    for host, name in (("a", "Acme"), ("b", "Acme again"), ("b", "Partner")):
        add_host(world.store, f"{host}.example.com", authority=name, actor="tester", at=AT)

    stops = what_stops(world.store, "Acme", at=AT)
    done = distrust_authority(
        world.store, "Acme", encryption=world.encryption, actor="tester", at=AT
    )

    assert (stops.same_key, stops.hosts) == (("Acme again",), ("a.example.com", "b.example.com"))
    assert asked(world) == [("a.example.com", "Acme"), ("b.example.com", "Partner")]
    assert [name for name, _ in done.gone] == ["Acme", "Acme again"]
    assert done.hosts_without == ()
    assert retired(world) == []
