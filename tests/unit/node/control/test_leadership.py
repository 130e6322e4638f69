# SPDX-License-Identifier: Apache-2.0
"""Which of two nodes leads: one look at a time, with a monotonic clock that is set.

The lease's own clock is the database's; a test that is about its end ends it.
"""

from __future__ import annotations

import threading
import time
from contextlib import closing
from typing import TYPE_CHECKING, Any

import pytest

from authz.errors import ConflictError, StoreUnavailableError
from authz.node.control.leadership import (
    FETCH,
    LEASE_SECONDS,
    LOOK_SECONDS,
    RENEW_SECONDS,
    SIGN,
    SKEW_SECONDS,
    Leadership,
)
from authz.store.engine import Store, open_store

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


class Broken:
    """A database that is away."""

    def read(self) -> Any:
        raise StoreUnavailableError("away")

    note = read


class ReadOnly:
    """A database that nothing can be written to."""

    def __init__(self, store: Store) -> None:
        self.read = store.read

    def note(self) -> Any:
        raise StoreUnavailableError("read only")


class _Pair:
    """Two nodes on one store; `now` is what their own clocks show."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.now = 100.0
        self.changes = 0
        self.looks: list[dict[str, Any]] = []
        self.one, self.other = self.node(), self.node()

    def node(self, *roles: str) -> Leadership:
        made = Leadership(
            roles or (FETCH, SIGN),
            looked=lambda _, leases: self.looks.append(dict(leases)),
            changed=self._changed,
            clock=lambda: 1_000.0,
            monotonic=lambda: self.now,
            between=lambda least, _: least,
        )
        made.use(self.store)
        return made

    def _changed(self) -> None:
        self.changes += 1

    def expire(self, role: str = FETCH) -> None:
        """The lease expires by the database's clock."""
        with self.store.note() as session:
            held = session.leases.get(role)
            assert held is not None
            session.leases.renew(role, held.holder, held.term, -1.0)


@pytest.fixture
def pair(empty_store: Path, tmp_path: Path) -> Iterator[_Pair]:
    (tmp_path / "authz.db").write_bytes(empty_store.read_bytes())
    with closing(open_store("sqlite", tmp_path, create=False)) as store:
        yield _Pair(store)


def test_the_first_that_looks_leads_and_the_other_waits(pair: _Pair) -> None:
    assert pair.one.step() == RENEW_SECONDS
    assert pair.other.step() == LOOK_SECONDS[0]

    assert (pair.one.term(FETCH), pair.one.term(SIGN)) == (1, 1)
    assert not pair.other.leads(FETCH)
    assert pair.changes == 2  # one for each role
    assert [one.holder for one in pair.looks[1].values()] == [pair.one.holder] * 2


def test_a_leader_that_renews_stays_and_one_that_cannot_leads_no_more(pair: _Pair) -> None:
    pair.one.step()
    for _ in range(5):
        pair.now += LEASE_SECONDS / 2
        pair.one.step()
    assert pair.one.term(FETCH) == 1

    pair.one.use(Broken())  # type: ignore[arg-type]  # what it asks of a store
    pair.now += LEASE_SECONDS - 0.1
    pair.one.step()
    assert pair.one.leads(FETCH)
    pair.now += 0.2
    assert not pair.one.leads(FETCH)
    pair.one.step()
    assert pair.changes == 4


def test_another_takes_over_and_a_stopped_leader_writes_nothing(pair: _Pair) -> None:
    pair.one.step()
    check = pair.one.check(FETCH)
    with pair.store.note() as session:
        check(session)

    # Stopped: its own clock shows nothing of it yet.
    pair.expire()
    pair.other.step()
    assert pair.other.term(FETCH) == 2
    assert dict(pair.other.samples()["authz_lease_term"])[(FETCH,)] == 2.0
    assert pair.one.leads(FETCH)

    with pytest.raises(ConflictError, match="another node"), pair.store.note() as session:
        check(session)
    assert not pair.one.leads(FETCH)
    assert dict(pair.one.samples()["authz_lease_refused_total"]) == {(): 1.0}
    pair.one.step()
    assert pair.one.samples()["authz_lease_held"] == [((FETCH,), 0.0), ((SIGN,), 1.0)]
    assert dict(pair.one.samples()["authz_lease_term"]) == {(FETCH,): 2.0, (SIGN,): 1.0}


def vacant(node: Leadership, role: str = FETCH) -> float:
    return dict(node.samples()["authz_lease_vacant_seconds"])[(role,)]


def test_how_long_nobody_leads(pair: _Pair) -> None:
    """Each node tells it, by its own clock; whoever reads compares."""
    pair.now += 7
    assert vacant(pair.one) == vacant(pair.one, SIGN) == 7
    pair.one.step()
    pair.other.step()
    for _ in range(3):
        assert vacant(pair.one) == vacant(pair.other) == 0
        pair.now += LEASE_SECONDS / 2
        pair.one.step()
        pair.other.step()

    # One of them does not reach the database any more, and so knows nothing.
    pair.other.use(Broken())  # type: ignore[arg-type]  # what it asks of a store
    pair.now += 9
    pair.other.step()
    pair.one.step()
    assert vacant(pair.one) == 0
    assert vacant(pair.other) == pytest.approx(5, abs=0.5)


def test_that_nobody_can_write_is_told(pair: _Pair) -> None:
    """A database that can only be read, as a standby."""
    pair.one.step()
    pair.expire()
    reading = ReadOnly(pair.store)
    for node in (pair.one, pair.other):
        node.use(reading)  # type: ignore[arg-type]  # what it asks of a store
    pair.now += 99

    for _ in range(2):
        pair.one.step()
        pair.other.step()

    assert vacant(pair.one) == pytest.approx(95, abs=0.5)
    assert vacant(pair.other) == 99
    # The other lease has not expired by the database's clock: it is not known to be vacant.
    assert vacant(pair.other, SIGN) == 0


def test_a_node_that_starts_again_does_not_hide_that_nobody_leads(pair: _Pair) -> None:
    pair.one.step()
    with pair.store.note() as session:
        session.leases.renew(FETCH, pair.one.holder, 1, -600.0)

    started = pair.node()
    started.use(ReadOnly(pair.store))  # type: ignore[arg-type]  # what it asks of a store
    started.step()

    assert vacant(started) == pytest.approx(600, abs=5)
    assert vacant(started, SIGN) == 0


def test_a_lease_that_ends_in_an_hour_is_nobody_s_and_is_taken(pair: _Pair) -> None:
    """The database's clock was put back by one, and who held it is gone: nobody renews it."""
    pair.other.step()
    with pair.store.note() as session:
        session.leases.renew(FETCH, pair.other.holder, 1, 3600.0)
    pair.now += 60

    # As long as nothing can be written.
    pair.one.use(ReadOnly(pair.store))  # type: ignore[arg-type]
    pair.one.step()
    assert vacant(pair.one) == 60
    pair.one.use(pair.store)
    pair.one.step()

    assert (pair.one.term(FETCH), vacant(pair.one)) == (2, 0)
    # Who held it, should it be there still, finds another term.
    pair.other.step()
    assert pair.other.term(FETCH) is None


def test_a_leader_renews_what_a_clock_that_was_put_back_moved_away(pair: _Pair) -> None:
    pair.one.step()
    with pair.store.note() as session:
        session.leases.renew(FETCH, pair.one.holder, 1, 3600.0)

    pair.one.step()
    pair.other.step()

    assert (pair.one.term(FETCH), pair.other.term(FETCH)) == (1, None)


def test_a_renewal_that_comes_too_late_is_none(pair: _Pair) -> None:
    pair.one.step()
    pair.expire()
    pair.other.step()
    pair.one.step()
    assert (pair.one.leads(FETCH), pair.other.leads(FETCH)) == (False, True)


def test_who_does_not_lead_writes_nothing(pair: _Pair) -> None:
    with pytest.raises(ConflictError), pair.store.note() as session:
        pair.one.check(FETCH)(session)


def test_who_cannot_do_it_lets_others_for_a_while(pair: _Pair) -> None:
    pair.one.step()
    pair.one.rest(SIGN, 15.0)
    pair.one.step()
    assert (pair.one.leads(FETCH), pair.one.leads(SIGN)) == (True, False)
    pair.one.step()
    assert not pair.one.leads(SIGN)
    pair.other.step()
    assert pair.other.leads(SIGN)

    with pair.store.note() as session:
        session.leases.release(SIGN, pair.other.holder, 2)
    pair.now += 15.0
    pair.one.step()
    assert pair.one.term(SIGN) == 3


def test_a_node_that_does_not_sign_does_not_lead_there(pair: _Pair) -> None:
    pair.node(FETCH).step()
    pair.other.step()
    assert (pair.other.leads(FETCH), pair.other.leads(SIGN)) == (False, True)


def test_at_its_end_a_node_lets_go(pair: _Pair) -> None:
    pair.one.step()
    thread = threading.Thread(target=pair.one.run)
    thread.start()
    pair.one.stop()
    thread.join(10)
    assert not thread.is_alive()
    pair.other.step()
    assert pair.other.term(FETCH) == 2


def test_at_its_end_without_a_database_nothing_is_said(pair: _Pair) -> None:
    pair.one.step()
    pair.one.use(Broken())  # type: ignore[arg-type]  # what it asks of a store
    pair.one.stop()
    pair.one.run()
    assert not pair.one.leads(FETCH)


def test_without_a_store_there_is_nothing_to_agree_about(pair: _Pair) -> None:
    pair.one.use(None)
    assert pair.one.step() == LOOK_SECONDS[0]
    assert not pair.one.leads(FETCH)
    assert pair.one.samples()["authz_lease_term"] == []


def test_clocks_of_nodes_decide_nothing(pair: _Pair) -> None:
    """Another node's clocks show hours more: the lease is by the database's."""
    pair.one.step()
    later = Leadership(
        (FETCH,), clock=lambda: 1e10, monotonic=lambda: pair.now + 36_000, between=lambda a, _: a
    )
    later.use(pair.store)
    later.step()
    assert (pair.one.leads(FETCH), later.leads(FETCH)) == (True, False)
    pair.expire()
    later.step()
    pair.one.step()
    assert (pair.one.leads(FETCH), later.leads(FETCH)) == (False, True)


class _Clock:
    """A clock that is `ahead` of the machine's, which is SQLite's; each question takes `slow`."""

    def __init__(self, ahead: float, slow: float = 0.0) -> None:
        self.ahead = ahead
        self._slow = slow
        self._looks = 0

    def __call__(self) -> float:
        self._looks += 1
        return time.time() + self.ahead + self._slow * (self._looks % 2 == 0)


def _skewed(store: Store, clock: _Clock) -> Leadership:
    made = Leadership((FETCH,), clock=clock)
    made.use(store)
    return made


def _skew(one: Leadership) -> float:
    one.step()
    ((labels, value),) = one.samples()["authz_store_clock_skew_seconds"]
    assert labels == ()
    return value


def _told(capsys: pytest.CaptureFixture[str]) -> list[str]:
    return [line for line in capsys.readouterr().err.splitlines() if "clock" in line]


@pytest.mark.parametrize("ahead", [-7200.0, -60.0, 60.0, 7200.0])
def test_how_far_a_clock_is_from_the_databases_is_known(pair: _Pair, ahead: float) -> None:
    pair.one.step()
    other = _skewed(pair.store, _Clock(ahead))
    assert other.samples()["authz_store_clock_skew_seconds"] == []
    assert _skew(other) == pytest.approx(ahead, abs=1.0)


def test_a_clock_that_differs_is_told_once_and_again_when_it_agrees(
    pair: _Pair, capsys: pytest.CaptureFixture[str]
) -> None:
    pair.one.step()
    clock = _Clock(0.0)
    other = _skewed(pair.store, clock)
    _told(capsys)

    assert abs(_skew(other)) < SKEW_SECONDS
    assert _told(capsys) == []
    clock.ahead = -2 * SKEW_SECONDS - 1
    assert [_skew(other) < -SKEW_SECONDS for _ in range(2)] == [True, True]
    (line,) = _told(capsys)
    assert "differs from the database's" in line
    assert "by NTP" in line
    clock.ahead = 0.0
    _skew(other)
    (line,) = _told(capsys)
    assert "agrees with the database's again" in line


def test_a_question_that_takes_long_is_no_difference(pair: _Pair) -> None:
    pair.one.step()
    # SQLite's clock shows milliseconds.
    assert _skew(_skewed(pair.store, _Clock(0.0, slow=30.0))) == pytest.approx(0.0, abs=0.1)
    # And what is left of one is.
    assert _skew(_skewed(pair.store, _Clock(60.0, slow=30.0))) == pytest.approx(60.0, abs=1.0)
    assert _skew(_skewed(pair.store, _Clock(-60.0, slow=30.0))) == pytest.approx(-30.0, abs=1.0)
