# SPDX-License-Identifier: Apache-2.0
"""What the leader fetches, and what the others make of it: two nodes on one store, and one CA."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from authz.node.control.leadership import FETCH, LEASE_SECONDS
from authz.node.control.sharing import (
    FIRST_PATIENCE,
    LEAD_SECONDS,
    PATIENCE,
    PRUNE_SECONDS,
    REST_SECONDS,
    _begins_anew,
)
from authz.sources.fetch import Fetched, NotModified
from authz.sources.fetching import FetchRounds
from authz.store.leases import Lease
from authz.store.shared_fetches import SharedFetch, key_of
from tests.factories.ocsp import answer
from tests.factories.pki import AT, DAY, root
from tests.unit.node.control.sharing_nodes import (
    ACME,
    ALICE,
    CRL,
    OCSP,
    QUESTION,
    SEEN,
    URL,
    Broken,
    Node,
    World,
    crl,
    world,
)

if TYPE_CHECKING:
    from authz.sources.fetch_targets import CrlTarget, OcspTarget

__all__ = ["world"]


def test_one_asks_and_the_other_has_it_verified(world: World) -> None:
    world.answers[URL] = Fetched(body=crl(), etag='"1"', last_modified="then")
    assert world.leader.run().changed

    assert not world.other.run().changed
    world.other.look()
    assert world.other.woken == 1
    done = world.other.run()

    assert (world.leader.asked, world.other.asked) == (1, 0)
    assert done.changed
    assert world.other.sink.crls[URL].body == crl()
    assert world.other.sink.crls[URL].header.etag == '"1"'
    (fact,) = done.facts
    assert (fact.last_success, fact.failures) == (AT, 0)
    # And that is all that it does.
    assert done.next_at > AT
    assert not world.other.run().changed


def test_what_another_node_brought_has_to_be_signed_by_the_authority(world: World) -> None:
    with world.store.note() as session:
        version = session.leases.next_version(FETCH, world.leader.leadership.holder, 1)
        assert version == 1
        session.shared_fetches.put(
            SharedFetch(
                key=key_of(URL),
                version=version,
                sha256="0" * 64,
                body=b"\x30\x00",
                etag="",
                last_modified="",
            )
        )
    done = world.other.look().run()

    assert not done.changed
    assert world.other.sink.crls == {}
    (fact,) = done.facts
    assert fact.failures == 1
    assert fact.error is not None


def test_a_leader_that_was_stopped_overwrites_nothing(world: World) -> None:
    world.answers[URL] = crl(1)
    world.leader.run()
    world.take_over()
    world.answers[URL] = crl(3)
    world.other.look().run()  # takes what was brought, number 1
    world.pass_time(DAY * 6)
    world.other.look()
    world.other.run()
    with world.store.read() as session:
        newest = session.shared_fetches.get(key_of(URL))

    # It goes on where it was stopped: asks, gets an older one, and may not bring it.
    world.answers[URL] = crl(2)
    assert world.leader.leadership.term(FETCH) == 1
    world.leader.run()

    assert not world.leader.leadership.leads(FETCH)
    with world.store.read() as session:
        assert session.shared_fetches.get(key_of(URL)) == newest
    assert newest is not None
    assert newest.body == crl(3)


def test_the_same_as_before_is_told_without_its_bytes(world: World) -> None:
    world.answers[URL] = Fetched(body=crl(), etag='"1"')
    world.leader.run()
    world.other.look().run()
    world.answers[URL] = NotModified()
    world.pass_time(DAY * 6)
    world.leader.look().run()
    assert world.leader.fetcher.asked[-1][1]["etag"] == '"1"'

    before = world.other.sink.writes
    done = world.other.look().run()

    assert done.facts[0].last_success == world.at
    assert (world.other.asked, world.other.sink.writes) == (0, before)


def test_a_leader_brings_what_nobody_else_has_although_it_has_it(world: World) -> None:
    world.answers[URL] = Fetched(body=crl(), etag='"1"')
    alone = FetchRounds(world.leader.fetcher, world.leader.sink)
    alone.run([CRL], AT)

    world.leader.run()

    # Without the validators: the body is needed.
    assert [one["etag"] for _, one in world.leader.fetcher.asked] == ["", ""]
    world.other.look().run()
    assert world.other.sink.crls[URL].body == crl()
    assert not world.leader.run().changed
    assert world.leader.asked == 2


def test_what_is_not_brought_each_asks_for_after_a_while(world: World) -> None:
    world.answers[URL] = crl()
    done = world.other.run()
    assert world.other.asked == 0
    least, most = FIRST_PATIENCE
    assert AT + least <= done.next_at <= AT + most

    world.pass_time(most)
    world.other.run()
    assert world.other.asked == 1

    # Nor is what becomes due later: the leader has longer for that.
    world.pass_time(DAY * 6)
    done = world.other.run()
    assert world.other.asked == 1
    assert world.at + PATIENCE[0] <= done.next_at <= world.at + PATIENCE[1]
    world.pass_time(PATIENCE[1])
    world.other.run()
    assert world.other.asked == 2


def test_nodes_do_not_lose_patience_at_the_same_moment(world: World) -> None:
    moments = {round(Node(world).run().next_at, 3) for _ in range(20)}
    assert len(moments) == 20


@pytest.mark.parametrize("lasts", [300.0, 600.0])
@pytest.mark.parametrize("target", [CRL, QUESTION], ids=["crl", "ocsp"])
def test_what_lasts_minutes_each_asks_for_before_it_is_out_of_date(
    world: World, target: CrlTarget | OcspTarget, lasts: float
) -> None:
    """The leader reaches nobody. With `strict`, what is out of date denies good clients."""
    begin, end = world.at, world.at + lasts
    world.answers[URL] = crl(this_update=begin, next_update=end)
    world.answers[OCSP] = answer(ALICE, root(), this_update=begin, next_update=end)
    world.leader.run(target)
    nodes = [Node(world).look() for _ in range(20)]
    (due,) = {node.run(target).next_at for node in nodes}
    world.pass_time(due - world.at)

    asks = {node: node.run(target).next_at for node in nodes}

    assert len(set(asks.values())) == len(nodes)
    for node, moment in asks.items():
        assert due + (end - due) / 8 <= moment <= due + (end - due) / 2
        world.at = moment
        node.run(target)
        assert node.asked == 1
        world.at = due


def test_who_starts_shortly_before_something_is_out_of_date_does_not_wait_for_it(
    world: World,
) -> None:
    world.answers[URL] = crl(this_update=AT, next_update=AT + DAY)
    world.leader.run()
    world.other.look().run()
    world.pass_time(DAY - 20)
    assert world.other.run().next_at <= AT + DAY - 10


def test_a_leader_that_reaches_nobody_lets_others_lead(world: World) -> None:
    world.leader.run()
    world.leader.sharing.round_ended()
    # It began a moment ago: where nobody reaches anybody, the lease does not go round.
    assert world.leader.look().leadership.leads(FETCH)

    world.pass_time(LEAD_SECONDS)
    world.leader.run()
    assert world.leader.asked == 2
    world.leader.sharing.round_ended()
    world.leader.look()
    world.other.look()
    assert (world.leader.leadership.term(FETCH), world.other.leadership.term(FETCH)) == (None, 2)

    # The same for that one, and what was there is there again after its rest.
    world.other.run()
    world.other.sharing.round_ended()
    assert world.other.look().leadership.leads(FETCH)
    world.pass_time(LEAD_SECONDS + REST_SECONDS)
    world.other.run()
    world.other.sharing.round_ended()
    world.other.look()
    assert world.leader.look().leadership.term(FETCH) == 3


def test_a_leader_that_reaches_somebody_goes_on_and_so_does_one_with_nothing_to_ask(
    world: World,
) -> None:
    world.answers[URL] = crl()
    world.pass_time(LEAD_SECONDS)
    world.leader.run(CRL, QUESTION)
    assert world.leader.asked == 2
    world.leader.sharing.round_ended()
    world.leader.run(CRL)
    world.leader.sharing.round_ended()
    assert world.leader.look().leadership.leads(FETCH)


def test_a_follower_that_asks_in_vain_does_not_keep_from_leading(world: World) -> None:
    world.other.run()
    world.pass_time(FIRST_PATIENCE[1])
    world.other.run()
    assert world.other.asked == 1
    world.other.sharing.round_ended()
    world.take_over()


def test_a_clock_that_is_set_back_makes_nobody_wait(world: World) -> None:
    world.answers[URL] = crl()
    world.other.run()
    world.at -= 3600
    world.other.run()
    world.pass_time(FIRST_PATIENCE[1])
    world.other.run()
    assert world.other.asked == 1


def test_while_the_database_is_away_what_is_had_stays_and_the_leader_leads_no_more(
    world: World,
) -> None:
    world.answers[URL] = crl()
    world.leader.run()
    world.other.look().run()
    for node in (world.leader, world.other):
        node.use(Broken())
        node.look()
    world.pass_time(LEASE_SECONDS, renewing=False)
    for node in (world.leader, world.other):
        node.look().run()
    assert (world.leader.asked, world.other.asked) == (1, 0)

    world.pass_time(DAY * 6)
    for node in (world.leader, world.other):
        node.run()
    world.pass_time(PATIENCE[1])
    for node in (world.leader, world.other):
        node.run()
    assert (world.leader.asked, world.other.asked) == (2, 1)

    # It is back, and one brings what all have by now: no bytes go anywhere.
    for node in (world.leader, world.other):
        node.use(world.store)
        node.look().run()
    assert (world.leader.asked, world.other.asked) == (2, 1)


def test_what_cannot_be_brought_is_brought_later(world: World) -> None:
    world.answers[URL] = crl()
    world.leader.sharing.use(Broken())  # type: ignore[arg-type]  # what it asks of a store
    world.leader.run()
    world.leader.run()
    assert world.leader.asked == 1

    world.leader.sharing.use(world.store)
    world.leader.look()
    assert world.leader.woken
    world.leader.sharing.send_again()
    world.other.look().run()

    assert world.other.sink.crls[URL].body == crl()


def test_what_cannot_be_read_is_taken_later(world: World) -> None:
    world.answers[URL] = crl()
    world.leader.run()
    world.other.look()
    world.other.sharing.use(Broken())  # type: ignore[arg-type]  # what it asks of a store
    assert world.other.run().facts[0].failures == 1
    world.other.sharing.use(None)
    world.other.run()
    assert world.other.asked == 0

    world.other.sharing.use(world.store)
    world.other.look().run()
    assert world.other.sink.crls[URL].body == crl()


def test_of_a_body_that_is_gone_it_is_said_so(world: World) -> None:
    world.answers[URL] = crl()
    world.leader.run()
    world.other.look()
    with world.store.note() as session:
        session.shared_fetches.prune(-60)
    (fact,) = world.other.run().facts
    assert fact.error is not None
    assert "is gone" in str(fact.error)


def test_an_answer_about_a_certificate_that_one_node_saw_comes_to_all(world: World) -> None:
    world.answers[OCSP] = answer(ALICE, root(), this_update=AT - 1, next_update=AT + DAY)
    world.other.sharing.certificates.want([SEEN])
    assert world.leader.sharing.certificates.wanted() == []
    world.leader.look()
    assert world.leader.woken == 1
    assert world.leader.sharing.certificates.wanted() == [SEEN]

    world.leader.run(QUESTION)
    world.other.look().run(QUESTION)

    assert (world.leader.asked, world.other.asked) == (1, 0)
    (status,) = world.other.sink.answers[ACME]
    assert not status.revoked

    # It is told once, and once more to whoever leads then.
    world.leader.look()
    assert world.leader.sharing.certificates.wanted() == []
    world.take_over()
    assert world.other.sharing.certificates.wanted() == [SEEN]


def test_a_responder_that_fails_here_does_not_keep_out_what_others_brought(world: World) -> None:
    world.pass_time(1)
    world.other.run(QUESTION)
    world.pass_time(FIRST_PATIENCE[1])
    assert world.other.run(QUESTION).facts[0].failures == 1

    world.answers[OCSP] = answer(ALICE, root(), this_update=AT - 1, next_update=AT + DAY)
    world.leader.look().run(QUESTION)
    done = world.other.look().run(QUESTION)

    assert done.changed
    assert done.facts[0].failures == 0
    assert world.other.asked == 1


def test_what_is_of_no_use_any_more_is_forgotten(world: World, monkeypatch: Any) -> None:
    monkeypatch.setattr("authz.node.control.sharing.FORGET_SECONDS", -60.0)
    world.answers[URL] = crl()
    world.leader.run()
    world.other.sharing.certificates.want([SEEN])
    world.pass_time(PRUNE_SECONDS)
    world.other.look()
    with world.store.read() as session:
        assert session.shared_fetches.get(key_of(URL)) is not None
    world.leader.look()
    with world.store.read() as session:
        assert session.shared_fetches.get(key_of(URL)) is None
        assert session.wanted_certificates.within(3600, most=9) == []


def test_a_database_that_begins_anew_is_looked_at_anew(world: World) -> None:
    world.answers[URL] = crl()
    world.leader.run()
    world.other.look().run()
    with world.store.note() as session:
        found = session.leases.get(FETCH)
        assert found is not None
        lease = {FETCH: found}
    world.other.sharing._lease = replace(found, version=99)
    world.other.sharing.looked(world.store, lease)
    assert (world.other.sharing._epoch, world.other.sharing._version) == (1, found.version)
    world.other.sharing.looked(Broken(), lease)  # type: ignore[arg-type]  # what it asks of a store
    world.other.sharing.looked(world.store, {})


def test_what_a_database_that_was_put_back_brings_is_taken(world: World) -> None:
    """Its versions are counted again from an earlier one."""
    with world.store.note() as session:
        for _ in range(500):
            session.leases.next_version(FETCH, world.leader.leadership.holder, 1)
    world.answers[URL] = crl(1)
    world.leader.run()
    assert world.other.look().run().changed
    with world.store.note() as session:
        session._connection.exec_driver_sql("update leases set version = 2")
        session.shared_fetches.prune(-60)
    world.leader.look().run()
    world.other.look().run()

    world.answers[URL] = crl(2, 7)
    world.pass_time(DAY * 6)
    world.leader.run()
    done = world.other.look().run()

    assert done.changed
    assert world.other.sink.crls[URL].body == crl(2, 7)
    assert world.other.asked == 0


@pytest.mark.parametrize(
    ("term", "version", "holder", "anew"),
    [
        (3, 9, "a", False),
        (3, 10, "a", False),
        (4, 9, "b", False),
        (3, 8, "a", True),
        (2, 99, "a", True),
        (3, 99, "b", True),
    ],
)
def test_by_the_lease_it_is_known_that_a_database_begins_anew(
    term: int, version: int, holder: str, anew: bool
) -> None:
    before = Lease(holder="a", term=3, taken_at=AT, left=1.0, version=9, read_at=AT)
    now = Lease(holder=holder, term=term, taken_at=AT, left=1.0, version=version, read_at=AT)
    assert _begins_anew(before, now) is anew


@pytest.mark.parametrize("ahead", [-600.0, 600.0])
def test_nodes_whose_clocks_are_minutes_apart_share_all_the_same(
    world: World, ahead: float
) -> None:
    """The lease is by the database's clock, and each node judges by its own what it is brought."""
    world.answers[URL] = crl()
    world.leader.run()
    world.other.look()
    done = world.other.rounds.run([CRL], AT + ahead)
    assert done.changed
    assert world.other.asked == 0

    # Whose clock is ahead finds it due earlier, and waits for the leader first.
    due = done.next_at
    assert not world.other.rounds.run([CRL], due).changed
    assert world.other.asked == 0
    world.answers[URL] = crl(2, 7)
    world.pass_time(due + 600 - world.at)
    world.leader.look().run()
    assert world.other.look().rounds.run([CRL], world.at + ahead).changed
    assert world.other.asked == 0
    assert world.other.sink.crls[URL].body == crl(2, 7)


@pytest.mark.parametrize("etag", ["\0", "\xe9", "x" * 1001, "\x1b[2J"])
def test_what_a_server_writes_as_a_validator_stops_nobody(world: World, etag: str) -> None:
    world.answers[URL] = Fetched(body=crl(), etag=etag, last_modified=etag)
    world.leader.run()
    world.other.look().run()
    header = world.other.sink.crls[URL].header
    assert (header.etag, header.last_modified) == ("", "")


def test_what_no_database_takes_stays_with_the_leader(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("authz.node.control.sharing._validator", lambda _: "\0")
    world.answers[URL] = crl()
    assert world.leader.run().changed
    assert not world.leader.run().changed
    assert world.leader.asked == 1
    assert not world.other.look().run().changed
