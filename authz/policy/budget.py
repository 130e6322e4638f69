# SPDX-License-Identifier: Apache-2.0
"""How much evaluating one request may cost, so that no request can hold a worker for seconds.

What a rule costs at most is known when it is compiled (authz.rules.cost), as a function of the
sizes of the fields it reads. A request whose rules could cost more than `MAX_WORK` is denied before
any of them runs. Deterministic: the same request and policy always get the same answer, on any
machine.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from authz.policy.fields import SCHEME
from authz.rules.cost import ANYTHING, ELEMENT, size_of, total, value_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from authz.policy.facts import RequestFacts
    from authz.rules import Filter, Value
    from authz.rules.cost import Cost

#: Microseconds of one core where the weights were measured, for the worst input of the request's
#: sizes. A thousand rules may each search 60 KiB of headers (Envoy's default limit) once.
MAX_WORK: Final = 250_000

# Splitting an array or map out of the request, for each byte of its size; once for each reading.
_PRODUCING: Final = 0.004

# The quick bound: no field is larger than the text of the request times a factor. Certificates are
# no part of that text; two bytes of a query ("a&") can be a key, its array and its element.
_LEAST: Final = 1024
_SEPARATORS: Final = 4
_CERTIFICATE: Final = 65.0
_CONTAINER: Final = 1.0 + ELEMENT
# The random bytes are no part of that text either, and shorter than `_LEAST`.
_REQUEST: Final = (
    *("http.", "raw.", "ip.", "cf.edge.", "cf.ray_id", "cf.worker."),
    "cf.random_seed",
)
_PEER: Final = ("cf.tls_client_auth.", "authz.cert.")
# Metadata of other filters is not counted in the text.
_ELSEWHERE: Final = ("http.request.jwt.",)


class Budget:
    """What the rules of one site cost."""

    __slots__ = ("_bound", "_cost", "_fields", "ample")

    def __init__(self, filters: Iterable[Filter]) -> None:
        filters = tuple(filters)
        read = frozenset[str]().union(*(one.fields for one in filters))
        producing: Cost = {
            (name,): _PRODUCING for name in read if SCHEME.fields[name].type.element is not None
        }
        self._cost: Cost = total([*(one.cost for one in filters), producing])
        self._fields: tuple[str, ...] = tuple(
            sorted({name for names in self._cost for name in names} - {ANYTHING})
        )
        self._bound: tuple[float, ...] | None = _bound(self._cost)
        #: A CheckRequest of this many bytes, read one way, is within the budget whatever it says;
        #: -1 when that cannot be told from its size.
        self.ample = -1 if self._bound is None else _ample(self._bound)

    def surely_within(self, size: int, readings: int, values: Mapping[str, Value]) -> bool:
        """True when a CheckRequest of so many bytes is within the budget whatever it says.

        Args:
            values: asked for what is no part of its text alone; may raise UnknownValueError.
        """
        text, allowed = float(size + _LEAST), MAX_WORK / readings
        if self._bound is not None:
            return _value(self._bound, text) <= allowed
        sizes = {name: _most(name, text, values) for name in self._fields}
        sizes[ANYTHING] = text * _CONTAINER
        return value_of(self._cost, sizes) <= allowed

    def exceeded(self, facts: RequestFacts, values: Mapping[str, Value], readings: int) -> bool:
        """True when evaluating the rules on so many readings of the request is too much.

        `values` are those of the reading as sent: the others are never longer.
        """
        text = len(facts.path) + len(facts.host) + len(facts.body) + _LEAST
        text += sum([len(name) + len(value) + _SEPARATORS for name, value in facts.headers])
        allowed = MAX_WORK / readings
        if self._bound is not None and _value(self._bound, text) <= allowed:
            return False
        sizes: dict[str, float] = {name: size_of(values[name]) for name in self._fields}
        sizes[ANYTHING] = text * _CONTAINER
        return value_of(self._cost, sizes) > allowed


def _value(bound: tuple[float, ...], text: float) -> float:
    work = 0.0
    for coefficient in bound:
        work = work * text + coefficient
    return work


def _ample(bound: tuple[float, ...]) -> int:
    """The largest power of two that is certainly within the budget, without `_LEAST`; or -1."""
    # A serialised request is longer than what `exceeded` adds up: every header costs six bytes of
    # tags and lengths besides its texts, more than _SEPARATORS.
    size = 2**30
    while size and _value(bound, size + _LEAST) > MAX_WORK:
        size //= 2
    return size or -1


def _bound(cost: Cost) -> tuple[float, ...] | None:
    """The coefficients, highest first, of a polynomial in the request's text that bounds `cost`.

    None when a field is read that has nothing to do with the request's text.
    """
    by_degree = [0.0] * (1 + max((len(names) for names in cost), default=0))
    for names, coefficient in cost.items():
        factor = coefficient
        for name in names:
            each = _factor(name)
            if each is None:
                return None
            factor *= each
        by_degree[len(names)] += factor
    return tuple(reversed(by_degree))


def _most(name: str, text: float, values: Mapping[str, Value]) -> float:
    """The size of a field at most."""
    factor = _factor(name)
    return size_of(values[name]) if factor is None else text * factor


def _factor(name: str) -> float | None:
    """How many times the text (and `_LEAST`) a field's size is at most."""
    if name == ANYTHING:
        return _CONTAINER
    container = 1.0 if SCHEME.fields[name].type.element is None else _CONTAINER
    if name.startswith(_PEER):
        return _CERTIFICATE * container
    if name.startswith(_REQUEST) and not name.startswith(_ELSEWHERE):
        return container
    return None
