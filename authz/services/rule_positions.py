# SPDX-License-Identifier: Apache-2.0
"""Where a rule goes among others: `position` of Cloudflare's rulesets.

    {"before": ID}   {"after": ID}   in front of or behind that rule; "" is everything
    {"index": N}     the Nth, from 1; the others move back

Says where; the rules themselves are moved by whoever asked.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from authz.errors import RulesetError

if TYPE_CHECKING:
    from collections.abc import Sequence

_KEYS: Final = ("before", "after", "index")


def place_of(position: Any, others: Sequence[str]) -> int:
    """The place, from 0, where a rule goes.

    Args:
        position: as it was given.
        others: the identifiers of the rules without the one that is placed.

    Raises:
        RulesetError: it says nothing, too much, or names what is not there.
    """
    if not isinstance(position, dict) or len(position) != 1 or not position.keys() <= {*_KEYS}:
        raise RulesetError(
            "the position is not one of before, after and index",
            path=("position",),
            hint='write {"before": ID}, {"after": ID} or {"index": N}',
        )
    ((key, value),) = position.items()
    if key == "index":
        return _index(value, len(others) + 1)
    if not isinstance(value, str):
        raise RulesetError("expected the ID of a rule, as text", path=("position", key))
    if not value:
        return 0 if key == "before" else len(others)
    if value not in others:
        raise RulesetError(
            f"'{value}' is not a valid value for {key} because it is no other rule of this ruleset",
            path=("position", key),
        )
    place = others.index(value)
    return place if key == "before" else place + 1


def _index(value: Any, most: int) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not 1 <= value <= most:
        raise RulesetError(
            f"'{value}' is not a valid value for index because it must be a number "
            f"from 1 to {most}",
            path=("position", "index"),
        )
    return value - 1
