# SPDX-License-Identifier: Apache-2.0
"""What processes hold: when that is too much."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

from tests.integration.harness import Node
from tests.integration.holding import GROWTH, MORE, Holding

if TYPE_CHECKING:
    from pathlib import Path


def test_descriptors_that_become_more_in_one_life() -> None:
    holding = Holding(descriptors={("worker", 1): [9, 9 + MORE], ("worker", 2): [3, 10, 4]})
    assert holding.descriptors_grew() == []
    holding.descriptors["control", 3] = [9, 10, 9 + MORE + 1]
    assert holding.descriptors_grew() == [f"control 3: [9, 10, {9 + MORE + 1}]"]
    assert holding.watched() == {"worker", "control"}


def test_memory_that_becomes_more_from_life_to_life() -> None:
    assert not Holding(memory=[100, 110, 105, 108]).memory_grew()
    assert Holding(memory=[100, 110, 200, 210 * GROWTH]).memory_grew()
    # Of two looks, nothing is known.
    assert not Holding(memory=[100, 900]).memory_grew()


def test_a_process_is_looked_at_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "leaking.py").write_text(
        "import sys\n"
        "kept = []\n"
        "for _ in sys.stdin:\n"
        "    kept.append(open(__file__))\n"
        "    print(len(kept), flush=True)\n"
    )
    node = Node.__new__(Node)
    with subprocess.Popen(
        [sys.executable, "-m", "leaking"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        cwd=tmp_path,
        text=True,
    ) as node.process:
        assert node.process.stdin is not None
        assert node.process.stdout is not None
        holding = Holding()
        for _ in range(2):
            for _ in range(MORE + 1):
                node.process.stdin.write("one more\n")
                node.process.stdin.flush()
                node.process.stdout.readline()
            holding.look(node)
        node.process.stdin.close()

    [(kind, counts)] = [(kind, counts) for (kind, _), counts in holding.descriptors.items()]
    assert kind == "leaking"
    assert counts[1] - counts[0] == MORE + 1
    assert len(holding.descriptors_grew()) == 1
    assert holding.most_descriptors() == counts[1]
    assert holding.most_memory() > 1
