# SPDX-License-Identifier: Apache-2.0
"""What fuzzing begins with, and what it has found: each input on its target, without atheris."""

from __future__ import annotations

import importlib
import time

import pytest

from tests.fuzz.guided import MOST_SECONDS
from tests.fuzz.targets import TARGETS, VECTORS, seeds_of

#: No input is large: they are for reading, too.
MOST_BYTES = 32_768


def test_every_target_has_inputs_and_all_inputs_a_target() -> None:
    assert len(TARGETS) == 11
    assert {path.name for path in VECTORS.iterdir()} == set(TARGETS)
    for name in TARGETS:
        inputs = seeds_of(name)
        assert inputs, name
        assert max(path.stat().st_size for path in inputs) <= MOST_BYTES


@pytest.mark.parametrize("name", TARGETS)
def test_the_property_holds_for_what_is_known(name: str) -> None:
    target = importlib.import_module(f"tests.fuzz.targets.{name}")

    for data in (b"", b"\0", b"\xff" * 100, *(path.read_bytes() for path in seeds_of(name))):
        began = time.monotonic()
        target.run(data)
        assert time.monotonic() - began < MOST_SECONDS
