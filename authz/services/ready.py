# SPDX-License-Identifier: Apache-2.0
"""Expressions compiled before a transaction is open, for use within it.

One writer at a time is what a database has: while the expressions of a large ruleset are compiled,
nobody else should wait for it. What the transaction finds as it was then (the lists that an
expression names) is taken from here, all else is compiled there.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from authz.policy.fields import scheme_for
from authz.policy.parts import Parts
from authz.rules import regex_bytes_of
from authz.services.account_rules import kept_rules
from authz.services.checking import errors_of, lists_named_by, stored_lists
from authz.services.regex_limits import MAX_OF_RULESET, expressions_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from authz.errors import ExpressionError
    from authz.policy.geo import GeoLookup
    from authz.rules import NamedList
    from authz.services.scopes import Scope
    from authz.store.engine import Store


@dataclass(frozen=True, slots=True, kw_only=True)
class Ready:
    """What was compiled: `parts` are None where nothing was.

    Args:
        geo: whose fields the expressions may read.
        lists: those that they name.
        errors: of expressions that do not compile.
    """

    geo: GeoLookup | None
    parts: Parts | None = None
    lists: Mapping[str, NamedList] = field(default_factory=dict)
    errors: Mapping[str, ExpressionError] = field(default_factory=dict)

    def error(self, text: str, lists: Mapping[str, NamedList]) -> ExpressionError | None:
        """What is wrong with an expression, if that is known and the lists are the same."""
        error = self.errors.get(text)
        if error is None:
            return None
        named = [name for name in {*lists, *self.lists} if f"${name}" in text]
        same = all(lists.get(name) == self.lists.get(name) for name in named)
        return error if same else None


def made_ready(
    store: Store, scope: Scope, rules: Any, *, most: int, geo: GeoLookup | None
) -> Ready:
    """Compile what is new among rules that somebody gave; they may be anything.

    Args:
        most: more rules than these are refused anyway.
    """
    found = [one for one in rules if isinstance(one, dict)] if isinstance(rules, list) else []
    if len(found) > most:
        return Ready(geo=geo)
    with store.read() as session:
        known = set(expressions_of(kept_rules(session, scope)))
        texts = [text for text in dict.fromkeys(expressions_of(found)) if text not in known]
        if not texts or regex_bytes_of(texts) > MAX_OF_RULESET:
            return Ready(geo=geo)
        models = stored_lists(session, scope.account_id, lists_named_by(texts))
    parts = Parts(scheme_for(geo))
    lists = {one.name: parts.named_list(one) for one in models}
    return Ready(geo=geo, parts=parts, lists=lists, errors=errors_of(parts, texts, lists))
