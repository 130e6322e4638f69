# SPDX-License-Identifier: Apache-2.0
"""Each function of the check path is called by a check of scenarios.py, and so is among those that
test_injected_faults.py breaks; a named list says which are not of the check path, and why."""

from __future__ import annotations

from collections import Counter
from fnmatch import fnmatchcase
from functools import partial
from typing import TYPE_CHECKING

from tests.attack.check_path import functions
from tests.attack.injection import calls_of
from tests.attack.not_asked import NOT_ASKED
from tests.attack.scenarios import scenarios
from tests.attack.test_injected_faults import broken_inside, forget
from tests.attack.world import World

if TYPE_CHECKING:
    from pathlib import Path

    from tests.attack.injection import Call


def _called(world: World) -> set[tuple[str, int]]:
    """Where the functions begin that checks call, those that answer a fault among them."""
    calls: list[Call] = []
    for scenario in scenarios():
        forget()
        calls += calls_of(partial(scenario.ask, world.endpoint(scenario)))
    calls += calls_of(partial(scenarios()[0].ask, broken_inside(world.endpoint(scenarios()[0]))))
    return {(call.code.co_filename, call.code.co_firstlineno) for call in calls}


def test_each_function_is_called_or_named(tmp_path: Path) -> None:
    called = _called(World(tmp_path))
    places = functions()
    uses = Counter[str]()
    not_reached, called_after_all = [], []
    for (file, function), where in sorted(places.items()):
        name = f"{file}:{function}"
        patterns = [one for one in NOT_ASKED if fnmatchcase(name, one)]
        uses.update(patterns)
        if not patterns and not where <= called:
            not_reached.append(name)
        elif patterns and where <= called:
            called_after_all.append((name, patterns))

    assert called_after_all == [], "\n".join(map(str, called_after_all))
    assert not_reached == [], "add a check to scenarios.py that calls it, or a reason to not_asked"
    assert [one for one in NOT_ASKED if not uses[one]] == [], "there is nothing of that name"


def test_a_function_that_is_new_is_found(tmp_path: Path) -> None:
    """Methods, nested functions and lambdas are, and what is a part of a function is not."""
    source = tmp_path / "certs" / "new.py"
    source.parent.mkdir()
    source.write_text(
        "class A:\n    def method(self):\n        return [x for x in (y for y in ())]\n"
        "def outer():\n    def inner(): pass\n    return lambda: inner\n"
    )

    assert {name for _, name in functions(tmp_path)} == {
        *("A.method", "outer", "outer.<locals>.inner", "outer.<locals>.<lambda>"),
    }
