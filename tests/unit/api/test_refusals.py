# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import pytest

from authz.api.problems import ApiError, problem
from authz.api.refusals import all_refused, placed, refused
from authz.errors import ConflictError, InvalidInputError, StoreUnavailableError


def test_what_a_use_case_refuses_gets_its_place() -> None:
    error = InvalidInputError("the name is empty", hint="write one")
    error.others = (ConflictError("there is one"),)
    with pytest.raises(ApiError) as raised, placed("/name"):
        raise error
    assert raised.value.status == 400
    assert raised.value.problems == [
        problem(1903, "the name is empty (write one)", "/name"),
        problem(1902, "there is one"),
    ]


def test_what_is_not_the_clients_fault_stays_what_it_is() -> None:
    with pytest.raises(StoreUnavailableError), placed("/name"):
        raise StoreUnavailableError("the database is locked")


def test_one_refusal_and_several() -> None:
    assert refused("no", pointer="/a").problems == [problem(1001, "no", "/a")]
    both = [problem(1001, "no", "/a"), problem(1001, "nor this", "/b")]
    assert all_refused(both).problems == both
