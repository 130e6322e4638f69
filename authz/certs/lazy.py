# SPDX-License-Identifier: Apache-2.0
"""Properties that are computed once.

`functools.cached_property` takes a lock on Python 3.11, and nothing on the check path may
(architecture, engineering invariants). Two threads may compute a value twice; both get equal ones.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Generic, Self, TypeVar, overload

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")


class lazy(Generic[T]):  # noqa: N801  # it is used like `property`
    """A property computed at its first use and then kept in the instance's `__dict__`."""

    def __init__(self, compute: Callable[[Any], T]) -> None:
        self._compute = compute
        self._name = compute.__name__
        self.__doc__ = compute.__doc__

    @overload
    def __get__(self, instance: None, owner: type[Any]) -> Self: ...
    @overload
    def __get__(self, instance: object, owner: type[Any]) -> T: ...
    def __get__(self, instance: object | None, owner: type[Any]) -> T | Self:
        if instance is None:
            return self
        # Not a data descriptor: the next look-up finds the value in __dict__ and never comes here.
        value = self._compute(instance)
        instance.__dict__[self._name] = value
        return value
