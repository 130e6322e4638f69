# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from authz.certs.lazy import lazy


class _Counted:
    def __init__(self) -> None:
        self.computed = 0

    @lazy
    def value(self) -> int:
        """A value."""
        self.computed += 1
        return 7


def test_a_lazy_property_is_computed_once() -> None:
    counted = _Counted()

    assert (counted.value, counted.value, counted.computed) == (7, 7, 1)


def test_a_lazy_property_is_documented_on_its_class() -> None:
    assert _Counted.value.__doc__ == "A value."
