# SPDX-License-Identifier: Apache-2.0
"""What a form says when what it asked for was refused."""

from __future__ import annotations

import pytest

from authz.dashboard.attempts import about
from authz.errors import (
    AuthzError,
    ConflictError,
    ForbiddenError,
    InvalidInputError,
    NotFoundError,
    PreconditionError,
    StoreUnavailableError,
    UnauthenticatedError,
)


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (InvalidInputError("the name is none", hint="write another"), 400),
        (ConflictError("there is one already"), 400),
        (PreconditionError("somebody was faster"), 412),
    ],
)
def test_what_can_be_mended_is_told_in_the_form(error: AuthzError, status: int) -> None:
    told = about(error)

    assert told["status"] == status
    assert told["errors"][0].lower().startswith(error.message)


@pytest.mark.parametrize(
    "error",
    [
        ForbiddenError("no"),
        NotFoundError("nothing"),
        StoreUnavailableError("gone"),
        UnauthenticatedError("nobody"),
    ],
)
def test_the_rest_has_a_page_of_its_own(error: AuthzError) -> None:
    with pytest.raises(type(error)):
        about(error)
