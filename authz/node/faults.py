# SPDX-License-Identifier: Apache-2.0
"""Errors on their way from one process to another: the operator reads the same either side."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from authz import errors
from authz.errors import AuthzError, ExpressionError, PolicyError

if TYPE_CHECKING:
    from collections.abc import Iterator


class Fault(msgspec.Struct, frozen=True, kw_only=True):
    """An AuthzError as data; `kind` is the name of its class, the last two are an expression's."""

    kind: str
    message: str
    hint: str | None
    where: str | None
    others: tuple[Fault, ...] = ()
    source: str = ""
    span: tuple[int, int] = (0, 0)


def fault_of(error: AuthzError) -> Fault:
    """The error as data."""
    source, span = "", (0, 0)
    if isinstance(error, ExpressionError):
        source, span = error.source, error.span
    return Fault(
        kind=type(error).__name__,
        message=_text(error.message),
        hint=None if error.hint is None else _text(error.hint),
        where=None if error.where is None else _text(error.where),
        others=tuple(map(fault_of, error.others)),
        source=source,
        span=span,
    )


def error_of(fault: Fault) -> AuthzError:
    """The error that was made into data."""
    kind = _KINDS.get(fault.kind, PolicyError)
    error: AuthzError
    if issubclass(kind, ExpressionError):
        error = kind(
            fault.message,
            source=fault.source,
            span=fault.span,
            hint=fault.hint,
            where=fault.where,
        )
    else:
        error = kind(fault.message, hint=fault.hint, where=fault.where)
    error.others = tuple(map(error_of, fault.others))
    return error


def _text(text: str) -> str:
    # Names of files may hold what no text does; a person reads an escape instead.
    return text.encode("utf-8", "backslashreplace").decode()


def _kinds(base: type[AuthzError]) -> Iterator[tuple[str, type[AuthzError]]]:
    for kind in base.__subclasses__():
        if kind.__module__ == errors.__name__:
            yield kind.__name__, kind
            yield from _kinds(kind)


_KINDS = dict(_kinds(AuthzError))
