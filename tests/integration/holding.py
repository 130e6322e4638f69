# SPDX-License-Identifier: Apache-2.0
"""What the processes of nodes hold at moments of their lives, and whether it becomes more."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass, field
from statistics import median
from typing import TYPE_CHECKING, Final

import psutil

if TYPE_CHECKING:
    from tests.integration.harness import Node

#: What a process may hold more at the end of a life than at the end of an earlier one.
GROWTH: Final = 1.25
#: How many descriptors more it may have than when it was looked at first: the API's process may
#: just have begun then, and opens its connections to the database when it is called.
MORE: Final = 8


@dataclass
class Holding:
    """Looked at again and again; a process that ends is another one afterwards.

    Attributes:
        memory: megabytes of the largest process of a node, in the order of looking.
        descriptors: of each life of a process: what it is, and how many it had each time.
    """

    memory: list[float] = field(default_factory=list)
    descriptors: dict[tuple[str, int], list[int]] = field(default_factory=dict)

    def look(self, node: Node) -> None:
        """Note what its processes hold now."""
        sizes = [0.0]
        for process in (psutil.Process(node.process.pid), *node.children()):
            # One that is killed is looked at, too.
            with contextlib.suppress(psutil.NoSuchProcess, psutil.ZombieProcess):
                key = (_kind(process), process.pid)
                self.descriptors.setdefault(key, []).append(process.num_fds())
                sizes.append(process.memory_info().rss / 1e6)
        self.memory.append(max(sizes))

    def most_memory(self) -> float:
        """Megabytes."""
        return max(self.memory, default=0.0)

    def most_descriptors(self) -> int:
        """Of any process, ever."""
        return max((max(counts) for counts in self.descriptors.values()), default=0)

    def watched(self) -> set[str]:
        """The kinds of processes that were looked at more than once in one life."""
        return {kind for (kind, _), counts in self.descriptors.items() if len(counts) > 1}

    def descriptors_grew(self) -> list[str]:
        """The lives in which descriptors became more and more."""
        return [
            f"{kind} {pid}: {counts}"
            for (kind, pid), counts in self.descriptors.items()
            if counts[-1] - counts[0] > MORE
        ]

    def memory_grew(self) -> bool:
        """Whether processes hold more at the end of later lives than at that of earlier ones."""
        half = len(self.memory) // 2
        return half >= 2 and median(self.memory[half:]) > GROWTH * median(self.memory[:half])


def _kind(process: psutil.Process) -> str:
    """`authz`, `worker`, `control`, `admin`: the module that it runs."""
    command = process.cmdline()
    return command[command.index("-m") + 1].rpartition(".")[2]
