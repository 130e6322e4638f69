# SPDX-License-Identifier: Apache-2.0
"""Whatever leads to a revoked certificate or to a leaked CA: neither is believed again.

Each test asks what a worker would: the store as a model, compiled, and a certificate with the
intermediates that a client sends along.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from authz.certs.judgement import judge
from authz.certs.revocation import revocation_of
from authz.certs.trust import compile_trust
from authz.errors import ConflictError, NotFoundError
from authz.services.authority_creation import import_authority, upload_authority
from authz.services.authority_lifecycle import (
    delete_authority,
    retire_previous,
    rotate_authority,
    set_status,
)
from authz.services.authority_state import authority_state
from authz.services.distrust import distrust_authority, what_stops
from authz.services.hosts import add_host, remove_host
from authz.services.incident import find_leaked, revoke_leaked
from authz.services.model import StoreModels
from authz.services.revocation import list_revoked, revoke_serial
from authz.store.records import serial_text
from tests.factories.pki import AT, DAY, presented, root

if TYPE_CHECKING:
    from authz.demo.pki import Issued
    from tests.unit.services.conftest import World

HOST = "b.example.com"


def upload(world: World, name: str, *issued: Issued) -> None:
    pem = b"".join(one.pem for one in issued)
    upload_authority(world.store, pem, name=name, actor="tester", at=AT)


def bring(world: World, name: str, *chain: Issued) -> None:
    """Import the first of them with its key."""
    import_authority(
        world.store,
        b"".join(one.pem for one in chain),
        chain[0].key_pem,
        name=name,
        encryption=world.encryption,
        actor="tester",
        at=AT,
    )


def ask(world: World, authority: str, host: str = HOST) -> None:
    add_host(world.store, host, authority=authority, actor="tester", at=AT)


def distrust(world: World, name: str, *, at: float = AT) -> None:
    distrust_authority(world.store, name, encryption=world.encryption, actor="tester", at=at)


def judged(world: World, *sent: Issued, host: str = HOST) -> str:
    """What a worker says of a client at the host: `good`, `revoked` or `unverified`."""
    with world.store.read() as session:
        sites = StoreModels().build(session).model.sites
    bundle = compile_trust(next(one.trust for one in sites if one.name == host))
    judgement = judge(presented(*sent), bundle, AT + 1)
    if judgement.failure is not None:
        return "unverified"
    return "revoked" if revocation_of(judgement, bundle, AT + 1).revoked else "good"


def serials(world: World, name: str) -> set[str]:
    return {one.serial for one in list_revoked(world.store, name)}


def test_what_was_revoked_under_one_of_two_names_stays_revoked_when_that_is_deleted(
    world: World,
) -> None:
    ca = root()
    alice, bob = ca.client("alice", at=AT), ca.client("bob", at=AT)
    for name in ("A", "B"):
        upload(world, name, ca)
    ask(world, "B")
    for one, name in ((alice, "A"), (bob, "A"), (bob, "B")):
        revoke_serial(
            world.store,
            name,
            serial_text(one.serial),
            reason="keyCompromise",
            actor="tester",
            at=AT - DAY,
        )
    kept = serial_text(alice.serial)
    assert judged(world, alice) == "revoked"

    delete_authority(world.store, "A", actor="tester", at=AT)

    assert [judged(world, one) for one in (alice, bob)] == ["revoked", "revoked"]
    # As it was said of it, and when.
    here = {one.serial: one for one in list_revoked(world.store, "B")}
    assert (here[kept].reason, here[kept].revoked_at) == ("keyCompromise", AT - DAY)
    row = world.last()
    with world.store.read() as session:
        (b,) = session.authorities.all()
    assert row.action == "authority.delete"
    assert row.after == {"list_kept_by": [{"authority_id": b.id, "added": 1}]}


def test_who_shares_no_key_gets_nothing_of_a_list_that_goes(world: World) -> None:
    upload(world, "A", root())
    upload(world, "Other", root("Another Root"))
    revoke_serial(world.store, "A", "ABC", actor="tester", at=AT)

    delete_authority(world.store, "A", actor="tester", at=AT)

    assert serials(world, "Other") == set()
    assert world.last().after is None


def test_what_was_revoked_stays_so_when_the_shared_key_is_retired(world: World) -> None:
    ca = root()
    alice = ca.client("alice", at=AT)
    bring(world, "Own", ca)
    upload(world, "Copy", ca)
    ask(world, "Copy")
    revoke_serial(world.store, "Own", serial_text(alice.serial), actor="tester", at=AT)
    rotate_authority(world.store, "Own", encryption=world.encryption, actor="tester", at=AT)
    assert judged(world, alice) == "revoked"

    retire_previous(world.store, "Own", force=True, actor="tester", at=AT)

    assert judged(world, alice) == "revoked"
    assert "list_kept_by" in (world.last().after or {})


@pytest.mark.parametrize("kind", ["uploaded", "imported", "imported with its root"])
def test_a_leaked_intermediate_is_revoked_below_the_root_of_another_authority(
    world: World, kind: str
) -> None:
    above = root()
    leaked = above.intermediate("Issuing")
    mallory = leaked.client("mallory", at=AT)
    upload(world, "Corp", above)
    if kind == "uploaded":
        upload(world, "Int", leaked)
    else:
        bring(world, "Int", leaked, *([above] if "root" in kind else []))
    ask(world, "Corp")
    assert judged(world, mallory, leaked) == "good"

    stops = what_stops(world.store, "Int", at=AT)
    distrust(world, "Int")

    assert (stops.below, stops.same_key) == (("Corp",), ())
    assert judged(world, mallory, leaked) == "revoked"
    assert judged(world, above.intermediate("Other").client("carol", at=AT)) == "unverified"
    other = above.intermediate("Other")
    assert judged(world, other.client("carol", at=AT), other) == "good"
    with world.store.read() as session:
        ids = {one.name: one.id for one in session.authorities.all()}
    told = (world.last().after or {})["revoked"]
    assert {one["authority_id"] for one in told} == set(ids.values())
    assert [one.reason for one in list_revoked(world.store, "Corp")] == ["cACompromise"]


def test_also_where_another_ca_stands_between(world: World) -> None:
    above = root()
    between = above.intermediate("Between")
    leaked = between.intermediate("Issuing")
    mallory = leaked.client("mallory", at=AT)
    upload(world, "Corp", above)
    upload(world, "Chain", between)
    bring(world, "Int", leaked)
    ask(world, "Corp")

    distrust(world, "Int")

    assert judged(world, mallory, leaked, between) == "revoked"


def test_a_root_that_comes_later_does_not_lead_to_it(world: World) -> None:
    above = root()
    leaked = above.intermediate("Issuing")
    mallory = leaked.client("mallory", at=AT)
    upload(world, "Int", leaked)
    distrust(world, "Int")

    upload(world, "Corp", above)
    assert (world.last().action, len((world.last().after or {})["revoked"])) == (
        "authority.upload",
        1,
    )
    ask(world, "Corp")

    assert judged(world, mallory, leaked) == "revoked"


def test_who_trusts_it_again_takes_it_from_every_list(world: World) -> None:
    above = root()
    safe = above.intermediate("Issuing")
    alice = safe.client("alice", at=AT)
    upload(world, "Corp", above)
    bring(world, "Int", safe, above)
    ask(world, "Corp")
    # What somebody said of another certificate has nothing to do with it.
    revoke_serial(world.store, "Corp", "ABC", reason="cACompromise", actor="tester", at=AT)
    distrust(world, "Int")

    set_status(world.store, "Int", "active", force=True, actor="tester", at=AT)

    assert judged(world, alice, safe) == "good"
    assert serials(world, "Corp") == {"ABC"}
    again = next(one for one in world.audited() if one.action == "authority.trust_again")
    assert len((again.after or {})["restored"]) == 2


def test_one_that_was_distrusted_is_not_deleted_before_it_expires(world: World) -> None:
    above = root()
    leaked = above.intermediate("Issuing")
    mallory = leaked.client("mallory", at=AT)
    upload(world, "Corp", above)
    bring(world, "Int", leaked, above)
    ask(world, "Corp")
    distrust(world, "Int")
    known_id = world.last().object_id

    with pytest.raises(ConflictError, match=r"was distrusted on .* with it would go") as refused:
        delete_authority(world.store, "Int", actor="tester", at=AT)

    assert "authz ca status Int active --force" in str(refused.value.hint)
    assert judged(world, mallory, leaked) == "revoked"
    state = authority_state(world.store, known_id, at=AT)
    assert state.is_used
    assert state.kept_until is not None
    assert not authority_state(world.store, known_id, at=state.kept_until + 1).is_used
    delete_authority(world.store, "Int", actor="tester", at=state.kept_until + 1)


def test_its_certificate_under_another_name_is_asked_for_by_nobody(world: World) -> None:
    leaked = root()
    upload(world, "Ext", leaked)
    distrust(world, "Ext")
    upload(world, "Ext again", root("Another Root"), leaked)

    with pytest.raises(ConflictError, match=r"Ext again has a key of .* Ext was distrusted on"):
        ask(world, "Ext again")
    upload(world, "Safe", root("Another Root"))
    ask(world, "Safe")
    remove_host(world.store, HOST, actor="tester", at=AT)
    set_status(world.store, "Ext", "active", force=True, actor="tester", at=AT)
    ask(world, "Ext again")


def crossed(world: World) -> tuple[Issued, Issued, Issued]:
    """Alice of a CA that clients send: signed by the root of Old, and by the one of New."""
    old, new = root("Old Root"), root("New Root")
    of_old = old.intermediate("Issuing")
    of_new = new.intermediate("Issuing", key=of_old.key)
    for name, one in (("Old", old), ("New", new)):
        upload(world, name, one)
        ask(world, name)
    return of_old.client("alice", at=AT), of_old, of_new


def test_a_certificate_of_a_ca_that_clients_send_is_revoked_by_its_chain(world: World) -> None:
    alice, of_old, of_new = crossed(world)

    with pytest.raises(NotFoundError, match="the file has no chain that leads") as refused:
        find_leaked(world.store, "alice.pem", alice.pem)
    assert "verified nowhere" not in str(refused.value.hint)
    assert f"({serial_text(alice.serial)})" in str(refused.value.hint)
    assert "a file with the certificate and its intermediates" in str(refused.value.hint)
    with pytest.raises(NotFoundError, match="nothing in the file leads"):
        find_leaked(world.store, "alice.pem", alice.pem + root("Unknown").pem)

    found = find_leaked(world.store, "alice.pem", alice.pem + of_old.pem + of_new.pem)
    assert (found.count, {one.name for one, _ in found.elsewhere}) == (1, {"Old", "New"})
    done, _ = revoke_leaked(world.store, found, reason="keyCompromise", actor="tester", at=AT)

    assert [one.changed for one in done] == [True, True]
    for chain in ((of_old,), (of_new,), (of_old, of_new)):
        assert judged(world, alice, *chain) == "revoked"
    assert [one.action for one in world.audited()][:2] == ["serial.revoke"] * 2


def test_what_was_issued_here_is_revoked_under_every_authority_that_leads_to_it(
    world: World,
) -> None:
    """Corp has only the root, and clients send the intermediate, whose key is here."""
    above = root()
    here = above.intermediate("Issuing")
    bring(world, "Int", here)
    upload(world, "Corp", above)
    upload(world, "Corp again", above)
    issued = world.issue("alice", authority="Int")

    found = find_leaked(world.store, issued.certificate.fingerprint_sha256)

    assert [one.id for one in found.certificates] == [issued.certificate.id]
    # Two authorities with one key have one list.
    ((under, serial),) = found.elsewhere
    assert under.name in ("Corp", "Corp again")
    assert serial == issued.certificate.serial
    assert found.count == 1
    revoke_leaked(world.store, found, reason="keyCompromise", actor="tester", at=AT)
    assert serials(world, under.name) == serials(world, "Int") == {serial}
    ask(world, "Corp")
    with world.store.read() as session:
        (site,) = (one for one in StoreModels().build(session).model.sites if one.trust)
    assert compile_trust(site.trust).authorities[0].revocation.serials.has(int(serial, 16))


def test_one_below_a_root_that_leads_only_through_another_is_not_on_that_list(
    world: World,
) -> None:
    """An authority that was imported with its root verifies what is below itself and no more."""
    above = root()
    bring(world, "Mine", above.intermediate("Mine"), above)
    theirs = above.intermediate("Theirs")
    upload(world, "Theirs", theirs)

    assert what_stops(world.store, "Theirs", at=AT).below == ()
    distrust(world, "Theirs")
    assert serials(world, "Mine") == set()
