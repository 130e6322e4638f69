# SPDX-License-Identifier: Apache-2.0
"""What coverage-guided fuzzing calls: one module each, with one function over any bytes.

    run(data)        returns when the property holds; raises whatever it raises when it does not

The property is in the docstring of the module: a value or an error of ours, never another
exception. How long one input may take, and how much memory, is bounded by whoever calls (`guided`,
and the test that replays what was found). Inputs to begin with, and every input that found
something, are in tests/vectors/fuzz/<target>/.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

#: Every target, by the name of its module.
TARGETS: Final = tuple(
    sorted(path.stem for path in Path(__file__).parent.glob("[a-z]*.py") if path.stem != "app")
)
VECTORS: Final = Path(__file__).parents[2] / "vectors" / "fuzz"


def seeds_of(name: str) -> list[Path]:
    """The inputs of a target that the repository keeps."""
    return sorted((VECTORS / name).iterdir())
