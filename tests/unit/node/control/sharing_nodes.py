# SPDX-License-Identifier: Apache-2.0
"""Two nodes on one store, one CA, and the time."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING, Any

import pytest

from authz.errors import StoreUnavailableError
from authz.node.control.leadership import FETCH, LEASE_SECONDS, Leadership, _Held
from authz.node.control.sharing import Sharing
from authz.observability.seen_certificates import SeenCertificate
from authz.sources.fetch_targets import AuthorityId, CrlTarget, OcspTarget
from authz.sources.fetching import FetchRounds, Round
from authz.store.engine import Store, open_store
from tests.factories.fetching import MemorySink, StubFetcher
from tests.factories.pki import AT, root

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
