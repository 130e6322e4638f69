# SPDX-License-Identifier: Apache-2.0
"""Faults inside a check: which calls one makes, and making one of them raise.

A profile function (sys.setprofile) sees each call before it begins, of Python code and of native
code, and what it raises comes out of that call. The interpreter takes it away then, so that one
call breaks and none after it. What is called is found by watching, not by a list: a function that
is new on the check path is among the faults of the next run.
"""

from __future__ import annotations

import sys
import threading
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from tests.factories.layout import ROOT

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import CodeType, FrameType

_OURS: Final = f"{ROOT / 'authz'}/"
#: Where the code of compiled expressions says that it comes from (rules.runtime).
_GENERATED: Final = "<expression>"

#: Letting go of a lock that is held cannot fail, and takes no memory (threading.Lock).
_CANNOT_FAIL: Final = frozenset(("lock.__exit__", "lock.release"))


class Panic(BaseException):
    """As a panic of a Rust extension arrives: no Exception."""


@dataclass(frozen=True, slots=True)
class Call:
    """A call that a check makes: of a function of ours, or from one of ours into native code.

    `code` is ours in both cases; `native` the other one's name, with the line it is called on.
    """

    code: CodeType
    native: str = ""
    line: int = 0

    def __str__(self) -> str:
        where = self.code.co_filename.removeprefix(_OURS)
        name = f"{where}:{self.code.co_qualname}"
        return f"{name}, line {self.line}: {self.native}" if self.native else name


def call_of(frame: FrameType, event: str, argument: Any) -> Call | None:
    """The call that a profile event is about, None for those that are none of ours."""
    code = frame.f_code
    if not code.co_filename.startswith((_OURS, _GENERATED)):
        return None
    if event == "call":
        return Call(code)
    if event == "c_call":
        name = getattr(argument, "__qualname__", None) or repr(argument)
        return None if name in _CANNOT_FAIL else Call(code, str(name), frame.f_lineno)
    return None


def calls_of(run: Callable[[], object]) -> list[Call]:
    """The calls that `run` makes on this thread, each once, in their order."""
    seen: dict[Call, None] = {}

    def watch(frame: FrameType, event: str, argument: Any) -> None:
        call = call_of(frame, event, argument)
        if call is not None:
            seen.setdefault(call)

    with _profiling(watch):
        run()
    return list(seen)


class Fault:
    """Makes the first `call` raise `error`; `struck` once it has."""

    def __init__(self, call: Call, error: BaseException) -> None:
        self.struck = False
        self._call = call
        self._error = error

    def __call__(self, frame: FrameType, event: str, argument: Any) -> None:
        code, wanted = frame.f_code, self._call.code
        # Expressions are compiled anew with each snapshot.
        same = code is wanted or (code.co_filename == _GENERATED and code == wanted)
        if self.struck or not same:
            return
        if call_of(frame, event, argument) == self._call:
            self.struck = True
            raise self._error


def strike(call: Call, error: BaseException, run: Callable[[], Any]) -> tuple[Any, bool]:
    """What `run` returns when its first `call` raises `error`, and whether it made that call."""
    fault = Fault(call, error)
    with _profiling(fault):
        result = run()
    return result, fault.struck


@contextmanager
def _profiling(function: Callable[[FrameType, str, Any], None]) -> Iterator[None]:
    before = sys.getprofile()
    sys.setprofile(function)
    try:
        yield
    finally:
        sys.setprofile(before)


@contextmanager
def on_new_threads(function: Callable[[FrameType, str, Any], None]) -> Iterator[None]:
    """The same for threads that are started meanwhile, and as long as they live."""
    threading.setprofile(function)
    try:
        yield
    finally:
        threading.setprofile(None)  # type: ignore[arg-type] # None is how it is taken away
