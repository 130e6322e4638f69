# SPDX-License-Identifier: Apache-2.0
"""Two nodes of two releases on one PostgreSQL, as in the middle of a rolling upgrade."""

from __future__ import annotations

import subprocess
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from tests.attack.report import scenario
from tests.factories.populated import check_of
from tests.factories.releases import VERSION, later_release
from tests.integration.harness import PATIENCE, eventually
from tests.integration.members import Member
from tests.integration.stores import ALLOWED, DENIED, world_of

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.factories.postgres import Server
    from tests.integration.stores import Asker

pytestmark = [pytest.mark.postgres, pytest.mark.attack]


@scenario("nodes", "two releases on one database, each leading in turn")
def test_nodes_of_two_releases_enforce_the_same_and_follow_each_other_as_leaders(
    tmp_path: Path, postgres: Server, asker: Callable[[str], Asker]
) -> None:
    name = postgres.new_database()
    database = postgres.address(name)
    release = later_release(tmp_path / "later")

    class Later(Member):
        program = release.program

    world = world_of(database, tmp_path / "world")
    with closing(world.store):
        alice = world.issue("alice")
        check = check_of(alice)
        nodes: list[Member] = []
        try:
            old = Member(tmp_path / "old", database)
            nodes.append(old)
            old.until_serving()
            eventually(old.leads, f"it leads\n{old.log}")

            # Migrated under the old one; then the new one beside it.
            done = subprocess.run(
                [*release.program, "db", "migrate", "--database", database],
                capture_output=True,
                text=True,
                check=False,
                timeout=2 * PATIENCE,
                cwd=tmp_path,
            )
            assert done.returncode == 0, done.stderr
            new = Later(tmp_path / "new", database)
            nodes.append(new)
            new.until_serving()
            assert new.metric("authz_build_info", version=VERSION) == 1
            askers = [asker(one.addresses[0]) for one in nodes]
            world.revoke(alice)
            for one in askers:
                one.seconds_until(check, DENIED)
            assert (old.leads(), new.leads()) == (True, False)

            # The old one ends, the new one leads; and back.
            term = new.term()
            old.supervise_and_kill()
            eventually(new.leads, f"it takes over\n{new.log}")
            assert new.term() == term + 1
            world.restore(alice)
            askers[1].seconds_until(check, ALLOWED)

            again = Member(tmp_path / "old", database)
            nodes.append(again)
            again.until_serving()
            asker(again.addresses[0]).seconds_until(check, ALLOWED)
            new.supervise_and_kill()
            eventually(again.leads, f"it takes over\n{again.log}")
            assert again.term() == term + 2
        finally:
            for member in nodes:
                member.destroy()
    postgres.drop(name)
