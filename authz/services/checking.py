# SPDX-License-Identifier: Apache-2.0
"""Whether rules could be enforced: compiled once before they are kept.

Nothing that does not compile gets into the store, so that whoever publishes it later has nothing to
refuse. Only the lists that are named are read; authorities do not matter to whether rules compile.
A zone's rules are compiled behind the account's, as they are enforced. Whether an expression
compiles depends on no other rule, so those of the account are not compiled with every zone's: that
each rule has a name of its own in every zone is all that is left to see (account_rules).
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from authz.errors import ExpressionError, PolicyError
from authz.policy.fields import scheme_for
from authz.policy.model import PolicyModel, SiteModel
from authz.policy.parts import Parts
from authz.policy.snapshot import compile_snapshot
from authz.rules import ListKind, ListModel
from authz.services.account_rules import account_models, kept_rules, models_in, names_taken
from authz.services.regex_limits import HINT, excess_of, expressions_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from typing import Any

    from authz.policy.geo import GeoLookup
    from authz.policy.model import RuleModel
    from authz.rules import NamedList
    from authz.services.ready import Ready
    from authz.services.scopes import Scope
    from authz.store.session import Session

#: A list's name may stand behind any of these in an expression; too many do no harm.
_NAMED: Final = re.compile(r"\$([a-z0-9_]+(?:\.+[a-z0-9_]+)*)")


def check_rules(
    session: Session,
    scope: Scope,
    rules: Sequence[Mapping[str, Any]],
    *,
    at: float,
    geo: GeoLookup | None = None,
) -> None:
    """Make sure that these could be the rules of a scope.

    Raises:
        PolicyError: a rule is not one, `where` is `rules of the zone "example.com"[1].action`; or
            the regular expressions of all of them are too large.
        ExpressionError: an expression cannot be used.
    """
    check_models(session, scope, models_in(scope, rules), at=at, geo=geo)


def check_models(
    session: Session,
    scope: Scope,
    models: Sequence[RuleModel],
    *,
    at: float,
    geo: GeoLookup | None = None,
    lists: Sequence[ListModel] = (),
) -> None:
    """The same for rules that are models already.

    Args:
        lists: lists that come with them, and go before those of the store.
    """
    for ref, error in names_taken(session, scope, [one.ref for one in models]):
        error.where = next(one.where for one in models if one.ref == ref)
        raise error
    excess = excess_of(
        session,
        scope,
        [one.expression for one in models],
        expressions_of(kept_rules(session, scope)),
    )
    if excess is not None:
        raise PolicyError(excess, where=scope.where, hint=HINT)
    rules = tuple(models)
    if scope.zone is not None:
        rules = (*account_models(session, scope.account_id), *rules)
    given = {one.name for one in lists}
    named = lists_named_by([one.expression for one in rules]) - given
    site = SiteModel(name="rules", hosts=("*",), rules=rules, where=scope.where)
    model = PolicyModel(
        sites=(site,), lists=(*lists, *stored_lists(session, scope.account_id, named))
    )
    compile_snapshot(model, generation=1, at=at, geo=geo, lint=False)


def expression_errors(
    session: Session,
    scope: Scope,
    expressions: Iterable[str],
    *,
    geo: GeoLookup | None = None,
    ready: Ready | None = None,
) -> dict[str, ExpressionError]:
    """What is wrong with expressions, each by itself; nothing is said of those that compile.

    Args:
        ready: what was compiled before the transaction began.
    """
    asked = list(dict.fromkeys(expressions))
    parts = Parts(scheme_for(geo), None if ready is None else ready.parts)
    lists = {
        one.name: parts.named_list(one)
        for one in stored_lists(session, scope.account_id, lists_named_by(asked))
    }
    known = {
        text: error
        for text in asked
        if ready is not None and (error := ready.error(text, lists)) is not None
    }
    return known | errors_of(parts, [text for text in asked if text not in known], lists)


def errors_of(
    parts: Parts, expressions: Iterable[str], lists: Mapping[str, NamedList]
) -> dict[str, ExpressionError]:
    """What is wrong with expressions; those that compile are kept in `parts`."""
    found: dict[str, ExpressionError] = {}
    for text in expressions:
        try:
            parts.expression(text, lists)
        except ExpressionError as error:
            found[text] = error
    return found


def lists_named_by(expressions: Iterable[str]) -> set[str]:
    """The lists that expressions may name."""
    return {name for text in expressions for name in _NAMED.findall(text)}


def stored_lists(session: Session, account_id: str, names: Iterable[str]) -> list[ListModel]:
    """The lists of these names that there are."""
    models: list[ListModel] = []
    for name in sorted(names):
        found = session.lists.named(account_id, name)
        if found is not None:
            models.append(
                ListModel(
                    name=name,
                    kind=ListKind(found.kind),
                    items=tuple(session.lists.values(found.id)),
                    where=f'list "{name}"',
                )
            )
    return models
