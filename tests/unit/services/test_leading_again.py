# SPDX-License-Identifier: Apache-2.0
"""What is put on lists when a CA is distrusted, and what is taken off when it is trusted again:
also beside what cannot be read, and beside others with the same serial number.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from authz.certs.certificate import Certificate
from authz.services.authority_lifecycle import delete_authority, set_status
from authz.services.distrust import what_stops
from authz.services.incident import find_leaked, revoke_leaked
from authz.services.revocation import revoke_serial
from authz.store.records import serial_text
from tests.factories.pki import AT, DAY, root
from tests.unit.services.test_leading import HOST, ask, bring, distrust, judged, serials, upload

if TYPE_CHECKING:
    from authz.demo.pki import Issued
    from tests.unit.services.conftest import World


def damage(world: World, name: str) -> None:
    """What is stored of an authority's certificates is no certificate any more."""
    with world.store.write() as session:
        session._connection.exec_driver_sql(
            "UPDATE authority_certificates SET der = x'3000' WHERE authority_id = "
            f"(SELECT id FROM authorities WHERE name = '{name}')"
        )


def trust_again(world: World, name: str) -> None:
    set_status(world.store, name, "active", force=True, actor="tester", at=AT + 5)


def serial_of(ca: Issued) -> str:
    return serial_text(Certificate.from_der(ca.der).serial_number)


def asked_for(world: World) -> set[str]:
    with world.store.read() as session:
        names = {one.id: one.name for one in session.authorities.all()}
        return {names[one.authority_id] for one in session.hosts.all()}


def test_a_damaged_certificate_keeps_nobody_from_shutting_out_another_ca(world: World) -> None:
    above = root("Corp Root")
    leaked = above.intermediate("Issuing")
    mallory = leaked.client("mallory", at=AT)
    bring(world, "Own", leaked)
    for name, one in (("Corp", above), ("Damaged", root("Another Root"))):
        upload(world, name, one)
        ask(world, name)
    ask(world, "Own", "own.example.com")
    damage(world, "Damaged")

    found = find_leaked(world.store, "mallory.pem", mallory.pem + leaked.pem)
    stops = what_stops(world.store, "Own", at=AT)
    distrust(world, "Own")

    assert {one.name for one, _ in found.elsewhere} >= {"Corp"}
    assert (found.unread, stops.unread) == (("Damaged",), ("Damaged",))
    assert stops.below == ("Corp",)
    assert asked_for(world) == {"Corp", "Damaged"}
    assert serials(world, "Corp") == {serial_of(leaked)}
    # Nor does it keep a new one from being made, now that something is distrusted.
    upload(world, "New", root("New Root"))
    world.ca("Embedded")


def test_one_that_is_damaged_itself_is_taken_from_its_hosts(world: World) -> None:
    upload(world, "Damaged", root().intermediate("Issuing"))
    ask(world, "Damaged")
    damage(world, "Damaged")

    stops = what_stops(world.store, "Damaged", at=AT)
    distrust(world, "Damaged")
    trust_again(world, "Damaged")

    assert (stops.hosts, stops.unread, stops.below) == ((HOST,), ("Damaged",), ())
    assert asked_for(world) == set()
    assert serials(world, "Damaged") == set()


def test_a_damaged_client_certificate_is_revoked_all_the_same(world: World) -> None:
    world.ca()
    issued = world.issue("alice")
    with world.store.write() as session:
        session._connection.exec_driver_sql("UPDATE client_certificates SET der = x'3000'")

    found = find_leaked(world.store, issued.certificate.id)
    revoke_leaked(world.store, found, reason="keyCompromise", actor="tester", at=AT)

    assert serials(world, "Acme") == {issued.certificate.serial}


def test_a_ca_with_the_same_serial_number_stays_out_when_another_is_trusted_again(
    world: World,
) -> None:
    chains = []
    for number in "12":
        above = root(f"Root {number}")
        leaked = above.intermediate(f"Issuing {number}", serial=2)
        upload(world, f"Root{number}", above)
        upload(world, f"Int{number}", leaked)
        ask(world, f"Root{number}", f"host{number}.example.com")
        chains.append((leaked.client("mallory", at=AT), leaked))
    for name in ("Int1", "Int2"):
        distrust(world, name)

    trust_again(world, "Int2")

    assert judged(world, *chains[0], host="host1.example.com") == "revoked"
    assert judged(world, *chains[1], host="host2.example.com") == "good"
    assert [serials(world, name) for name in ("Root1", "Int1", "Root2", "Int2")] == [
        {"2"},
        {"2"},
        set(),
        set(),
    ]


def test_what_two_that_were_distrusted_need_stays_until_both_are_trusted(world: World) -> None:
    """Below one root, with one serial number: whichever of them put it there."""
    above = root()
    upload(world, "Corp", above)
    first, second = (above.intermediate(name, serial=2) for name in ("First", "Second"))
    for name, one in (("First", first), ("Second", second)):
        upload(world, name, one)
        distrust(world, name, at=AT + len(name))

    trust_again(world, "First")
    assert serials(world, "Corp") == {"2"}

    trust_again(world, "Second")
    assert serials(world, "Corp") == set()


def test_copies_that_were_distrusted_together_leave_nothing_when_both_are_trusted(
    world: World,
) -> None:
    above = root()
    safe = above.intermediate("Issuing")
    upload(world, "Corp", above)
    for name in ("Int", "Copy"):
        upload(world, name, safe)
    distrust(world, "Int")
    assert serials(world, "Corp") == {serial_of(safe)}

    trust_again(world, "Int")
    assert serials(world, "Corp") == {serial_of(safe)}
    trust_again(world, "Copy")
    assert serials(world, "Corp") == set()


def test_what_somebody_put_on_a_list_by_hand_stays_there(world: World) -> None:
    above = root()
    safe = above.intermediate("Issuing", serial=2)
    upload(world, "Corp", above)
    upload(world, "Int", safe)
    revoke_serial(world.store, "Corp", "2", reason="cACompromise", actor="tester", at=AT - DAY)
    distrust(world, "Int")

    trust_again(world, "Int")

    assert (serials(world, "Corp"), serials(world, "Int")) == ({"2"}, set())


def test_a_cross_certificate_that_comes_later_leads_no_root_to_a_distrusted_ca(
    world: World,
) -> None:
    old, new = root("Old Root"), root("New Root")
    leaked = old.intermediate("Issuing")
    cross = new.intermediate("Old Root", key=old.key)
    mallory = leaked.client("mallory", at=AT)
    upload(world, "Int", leaked)
    upload(world, "New", new)
    ask(world, "New")
    distrust(world, "Int", at=AT - 5)
    assert judged(world, mallory, leaked, cross) == "good"

    upload(world, "Cross", cross)

    assert judged(world, mallory, leaked, cross) == "revoked"
    told = (world.last().after or {})["revoked"]
    with world.store.read() as session:
        names = {one.id: one.name for one in session.authorities.all()}
    assert {names[one["authority_id"]] for one in told} == {"New", "Cross"}
    trust_again(world, "Int")
    assert judged(world, mallory, leaked, cross) == "good"
    assert serials(world, "Cross") == set()


def test_what_led_to_it_may_be_gone_when_it_is_trusted_again(world: World) -> None:
    old, new = root("Old Root"), root("New Root")
    safe = old.intermediate("Issuing")
    for name, one in (
        ("Int", safe),
        ("New", new),
        ("Cross", new.intermediate("Old Root", key=old.key)),
    ):
        upload(world, name, one)
    distrust(world, "Int")
    delete_authority(world.store, "Cross", actor="tester", at=AT)
    assert serials(world, "New") == {serial_of(safe)}

    trust_again(world, "Int")

    assert serials(world, "New") == set()


def test_a_serial_number_that_others_may_have_is_told_before(world: World) -> None:
    above = root()
    upload(world, "Corp", above)
    for name, serial in (("Small", 0xABC), ("Large", 1 << 63)):
        upload(world, name, above.intermediate(name, serial=serial))
    upload(world, "Alone", root("Another Root").intermediate("Alone", serial=7))

    told = {
        name: what_stops(world.store, name, at=AT).small_serials
        for name in ("Corp", "Small", "Large", "Alone")
    }

    assert told == {"Corp": (), "Small": ("ABC",), "Large": (), "Alone": ()}
