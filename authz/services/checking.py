# SPDX-License-Identifier: Apache-2.0
"""Whether a zone's rules could be enforced: compiled once before they are kept.

Nothing that does not compile gets into the store, so that whoever publishes it later has nothing to
refuse. Only the lists that are named are read; authorities do not matter to whether rules compile.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from authz.policy.model import PolicyModel, SiteModel
from authz.policy.snapshot import compile_snapshot
from authz.rules import ListKind, ListModel
from authz.sources.rule_json import rule_models

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from typing import Any

    from authz.policy.geo import GeoLookup
    from authz.policy.model import RuleModel
    from authz.store.records import Zone
    from authz.store.session import Session

#: A list's name may stand behind any of these in an expression; too many do no harm.
_NAMED: Final = re.compile(r"\$([a-z0-9_]+(?:\.+[a-z0-9_]+)*)")


def check_rules(
    session: Session,
    zone: Zone,
    rules: Sequence[Mapping[str, Any]],
    *,
    at: float,
    geo: GeoLookup | None = None,
) -> None:
    """Make sure that these could be the rules of a zone.

    Raises:
        PolicyError: a rule is not one; `where` is `rules of the zone "example.com"[1].action`.
        ExpressionError: an expression cannot be used.
    """
    models = rule_models(rules, where_of(zone))
    check_models(session, zone, models, at=at, geo=geo)


def check_models(
    session: Session,
    zone: Zone,
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
    given = {one.name for one in lists}
    named = lists_named_by([one.expression for one in models]) - given
    site = SiteModel(name=zone.name, hosts=("*",), rules=tuple(models), where=where_of(zone))
    model = PolicyModel(
        sites=(site,), lists=(*lists, *stored_lists(session, zone.account_id, named))
    )
    compile_snapshot(model, generation=1, at=at, geo=geo, lint=False)


def where_of(zone: Zone) -> str:
    """What the rules of a zone are called in errors."""
    return f'rules of the zone "{zone.name}"'


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
