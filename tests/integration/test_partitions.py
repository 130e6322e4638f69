# SPDX-License-Identifier: Apache-2.0
"""Two real nodes, and a line between one of them and PostgreSQL that is cut, held half-open, and
slow: nobody leads twice, what was good holds, and all is as before without a hand."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from tests.attack.report import scenario
from tests.factories.populated import check_of
from tests.factories.tcp_proxy import TcpProxy
from tests.integration.harness import PATIENCE, eventually
from tests.integration.members import Member
from tests.integration.stores import ALLOWED, DENIED, world_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.factories.populated import World
    from tests.factories.postgres import Server
    from tests.integration.stores import Asker

pytestmark = [pytest.mark.postgres, pytest.mark.attack]


class Line:
    """A node at the database, and one with a line that a test holds."""

    def __init__(self, directory: Path, server: Server, name: str) -> None:
        self.proxy = TcpProxy(server.port)
        near = server.address(name)
        far = near.replace(f":{server.port}/", f":{self.proxy.port}/")
        self.world: World = world_of(near, directory / "world")
        self.alice, self.bob = self.world.issue("alice"), self.world.issue("bob")
        # The far one first: it leads.
        self.far = Member(directory / "far", far)
        self.far.until_serving()
        eventually(self.far.leads, f"it leads\n{self.far.log}")
        self.near = Member(directory / "near", near)
        self.near.until_serving()

    def close(self) -> None:
        for one in (self.far, self.near):
            one.destroy()
        self.proxy.close()
        self.world.store.close()


@pytest.fixture
def line(tmp_path: Path, postgres: Server) -> Iterator[Line]:
    name = postgres.new_database()
    with closing(Line(tmp_path, postgres, name)) as made:
        yield made
    postgres.drop(name)


@pytest.mark.parametrize("how", ["cut", "hold"])
@scenario("nodes", "a line to the database that breaks, or holds what is sent")
def test_a_leader_behind_a_broken_line_is_followed_and_comes_back(
    line: Line, asker: Callable[[str], Asker], how: str
) -> None:
    near, far = asker(line.near.addresses[0]), asker(line.far.addresses[0])
    alice, bob = check_of(line.alice), check_of(line.bob)
    for one in (near, far):
        one.seconds_until(alice, ALLOWED)
    term = line.near.term()

    getattr(line.proxy, how)()
    line.world.revoke(line.alice)

    # Where the database can be reached it counts; behind the line, what was good holds.
    near.seconds_until(alice, DENIED)
    assert (near.ask(bob), far.ask(bob)) == (ALLOWED, ALLOWED)
    assert far.ask(alice) == ALLOWED
    eventually(line.near.leads, f"it takes over\n{line.near.log}")
    # By its own clock it led no more before the other one could by the database's.
    assert not line.far.leads()
    assert line.near.term() == term + 1

    line.proxy.mend()
    far.seconds_until(alice, DENIED, 2 * PATIENCE)
    eventually(lambda: line.far.term() == term + 1, f"it sees who leads\n{line.far.log}")
    assert (line.near.leads(), line.far.leads()) == (True, False)
    line.world.restore(line.alice)
    for one in (near, far):
        one.seconds_until(alice, ALLOWED)


@scenario("nodes", "a slow line to the database")
def test_over_a_slow_line_it_counts_and_the_leader_stays(
    line: Line, asker: Callable[[str], Asker]
) -> None:
    far = asker(line.far.addresses[0])
    alice = check_of(line.alice)
    far.seconds_until(alice, ALLOWED)
    term = line.far.term()
    line.proxy.delay = 0.05

    for revoked in (True, False):
        (line.world.revoke if revoked else line.world.restore)(line.alice)
        far.seconds_until(alice, DENIED if revoked else ALLOWED)

    assert line.far.leads()
    assert line.near.term() == term
