# SPDX-License-Identifier: Apache-2.0
"""Lists for tests of pages: made, and used by a rule."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from authz.rules.list_items import ListKind
from authz.services.list_items import append_items
from authz.services.list_lines import judge_lines
from authz.services.lists import create_list, get_list
from authz.services.rulesets import replace_rules

if TYPE_CHECKING:
    from authz.store.engine import Store
    from authz.store.records import List


def account_of(store: Store) -> str:
    """The account's identifier."""
    with store.read() as session:
        return session.zones.accounts()[0].id


def make_list(
    store: Store,
    *lines: str,
    name: str = "offices",
    kind: str = "ip",
    description: str = "",
) -> str:
    """A list with these items; its identifier."""
    account_id, at = account_of(store), time.time()
    made = create_list(
        store, account_id, name, kind, description=description, actor="test", at=at
    ).list
    if lines:
        judged = judge_lines(ListKind(kind), "\n".join(lines))
        assert not judged.problems
        append_items(store, account_id, made.id, judged.items, actor="test", at=at)
    return made.id


def read_list(store: Store, list_id: str) -> List:
    """A list as it is."""
    return get_list(store, account_of(store), list_id).list


def values_in(store: Store, list_id: str) -> list[str]:
    """The values of its items."""
    with store.read() as session:
        return [value for value, _, _ in session.lists.every_item(list_id)]


def use_list(store: Store, zone_id: str, name: str = "offices", ref: str = "keep-out") -> None:
    """Make a rule that names a list the zone's only one."""
    rule = {"expression": f"ip.src in ${name}", "action": "block", "ref": ref}
    replace_rules(store, zone_id, [rule], actor="test", at=time.time())
