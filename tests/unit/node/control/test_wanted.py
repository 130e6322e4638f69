# SPDX-License-Identifier: Apache-2.0
"""What nodes tell each other of certificates. What comes of it: test_sharing."""

from __future__ import annotations

from authz.node.control.wanted import FORGET_SECONDS, MAX_UNTOLD, STILL_SECONDS
from authz.observability.seen_certificates import SeenCertificate
from tests.unit.node.control.sharing_nodes import SEEN, Broken, World, world

__all__ = ["world"]


def test_certificates_wait_while_there_is_no_database_a_bounded_number_of_them(
    world: World,
) -> None:
    world.other.sharing.use(None)
    world.other.sharing.certificates.want([SEEN])
    world.other.sharing.use(Broken())  # type: ignore[arg-type]  # what it asks of a store
    world.other.sharing.certificates.want(
        SeenCertificate(certificate=b"%d" % n, issuer=b"", anchor=b"", authority="")
        for n in range(MAX_UNTOLD)
    )
    world.other.sharing.use(world.store)
    world.other.look()
    assert world.other.woken == 1
    world.other.sharing.certificates.want([])
    with world.store.read() as session:
        assert len(session.wanted_certificates.within(60, most=9_999)) == MAX_UNTOLD


def test_now_and_then_a_node_says_what_is_still_seen(world: World) -> None:
    wanted = world.other.sharing.certificates
    wanted.want([SEEN])
    assert not wanted.is_still_due()
    world.now += STILL_SECONDS
    assert wanted.is_still_due()
    wanted.still([SEEN])
    assert not wanted.is_still_due()
    wanted.use(Broken())  # type: ignore[arg-type]  # what it asks of a store
    wanted.still([SEEN])
    with world.store.read() as session:
        assert len(session.wanted_certificates.within(FORGET_SECONDS, most=9)) == 1


def test_a_certificate_that_no_database_takes_keeps_back_no_other(world: World) -> None:
    long = SeenCertificate(certificate=b"c", issuer=b"i", anchor=b"a", authority="x" * 300)
    world.other.sharing.certificates.want([long])
    world.other.sharing.certificates.want([SEEN])
    assert world.leader.look().sharing.certificates.wanted() == [SEEN]
