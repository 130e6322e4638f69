# SPDX-License-Identifier: Apache-2.0
"""Two real nodes on one PostgreSQL, the clock of one of them wrong, by minutes or hours.

Who leads is by the database's clock, and stays so; a revocation counts on both in time, wherever
it is committed; whether a certificate is valid is by the clock of who is asked. A node says how far
its clock is from the database's.
"""

from __future__ import annotations

import contextlib
import logging
import time
from contextlib import closing
from typing import TYPE_CHECKING, Final

import pytest

from authz.ca.profiles import CLIENT
from authz.node.control.leadership import FETCH, LEASE_SECONDS, SKEW_SECONDS
from authz.services.permissions import EVERYTHING
from authz.services.tokens import create_token
from tests.attack.report import scenario
from tests.factories.faketime import clock_off_by
from tests.factories.populated import check_of
from tests.integration.asking import Asking
from tests.integration.harness import eventually
from tests.integration.members import Member
from tests.integration.stores import ALLOWED, DENIED, Asker, questions_of, world_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from authz.services.issuance import Issued
    from tests.factories.populated import World
    from tests.factories.postgres import Server

pytestmark = [pytest.mark.postgres, pytest.mark.attack, pytest.mark.acceptance]

DAY: Final = 86_400.0
#: How far the clock is ahead; behind, when negative. For the long counts: in `make test` a clock
#: jumps while everything runs (test_clock_jumps).
OFF: Final = [
    pytest.param(-7200, id="hours behind"),
    pytest.param(7200, id="hours ahead"),
    pytest.param(-240, id="minutes behind"),
    pytest.param(240, id="minutes ahead"),
]
#: From the answer of the API to the denial by both nodes. On a busy machine half of some changes.
LIMIT_SECONDS: Final = 2.0
ROUNDS: Final = 3
SKEW: Final = "authz_store_clock_skew_seconds"
DIFFERS: Final = "this node's clock differs from the database's"
_log: Final = logging.getLogger(__name__)


class Skewed:
    """The two nodes, the wrong one first, and the certificates that they are asked about."""

    def __init__(self, directory: Path, database: str, off: float) -> None:
        self._directory = directory
        self._database = database
        self.off = off
        now = time.time()
        # Made two days ago: valid by every clock.
        self.world: World = world_of(database, directory / "world", lambda: now - 2 * DAY)
        self.alice = self.world.issue("alice")
        # Half way from the one clock to the other, this one ends and that one begins.
        between = now + off / 2
        self.questions = questions_of(self.world)
        self.ending = self._beginning_at(between - DAY, "ending")
        self.beginning = self._beginning_at(between, "beginning")
        with self.world.store.read() as session:
            self._zone = session.zones.all()[0].id
        self._token = directory / "token"
        made = create_token(self.world.store, "drill", EVERYTHING, actor="drill", at=now)
        self._token.write_text(made.secret, encoding="ascii")
        self.wrong = self.start_wrong("wrong")
        eventually(self.wrong.leads, f"it leads\n{self.wrong.log}")
        self.right = Member(directory / "right", database, "--admin", "127.0.0.1:0")
        self.right.until_serving()

    def start_wrong(self, name: str) -> Member:
        """A node whose clock is wrong."""
        node = Member(
            self._directory / name,
            self._database,
            *("--admin", "127.0.0.1:0"),
            environment=clock_off_by(self.off),
        )
        node.until_serving()
        return node

    def change(self, node: Member, *, revoked: bool) -> None:
        """Revoke or restore alice's certificate over the API of a node."""
        path = f"/zones/{self._zone}/client_certificates/{self.alice.certificate.id}"
        node.change(self._token, path, revoked=revoked)

    def _beginning_at(self, at: float, name: str) -> Issued:
        self.world.clock = lambda: at + CLIENT.backdate_seconds
        return self.world.issue(name, days=1)

    def close(self) -> None:
        for one in (self.wrong, self.right):
            one.destroy()
        self.world.store.close()


@pytest.fixture
def skewed(tmp_path: Path, postgres: Server, request: pytest.FixtureRequest) -> Iterator[Skewed]:
    name = postgres.new_database()
    with closing(Skewed(tmp_path, postgres.address(name), request.param)) as made:
        yield made
    postgres.drop(name)


@pytest.mark.parametrize("skewed", OFF, indirect=True)
@scenario("nodes", "one of two clocks is wrong: who leads, what is valid, how fast it is revoked")
def test_a_node_with_a_wrong_clock(
    skewed: Skewed, asker: Callable[[str], Asker], request: pytest.FixtureRequest
) -> None:
    wrong, right = skewed.wrong, skewed.right
    askers = [asker(one.addresses[0]) for one in (wrong, right)]
    alice = check_of(skewed.alice)
    since = time.monotonic()
    for one in askers:
        one.seconds_until(alice, ALLOWED)

    # (1) Validity is by each node's own clock.
    ahead = skewed.off > 0
    assert [one.ask(check_of(skewed.ending)) for one in askers] == (
        [DENIED, ALLOWED] if ahead else [ALLOWED, DENIED]
    )
    assert [one.ask(check_of(skewed.beginning)) for one in askers] == (
        [ALLOWED, DENIED] if ahead else [DENIED, ALLOWED]
    )

    # Meanwhile both are asked for what does not change.
    says = f"one of two clocks is {request.node.callspec.id}"
    with contextlib.ExitStack() as stack:
        for one in (wrong, right):
            asking = Asking(one.addresses[0], questions=skewed.questions, says=says, group="nodes")
            stack.enter_context(asking)

        # (2) A revocation counts on both in time, wherever it is committed; and so does its end.
        seconds: list[float] = []
        for _ in range(ROUNDS):
            for node in (wrong, right):
                for revoked in (True, False):
                    skewed.change(node, revoked=revoked)
                    code = DENIED if revoked else ALLOWED
                    began = time.monotonic()
                    for one in askers:
                        one.seconds_until(alice, code)
                    seconds.append(time.monotonic() - began)
                    assert [one.ask(alice) for one in askers] == [code, code]
        seconds.sort()
        _log.info(
            "%s: median %.3f s, most %.3f s",
            request.node.name,
            seconds[len(seconds) // 2],
            seconds[-1],
        )
        assert seconds[len(seconds) // 2] <= LIMIT_SECONDS

        # (3) It says so, and the other one has nothing to say.
        eventually(
            lambda: abs(wrong.metric(SKEW) - skewed.off) < SKEW_SECONDS, f"it knows\n{wrong.log}"
        )
        assert abs(right.metric(SKEW)) < SKEW_SECONDS
        assert [len(one.events(DIFFERS)) for one in (wrong, right)] == [1, 0]
        assert (
            abs(wrong.metric("authz_lease_taken_timestamp_seconds", role=FETCH) - time.time()) < 60
        )

        # (4) Nobody else has led meanwhile, which was longer than a lease lasts.
        while time.monotonic() < since + 2 * LEASE_SECONDS:
            assert (wrong.leads(), right.leads()) == (True, False)
        assert (wrong.term(), right.term()) == (1, 1)

    # (5) Who dies is followed, in both directions, and only then.
    took = [_taken_over(skewed, wrong, right)]
    again = skewed.wrong = skewed.start_wrong("again")
    eventually(lambda: again.term() == 2, f"it sees who leads\n{again.log}")
    assert (again.leads(), right.leads()) == (False, True)
    took.append(_taken_over(skewed, right, again))
    assert again.term() == 3
    _log.info("%s: taken over after %s s", request.node.name, [round(one, 1) for one in took])


def _taken_over(skewed: Skewed, dying: Member, other: Member) -> float:
    """How long it takes until the other one leads, after everything of the first was killed."""
    assert (dying.leads(), other.leads()) == (True, False)
    dying.destroy()
    with skewed.world.store.read() as session:
        lease = session.leases.get(FETCH)
    began = time.monotonic()
    assert lease is not None
    eventually(other.leads, f"it takes over\n{other.log}")
    took = time.monotonic() - began
    # By the database's clock: no earlier than what was held has ended.
    assert took > lease.left - 0.1, (took, lease)
    return took
