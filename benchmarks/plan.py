# SPDX-License-Identifier: Apache-2.0
"""How long and how often: given to every group, with a place for its files and its children."""

from __future__ import annotations

import contextlib
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from authz.demo.processes import Children

if TYPE_CHECKING:
    from collections.abc import Iterator


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What a group is asked for.

    Args:
        rounds: interleaved rounds; ratios are medians over them.
        seconds: about how long one measurement of one round takes.
        quick: small inputs, one short round: shows that everything works, proves no speed.
        brief: only what a limit is about, not what is merely good to know.
    """

    rounds: int = 5
    seconds: float = 1.2
    quick: bool = False
    brief: bool = False

    def more(self) -> Plan:
        """For a second look at something that missed its limit."""
        return replace(self, rounds=self.rounds * 2 - 1)

    def scaled(self, count: int, quick: int) -> int:
        """An input's size: `count`, or `quick` when only the machinery is being tried."""
        return quick if self.quick else count


CHECK = Plan(rounds=7, seconds=1.0, brief=True)
QUICK = Plan(rounds=1, seconds=0.1, quick=True)


@contextlib.contextmanager
def workshop() -> Iterator[tuple[Path, Children]]:
    """A directory that goes away and children that are stopped, whatever happens."""
    with tempfile.TemporaryDirectory(prefix="authz-bench-") as directory, Children() as children:
        yield Path(directory), children
