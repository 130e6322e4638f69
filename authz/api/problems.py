# SPDX-License-Identifier: Apache-2.0
"""What every error looks like: one table from our errors to HTTP statuses and codes.

Errors are HTTP errors: the SDK does not look at `success`. There is no 409, which the SDK would
repeat: what clashes is a 400, and a precondition that does not hold a 412. Codes are Cloudflare's
where it has one for the same thing, else those of `authz.errors`.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from authz.api.methods import methods_of
from authz.errors import (
    AuthzError,
    ForbiddenError,
    KeyUnavailableError,
    NotFoundError,
    PreconditionError,
    RulesetError,
    SettingsError,
    StoreUnavailableError,
    ThrottledError,
    UnauthenticatedError,
)
from authz.observability.log import get_logger

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from fastapi import FastAPI, Request

#: Ours, for a body or parameter that is not what the call takes.
INVALID_REQUEST: Final = 1001
INTERNAL: Final = 1002
#: There is more to do than is done at a time; the same call may be sent again.
BUSY: Final = 1003
#: Of a message, and no error: what a change let in that was kept out before.
LOOSENED: Final = 1004

#: Cloudflare's.
NO_ENTRY_POINT: Final = 10003
AUTHENTICATION: Final = 10000
INVALID_TOKEN: Final = 1000
INVALID_HEADERS: Final = 6003
NO_ROUTE: Final = 7000
COULD_NOT_ROUTE: Final = 7003
NO_METHOD: Final = 7001

_STATUSES: Final[tuple[tuple[type[AuthzError], int], ...]] = (
    (UnauthenticatedError, 401),
    (ForbiddenError, 403),
    (ThrottledError, 429),
    (NotFoundError, 404),
    (PreconditionError, 412),
    (StoreUnavailableError, 503),
    (KeyUnavailableError, 503),
    # No call changes settings: the operator has to.
    (SettingsError, 503),
)

#: Where these were found is of the machine: nothing for who calls, who need not have a valid token.
_OF_THE_MACHINE: Final = (StoreUnavailableError, KeyUnavailableError, SettingsError)

#: Whoever finds the store away may try again soon.
_RETRY_SECONDS: Final = 1

#: Of one answer: a body may have any number of mistakes.
MAX_PROBLEMS: Final = 20

#: By pydantic's name for it, what was expected.
_EXPECTED: Final[Mapping[str, str]] = MappingProxyType(
    {
        "model_type": "an object",
        "model_attributes_type": "an object",
        "dict_type": "an object",
        "list_type": "an array",
        "string_type": "text",
        "int_type": "a whole number",
        "int_parsing": "a whole number",
        "int_parsing_size": "a smaller number",
        "int_from_float": "a whole number",
        "bool_type": "true or false",
        "bool_parsing": "true or false",
        "float_type": "a number",
        "float_parsing": "a number",
    }
)


class ApiError(Exception):
    """An answer that is no AuthzError: Cloudflare has a status and a code for it.

    Args:
        pointer: where in the body (RFC 6901), None for nowhere.
        others: further problems of the same answer.
    """

    def __init__(
        self,
        status: int,
        code: int,
        message: str,
        *,
        pointer: str | None = None,
        others: Sequence[dict[str, Any]] = (),
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.problems = [problem(code, message, pointer), *others]
        self.headers = headers


def problem(code: int, message: str, pointer: str | None = None) -> dict[str, Any]:
    """One entry of `errors`."""
    found: dict[str, Any] = {"code": code, "message": _whole(message)}
    if pointer is not None:
        found["source"] = {"pointer": _whole(pointer)}
    return found


def _whole(text: str) -> str:
    """Text that can be written: half a character of a body, which JSON can have, cannot."""
    return text.encode(errors="replace").decode()


def failed(
    status: int, problems: Iterable[dict[str, Any]], headers: Mapping[str, str] | None = None
) -> JSONResponse:
    """The answer to a call that failed."""
    body = {
        "success": False,
        "errors": list(problems)[:MAX_PROBLEMS],
        "messages": [],
        "result": None,
    }
    return JSONResponse(body, status_code=status, headers=dict(headers or {}))


def pointer_of(path: Sequence[str | int]) -> str:
    """A place in a body as RFC 6901 writes it."""
    return "".join(f"/{str(one).replace('~', '~0').replace('/', '~1')}" for one in path)


def could_not_route(path: str) -> ApiError:
    """What Cloudflare says to an identifier that is none (404)."""
    return ApiError(
        404,
        COULD_NOT_ROUTE,
        f"Could not route to {path}, perhaps your object identifier is invalid?",
        others=[problem(NO_ROUTE, "No route for that URI")],
    )


def text_of(error: AuthzError) -> str:
    """An error as one line: the fact, and what to do."""
    where, message = f"{error.where}: " if error.where else "", error.message
    if isinstance(error, _OF_THE_MACHINE):
        # The log has it (`answer_to`).
        where = ""
    if isinstance(error, StoreUnavailableError):
        # Behind the colon are the driver's words, which name hosts and users.
        message = message.partition(": ")[0]
    return f"{where}{message}" + (f" ({error.hint})" if error.hint else "")


def pointed(error: AuthzError, pointer: str) -> ApiError:
    """An error about one place of the body (RFC 6901), as the answer to the call (400)."""
    hint = f" ({error.hint})" if error.hint else ""
    return ApiError(400, error.code, error.message + hint, pointer=pointer)


def answer_to(error: AuthzError) -> JSONResponse:
    """The answer to a call that an error of ours ended."""
    status = next((status for kind, status in _STATUSES if isinstance(error, kind)), 400)
    headers: dict[str, str] = {}
    code = error.code
    if isinstance(error, UnauthenticatedError):
        headers["WWW-Authenticate"] = "Bearer"
        code = INVALID_TOKEN
    elif isinstance(error, ForbiddenError):
        code = AUTHENTICATION
    elif isinstance(error, ThrottledError):
        headers = {"Retry-After": str(max(1, round(error.retry_after)))}
        # The same token again would only be another failed attempt.
        headers["x-should-retry"] = "false"
    elif status == 503:
        get_logger().warning("a call could not be answered", reason=str(error))
        headers["Retry-After"] = str(_RETRY_SECONDS)
    problems = [_problem_of(error, code)]
    problems += [_problem_of(one, one.code) for one in error.others]
    return failed(status, problems, headers)


def install(app: FastAPI) -> None:
    """Have every error answered in the envelope."""

    @app.exception_handler(ApiError)
    def _api_error(_: Request, error: ApiError) -> JSONResponse:
        return failed(error.status, error.problems, error.headers)

    @app.exception_handler(AuthzError)
    def _authz_error(_: Request, error: AuthzError) -> JSONResponse:
        return answer_to(error)

    @app.exception_handler(RequestValidationError)
    def _invalid(_: Request, error: RequestValidationError) -> JSONResponse:
        return failed(400, [_invalid_problem(one) for one in error.errors()])

    @app.exception_handler(HTTPException)
    def _http(request: Request, error: HTTPException) -> JSONResponse:
        path = request.url.path
        if error.status_code == 404:
            route = could_not_route(path)
            return failed(404, route.problems)
        if error.status_code == 405:
            message = f"Method {request.method} not available for that URI."
            return failed(405, [problem(NO_METHOD, message)], {"Allow": methods_of(request)})
        return failed(
            error.status_code, [problem(INVALID_REQUEST, str(error.detail))], error.headers
        )

    @app.exception_handler(Exception)
    def _defect(request: Request, error: Exception) -> JSONResponse:
        get_logger().error(
            "a call of the API failed",
            method=request.method,
            path=request.url.path,
            exc_info=error,
        )
        return failed(500, [problem(INTERNAL, "internal error; the log of the service says more")])


def _problem_of(error: AuthzError, code: int) -> dict[str, Any]:
    if isinstance(error, RulesetError):
        pointer = None if error.path is None else pointer_of(error.path)
        return problem(error.number, text_of(error), pointer)
    return problem(code, text_of(error))


def _invalid_problem(error: Mapping[str, Any]) -> dict[str, Any]:
    place, *path = error["loc"]
    message = _in_our_words(error, path)
    if place == "body":
        if error["type"] == "json_invalid":
            why = error.get("ctx", {}).get("error", message)
            return problem(INVALID_REQUEST, f"the body is not JSON: {why}", "")
        return problem(INVALID_REQUEST, message, pointer_of(path))
    return problem(INVALID_REQUEST, f"{place} {'.'.join(map(str, path))}: {message}")


def _in_our_words(error: Mapping[str, Any], path: Sequence[str | int]) -> str:
    """What pydantic found, without its own words where there are others."""
    kind = error["type"]
    if kind == "missing":
        return f'the key "{path[-1]}" is missing' if path else "the body is missing"
    if kind in _EXPECTED:
        return f"expected {_EXPECTED[kind]}"
    # What a validator of ours said, without pydantic's words before it.
    message = str(error["msg"]).removeprefix("Value error, ")
    # An ID or another name that it may begin with stays as it is.
    return message[:1].lower() + message[1:] if message[1:2].islower() else message
