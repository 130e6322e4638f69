# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from authz.services.permissions import ACCOUNT_WIDE, Level, Resource
from authz.services.privileges import Of, Privilege, depends_on, needing, needs, row

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

READ_RULES = Privilege(resource=Resource.RULES, level=Level.READ, of=Of.PATH)
READ_LISTS = Privilege(resource=Resource.LISTS, level=Level.READ, of=Of.ACCOUNT)


@dataclass
class Tree:
    call: Callable[..., None] | None
    dependencies: Sequence[Tree] = ()


def known() -> None:
    """Somebody is."""


def reading() -> None:
    """They may read rules."""


def looking() -> None:
    """They may read lists."""


needing(reading, READ_RULES)
needing(looking, READ_LISTS)
ROUTE = Tree(None, [Tree(looking, [Tree(known)]), Tree(reading, [Tree(known)]), Tree(looking)])


@pytest.mark.parametrize(
    ("path", "of", "place"),
    [
        ("/zones/{zone_id}/rules", Of.ZONE, "z"),
        ("/accounts/{account_id}/rules", Of.ACCOUNT, ACCOUNT_WIDE),
    ],
)
def test_the_path_says_whose_permission_it_is(path: str, of: Of, place: str) -> None:
    lists, rules = needs(ROUTE, path)

    assert (lists, rules.of) == (READ_LISTS, of)
    assert rules.grant("z").place == place


def test_a_route_that_knows_nobody_needs_nothing() -> None:
    assert depends_on(ROUTE, known)
    assert row("GET", "/", Tree(None, [Tree(looking)]), known).needs is None
    assert row("GET", "/", None, known).needs is None
    assert row("GET", "/", Tree(None, [Tree(known)]), known).needs == ()
