# SPDX-License-Identifier: Apache-2.0
"""What the leader fetches, and what the others make of it: two nodes on one store, and one CA."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING, Any

import pytest

from authz.errors import StoreUnavailableError
from authz.node.control.leadership import FETCH, LEASE_SECONDS, Leadership, _Held
from authz.node.control.sharing import (
    FIRST_PATIENCE,
    FORGET_SECONDS,
    MAX_UNTOLD,
    PATIENCE,
    PRUNE_SECONDS,
    STILL_SECONDS,
    Sharing,
)
from authz.observability.seen_certificates import SeenCertificate
from authz.sources.fetch import Fetched, NotModified
from authz.sources.fetch_targets import AuthorityId, CrlTarget, OcspTarget
from authz.sources.fetching import FetchRounds, Round
from authz.store.engine import Store, open_store
from authz.store.shared_fetches import SharedFetch, key_of
from tests.factories.fetching import MemorySink, StubFetcher
from tests.factories.ocsp import answer
from tests.factories.pki import AT, DAY, root

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

URL = "http://crl.example/ca.crl"
OCSP = "http://ocsp.example/"
ACME = AuthorityId(site="api", authority="acme")
CRL = CrlTarget(authority=ACME, certificates=(root().der,), url=URL)
ALICE = root().client("alice")
QUESTION = OcspTarget(authority=ACME, certificate=ALICE.der, issuer=root().der, url=OCSP)
SEEN = SeenCertificate(
    certificate=ALICE.der,
    issuer=root().der,
    anchor=bytes.fromhex(root().fingerprint),
    authority="acme",
)


class Broken:
    """A database that is away."""

    def read(self) -> Any:
        raise StoreUnavailableError("away")

    note = read


class Node:
    """What one node has of fetching."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.fetcher = StubFetcher()
        self.fetcher.answers = world.answers
        self.sink = MemorySink()
        self.woken = 0
        self.sharing = Sharing(woken=self._wake, monotonic=lambda: world.now)
        self.leadership = Leadership(
            (FETCH,), looked=self.sharing.looked, monotonic=lambda: world.now
        )
        self.sharing.follow(self.leadership)
        self.use(world.store)
        self.rounds = FetchRounds(self.fetcher, self.sink, share=self.sharing)

    def _wake(self) -> None:
        self.woken += 1

    def use(self, store: Any) -> None:
        self.sharing.use(store)
        self.leadership.use(store)

    def look(self) -> Node:
        self.leadership.step()
        return self

    def run(self, *targets: CrlTarget | OcspTarget) -> Round:
        return self.rounds.run(targets or [CRL], self.world.at)

    @property
    def asked(self) -> int:
        return len(self.fetcher.asked)


class World:
    """One store, and the time: Unix seconds, and that of monotonic clocks."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.answers: dict[str, Any] = {}
        self.now = 1_000.0
        self.at = AT
        self.leader = Node(self).look()
        self.other = Node(self).look()
        assert self.leader.leadership.leads(FETCH)

    def pass_time(self, seconds: float, *, renewing: bool = True) -> None:
        """Time goes on, and whoever leads renews the lease as often as it has to."""
        leads = [one for one in (self.leader, self.other) if one.leadership.leads(FETCH)]
        self.now += seconds
        self.at += seconds
        for one in leads if renewing else ():
            term = one.leadership._terms[FETCH]
            one.leadership._held[FETCH] = _Held(term=term, until=self.now + LEASE_SECONDS)

    def take_over(self) -> None:
        """The other one leads from now on, and the first does not know it."""
        with self.store.note() as session:
            session.leases.renew(FETCH, self.leader.leadership.holder, 1, -1.0)
        self.other.look()
        assert self.other.leadership.term(FETCH) == 2


@pytest.fixture
def world(empty_store: Path, tmp_path: Path) -> Iterator[World]:
    (tmp_path / "authz.db").write_bytes(empty_store.read_bytes())
    with closing(open_store("sqlite", tmp_path, create=False)) as store:
        yield World(store)


def crl(number: int = 1, *revoked: int, **times: float) -> bytes:
    return root().crl(list(revoked), number=number, **times).der  # type: ignore[arg-type]  # times only


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
    world.other.sharing.want([SEEN])
    assert world.leader.sharing.wanted() == []
    world.leader.look()
    assert world.leader.woken == 1
    assert world.leader.sharing.wanted() == [SEEN]

    world.leader.run(QUESTION)
    world.other.look().run(QUESTION)

    assert (world.leader.asked, world.other.asked) == (1, 0)
    (status,) = world.other.sink.answers[ACME]
    assert not status.revoked

    # It is told once, and once more to whoever leads then.
    world.leader.look()
    assert world.leader.sharing.wanted() == []
    world.take_over()
    assert world.other.sharing.wanted() == [SEEN]


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


def test_certificates_wait_while_there_is_no_database_a_bounded_number_of_them(
    world: World,
) -> None:
    world.other.sharing.use(None)
    world.other.sharing.want([SEEN])
    world.other.sharing.use(Broken())  # type: ignore[arg-type]  # what it asks of a store
    world.other.sharing.want(
        SeenCertificate(certificate=b"%d" % n, issuer=b"", anchor=b"", authority="")
        for n in range(MAX_UNTOLD)
    )
    world.other.sharing.use(world.store)
    world.other.look()
    assert world.other.woken == 1
    world.other.sharing.want([])
    with world.store.read() as session:
        assert len(session.wanted_certificates.within(60, most=9_999)) == MAX_UNTOLD


def test_now_and_then_a_node_says_what_is_still_seen(world: World) -> None:
    sharing = world.other.sharing
    sharing.want([SEEN])
    assert not sharing.is_still_due()
    world.now += STILL_SECONDS
    assert sharing.is_still_due()
    sharing.still([SEEN])
    assert not sharing.is_still_due()
    sharing.use(Broken())  # type: ignore[arg-type]  # what it asks of a store
    sharing.still([SEEN])
    with world.store.read() as session:
        assert len(session.wanted_certificates.within(FORGET_SECONDS, most=9)) == 1


def test_what_is_of_no_use_any_more_is_forgotten(world: World, monkeypatch: Any) -> None:
    monkeypatch.setattr("authz.node.control.sharing.FORGET_SECONDS", -60.0)
    world.answers[URL] = crl()
    world.leader.run()
    world.other.sharing.want([SEEN])
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
    world.other.sharing._version = 99
    world.other.sharing.looked(world.store, lease)
    assert world.other.sharing._version == found.version
    world.other.sharing.looked(Broken(), lease)  # type: ignore[arg-type]  # what it asks of a store
    world.other.sharing.looked(world.store, {})


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


def test_a_certificate_that_no_database_takes_keeps_back_no_other(world: World) -> None:
    long = SeenCertificate(certificate=b"c", issuer=b"i", anchor=b"a", authority="x" * 300)
    world.other.sharing.want([long])
    world.other.sharing.want([SEEN])
    assert world.leader.look().sharing.wanted() == [SEEN]


def test_what_no_database_takes_stays_with_the_leader(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("authz.node.control.sharing._validator", lambda _: "\0")
    world.answers[URL] = crl()
    assert world.leader.run().changed
    assert not world.leader.run().changed
    assert world.leader.asked == 1
    assert not world.other.look().run().changed
