# SPDX-License-Identifier: Apache-2.0
"""What is refused by name, and where in a body it is that a use case refuses."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from authz.api.problems import INVALID_REQUEST, ApiError, problem, text_of
from authz.errors import ConflictError, ExpressionError, InvalidInputError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from typing import Any

_REFUSED: Final = (InvalidInputError, ConflictError, ExpressionError)


def refused(message: str, *, pointer: str | None = None) -> ApiError:
    """What cannot be asked like that, or what Cloudflare has and this service does not do (400);
    the message says why."""
    return ApiError(400, INVALID_REQUEST, message, pointer=pointer)


def all_refused(problems: Sequence[dict[str, Any]]) -> ApiError:
    """Several at once, as `problems.problem` makes them (400)."""
    first, *others = problems
    made = ApiError(400, first["code"], first["message"], others=others)
    made.problems[0] = first
    return made


@contextmanager
def placed(pointer: str) -> Iterator[None]:
    """Say of what a use case refuses that it is at this place of the body (RFC 6901)."""
    try:
        yield
    except _REFUSED as error:
        others = [problem(one.code, text_of(one)) for one in error.others]
        raise ApiError(400, error.code, text_of(error), pointer=pointer, others=others) from None
