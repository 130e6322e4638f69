# SPDX-License-Identifier: Apache-2.0
"""What all tests share: a fixed time, a new store, log lines, how hard the properties search."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, NoReturn

import pytest
from hypothesis import HealthCheck, settings

from authz.observability import log
from authz.store.engine import open_store
from tests.factories.pki import AT

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

# `make test` tries bounded counts and the same examples every time: whether a change is good is
# not a matter of luck. `make fuzz` searches longer, and elsewhere with each run.
_COMMON: Any = {"deadline": None, "suppress_health_check": [HealthCheck.too_slow]}
settings.register_profile("default", max_examples=60, derandomize=True, **_COMMON)
settings.register_profile("fuzz", max_examples=2_000, derandomize=False, **_COMMON)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "default"))


@pytest.fixture
def at() -> float:
    """A fixed time, Unix seconds."""
    return AT


@pytest.fixture(scope="session")
def empty_store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A new store, to copy: making its tables takes a while."""
    directory = tmp_path_factory.mktemp("empty-store")
    open_store("sqlite", directory).close()
    return directory / "authz.db"


@pytest.fixture(scope="session", autouse=True)
def _log_lines_are_written_at_once() -> Iterator[None]:
    """So that a test finds its log lines in what was captured, and those of no other test."""
    with pytest.MonkeyPatch.context() as patch:
        put = log._writer.put

        def put_and_wait(line: str) -> None:
            put(line)
            log.flush(10.0)

        patch.setattr(log._writer, "put", put_and_wait)
        yield


def required(what: str) -> bool:
    """True when `AUTHZ_REQUIRE` names `what`: its absence is then a failure, not a skip."""
    return what in os.environ.get("AUTHZ_REQUIRE", "").split(",")


def absent(what: str, message: str) -> NoReturn:
    """Skip the test, as `what` is not there; fail where it is required."""
    if required(what):
        pytest.fail(message)
    pytest.skip(message)
