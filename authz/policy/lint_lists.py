# SPDX-License-Identifier: Apache-2.0
"""Items of named lists that a value never equals: a fingerprint with colons among good ones.

Items of a list of strings are texts as they are written, because the same list may serve several
fields; only the case of hexadecimal digits does not count (architecture 4.13). What a rule compares
with the list decides which of them are of no use.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Final

from authz.packed import StringSet
from authz.rules.ast import Comparison, FieldRef, ListRef
from authz.rules.lint_cells import key_of
from authz.rules.lint_domain import never_equal
from authz.rules.lint_hex import hex_fault
from authz.rules.lint_tree import conditions
from authz.rules.lists import ListKind, place_of_item
from authz.rules.problems import shown

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from authz.policy.lint_rule import LintRule, PolicyFinding
    from authz.rules import Expression
    from authz.rules.ast import Access, Logical
    from authz.rules.lint_fault import Fault
    from authz.rules.lists import ListModel

#: So many items of a list are looked at.
MAX_ITEMS: Final = 10_000


@dataclass(frozen=True, slots=True, kw_only=True)
class BadItems:
    """The items of a list that a value never equals.

    Args:
        text: the first of them, `place` where it stands and `fault` what is wrong with it.
        count: how many there are, among those looked at.
    """

    text: str
    place: str
    fault: Fault
    count: int


class ListItems:
    """The lists of a policy, looked through for one value after the other.

    Args:
        expressions: all that may name a list: what is of use to one of them is no slip.
    """

    def __init__(self, lists: Iterable[ListModel], expressions: Iterable[Expression]) -> None:
        models = list(lists)
        named = Counter(one.name for one in models)
        # Of two lists of one name, in two scopes, an expression does not say which it means.
        self._lists = {
            one.name: one for one in models if one.kind is ListKind.STRING and named[one.name] == 1
        }
        self._known: dict[tuple[str, object], BadItems | None] = {}
        self._uses: dict[str, dict[object, Access]] = {}
        for expression in expressions:
            for name, access in _uses(expression.root) if "$" in expression.source else ():
                self._uses.setdefault(name, {})[key_of(access)] = access

    def bad(self, name: str, access: Access) -> BadItems | None:
        """The items of a list of strings that a value never equals; None if there are none."""
        model = self._lists.get(name)
        if model is None:
            return None
        key = name, key_of(access)
        if key not in self._known:
            others = [one for other, one in self._uses.get(name, {}).items() if other != key[1]]
            self._known[key] = _bad_items(model, access, others)
        return self._known[key]


def list_findings(rule: LintRule, items: ListItems) -> Iterator[PolicyFinding]:
    """What a rule's lists have in them that is never found."""
    for name, access in _uses(rule.root):
        found = items.bad(name, access)
        if found is None:
            continue
        base = access.base
        value = base.field.name if isinstance(base, FieldRef) else f"{base.function.name}()"
        more = f", nor to {found.count - 1} more" if found.count > 1 else ""
        fixed = found.fault.fixed
        write = None if fixed is None else f'write "{fixed.decode()}" in ${name}'
        yield rule.finding(
            "list_item_never_equal",
            f'list "{name}", {found.place}: {value} is never equal to {shown(found.text)}{more}: '
            f"{found.fault.why}",
            write or f"correct ${name}, or remove what is not for {value}",
        )


def _uses(root: Logical) -> Iterator[tuple[str, Access]]:
    for node in conditions(root):
        if isinstance(node, Comparison) and isinstance(node.right, ListRef):
            yield node.right.name, node.left


def _bad_items(model: ListModel, access: Access, others: Sequence[Access]) -> BadItems | None:
    bad = [
        (position, text, fault)
        for position, text in enumerate(_items(model))
        if (fault := _fault(access, text)) is not None
        and all(_fault(other, text) is not None for other in others)
    ]
    if not bad:
        return None
    position, text, fault = bad[0]
    place = place_of_item(model, position) if model.items else "one of its items"
    return BadItems(text=text.decode(), place=place, fault=fault, count=len(bad))


def _items(model: ListModel) -> Iterable[bytes]:
    if model.packed is None:
        return [item.encode() for item in model.items[:MAX_ITEMS]]
    return islice(StringSet(model.packed.members), MAX_ITEMS)


def _fault(access: Access, text: bytes) -> Fault | None:
    if access.hex and isinstance(access.base, FieldRef):
        return hex_fault(access.base.field.name, text)
    return never_equal(access, text)
