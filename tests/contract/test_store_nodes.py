# SPDX-License-Identifier: Apache-2.0
"""Leases, and what nodes share under them, on both databases."""

from __future__ import annotations

import threading
from contextlib import closing
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import update

from authz.store.shared_fetches import SharedFetch, WantedCertificate, key_of
from authz.store.tables_nodes import leases, wanted_certificates
from tests.factories.stored import with_authority

if TYPE_CHECKING:
    from authz.store.engine import Store
    from authz.store.leases import Lease
    from tests.contract.conftest import Place

LONG, OVER = 60.0, -1.0


def take(store: Store, holder: str, seconds: float = LONG) -> int | None:
    with store.note() as session:
        return session.leases.take("fetch", holder, seconds)


def lease(store: Store) -> Lease | None:
    with store.read() as session:
        return session.leases.get("fetch")


def test_one_holds_a_lease_until_it_expires_and_each_term_is_another(store: Store) -> None:
    assert lease(store) is None
    assert take(store, "a") == 1
    assert take(store, "b") is None
    held = lease(store)
    assert held is not None
    assert (held.holder, held.term, held.version) == ("a", 1, 0)
    assert LONG - 30 < held.left <= LONG

    with store.note() as session:
        assert session.leases.renew("fetch", "a", 1, OVER)
    assert take(store, "b") == 2

    with store.note() as session:
        assert not session.leases.renew("fetch", "a", 1, LONG)
        assert not session.leases.holds("fetch", "a", 1)
        assert session.leases.next_version("fetch", "a", 1) is None
        # It was another's once more: the same holder, another term.
        assert not session.leases.holds("fetch", "b", 1)
        assert session.leases.holds("fetch", "b", 2)


def test_what_has_expired_is_held_by_nobody_even_before_another_takes_it(store: Store) -> None:
    assert take(store, "a", OVER) == 1
    with store.note() as session:
        assert not session.leases.holds("fetch", "a", 1)
        assert not session.leases.renew("fetch", "a", 1, LONG)
        assert session.leases.next_version("fetch", "a", 1) is None
    assert take(store, "a") == 2


def move_end(store: Store, seconds: float) -> None:
    """As a database's clock that was put back so far has it, of a lease taken before."""
    with store.note() as session:
        session.leases._connection.execute(
            update(leases).values(
                expires_at=leases.c.expires_at + seconds, taken_at=leases.c.taken_at + seconds
            )
        )


def test_a_lease_that_lasts_longer_than_any_is_nobodys(store: Store) -> None:
    """The database's clock was put back by a day, and who held it is gone."""

    def take_free(holder: str) -> int | None:
        with store.note() as session:
            return session.leases.take("fetch", holder, LONG, longest=2 * LONG)

    assert take_free("a") == 1
    with store.note() as session:
        assert session.leases.next_version("fetch", "a", 1) == 1
    # Not so far that it could not be a lease that was just renewed.
    move_end(store, LONG - 30)
    assert take_free("b") is None
    move_end(store, 86_400.0)
    # Who does not say how long one lasts waits for its end.
    assert take(store, "b") is None

    assert take_free("b") == 2
    found = lease(store)
    assert found is not None
    assert (found.holder, found.term, found.version) == ("b", 2, 1)
    assert 0 < found.left <= LONG
    assert found.taken_at <= found.read_at
    # The one before, should it be there still, writes nothing any more.
    with store.note() as session:
        assert not session.leases.holds("fetch", "a", 1)
        assert not session.leases.renew("fetch", "a", 1, LONG)
        assert session.leases.next_version("fetch", "a", 1) is None
        session.leases.release("fetch", "a", 1)
    assert take_free("c") is None


def test_a_holder_that_is_there_keeps_what_a_clock_moved_away(store: Store) -> None:
    assert take(store, "a") == 1
    move_end(store, 86_400.0)

    with store.note() as session:
        assert session.leases.renew("fetch", "a", 1, LONG)
        assert session.leases.take("fetch", "b", LONG, longest=2 * LONG) is None

    found = lease(store)
    assert found is not None
    assert (found.term, found.left <= LONG) == (1, True)


def test_nobody_takes_what_lasts_too_long_while_something_is_written_under_it(
    place: Place,
) -> None:
    with closing(place.open(create=False)) as mine, closing(place.open(create=False)) as other:
        term = take(mine, "a")
        assert term is not None
        move_end(mine, 86_400.0)
        taken: list[int | None] = []

        def take_it() -> None:
            with other.note() as session:
                taken.append(session.leases.take("fetch", "b", LONG, longest=2 * LONG))

        with mine.note() as session:
            version = session.leases.next_version("fetch", "a", term)
            contender = threading.Thread(target=take_it)
            contender.start()
            contender.join(0.2)
            assert session.leases.holds("fetch", "a", term)
            assert taken == []
        contender.join(10)
        found = lease(mine)
        assert found is not None
        assert (taken, found.holder, found.version) == ([term + 1], "b", version)


def test_what_is_let_go_can_be_taken_at_once(store: Store) -> None:
    take(store, "a")
    with store.note() as session:
        session.leases.release("fetch", "b", 1)
        session.leases.release("fetch", "a", 2)
    assert take(store, "b") is None
    with store.note() as session:
        session.leases.release("fetch", "a", 1)
    assert take(store, "b") == 2


def test_of_nodes_that_take_a_lease_at_once_one_has_it(place: Place) -> None:
    nodes = [place.open(create=False) for _ in range(4)]
    for round_ in range(1, 6):
        together = threading.Barrier(len(nodes))
        terms: list[int | None] = []

        def contend(number: int, node: Store, together: threading.Barrier, terms: list) -> None:  # type: ignore[type-arg]
            together.wait(10)
            terms.append(take(node, f"node {number}"))

        threads = [
            threading.Thread(target=contend, args=(number, node, together, terms))
            for number, node in enumerate(nodes)
        ]
        for one in threads:
            one.start()
        for one in threads:
            one.join()
        assert sorted(terms, key=str) == [round_, None, None, None]
        with nodes[0].note() as session:
            held = session.leases.get("fetch")
            assert held is not None
            session.leases.release("fetch", held.holder, held.term)
    for node in nodes:
        node.close()


def test_nobody_takes_over_while_something_is_written_under_a_lease(place: Place) -> None:
    with closing(place.open(create=False)) as mine, closing(place.open(create=False)) as other:
        term = take(mine, "a")
        assert term is not None
        taken: list[int | None] = []
        with mine.note() as session:
            assert session.leases.next_version("fetch", "a", term) == 1
            # It expires meanwhile.
            session.leases.renew("fetch", "a", term, OVER)
            contender = threading.Thread(target=lambda: taken.append(take(other, "b")))
            contender.start()
            contender.join(0.2)
            assert taken == []
        contender.join(10)
    assert taken == [term + 1]


def _fetch(version: int, body: bytes = b"crl", key: str = "k") -> SharedFetch:
    return SharedFetch(
        key=key_of(key),
        version=version,
        sha256=key_of(body),
        body=body,
        etag='"e"',
        last_modified="then",
    )


def test_what_was_fetched_is_found_by_its_version(store: Store) -> None:
    with store.note() as session:
        session.shared_fetches.put(_fetch(1))
        session.shared_fetches.put(_fetch(2, b"other\0", "l"))
    with store.read() as session:
        assert session.shared_fetches.get(key_of("k")) == _fetch(1)
        assert session.shared_fetches.get(key_of("m")) is None
        assert [one.version for one in session.shared_fetches.after(0)] == [1, 2]
        assert [one.key for one in session.shared_fetches.after(1)] == [key_of("l")]
    with store.note() as session:
        session.shared_fetches.put(_fetch(3, b"new"))
        session.shared_fetches.confirm(key_of("l"), 4)
    with store.read() as session:
        assert session.shared_fetches.get(key_of("k")) == _fetch(3, b"new")
        found = session.shared_fetches.get(key_of("l"))
        assert found is not None
        assert (found.version, found.body) == (4, b"other\0")
    with store.note() as session:
        session.shared_fetches.prune(60)
        assert len(session.shared_fetches.after(0)) == 2
        session.shared_fetches.prune(-60)
        assert session.shared_fetches.after(0) == []


def _certificate(name: str) -> WantedCertificate:
    return WantedCertificate(
        key=key_of(name), certificate=b"c", issuer=b"i", anchor=b"a", authority=name
    )


def test_what_is_wanted_is_found_once_and_as_long_as_it_is_seen(place: Place, store: Store) -> None:
    with closing(place.open(create=False)) as other:
        for node, names in ((store, "ab"), (other, "bc")):
            with node.note() as session:
                session.wanted_certificates.add(map(_certificate, names))
    with store.note() as session:
        wanted = session.wanted_certificates
        assert sorted(one.authority for one in wanted.within(60, most=10)) == ["a", "b", "c"]
        assert len(wanted.within(60, most=2)) == 2
        assert wanted.within(-60, most=10) == []
        assert wanted.within(60, most=10)[0].certificate == b"c"
        wanted.still([key_of("a"), key_of("nobody")], 60)
        wanted.prune(60)
        assert len(wanted.within(60, most=10)) == 3
        wanted.prune(-60)
        assert wanted.within(60, most=10) == []


def test_what_has_not_been_said_for_long_is_said_again(store: Store) -> None:
    with store.note() as session:
        session.wanted_certificates.add([_certificate("a"), _certificate("b")])
        # As if ten seconds had passed.
        session.wanted_certificates._connection.execute(
            update(wanted_certificates).values(seen_at=wanted_certificates.c.seen_at - 10)
        )
        session.wanted_certificates.still([key_of("a")], 5)
        assert [one.authority for one in session.wanted_certificates.within(60, most=9)][-1] == "a"


def test_a_write_can_be_bound_to_a_lease(store: Store) -> None:
    """As those who sign do: `Store.checked` with a look at the lease."""
    take(store, "a")

    class LateError(Exception):
        pass

    def check(session: object) -> None:
        if not session.leases.holds("fetch", "a", 1):  # type: ignore[attr-defined]
            raise LateError

    bound = store.checked(check)
    with bound.write() as session:
        with_authority(session)
    with store.note() as session:
        session.leases.release("fetch", "a", 1)
    with pytest.raises(LateError), bound.write() as session:
        with_authority(session, "never")
    with store.read() as session:
        assert [one.name for one in session.authorities.all()] == ["devices"]
